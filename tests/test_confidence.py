"""Calibration: fitted numbers against distributions that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.confidence import Calibration, fit_calibration, fit_dense_calibration


def drawn(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw guesses that are half of the true expectation, and distances drawn from it; a third of the rows no face."""
    raw = np.exp(rng.uniform(np.log(0.01), np.log(0.3), (count, 1))) * np.ones(5)
    errors = rng.exponential(2.0 * raw)
    seen = np.arange(count) % 3 > 0
    errors[~seen] = np.nan
    score = np.where(seen, 3.0, -3.0) + rng.standard_normal(count)
    return raw, np.stack([-score / 2, score / 2], axis=1), errors


def test_the_expected_error_is_the_mean_of_the_errors_that_it_is_fitted_to():
    raw, face, errors = drawn(6000, np.random.default_rng(0))
    calibration = fit_calibration(raw, face, errors)
    assert calibration.offset == pytest.approx(np.log(2.0), abs=0.06)
    assert calibration.slope == pytest.approx(1.0, abs=0.03)
    new_raw, _, new = drawn(6000, np.random.default_rng(1))
    shown = np.isfinite(new[:, 0])
    for low, high in ((0.01, 0.05), (0.05, 0.3)):
        rows = shown & (new_raw[:, 0] >= low) & (new_raw[:, 0] < high)
        assert calibration.expected_error(new_raw[rows]).mean() == pytest.approx(new[rows].mean(), rel=0.06)


def test_the_confidence_is_the_share_of_good_answers():
    raw, face, errors = drawn(6000, np.random.default_rng(2))
    calibration = fit_calibration(raw, face, errors)
    confidence = calibration.confidence(raw, face)
    good = np.nan_to_num(errors, nan=np.inf).mean(axis=1) <= 0.1
    for low, high in ((0.0, 0.2), (0.2, 0.6), (0.6, 1.0)):
        rows = (confidence >= low) & (confidence <= high)
        assert confidence[rows].mean() == pytest.approx(good[rows].mean(), abs=0.08)
    # A larger expected error, or a lower score of being a face, never adds confidence.
    assert calibration.confidence([[0.2] * 5], [[0.0, 2.0]]) < calibration.confidence([[0.02] * 5], [[0.0, 2.0]])
    assert calibration.confidence([[0.02] * 5], [[2.0, 0.0]]) < calibration.confidence([[0.02] * 5], [[0.0, 2.0]])


def test_a_calibration_survives_its_file():
    calibration = Calibration(0.12345, 0.9, -3.0, 2.5, 0.25, -1.0)
    assert Calibration.from_metadata({"calibration": calibration.to_json()}) == calibration
    assert Calibration.from_metadata({}) == Calibration()


@pytest.mark.parametrize("text", ["[]", "{", '{"offset": "x"}', '{"scale": 1}', '{"offset": null}'])
def test_a_malformed_calibration_is_refused(text):
    with pytest.raises(ValueError, match="calibration is malformed"):
        Calibration.from_metadata({"calibration": text})


def test_dense_points_learn_the_size_of_their_errors_and_the_share_that_is_visible():
    rng = np.random.default_rng(0)
    true = np.exp(rng.normal(-3.0, 0.8, (800, 68)))
    odds = rng.normal(1.0, 2.0, true.shape)
    visible = rng.random(true.shape) < 1 / (1 + np.exp(-(2.0 * odds - 1.0)))
    calibration = fit_dense_calibration(0.7 * true, rng.exponential(true), odds, visible)
    assert calibration.expected_error([[0.7 * 0.05]])[0, 0] == pytest.approx(0.05, rel=0.03)
    assert calibration.visible_weight == pytest.approx(2.0, rel=0.05)
    assert calibration.visible_intercept == pytest.approx(-1.0, rel=0.1)
    assert calibration.visible(odds)[visible].mean() > 0.8
    assert np.isfinite(calibration.visible([[-1e9, 1e9]])).all()
    with pytest.raises(ValueError, match=r"expected \(N, P\) four times"):
        fit_dense_calibration(true, true[:3], odds, visible)
    with pytest.raises(ValueError, match="54400 of 54400 points are visible"):
        fit_dense_calibration(true, true, odds, np.ones_like(visible))


def test_what_cannot_be_fitted_is_refused():
    raw, face = np.full((4, 5), 0.1), np.zeros((4, 2))
    with pytest.raises(ValueError, match="4 of 4 crops show a face"):
        fit_calibration(raw, face, np.full((4, 5), 0.01))
    with pytest.raises(ValueError, match="3 of 3 faces are good"):
        fit_calibration(raw, face, np.array([[0.01] * 5] * 3 + [[np.nan] * 5]))
    with pytest.raises(ValueError, match=r"expected \(N, P\), \(N, 2\)"):
        fit_calibration(raw, face[:3], np.full((4, 5), 0.01))
