from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import FIVE
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.cascade.layouts import find_layout
from tcdcn_init.geometry import FIVE_POINTS, five_from_68

# Where dlib's get_face_chip puts its five points: corners of the eye on the image's right, of the one on its left,
# nose base (dlib/image_transforms/interpolation.h, get_face_chip_details).
DLIB_FIVE = np.array(
    [[0.8595674595992, 0.2134981538014], [0.6460604764104, 0.2289674387677], [0.1205750620789, 0.2137274526848],
     [0.3340850613712, 0.2290642403242], [0.4901123135679, 0.6277975316475]]
)  # fmt: skip


def helen() -> np.ndarray:
    """An upright face in the order of Helen's 194 points."""

    def arc(centre, radii, count, start=0.0, turn=2 * np.pi):
        angle = start + np.linspace(0, turn, count)
        return np.asarray(centre) + np.stack([np.cos(angle), -np.sin(angle)], axis=1) * radii

    return np.concatenate([
        arc((50, 40), (45, 60), 41, 0, -np.pi),  # jaw
        arc((50, 55), (12, 10), 17, 0.2, -np.pi - 0.4),  # nose, its base in the middle
        arc((50, 80), (15, 7), 28, np.pi, -2 * np.pi * 27 / 28),  # outer lips, from the left corner
        arc((50, 80), (12, 3), 28, np.pi, -2 * np.pi * 27 / 28),  # inner lips
        arc((70, 40), (8, 4), 20, 0, 2 * np.pi * 19 / 20),  # the eyes
        arc((30, 40), (8, 4), 20, 0, 2 * np.pi * 19 / 20),
        arc((70, 28), (12, 4), 20, 0, 2 * np.pi * 19 / 20),  # the brows
        arc((30, 28), (12, 4), 20, 0, 2 * np.pi * 19 / 20),
    ])  # fmt: skip


def test_68_points_are_those_of_five_from_68():
    shape = np.random.default_rng(0).uniform(0, 100, (3, 68, 2))
    layout = find_layout(shape[0])
    np.testing.assert_allclose(layout.of_shape(shape), five_from_68(shape))
    np.testing.assert_array_equal(layout.of_five(FIVE), FIVE)


def test_29_points_are_those_of_cofw():
    shape = np.random.default_rng(0).uniform(0, 100, (29, 2))
    shape[[16, 17, 20, 22, 23]] = FIVE
    layout = find_layout(shape)
    assert layout.name == "COFW's 29 points"
    np.testing.assert_array_equal(layout.of_shape(shape), FIVE)
    with pytest.raises(ValueError, match="no known layout of 29"):
        find_layout(shape[::-1])


def test_points_after_the_68_are_left_alone():
    mean = load_regressor("ert68-300w").mean_shape
    forehead = np.stack([np.linspace(0.2, 0.8, 13), np.full(13, -0.1)], axis=1)
    layout = find_layout(np.concatenate([mean, forehead]))
    assert layout.name == "iBUG's 68 points and 13 more"
    np.testing.assert_allclose(layout.of_shape(np.concatenate([mean, forehead])), five_from_68(mean))
    with pytest.raises(ValueError, match="no known layout of 81 points"):
        find_layout(np.concatenate([forehead, mean]))


@pytest.mark.parametrize("first", [None, 0, 1])
def test_194_points_in_helens_order_and_in_that_of_their_names(first):
    shape, order = helen(), np.arange(194)
    if first is not None:
        # What becomes of parts named "0" ... "193" (or from "1" on) in dlib's XML files: sorted as text.
        order = np.argsort([str(number) for number in range(first, first + 194)])
        assert order.tolist() != list(range(194))
    layout = find_layout(shape[order])
    left_eye, right_eye, base, left_mouth, right_mouth = layout.of_shape(shape[order])
    np.testing.assert_allclose(left_eye, [30, 40], atol=0.01)
    np.testing.assert_allclose(right_eye, [70, 40], atol=0.01)
    np.testing.assert_allclose(base, [50, 65], atol=0.1)
    np.testing.assert_allclose(left_mouth, [35, 80], atol=0.1)
    np.testing.assert_allclose(right_mouth, [65, 80], atol=0.3)


def test_which_five_points_they_are_is_seen_in_the_mean_shape():
    assert find_layout(FIVE).name == "five points"
    np.testing.assert_array_equal(find_layout(FIVE).of_shape(FIVE), FIVE)
    layout = find_layout(DLIB_FIVE)
    assert layout.name == "dlib's 5 points"
    left, right, base = layout.of_shape(DLIB_FIVE)
    assert left[0] == pytest.approx((DLIB_FIVE[2, 0] + DLIB_FIVE[3, 0]) / 2)
    assert right[0] == pytest.approx((DLIB_FIVE[0, 0] + DLIB_FIVE[1, 0]) / 2)
    np.testing.assert_array_equal(base, DLIB_FIVE[4])
    # The nose base lies below the tip, towards the mouth.
    np.testing.assert_allclose(layout.of_five(FIVE), [[30, 40], [70, 40], [50, 67]])


def test_sides_go_by_place_not_by_number():
    mirrored = DLIB_FIVE * [-1, 1]
    left, right, _ = find_layout(mirrored).of_shape(mirrored)
    assert left[0] < right[0]


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.sampled_from(FIVE_POINTS), st.lists(st.integers(0, 28), min_size=1, max_size=4), min_size=2))
def test_a_stated_layout_takes_means_of_indices(index_map):
    shape = np.random.default_rng(0).uniform(0, 100, (29, 2))
    layout = find_layout(shape, index_map)
    names = [name for name in FIVE_POINTS if name in index_map]
    np.testing.assert_allclose(layout.of_shape(shape), [shape[index_map[name]].mean(axis=0) for name in names])
    np.testing.assert_array_equal(layout.of_five(FIVE), FIVE[[FIVE_POINTS.index(name) for name in names]])


def test_points_may_be_stated_by_number():
    layout = find_layout(np.eye(3, 2), {1: 2, 0: [0, 1]})
    np.testing.assert_allclose(layout.of_shape(np.eye(3, 2)), [[0.5, 0.5], [0, 0]])


@pytest.mark.parametrize(
    ("index_map", "message"),
    [
        ({"left eye": 0}, "states 1 of the five"),
        ({"left eye": 0, "chin": 1}, "names 'chin'"),
        ({"left eye": 0, 5: 1}, "names 5"),
        ({"left eye": 0, "nose": 29}, "gives 29 for 'nose'"),
        ({"left eye": 0, "nose": []}, r"gives \[\]"),
        ({"left eye": 0, "nose": 1.5}, "gives 1.5"),
    ],
)
def test_a_wrong_statement_is_named(index_map, message):
    with pytest.raises(ValueError, match=message):
        find_layout(np.zeros((29, 2)), index_map)


@pytest.mark.parametrize("mean", [np.zeros((29, 2)), np.zeros((5, 2)), FIVE[::-1]])
def test_an_unknown_layout_says_how_to_state_it(mean):
    with pytest.raises(ValueError, match=r"state it, e\.g\. layout="):
        find_layout(mean)


def test_shapes_of_another_length_are_refused():
    layout = find_layout(FIVE)
    with pytest.raises(ValueError, match=r"\(68, 2\); expected \(\.\.\., 5, 2\)"):
        layout.of_shape(np.zeros((68, 2)))
    with pytest.raises(ValueError, match="left eye, right eye, nose"):
        layout.of_five(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"expected \(P, 2\)"):
        find_layout(np.zeros(10))
