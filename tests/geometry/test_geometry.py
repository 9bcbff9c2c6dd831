"""Maps, boxes and five-point shapes: what must hold for any numbers."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import dlib
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tcdcn_init import geometry as geo

UPRIGHT = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])

Box = namedtuple("Box", "left top right bottom")

few = settings(deadline=None, max_examples=40)
rolls = st.floats(-179.0, 179.0)
scales = st.floats(0.05, 20.0)
shifts = st.tuples(st.floats(-500, 500), st.floats(-500, 500))
shapes = arrays(np.float64, (5, 2), elements=st.floats(-100, 100, width=32))


def similarity(roll: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    linear = scale * geo.rotation(roll)[:, :2]
    return np.concatenate([linear, np.array(shift)[:, None]], axis=1)


def angle_between(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)


# --- maps


@few
@given(shapes, rolls, scales, shifts)
def test_a_map_and_its_inverse_lead_back(points, roll, scale, shift):
    matrix = similarity(roll, scale, shift)
    there = geo.transform_points(matrix, points)
    np.testing.assert_allclose(geo.transform_points(geo.invert(matrix), there), points, atol=1e-7)


@few
@given(shapes, st.tuples(rolls, scales, shifts), st.tuples(rolls, scales, shifts))
def test_a_composed_map_is_one_after_the_other(points, first, second):
    inner, outer = similarity(*first), similarity(*second)
    expected = geo.transform_points(outer, geo.transform_points(inner, points))
    np.testing.assert_allclose(geo.transform_points(geo.compose(outer, inner), points), expected, atol=1e-6)


@few
@given(shapes, rolls, scales, shifts)
def test_a_known_similarity_is_recovered(points, roll, scale, shift):
    assume(geo.centroid_size(points) > 1.0)
    matrix = similarity(roll, scale, shift)
    found = geo.similarity_between(points, geo.transform_points(matrix, points))
    np.testing.assert_allclose(found, matrix, atol=1e-6 * (1.0 + scale * 500))


@few
@given(shapes, shapes)
def test_no_small_change_of_the_fitted_similarity_fits_better(source, target):
    assume(geo.centroid_size(source) > 1.0)
    fitted = geo.similarity_between(source, target)

    def misfit(matrix: np.ndarray) -> float:
        return float(((geo.transform_points(matrix, source) - target) ** 2).sum())

    a, b = fitted[0, 0], fitted[1, 0]
    for da, db, dx, dy in np.vstack([np.eye(4), -np.eye(4)]) * 1e-2:
        other = np.array([[a + da, -b - db, fitted[0, 2] + dx], [b + db, a + da, fitted[1, 2] + dy]])
        assert misfit(other) >= misfit(fitted) - 1e-6


def test_maps_broadcast_over_leading_axes():
    rng = np.random.default_rng(0)
    sources, target = rng.normal(size=(3, 4, 5, 2)), rng.normal(size=(5, 2))
    together = geo.similarity_between(sources, target)
    assert together.shape == (3, 4, 2, 3)
    np.testing.assert_allclose(together[2, 1], geo.similarity_between(sources[2, 1], target))
    np.testing.assert_allclose(
        geo.transform_points(together, sources)[2, 1], geo.transform_points(together[2, 1], sources[2, 1])
    )
    np.testing.assert_allclose(geo.invert(together)[2, 1], geo.invert(together[2, 1]))


def test_maps_without_a_solution_are_refused():
    with pytest.raises(ValueError, match="coincide"):
        geo.similarity_between(np.full((5, 2), 3.0), UPRIGHT)
    with pytest.raises(ValueError, match="singular"):
        geo.invert([[1, 2, 0], [2, 4, 0]])


@few
@given(rolls, shifts)
def test_a_rotation_keeps_its_centre_and_all_lengths(roll, centre):
    matrix = geo.rotation(roll, centre)
    np.testing.assert_allclose(geo.transform_points(matrix, [centre]), [centre], atol=1e-9)
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(1.0)


def test_a_positive_rotation_is_clockwise_as_seen():
    right_of_centre = geo.transform_points(geo.rotation(90.0), [[1.0, 0.0]])
    np.testing.assert_allclose(right_of_centre, [[0.0, 1.0]], atol=1e-12)  # below it: y points down


# --- five points


@few
@given(rolls, rolls, scales, shifts)
def test_roll_follows_a_turn_and_nothing_else(roll, more, scale, shift):
    turned = geo.transform_points(similarity(roll, scale, shift), UPRIGHT)
    assert angle_between(float(geo.roll_degrees(turned)), roll) < 1e-6
    again = geo.transform_points(geo.rotation(more, shift), turned)
    assert angle_between(float(geo.roll_degrees(again)), roll + more) < 1e-6


def test_a_profile_whose_eyes_coincide_still_has_a_roll():
    profile = UPRIGHT.copy()
    profile[1] = profile[0]
    profile[4] = profile[3]
    assert float(geo.roll_degrees(geo.transform_points(geo.rotation(40.0), profile))) == pytest.approx(
        40.0 + float(geo.roll_degrees(profile))
    )


def test_mirroring_exchanges_partners():
    # Columns 0..100: the middle is 50, where the nose is.
    np.testing.assert_array_equal(UPRIGHT[list(geo.MIRROR)] * [-1, 1] + [100, 0], UPRIGHT)
    names = [geo.FIVE_POINTS[k] for k in geo.MIRROR]
    swapped = [n.replace("left", "?").replace("right", "left").replace("?", "right") for n in geo.FIVE_POINTS]
    assert names == swapped


@few
@given(shapes, rolls, scales, shifts, st.permutations(range(5)))
def test_centroid_size_knows_only_the_scale(points, roll, scale, shift, order):
    size = geo.centroid_size(points)
    moved = geo.transform_points(similarity(roll, scale, shift), points[list(order)])
    assert float(geo.centroid_size(moved)) == pytest.approx(float(size) * scale, rel=1e-6, abs=1e-6)


@few
@given(scales, shifts)
def test_box_and_interocular_grow_and_move_with_the_points(scale, shift):
    moved = UPRIGHT * scale + np.array(shift)
    expected = geo.box_from_points(UPRIGHT) * scale + np.tile(shift, 2)
    np.testing.assert_allclose(geo.box_from_points(moved), expected, atol=1e-6)
    assert float(geo.interocular(moved)) == pytest.approx(40.0 * scale)


def test_five_points_of_68():
    shape = np.zeros((68, 2))
    shape[36:42] = [[10, 20], [12, 18], [14, 18], [16, 20], [14, 22], [12, 22]]
    shape[42:48] = shape[36:42] + [30, 0]
    shape[30], shape[48], shape[54] = [28, 35], [15, 50], [41, 50]
    assert geo.five_from_68(shape).tolist() == [[13, 20], [43, 20], [28, 35], [15, 50], [41, 50]]
    with pytest.raises(ValueError, match=r"\(5, 2\)"):
        geo.five_from_68(UPRIGHT)


# --- boxes


@few
@given(shifts, st.floats(0.1, 500), st.floats(0.1, 500))
def test_the_square_of_a_box_has_its_centre_and_area(corner, width, height):
    left, top = corner
    centre, side = geo.box_square((left, top, left + width, top + height))
    np.testing.assert_allclose(centre, [left + width / 2, top + height / 2], atol=1e-9)
    assert float(side) ** 2 == pytest.approx(width * height, rel=1e-6)


@pytest.mark.parametrize(
    "box",
    [
        (10, 20, 110, 140),
        [10.0, 20.0, 110.0, 140.0],
        np.array([10, 20, 110, 140], dtype=np.int32),
        dlib.rectangle(10, 20, 110, 140),
        dlib.drectangle(10, 20, 110, 140),
        Box(10, 20, 110, 140),
        SimpleNamespace(left=10, top=20, right=110, bottom=140),
        np.rec.fromarrays([[10], [20], [110], [140]], names="left,top,right,bottom")[0],
        torch.tensor([10.0, 20.0, 110.0, 140.0], requires_grad=True),
        np.ma.masked_array([10, 20, 110, 140], mask=False),
    ],
    ids=lambda box: type(box).__name__,
)
def test_a_box_is_four_numbers_or_a_rectangle(box):
    found = geo.as_box(box)
    assert found.dtype == np.float64
    assert found.tolist() == [10, 20, 110, 140]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((10, 20, 110), "not four numbers"),
        ([[10, 20, 110, 140]], "not four numbers"),
        ("face", "not four numbers"),
        (None, "not four numbers"),
        ((10, 20, np.nan, 140), "not finite"),
        ((10, 20, np.inf, 140), "not finite"),
        ((10, 20, 10, 140), "has no area"),
        ((110, 20, 10, 140), "has no area"),
        ((100, 100, 50, 60), r"if it is \(left, top, width, height\), format='xywh'"),
        ((0.2, 0.3, 0.5, 0.7), r"smaller than a pixel.*relative=True\) makes of fractions"),
        ((20, 20, 20 + 1e-9, 60), "smaller than a pixel"),
        ((0, 0, 2e12, 2e12), r"beyond 1e\+12 pixels; expected pixels of an image"),
        (("10", "20", "110", "140"), "not four numbers"),
        (np.array([10, 20, 110, 140 + 3j]), "not four numbers"),
        (np.array([False, False, True, True]), "not four numbers"),
        (np.ma.masked_array([10, 20, 110, 140], mask=[0, 1, 0, 0]), "not finite"),
        (SimpleNamespace(left=10, bottom=140), "not four numbers"),
    ],
)
def test_a_bad_box_says_what_is_wrong_with_it(box, message):
    with pytest.raises(ValueError, match=message):
        geo.as_box(box)


# --- points that a caller brings


def test_five_points_are_taken_as_they_are_at_any_roll_and_pose():
    profile = UPRIGHT.copy()
    profile[1], profile[4] = profile[0] + [2, 0], profile[3] + [2, 0]
    for points in (UPRIGHT, profile):
        for degrees in range(-180, 181, 30):
            turned = geo.transform_points(geo.rotation(degrees, (50, 60)), points)
            np.testing.assert_array_equal(geo.as_five_points(turned.tolist()), turned)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[list(geo.MIRROR)], "mirrored order; expected left and right as seen in the image, x before y"),
        (lambda p: p[:, ::-1], "mirrored order"),
        (lambda p: p / 512, "within a pixel.*multiply relative coordinates by the image's width and height"),
        (lambda p: np.full((5, 2), 40.0), "within a pixel"),
        (lambda p: p * 1e12, "beyond 1e\\+12 pixels"),
        (lambda p: np.where(p == p[2], np.nan, p), "are not finite"),
        (lambda p: np.ma.masked_less(p, 41), "are not finite"),
        (lambda p: p[:4], r"have shape \(4, 2\); expected \(5, 2\), left eye, right eye"),
        (lambda p: p.T, r"have shape \(2, 5\)"),
        (lambda p: "face", "are not numbers"),
        (lambda p: p + 1j, "are not numbers"),
    ],
)
def test_bad_points_say_what_is_wrong_with_them(change, message):
    with pytest.raises(ValueError, match=message):
        geo.as_five_points(change(UPRIGHT))


def test_mirrored_68_points_are_those_of_the_mirrored_face():
    from tcdcn_init.adapters.base import load_regressor

    shape = load_regressor("ert68-300w").mean_shape
    assert sorted(geo.MIRROR_68) == list(range(68))
    mirrored = shape[list(geo.MIRROR_68)] * [-1, 1]
    centred = [some - some.mean(axis=0) for some in (shape, mirrored)]
    assert np.abs(centred[0] - centred[1]).max() < 0.05 * np.ptp(shape[:, 0])
