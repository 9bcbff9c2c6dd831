"""How the bundled SDMs are made, and how good they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builders import nme
from tcdcn_init.adapters.recipes.descent import make_sdm, start_figures
from tcdcn_init.adapters.sdm.cascade import SDM


def test_the_recipe_runs(mtfl_root, small_model, tmp_path):
    out = tmp_path / "sdm.safetensors"
    figures = make_sdm(mtfl_root, out, starts="box", model=small_model)
    sdm = SDM.load(out)
    assert json.loads(sdm.metadata["figures"]) == {"mtfl-val": figures}
    assert "starts box" in sdm.metadata["recipe"]
    assert "research use" in sdm.metadata["licence"]
    assert figures["box"]["mean"] < figures["box"]["start"]
    assert set(figures["tcdcn"]) == {"start", "mean", "median", "failures", "points"}
    with pytest.raises(ValueError, match="'tcdcn', 'box' or 'random'"):
        make_sdm(mtfl_root, out, starts="oracle")


def test_the_bundled_cascade_on_held_out_faces(data_root: Path):
    from tcdcn_init.datasets.named import read_dataset
    from tcdcn_init.initializer import Initializer

    figures = start_figures(
        SDM.load("sdm-mtfl"), read_dataset("mtfl-val", data_root / "mtfl")[::10], Initializer("tcdcn-mtfl")
    )
    assert figures["tcdcn"]["mean"] < figures["tcdcn"]["points"]
    assert figures["tcdcn"]["failures"] < 10


def test_the_bundled_cascade_on_a_turned_portrait(portrait, portrait_points):
    sdm = SDM.load("sdm-mtfl")
    upright = sdm.fit_from_points(portrait, portrait_points)
    assert nme(upright, portrait_points) < 0.1
    turned = np.stack([portrait_points[:, 1], portrait.shape[1] - 1 - portrait_points[:, 0]], axis=1)
    wanted = np.stack([upright[:, 1], portrait.shape[1] - 1 - upright[:, 0]], axis=1)
    np.testing.assert_allclose(sdm.fit_from_points(np.rot90(portrait), turned), wanted, atol=0.1)
