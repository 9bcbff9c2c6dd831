"""How the bundled RCPR is made, and how good it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import SMALL_RCPR, nme
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.recipes.ferns import make_rcpr, start_figures


def test_the_recipe_runs(mtfl_root, small_model, tmp_path):
    out = tmp_path / "rcpr.safetensors"
    figures = make_rcpr(mtfl_root, out, config=SMALL_RCPR, model=small_model)
    rcpr = RCPR.load(out)
    assert json.loads(rcpr.metadata["figures"]) == {"mtfl-val": figures}
    assert "starts random" in rcpr.metadata["recipe"]
    assert "research use" in rcpr.metadata["licence"]
    assert set(figures) == {"random-1", "random-5", "restarts", "tcdcn"}
    assert figures["random-5"]["mean"] <= figures["random-1"]["mean"] + 1
    with pytest.raises(ValueError, match="'tcdcn', 'box' or 'random'"):
        make_rcpr(mtfl_root, out, starts="oracle")


def test_the_bundled_cascade_on_held_out_faces(data_root: Path):
    from tcdcn_init.datasets.named import read_dataset
    from tcdcn_init.initializer import Initializer

    figures = start_figures(RCPR.load("rcpr-mtfl"), read_dataset("mtfl-val", data_root / "mtfl")[::20], Initializer())
    assert figures["random-5"]["mean"] < figures["random-1"]["mean"]
    assert figures["tcdcn"]["failures"] < 10


def test_the_bundled_cascade_on_the_portrait(portrait, portrait_points, portrait_box):
    rcpr = RCPR.load("rcpr-mtfl")
    assert nme(rcpr.fit_from_box(portrait, portrait_box), portrait_points) < 0.1
    assert nme(rcpr.fit_from_points(portrait, portrait_points), portrait_points) < 0.1
