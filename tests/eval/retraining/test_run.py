"""Retraining: every start with each trainer, files that say what they are, and going on after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

import tcdcn_init.eval.retraining.run as module
from tcdcn_init.adapters.ert.training import ERTConfig
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.cli import app
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.retraining.files import load_retrained
from tcdcn_init.eval.retraining.run import ert_trainer, rcpr_trainer, retrain, sdm_trainer, start_figures, trainers
from tcdcn_init.eval.retraining.starts import TRAINED_STARTS
from tcdcn_init.shapes import ShapeBank

SMALL = {
    "sdm-mtfl": sdm_trainer(SDMConfig(spans=(2.0, 1.2), patch=16, cell=8, orientations=6, resolution=16.0)),
    # What it stands beside is nothing to these tests, and the small one is quick.
    "rcpr-mtfl": replace(rcpr_trainer(RCPRConfig(stages=3, ferns=5)), untouched="sdm-mtfl-box"),
}
TREES = ERTConfig(cascade_depth=3, num_trees_per_cascade_level=20, tree_depth=2, oversampling_amount=2)


@pytest.fixture(scope="module")
def root(make_mtfl, tmp_path_factory):
    return make_mtfl(tmp_path_factory.mktemp("mtfl"), training=90, testing=1)


@pytest.fixture(scope="module")
def finished(root, small_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("retrained")
    return out, list(retrain(root, out, regressors=SMALL, model=small_model))


def metadata(path):
    with safe_open(path, framework="np") as file:
        return file.metadata()


def test_every_regressor_is_trained_for_every_start(finished):
    out, pieces = finished
    assert {path.stem for path, _ in pieces} == {f"{name}@{start}" for name in SMALL for start in TRAINED_STARTS}
    assert sorted(path.name for path, _ in pieces) == sorted(path.name for path in out.iterdir())
    for path, figures in pieces:
        told = metadata(path)
        assert json.loads(told["figures"])["mtfl-val"] == figures
        assert set(figures["retrained"]) == {"start", "mean", "median", "failures"}
        assert f"retrain {path.stem.split('@')[0]} for {path.stem.split('@')[1]}" in told["recipe"]
        assert ("TCDCN" in told["recipe"]) == ("tcdcn" in path.stem.split("@")[1])
        assert "held out" in told["data"]
        assert "research" in told["licence"]
        assert load_retrained(*path.stem.split("@"), out) is not None


def test_untouched_regressors_stand_beside(finished):
    for path, figures in finished[1]:
        if path.stem.startswith("sdm"):
            assert figures["untouched"]["start"] == figures["retrained"]["start"]
            assert figures["untouched"]["mean"] != figures["retrained"]["mean"]


def test_they_learn_something(finished):
    for path, figures in finished[1]:
        if path.stem in ("sdm-mtfl@random", "sdm-mtfl@mean"):
            assert figures["retrained"]["mean"] < figures["retrained"]["start"]


def test_finished_files_are_kept(finished, root, small_model, caplog):
    out, pieces = finished

    def refuse(*_):
        raise AssertionError("trained again")

    idle = {name: replace(trainer, train=refuse) for name, trainer in SMALL.items()}
    with caplog.at_level("INFO", logger="tcdcn_init"):
        assert list(retrain(root, out, regressors=idle, model=small_model)) == pieces
    assert "sdm-mtfl@mean.safetensors is there already" in caplog.text


def test_files_of_other_settings_are_refused(finished, root, small_model):
    out, _ = finished
    with pytest.raises(ValueError, match=r"was made with recipe .*seed 0.* now .*seed 1"):
        next(retrain(root, out, regressors=SMALL, model=small_model, seed=1))
    other = {"sdm-mtfl": sdm_trainer()}
    with pytest.raises(ValueError, match="was made with settings"):
        next(retrain(root, out, regressors=other, model=small_model))


def test_an_interruption_leaves_no_half_file(root, tmp_path):
    def interrupt(model, path, told):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(
            retrain(
                root, tmp_path, starts=["mean"], regressors={"sdm-mtfl": replace(SMALL["sdm-mtfl"], save=interrupt)}
            )
        )
    assert load_retrained("sdm-mtfl", "mean", tmp_path) is None
    path, _ = next(retrain(root, tmp_path, starts=["mean"], regressors={"sdm-mtfl": SMALL["sdm-mtfl"]}))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_of_something_else_is_named(root, tmp_path):
    (tmp_path / "sdm-mtfl@mean.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a file of `tcdcn-init retrain`"):
        next(retrain(root, tmp_path, starts=["mean"], regressors=SMALL))
    with pytest.raises(ValueError, match=r"starts \['means'\] are unknown"):
        next(retrain(root, tmp_path, starts=["means"], regressors=SMALL))


@pytest.mark.parametrize("start", ["mean", "oracle"])
def test_trees_are_retrained_through_dlib(start, root, tmp_path):
    pytest.importorskip("dlib")
    trainer = {"ert5-mtfl": ert_trainer(TREES, copies=1, side=40)}
    [(path, figures)] = retrain(root, tmp_path, starts=[start], regressors=trainer)
    assert path.name == f"ert5-mtfl@{start}.safetensors"
    assert figures["retrained"]["mean"] < 25
    assert load_retrained("ert5-mtfl", start, tmp_path).aspect == pytest.approx(0.8, abs=0.05)


def test_figures_count_a_face_without_a_result_as_lost(root):
    faces = read_mtfl(root, "training")
    bank = ShapeBank.from_faces(faces)

    class Refuses:
        mean_shape = np.zeros((5, 2))

        def fit_from_shape(self, image, shape):
            raise ValueError("no")

    found = start_figures(Refuses(), "mean", bank, faces[:3])
    assert (found["mean"], found["failures"]) == (100.0, 100.0)
    with pytest.raises(ValueError, match="give them as found"):
        start_figures(Refuses(), "tcdcn-aligned", bank, faces[:3])


def test_the_command(root, tmp_path, monkeypatch):
    assert set(trainers()) == {"ert5-mtfl", "sdm-mtfl", "rcpr-mtfl"}
    monkeypatch.setattr(module, "trainers", lambda: SMALL)
    command = ["paper", "retrain", "--data", str(root), "--out", str(tmp_path), "--starts", "mean"]
    refused = CliRunner().invoke(app, [*command, "--regressor", "smd-mtfl"])
    assert refused.exit_code == 2
    assert "expected some of sdm-mtfl, rcpr-mtfl" in refused.output
    result = CliRunner().invoke(app, [*command, "--regressor", "sdm-mtfl"])
    assert result.exit_code == 0, result.output
    assert "| sdm-mtfl | mean | " in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["sdm-mtfl@mean.safetensors"]
