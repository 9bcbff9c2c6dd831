"""Copies of faces: what is occluded is where it is said to be, and nothing else changes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import Face
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, Condition, fill_of, make_copy, occluded_part

BOX = np.array([30.0, 20.0, 90.0, 95.0])
POINTS = np.array([[45, 45], [75, 45], [60, 60], [50, 75], [70, 75]], dtype=np.float32)
IMAGE = np.full((120, 130, 3), 300, dtype=np.uint16)  # a value that noise hardly ever takes
IMAGE.setflags(write=False)


def face(name: str = "a.png") -> Face:
    return Face(name, Path(name), POINTS, BOX)


@pytest.mark.parametrize("value", [0.4, 1.0, 2.5])
def test_a_box_of_another_size_keeps_its_centre_and_aspect(value):
    copy = make_copy(face(), IMAGE, Condition("scale", value), 3)
    assert copy is not None
    assert copy.image is IMAGE
    np.testing.assert_allclose(copy.box[:2] + copy.box[2:], BOX[:2] + BOX[2:])
    np.testing.assert_allclose(copy.box[2:] - copy.box[:2], value * (BOX[2:] - BOX[:2]))


def test_a_box_elsewhere_is_off_by_its_distance_in_a_direction_of_the_face_s_own():
    moves = []
    for name, value in (("a.png", 0.2), ("a.png", 0.4), ("b.png", 0.4)):
        copy = make_copy(face(name), IMAGE, Condition("shift", value), 3)
        assert copy is not None
        np.testing.assert_allclose(copy.box - BOX, np.tile((copy.box - BOX)[:2], 2))
        moves.append((copy.box - BOX)[:2])
        assert np.hypot(*moves[-1]) == pytest.approx(value * (60 * 75) ** 0.5)
    np.testing.assert_allclose(2 * moves[0], moves[1])
    assert not np.allclose(moves[1], moves[2])


@pytest.mark.parametrize("share", OCCLUSIONS)
def test_a_part_is_occluded_where_it_is_said_to_be(share):
    copy = make_copy(face(), IMAGE, Condition("occlusion", share), 3)
    assert copy is not None
    np.testing.assert_array_equal(copy.box, BOX)
    np.testing.assert_array_equal(copy.points, POINTS)
    left, top, right, bottom = occluded_part(face(), share, seed=3)
    assert (right - left) * (bottom - top) == pytest.approx(share * 60 * 75)
    rows, columns = np.indices(IMAGE.shape[:2])
    under = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    changed = (copy.image != IMAGE).any(axis=2)
    np.testing.assert_array_equal(changed, under)
    if share:  # noise over the whole range, or flat grey
        spread = {"noise": 65535 / 12**0.5, "grey": 0.0}[fill_of(face(), seed=3)]
        assert copy.image[under].std() == pytest.approx(spread, rel=0.1)


def test_the_rectangle_belongs_to_the_face_and_the_seed():
    rectangles = {(name, seed): occluded_part(face(name), 0.3, seed) for name in ("a.png", "b.png") for seed in (0, 1)}
    assert len({tuple(rectangle) for rectangle in rectangles.values()}) == 4
    again = [make_copy(face(), IMAGE, Condition("occlusion", 0.3), 0) for _ in range(2)]
    np.testing.assert_array_equal(again[0].image, again[1].image)  # type: ignore[union-attr]


def test_half_of_the_faces_are_occluded_by_noise():
    fills = [fill_of(face(f"{k}.png"), 0) for k in range(100)]
    assert 30 < fills.count("noise") < 70
    assert set(fills) == {"grey", "noise"}


def test_a_rectangle_grows_in_its_place():
    rectangles = [occluded_part(face(), share, 0) for share in OCCLUSIONS[1:]]
    extents = np.array([rectangle[2:] - rectangle[:2] for rectangle in rectangles])
    np.testing.assert_allclose(extents[:, 0] / extents[:, 1], extents[0, 0] / extents[0, 1])
    for inner, outer in itertools.pairwise(rectangles):
        assert (outer[:2] <= inner[:2]).all()
        assert (outer[2:] >= inner[2:]).all()


def test_without_an_image_there_is_no_copy():
    assert make_copy(face(), None, Condition("occlusion", 0.3), 0) is None


def test_a_box_without_a_face_lies_in_the_image_and_away_from_all_faces():
    others = np.array([BOX, [0.0, 0.0, 25.0, 25.0]])
    small = Face("b.png", Path("b.png"), POINTS, np.array([2.0, 2.0, 22.0, 22.0]))
    copy = make_copy(small, IMAGE, Condition("background"), 0, others)
    assert copy is not None
    assert np.isnan(copy.points).all()
    np.testing.assert_array_equal(copy.image, IMAGE)
    common = np.minimum(copy.box[2:], others[:, 2:]) - np.maximum(copy.box[:2], others[:, :2])
    assert (np.maximum(common, 0).prod(axis=1) <= 0.1 * 60 * 75).all()
    filled = Face("c.png", Path("c.png"), POINTS, np.array([0.0, 0.0, 130.0, 120.0]))
    assert make_copy(filled, IMAGE, Condition("background"), 0) is None
