"""The criterion of the paper, on histories short enough to be worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcdcn_init.training.early_stopping import TaskwiseEarlyStopping, generalisation, trend

few = settings(deadline=None, max_examples=60)
errors = st.floats(0.001, 10.0)


@pytest.mark.parametrize(
    ("history", "window", "expected"),
    [
        # k med / (sum - k med), over k + 1 errors
        ([2.0, 2.0, 2.0, 2.0], 3, 3 * 2.0 / (8.0 - 6.0)),
        ([4.0, 3.0, 2.0, 1.0], 3, 3 * 2.5 / (10.0 - 7.5)),
        ([9.0, 4.0, 3.0, 2.0, 1.0], 3, 3 * 2.5 / (10.0 - 7.5)),  # what lies before the window does not count
        ([1.0, 5.0, 3.0], 2, 2 * 3.0 / (9.0 - 6.0)),  # the median, not the middle one
        ([3.0, 1.0], 1, 2.0 / (4.0 - 2.0)),  # k = 1: two errors, median their mean
        ([10.0, 1.0, 1.0], 2, 2 * 1.0 / (12.0 - 2.0)),
    ],
)
def test_trend(history, window, expected):
    assert trend(history, window) == pytest.approx(expected)


def test_trend_is_small_while_the_error_falls_and_the_window_where_it_is_flat():
    assert trend([1.0] * 11, window=10) == pytest.approx(10.0)
    assert trend([2.0**-k for k in range(11)], window=10) < 1.0


@pytest.mark.parametrize("history", [[1.0, 1.0, 0.0], [1.0, 1.0, -0.0], [2.0, 2.0, 2.0, 0.0, 0.0]])
def test_trend_is_zero_where_its_denominator_is_not_positive(history):
    window = len(history) - 1
    middle = sorted(history)[len(history) // 2]
    assert sum(history) - window * middle <= 0
    assert trend(history, window) == 0.0


@few
@given(st.lists(errors, min_size=3, max_size=12), st.floats(0.1, 100.0))
def test_trend_does_not_know_the_unit_of_the_error(history, unit):
    window = len(history) - 1
    rest = sum(history) - window * sorted(history)[len(history) // 2]
    if abs(rest) > 1e-6:
        scaled = trend([error * unit for error in history], window)
        assert scaled == pytest.approx(trend(history, window), rel=1e-3)


def test_trend_needs_a_whole_window():
    with pytest.raises(ValueError, match="3 errors for a window of 3; expected at least 4"):
        trend([1.0, 1.0, 1.0], 3)


@pytest.mark.parametrize(
    ("history", "validation", "importance", "expected"),
    [
        ([0.8, 0.4, 0.5], 0.6, 1.0, (0.6 - 0.4) / 0.4),  # against the least training error so far
        ([0.8, 0.4, 0.5], 0.6, 0.1, (0.6 - 0.4) / (0.1 * 0.4)),
        ([0.8, 0.4], 0.3, 1.0, (0.3 - 0.4) / 0.4),  # may be negative
        ([0.5, 0.0], 0.2, 1.0, math.inf),
        ([0.5, 0.0], 0.0, 1.0, 0.0),
        ([0.5, 0.4], 0.6, 0.0, math.inf),
        ([0.5, 0.4], 0.4, 0.0, 0.0),
    ],
)
def test_generalisation(history, validation, importance, expected):
    assert generalisation(history, validation, importance) == pytest.approx(expected)


@few
@given(st.lists(errors, min_size=1, max_size=8), errors, st.floats(0.01, 1.0), st.floats(1.1, 10.0))
def test_a_task_of_more_importance_lives_longer(history, validation, importance, more):
    less, greater = (generalisation(history, validation, value) for value in (importance, importance * more))
    assert abs(greater) == pytest.approx(abs(less) / more)


def test_a_task_stops_when_the_product_exceeds_epsilon():
    training, validation = [1.0, 0.5, 0.5, 0.5], [1.0, 0.8, 0.9, 1.0]
    # trend over the last three: 2 * 0.5 / (1.5 - 1) = 2; generalisation (1 - 0.5) / (0.5 * 0.5) = 2; product 4.
    below, above = TaskwiseEarlyStopping(2, 3.99), TaskwiseEarlyStopping(2, 4.01)
    verdict = below(training, validation, importance=0.5)
    assert (verdict.trend, verdict.generalisation) == pytest.approx((2.0, 2.0))
    assert verdict.stop
    assert not above(training, validation, importance=0.5).stop


def test_no_task_stops_before_the_window_is_full():
    criterion = TaskwiseEarlyStopping(3, 1e-6)
    assert not criterion([1.0] * 3, [9.0] * 3, importance=1.0).stop
    assert criterion([1.0] * 4, [9.0] * 4, importance=1.0).stop


def test_a_task_whose_error_just_fell_to_zero_goes_on():
    verdict = TaskwiseEarlyStopping(2, 1.0)([1.0, 1.0, 0.0], [1.0, 1.0, 1.0], importance=1.0)
    assert (verdict.trend, verdict.generalisation) == (0.0, math.inf)
    assert not verdict.stop


def test_a_task_that_generalises_never_stops():
    assert not TaskwiseEarlyStopping(2, 1e-9)([1.0, 0.9, 0.9], [1.0, 0.9, 0.9], importance=0.01).stop


def test_bad_settings_and_histories_are_refused():
    with pytest.raises(ValueError, match="window is 0"):
        TaskwiseEarlyStopping(0, 1.0)
    for epsilon in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="epsilon is"):
            TaskwiseEarlyStopping(2, epsilon)
    with pytest.raises(ValueError, match="3 training and 2 validation errors"):
        TaskwiseEarlyStopping(2, 1.0)([1.0] * 3, [1.0] * 2, importance=1.0)
