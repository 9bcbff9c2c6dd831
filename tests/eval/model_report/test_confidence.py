"""Confidence: ranking by hand, and figures of a measurement on drawn faces."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tcdcn_init.confidence import Calibration
from tcdcn_init.eval.measuring.answers import ask_initializer
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.confidence.calibration import calibrate, calibrate_model
from tcdcn_init.eval.model_report.confidence.figures import (
    THRESHOLDS,
    ConfidenceAnswers,
    auroc,
    confidence_answers,
    confidence_figures,
    risk_coverage,
)
from tcdcn_init.eval.model_report.confidence.report import (
    confidence_tables,
    plot_confidence,
    thresholds_table,
    thresholds_text,
)
from tcdcn_init.eval.model_report.measurement import confidence_views
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import ResidualConfig
from tcdcn_init.network.model_file import load_network, save_network
from tcdcn_init.network.residual import ResidualTCDCN

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
    assert curve.failures == curve.best_failures
    assert curve.coverage[-1] == 1.0
    assert curve.mean[-1] == pytest.approx(errors.mean())
    assert risk_coverage(errors, errors).failures[0] == 1.0


@pytest.fixture(scope="module")
def said(answers) -> ConfidenceAnswers:
    return confidence_answers(answers.views)


def test_every_answer_is_a_row_and_background_has_no_error(said):
    counts = np.bincount(said.view, minlength=4)
    assert counts[:3].tolist() == [8, 8, 8]
    assert 0 < counts[3] <= 8
    assert (np.isfinite(said.errors).all(axis=1) == (said.view < 3)).all()


def test_figures_are_of_the_rows(said):
    figures = confidence_figures(said)
    own = said.view == 0
    assert figures.views["own box"].actual == pytest.approx(said.errors[own].mean())
    assert figures.views["background"].actual is figures.views["background"].valid is None
    assert sum(row.points for row in figures.bins) == 5 * int((said.view < 3).sum())
    assert figures.auroc_background == auroc(said.confidence[own], said.confidence[said.view == 3])


def test_a_least_confidence_keeps_less_the_higher_it_is(said):
    rows = confidence_figures(said).thresholds
    assert [row.threshold for row in rows] == list(THRESHOLDS)
    assert (rows[0].kept, rows[0].kept_noisy, rows[0].kept_background) == (1.0, 1.0, 1.0)
    for lower, higher in itertools.pairwise(rows):
        assert lower.kept >= higher.kept
        assert lower.kept_background >= higher.kept_background
    kept = (said.view == 1) & (said.confidence >= 0.5)
    middle = next(row for row in rows if row.threshold == 0.5)
    assert middle.kept_noisy == kept.sum() / (said.view == 1).sum()
    assert middle.failures_noisy == pytest.approx((said.errors[kept].mean(axis=1) > 0.1).mean())
    text = thresholds_table({"aflw": confidence_figures(said)})
    assert "| 0 | 100.0 / " in text
    assert "AFLW: " in thresholds_text({"aflw": confidence_figures(said)})


def test_tables_leave_out_what_background_does_not_have(said):
    table = confidence_tables({"aflw": confidence_figures(said)})
    assert "| AFLW, own box | 8 |" in table
    background = next(line for line in table.splitlines() if line.startswith("| AFLW, background |"))
    assert background.count("|  |  |  |") == 1
    assert "None" not in table


def test_the_same_figures_draw_the_same_file(said, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        plot_confidence({"aflw": confidence_figures(said)}, {"aflw": said}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_model_without_confidence_outputs_is_refused(small_model, answers):
    views, _ = ask_initializer(answers.faces[:2], lambda: Initializer(small_model), confidence_views(0))
    with pytest.raises(ValueError, match="no confidence outputs"):
        confidence_answers(views)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained residual network."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("untrained") / "small.safetensors"
    save_network(path, ResidualTCDCN(ResidualConfig(side=32, widths=(8, 8), blocks=(1, 1), feature=16)), {"data": "x"})
    return path


def test_a_calibration_needs_valid_answers_and_leaves_the_file_without_them(untrained, mtfl_root):
    before = untrained.read_bytes()
    with pytest.raises(ValueError, match=r"0 of .* a calibration needs"):
        calibrate_model(untrained, mtfl_root, Settings(limit=4))
    assert untrained.read_bytes() == before


def test_a_calibration_goes_into_the_file_and_reads_back(untrained, tmp_path):
    network, metadata = load_network(untrained)
    copy = tmp_path / "model.safetensors"
    save_network(copy, network, {"data": metadata["data"], "calibration": Calibration(offset=0.7).to_json()})
    assert Initializer(copy).calibration.offset == 0.7


def test_answers_that_are_valid_now_and_then_can_be_calibrated():
    rng = np.random.default_rng(0)
    raw = rng.uniform(0.02, 0.4, (400, 5))
    errors = raw * rng.exponential(1.5, (400, 5))
    view = np.repeat([0, 1, 2, 3], 100)
    errors[view == 3] = np.nan
    face = np.where((view == 3)[:, None], [3.0, -3.0], [-3.0, 3.0]) + 2 * rng.standard_normal((400, 2))
    fitted = calibrate(ConfidenceAnswers(view, errors, raw, face, Calibration()))
    assert fitted.expected_error([[0.1] * 5]).mean() == pytest.approx(0.15, rel=0.2)


def test_options_of_ones_own_data_are_refused_for_a_folder_of_published_sets(run, untrained, mtfl_root):
    result = run("calibrate", untrained, "--data", mtfl_root, "--hold-out-by", "person")
    assert result.exit_code == 2
    assert "is no data of your own; leave --images, --layout and --hold-out-by out" in " ".join(result.output.split())
