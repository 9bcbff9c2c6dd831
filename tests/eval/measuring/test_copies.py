"""Copies of faces: what is hidden is where it is said to be, and nothing else changes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import Face
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, filling, hidden_part, make_copy

BOX = np.array([30.0, 20.0, 90.0, 95.0])
POINTS = np.array([[45, 45], [75, 45], [60, 60], [50, 75], [70, 75]], dtype=np.float32)
PICTURE = np.full((120, 130, 3), 300, dtype=np.uint16)  # a value that noise hardly ever takes
PICTURE.setflags(write=False)


def face(name: str = "a.png") -> Face:
    return Face(name, Path(name), POINTS, BOX)


@pytest.mark.parametrize("share", OCCLUSIONS)
def test_a_part_is_hidden_where_it_is_said_to_be(share):
    copy = make_copy(face(), PICTURE, "occlusion", share, seed=3)
    assert copy is not None
    np.testing.assert_array_equal(copy.box, BOX)
    np.testing.assert_array_equal(copy.points, POINTS)
    left, top, right, bottom = hidden_part(face(), share, seed=3)
    assert (right - left) * (bottom - top) == pytest.approx(share * 60 * 75)
    rows, columns = np.indices(PICTURE.shape[:2])
    under = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    changed = (copy.image != PICTURE).any(axis=2)
    np.testing.assert_array_equal(changed, under)
    if share:  # noise over the whole range, or flat grey
        spread = {"noise": 65535 / 12**0.5, "grey": 0.0}[filling(face(), seed=3)]
        assert copy.image[under].std() == pytest.approx(spread, rel=0.1)


def test_the_rectangle_belongs_to_the_face_and_the_seed():
    rectangles = {(name, seed): hidden_part(face(name), 0.3, seed) for name in ("a.png", "b.png") for seed in (0, 1)}
    assert len({tuple(rectangle) for rectangle in rectangles.values()}) == 4
    again = [make_copy(face(), PICTURE, "occlusion", 0.3, 0) for _ in range(2)]
    np.testing.assert_array_equal(again[0].image, again[1].image)  # type: ignore[union-attr]


def test_half_of_the_faces_are_hidden_by_noise():
    fills = [filling(face(f"{k}.png"), 0) for k in range(100)]
    assert 30 < fills.count("noise") < 70
    assert set(fills) == {"grey", "noise"}


def test_a_rectangle_grows_in_its_place():
    rectangles = [hidden_part(face(), share, 0) for share in OCCLUSIONS[1:]]
    extents = np.array([rectangle[2:] - rectangle[:2] for rectangle in rectangles])
    np.testing.assert_allclose(extents[:, 0] / extents[:, 1], extents[0, 0] / extents[0, 1])
    for inner, outer in itertools.pairwise(rectangles):
        assert (outer[:2] <= inner[:2]).all()
        assert (outer[2:] >= inner[2:]).all()


def test_without_a_picture_there_is_no_copy():
    assert make_copy(face(), None, "occlusion", 0.3, 0) is None
