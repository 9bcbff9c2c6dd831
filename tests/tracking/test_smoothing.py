"""The one-euro filter."""

from __future__ import annotations

import json

import numpy as np
import pytest

from builders import FIVE
from tcdcn_init.tracking.smoothing import OneEuro, OneEuroFilter

STEP = 1 / 25


def smoothed(points: np.ndarray, settings: OneEuro, size: float = 50.0) -> np.ndarray:
    smooth = OneEuroFilter(settings)
    return np.array([smooth(each, STEP, size) for each in points])


def test_a_still_face_keeps_stiller():
    noisy = FIVE + np.random.default_rng(0).normal(0, 0.5, (400, 5, 2))
    quiet = smoothed(noisy, OneEuro())[50:].std(axis=0)
    assert (quiet < 0.6 * noisy.std(axis=0)).all()


def test_a_change_arrives_after_the_stated_time():
    # The response of a first-order low-pass: 63 % after its time constant. Slow, so that the steps are fine.
    settings = OneEuro(min_cutoff=0.25, beta=0.0)
    answer = smoothed(np.concatenate([np.zeros((1, 1, 2)), np.ones((100, 1, 2))]), settings)[:, 0, 0]
    seconds = STEP * np.flatnonzero(answer >= 1 - np.exp(-1))[0]
    assert seconds == pytest.approx(1 / (2 * np.pi * settings.min_cutoff), abs=2 * STEP)


def test_a_fast_face_is_followed_sooner_than_a_slow_one():
    def lag(speed: float) -> float:
        path = np.arange(60)[:, None, None] * STEP * speed * np.ones((1, 5, 2))
        return float((path - smoothed(path, OneEuro()))[-1].mean() / speed)

    assert 0 < lag(400.0) < 0.5 * lag(10.0)


def test_it_does_the_same_at_any_resolution():
    path = np.cumsum(np.random.default_rng(1).normal(0, 3, (50, 5, 2)), axis=0)
    np.testing.assert_allclose(4 * smoothed(path, OneEuro()), smoothed(4 * path, OneEuro(), size=200.0))


def test_a_filter_goes_on_from_its_state():
    path = np.random.default_rng(2).normal(0, 3, (20, 5, 2))
    whole = smoothed(path, OneEuro())
    first, second = OneEuroFilter(OneEuro()), OneEuroFilter(OneEuro())
    for each in path[:10]:
        first(each, STEP, 50.0)
    second.restore(json.loads(json.dumps(first.state())))
    np.testing.assert_array_equal([second(each, STEP, 50.0) for each in path[10:]], whole[10:])


@pytest.mark.parametrize("wrong", [{"min_cutoff": -1}, {"beta": float("nan")}, {"derivative_cutoff": 0}])
def test_a_setting_out_of_range_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OneEuro(**wrong)
