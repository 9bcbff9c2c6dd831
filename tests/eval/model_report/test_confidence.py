"""Trust: ranking by hand, and a measurement on drawn faces."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tcdcn_init.confidence import Calibration
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.model_report.calibration import calibrate
from tcdcn_init.eval.model_report.confidence import KINDS, Trust, auroc, measure_trust, risk_coverage, trust_figures
from tcdcn_init.eval.model_report.confidence_report import plot_trust, run_trust, trust_tables
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import ResidualConfig
from tcdcn_init.network.residual import ResidualTCDCN
from tcdcn_init.weights import load_network, save_network

scores = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12)


@given(scores, scores)
def test_auroc_counts_pairs(positive, negative):
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auroc(positive, negative) == pytest.approx(np.mean(pairs))
    assert auroc(negative, positive) == pytest.approx(1 - np.mean(pairs))


def test_auroc_of_nothing_is_none():
    assert auroc([], [0.5]) is None


def test_risk_of_a_perfect_ranking_is_the_best():
    errors = np.linspace(0.01, 0.2, 40)
    curve = risk_coverage(errors, -errors)
    assert curve["failures"] == curve["failures in the best order"]
    assert curve["coverage"][-1] == 1.0
    assert curve["mean"][-1] == pytest.approx(errors.mean())
    assert risk_coverage(errors, errors)["failures"][0] == 1.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained residual network."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("trust") / "small.safetensors"
    save_network(path, ResidualTCDCN(ResidualConfig(side=32, widths=(8, 8), blocks=(1, 1), feature=16)), {"data": "x"})
    return path


@pytest.fixture(scope="module")
def trust(model: Path, mtfl_root: Path) -> Trust:
    return measure_trust(functools.partial(Initializer, model), read_mtfl(mtfl_root, "training")[:40])


def test_every_face_is_shown_in_every_way(trust):
    counts = np.bincount(trust.kind, minlength=len(KINDS))
    assert counts[0] == counts[1] == counts[2] == 40
    assert counts[3] > 0
    shown = np.isfinite(trust.errors).all(axis=1)
    assert (shown == (trust.kind < 3)).all()


def test_processes_change_no_number(trust, model, mtfl_root):
    faces = read_mtfl(mtfl_root, "training")[:40]
    again = measure_trust(functools.partial(Initializer, model), faces, jobs=2)
    for name in ("kind", "errors", "raw", "face"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trust, name))


def test_figures_are_of_the_rows(trust):
    figures = trust_figures(trust)
    own = trust.kind == 0
    assert figures["kinds"]["own box"]["actual"] == pytest.approx(trust.errors[own].mean())
    assert sum(row["points"] for row in figures["bins"]) == 5 * int((trust.kind < 3).sum())
    assert figures["auroc background"] == auroc(trust.confidence[own], trust.confidence[trust.kind == 3])


def test_a_model_without_trust_is_refused(small_model, mtfl_root):
    with pytest.raises(ValueError, match="gives no expected errors"):
        measure_trust(functools.partial(Initializer, small_model), read_mtfl(mtfl_root, "training")[:2])


def test_a_calibration_goes_into_the_file_and_reads_back(trust, model, mtfl_root, tmp_path):
    from tcdcn_init.eval.model_report import calibration

    copy = tmp_path / "model.safetensors"
    copy.write_bytes(model.read_bytes())
    # An untrained network has no good answers, which a calibration needs: say so, and leave the file.
    with pytest.raises(ValueError, match=r"0 of .* faces are good; a calibration needs"):
        calibrate(trust)
    with pytest.raises(ValueError, match=r"0 of .* faces are good; a calibration needs"):
        calibration.calibrate_model(copy, mtfl_root, limit=4)
    assert copy.read_bytes() == model.read_bytes()
    network, metadata = load_network(copy)
    save_network(copy, network, {"data": metadata["data"], "calibration": Calibration(offset=0.7).to_json()})
    assert Initializer(copy).calibration.offset == 0.7


def test_the_report_states_what_was_measured(model, mtfl_root, tmp_path):
    pytest.importorskip("matplotlib")
    document = run_trust({"aflw": mtfl_root}, tmp_path / "out", model=str(model), limit=5, command="typed")
    assert json.loads((tmp_path / "out/confidence.json").read_text()) == document
    assert document["command"] == "typed"
    table = (tmp_path / "out/confidence.md").read_text()
    assert table == trust_tables(document["datasets"])
    assert "AFLW, own box | 5 |" in table
    assert (tmp_path / "out/confidence.png").read_bytes()[:4] == b"\x89PNG"


def test_the_same_figures_draw_the_same_file(trust, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        plot_trust({"aflw": trust_figures(trust)}, {"aflw": trust}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
