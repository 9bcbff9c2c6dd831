"""What each part of a recipe brings, on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tcdcn_init.eval.ablation import INFERENCES, VARIANTS, measure_inferences, run_ablation
from tcdcn_init.network.config.stages import StageConfig
from tcdcn_init.training.stages.recipes import TwoStageRecipe
from tcdcn_init.training.stages.trainer import StageTraining


def test_every_variant_is_trained_once_and_measured_on_the_same_views(mtfl_root: Path, tmp_path: Path):
    root = tmp_path / "sets"
    root.mkdir()
    (root / "mtfl").symlink_to(mtfl_root)
    network = StageConfig(side=24, fold=2, widths=(4, 6, 8), layers=(1, 1, 1), feature=16)
    recipe = TwoStageRecipe(fine=StageTraining(network=network, batch=32), teacher="tcdcn-mtfl")
    made = run_ablation(root, tmp_path / "out", recipe, epochs=1, command="ablation of a test")
    content = json.loads(made.read_text())
    assert content["command"] == "ablation of a test"
    assert list(content["results"]) == list(VARIANTS)
    for figures in content["results"].values():
        assert set(figures) == {"mtfl", "mtfl, parts hidden"}
        assert np.isfinite(list(figures.values())).all()
    # There are no other sets here, so that leaving them out is the same training; another target is not.
    assert content["results"]["mtfl-only"] == content["results"]["whole"]
    assert content["results"]["no-teacher"] != content["results"]["whole"]
    before = made.stat().st_mtime_ns
    assert json.loads(run_ablation(root, tmp_path / "out", recipe, epochs=1).read_text()) == content
    assert made.stat().st_mtime_ns == before


def test_a_model_is_asked_in_every_way_about_the_same_faces(mtfl_root: Path, tmp_path: Path):
    root = tmp_path / "sets"
    root.mkdir()
    (root / "mtfl").symlink_to(mtfl_root)
    made = measure_inferences(root, tmp_path / "out", "tcdcn-two-stage", limit=3, command="ways of a test")
    content = json.loads(made.read_text())
    assert content["command"] == "ways of a test"
    assert list(content["results"]) == list(INFERENCES)
    for figures in content["results"].values():
        assert set(figures) >= {"mtfl", "mtfl, box noise .3", "mtfl, turned by 90"}
        assert np.isfinite(list(figures.values())).all()
    assert content["results"]["coarse"] != content["results"]["whole"]
    before = made.stat().st_mtime_ns
    measure_inferences(root, tmp_path / "out", "tcdcn-two-stage", limit=3)
    assert made.stat().st_mtime_ns >= before
    assert json.loads(made.read_text()) == content
