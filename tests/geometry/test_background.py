"""Boxes without a face lie inside the image and away from every face."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcdcn_init.geometry.background import OVERLAP, SIDES, background_box


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    common = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common))


@given(
    seed=st.integers(0, 1000),
    width=st.integers(100, 500),
    height=st.integers(100, 500),
    faces=st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(20, 120)), min_size=1, max_size=3),
)
def test_a_box_is_square_inside_and_apart(seed, width, height, faces):
    boxes = np.array([(x, y, x + side, y + side) for x, y, side in faces])
    box = background_box((width, height), boxes, np.random.default_rng(seed))
    if box is None:
        return
    side = box[2] - box[0]
    assert box[3] - box[1] == np.float64(side) or abs(box[3] - box[1] - side) < 1e-9
    assert (box[:2] >= -0.5).all()
    assert box[2] <= width - 0.5 + 1e-9
    assert box[3] <= height - 0.5 + 1e-9
    sides = boxes[:, 2] - boxes[:, 0]
    assert SIDES[0] * sides.min() - 1e-9 <= side <= SIDES[1] * sides.max() + 1e-9
    assert max(overlap(box, face) for face in boxes) <= OVERLAP + 1e-12


def test_an_image_full_of_face_has_no_background():
    assert background_box((80, 80), [(0, 0, 80, 80)], np.random.default_rng(0)) is None
