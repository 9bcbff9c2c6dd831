"""Errors and summaries, pinned by hand computation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcdcn_init.eval.metrics import (
    MISSING_ERROR,
    NO_POSE,
    auc,
    ced,
    failure_rate,
    nme,
    point_errors,
    summarise,
    summarise_points,
    summarise_poses,
    with_missing,
)

NAN, INF = float("nan"), float("inf")
FIVE = np.array([[30.0, 40.0], [60.0, 80.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])  # eyes 50 px apart

few = settings(deadline=None, max_examples=50)
error_lists = st.lists(st.one_of(st.floats(0, 3), st.sampled_from([NAN, INF])), min_size=1, max_size=30)


def test_five_points_by_hand() -> None:
    moved = FIVE + np.array([[3, 4], [0, 0], [0, -10], [-5, 0], [6, 8]])  # 5, 0, 10, 5 and 10 px off
    np.testing.assert_allclose(point_errors([moved], [FIVE]), [[0.1, 0, 0.2, 0.1, 0.2]], atol=1e-12)
    np.testing.assert_allclose(nme([moved], [FIVE]), [0.12])
    # sqrt(160 * 40) = 80
    np.testing.assert_allclose(nme([moved], [FIVE], "box", [[0, 0, 160, 40]]), [30 / 5 / 80])


def test_sixty_eight_points_are_normalised_by_the_means_of_the_eye_contours() -> None:
    shape = np.zeros((68, 2))
    shape[:, 1] = 100
    hexagon = np.array([[-4, 0], [-2, -3], [2, -3], [4, 0], [2, 3], [-2, 3]])
    shape[36:42] = np.add(hexagon, (20, 30))
    shape[42:48] = np.add(hexagon, (50, 70))  # centres 30, 40, hence 50 apart; outer corners 38 and 40
    moved = np.add(shape, (0, 5))
    np.testing.assert_allclose(nme([moved], [shape]), [0.1])
    moved = shape.copy()
    moved[30] += [50, 0]  # one point of 68 by a whole inter-ocular distance
    np.testing.assert_allclose(nme([moved], [shape]), [1 / 68])


@few
@given(st.floats(0.1, 50), st.floats(-180, 180), st.floats(-1e3, 1e3))
def test_the_inter_ocular_error_does_not_depend_on_scale_turn_and_place(scale: float, roll: float, x: float) -> None:
    turn = np.exp(1j * np.radians(roll)) * scale
    found = FIVE + np.random.default_rng(0).normal(size=(5, 2))

    def placed(points: np.ndarray) -> np.ndarray:
        z = (points[:, 0] + 1j * points[:, 1]) * turn + x
        return np.stack([z.real, z.imag], axis=1)

    np.testing.assert_allclose(nme([placed(found)], [placed(FIVE)]), nme([found], [FIVE]), rtol=1e-6)


def test_a_face_without_points_or_without_scale_does_not_spoil_the_others() -> None:
    coinciding = FIVE.copy()
    coinciding[1] = coinciding[0]
    missing = np.full((5, 2), np.nan)
    errors = nme([np.add(FIVE, (5, 0)), missing, FIVE, FIVE + 1], [FIVE, FIVE, missing, coinciding])
    assert errors[0] == pytest.approx(0.1)
    assert np.isnan(errors[1:]).all()


def test_one_missing_point_makes_the_face_missing_but_not_its_other_points() -> None:
    found = FIVE.copy()
    found[2] = np.nan
    errors = point_errors([found], [FIVE])
    assert np.isnan(nme([found], [FIVE])).all()
    assert [summary.missing for summary in summarise_points(errors)] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([FIVE], [FIVE, FIVE]), "expected the same"),
        ((FIVE, FIVE), "expected (N, P, 2) of 5, 29 or 68 points"),
        (([FIVE[:4]], [FIVE[:4]]), "expected (N, P, 2) of 5, 29 or 68 points"),
        (([FIVE], [FIVE], "pupil"), "'pupil'"),
        (([FIVE], [FIVE], "box"), "got none"),
        (([FIVE], [FIVE], "box", [0, 0, 1, 1]), "(1, 4)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        nme(*arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_failure_rate_by_hand() -> None:
    errors = [0.0, 0.08, 0.081, 0.1, 0.1000001, NAN, INF, 0.05]
    assert failure_rate(errors, 0.1) == 3 / 8
    assert failure_rate(errors, 0.08) == 5 / 8
    assert failure_rate([NAN, INF, -INF], 1e9) == 1.0


def test_auc_by_hand() -> None:
    # 1 + 0.75 + 0.5 + 0 + 0 + 0 over six faces
    assert auc([0.0, 0.025, 0.05, 0.1, 0.4, NAN], 0.1) == pytest.approx(2.25 / 6)
    assert auc([0.05, 0.05], 0.2) == pytest.approx(0.75)
    assert auc([INF, NAN], 0.1) == 0.0
    with pytest.raises(ValueError, match="positive"):
        auc([0.1], 0.0)


@few
@given(error_lists, st.floats(0.01, 2))
def test_auc_is_the_area_under_the_cumulative_curve(errors: list[float], alpha: float) -> None:
    # Integrate the step function exactly, over the knots that it has.
    knots = sorted({0.0, alpha, *(e for e in errors if e < alpha)})
    heights = ced(errors, knots)
    area = sum(height * (b - a) for height, (a, b) in zip(heights, itertools.pairwise(knots), strict=False))
    assert auc(errors, alpha) == pytest.approx(area / alpha, abs=1e-9)


def test_ced_by_hand() -> None:
    curve = ced([0.02, 0.04, 0.04, 0.5, NAN], [0.0, 0.02, 0.03, 0.04, 1.0])
    np.testing.assert_allclose(curve, [0.0, 0.2, 0.2, 0.6, 0.8])


@few
@given(error_lists, st.floats(0, 2))
def test_ced_and_failure_rate_add_up_to_one(errors: list[float], threshold: float) -> None:
    assert ced(errors, [threshold])[0] + failure_rate(errors, threshold) == pytest.approx(1.0)


def test_summary_by_hand() -> None:
    summary = summarise([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.09, 0.2, 0.43])
    assert summary.count == 10
    assert summary.missing == 0
    assert summary.mean == pytest.approx(0.1)
    assert summary.median == pytest.approx(0.055)
    assert summary.p90 == pytest.approx(0.223)  # rank 8.1 of 0 to 9: 0.2 + 0.1 * 0.23
    assert summary.failure_10 == 0.2
    assert summary.failure_8 == 0.3
    assert summary.auc_10 == pytest.approx((0.9 + 0.8 + 0.7 + 0.6 + 0.5 + 0.4 + 0.3 + 0.1) / 10)


def test_missing_faces_enter_every_figure() -> None:
    summary = summarise([0.05, NAN, INF, 0.05])
    assert summary.count == 4
    assert summary.missing == 2
    assert summary.mean == pytest.approx((0.1 + 2 * MISSING_ERROR) / 4)
    assert summary.median == pytest.approx((0.05 + MISSING_ERROR) / 2)
    assert summary.p90 == pytest.approx(MISSING_ERROR)
    assert summary.failure_10 == summary.failure_8 == 0.5
    assert summary.auc_10 == pytest.approx(0.25)


@few
@given(error_lists)
def test_losing_a_face_never_helps(errors: list[float]) -> None:
    before = summarise([min(e, MISSING_ERROR) if math.isfinite(e) else e for e in errors])
    after = summarise([NAN, *(min(e, MISSING_ERROR) if math.isfinite(e) else e for e in errors[1:])])
    assert after.mean >= before.mean - 1e-12
    assert after.median >= before.median - 1e-12
    assert after.failure_10 >= before.failure_10
    assert after.auc_10 <= before.auc_10 + 1e-12
    assert after.count == before.count


def test_with_missing_keeps_finite_errors_however_large() -> None:
    np.testing.assert_array_equal(with_missing([[0.1, 7.0], [NAN, INF]]), [[0.1, 7.0], [MISSING_ERROR] * 2])


def test_poses_are_grouped_in_their_order_and_none_is_dropped() -> None:
    groups = summarise_poses([0.1, 0.2, 0.3, NAN, 0.5], [4, 0, None, 4, 2])
    assert list(groups) == ["left profile", "frontal", "right profile", NO_POSE]
    assert sum(group.count for group in groups.values()) == 5
    assert groups["right profile"].missing == 1
    assert groups["right profile"].mean == pytest.approx((0.1 + MISSING_ERROR) / 2)


def test_unknown_poses_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="pose 5 is unknown"):
        summarise_poses([0.1], [5])
    with pytest.raises(ValueError, match="2 poses for 1 errors"):
        summarise_poses([0.1], [1, 2])
    with pytest.raises(ValueError, match=r"\(N, P\)"):
        summarise_points([0.1])


@pytest.mark.parametrize("errors", [[], [[0.1]], 0.1])
def test_nothing_to_summarise_is_an_error(errors: object) -> None:
    with pytest.raises(ValueError, match="at least one"):
        summarise(errors)  # type: ignore[arg-type]
