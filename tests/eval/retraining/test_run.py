"""Retraining: every start with each trainer, files that say what they are, and going on after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

import tcdcn_init.eval.retraining.methods as module
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.ert.training import ERTConfig
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.cli.app import app
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.measuring.documents import to_json
from tcdcn_init.eval.retraining.figures import start_figures
from tcdcn_init.eval.retraining.methods import ert_method, methods, rcpr_method, sdm_method
from tcdcn_init.eval.retraining.run import retrain
from tcdcn_init.eval.retraining.starts import TRAINED_STARTS
from tcdcn_init.shapes import ShapeBank

SMALL = {
    "sdm": sdm_method(SDMConfig(spans=(2.0, 1.2), patch=16, cell=8, orientations=6, resolution=16.0)),
    # What it stands beside is nothing to these tests, and the small one is quick.
    "rcpr": replace(rcpr_method(RCPRConfig(stages=3, ferns=5)), original="sdm-mtfl-box"),
}
TREES = ERTConfig(cascade_depth=3, num_trees_per_cascade_level=20, tree_depth=2, oversampling_amount=2)


@pytest.fixture(scope="module")
def root(make_mtfl, tmp_path_factory):
    return make_mtfl(tmp_path_factory.mktemp("mtfl"), training=90, testing=1)


@pytest.fixture(scope="module")
def finished(root, small_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("retrained")
    return out, list(retrain(root, out, families=SMALL, model=small_model))


def metadata(path):
    with safe_open(path, framework="np") as file:
        return file.metadata()


def test_every_regressor_is_trained_for_every_start(finished):
    out, pieces = finished
    assert {path.stem for path, _ in pieces} == {f"{name}@{start}" for name in SMALL for start in TRAINED_STARTS}
    assert sorted(path.name for path, _ in pieces) == sorted(path.name for path in out.iterdir())
    for path, figures in pieces:
        stated = metadata(path)
        assert json.loads(stated["figures"])["mtfl-val"] == to_json(figures)
        assert f"retrain {path.stem.split('@')[0]} for {path.stem.split('@')[1]}" in stated["recipe"]
        assert ("TCDCN" in stated["recipe"]) == ("tcdcn" in path.stem.split("@")[1])
        assert "held out" in stated["data"]
        assert "research" in stated["licence"]
        assert load_regressor(path) is not None


def test_original_regressors_stand_beside(finished):
    for path, figures in finished[1]:
        if path.stem.startswith("sdm"):
            assert figures.original.start == figures.retrained.start
            assert figures.original.mean != figures.retrained.mean


def test_they_learn_something(finished):
    for path, figures in finished[1]:
        if path.stem in ("sdm@random", "sdm@mean"):
            assert figures.retrained.mean < figures.retrained.start


def test_finished_files_are_kept(finished, root, small_model, caplog):
    out, pieces = finished

    def refuse(*_):
        raise AssertionError("trained again")

    idle = {name: replace(method, train=refuse) for name, method in SMALL.items()}
    with caplog.at_level("INFO", logger="tcdcn_init"):
        assert list(retrain(root, out, families=idle, model=small_model)) == pieces
    assert "sdm@mean.safetensors is there already" in caplog.text


def test_files_of_other_settings_are_refused(finished, root, small_model):
    out, _ = finished
    with pytest.raises(ValueError, match=r"was made with recipe .*seed 0.* now .*seed 1"):
        next(retrain(root, out, families=SMALL, model=small_model, seed=1))
    other = {"sdm": sdm_method()}
    with pytest.raises(ValueError, match="was made with settings"):
        next(retrain(root, out, families=other, model=small_model))


def test_an_interruption_leaves_no_half_file(root, tmp_path):
    def interrupt(model, path, stated):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(retrain(root, tmp_path, starts=["mean"], families={"sdm": replace(SMALL["sdm"], save=interrupt)}))
    assert not (tmp_path / "sdm@mean.safetensors").exists()
    path, _ = next(retrain(root, tmp_path, starts=["mean"], families={"sdm": SMALL["sdm"]}))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_of_something_else_is_named(root, tmp_path):
    (tmp_path / "sdm@mean.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a file of `tcdcn-init paper retrain`"):
        next(retrain(root, tmp_path, starts=["mean"], families=SMALL))
    with pytest.raises(ValueError, match=r"starts \['means'\] are unknown"):
        next(retrain(root, tmp_path, starts=["means"], families=SMALL))


@pytest.mark.parametrize("start", ["mean", "oracle"])
def test_trees_are_retrained_through_dlib(start, root, tmp_path):
    pytest.importorskip("dlib")
    families = {"ert": ert_method(TREES, copies=1, side=40)}
    [(path, figures)] = retrain(root, tmp_path, starts=[start], families=families)
    assert path.name == f"ert@{start}.safetensors"
    assert figures.retrained.mean < 25
    assert load_regressor(path).aspect == pytest.approx(0.8, abs=0.05)


def test_figures_count_a_face_without_a_result_as_lost(root):
    faces = read_mtfl(root, "training")
    bank = ShapeBank.from_faces(faces)

    class Refuses:
        mean_shape = np.zeros((5, 2))

        def fit_from_shape(self, image, shape):
            raise ValueError("no")

    found = start_figures(Refuses(), "mean", bank, faces[:3])
    assert (found.mean, found.failures) == (100.0, 100.0)
    with pytest.raises(ValueError, match="give them as found"):
        start_figures(Refuses(), "tcdcn-aligned", bank, faces[:3])


def test_the_command(root, tmp_path, monkeypatch):
    assert set(methods()) == {"ert", "sdm", "rcpr"}
    monkeypatch.setattr(module, "methods", lambda: SMALL)
    command = ["paper", "retrain", "--data", str(root), "--out", str(tmp_path), "--starts", "mean"]
    refused = CliRunner().invoke(app, [*command, "--regressor", "smd"])
    assert refused.exit_code == 2
    assert "unknown family of regressors 'smd'; did you mean sdm?" in refused.output
    result = CliRunner().invoke(app, [*command, "--regressor", "sdm"])
    assert result.exit_code == 0, result.output
    assert "| sdm | mean | " in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["sdm@mean.safetensors"]
