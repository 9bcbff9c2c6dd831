"""Frames, and cutouts over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from tcdcn_init.adapters.cascade.frames import SeededFrames, cut_out
from tcdcn_init.adapters.ert import (
    frames_from_boxes,
)
from tcdcn_init.geometry import (
    invert,
    rotation,
    transform_points,
)

PORTRAIT = astronaut()


def test_the_aspect_of_the_training_boxes_is_undone():
    mean = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    seeded = SeededFrames(mean, aspect=0.5)
    face_points = transform_points(rotation(30), mean * [50, 100])
    np.testing.assert_allclose(transform_points(seeded.from_points(face_points), mean), face_points, atol=1e-9)
    np.testing.assert_allclose(seeded.from_shapes(face_points), seeded.from_points(face_points), atol=1e-9)
    np.testing.assert_allclose(seeded.from_annotations(face_points), seeded.from_points(face_points), atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.floats(-180, 180), st.floats(40, 300), st.floats(0.5, 2), st.integers(16, 300))
@example(roll=0.0, size=144.25, aspect=1.55078125, side=112)  # a pitch just below 2, where the bound is reached
def test_a_cutout_holds_the_image_where_it_says(roll, size, aspect, side):
    pytest.importorskip("dlib")
    rows, columns = np.mgrid[:200, :260]
    ramp = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.float64)
    image = np.minimum(ramp.sum(axis=2) / 2, 255).astype(np.uint8)
    turn = rotation(roll)[:, :2] * [size * aspect, size]
    frame = np.concatenate([turn, (np.array([130, 100]) - turn @ [0.5, 0.5])[:, None]], axis=1)
    cutout = cut_out(image, frame, side, 0.25)
    left, top, right, bottom = cutout.box
    assert max(right - left, bottom - top) == side
    corners = transform_points(cutout.to_image, [[left, top], [right, top], [left, bottom]])
    np.testing.assert_allclose(corners, transform_points(frame, [[0, 0], [1, 0], [0, 1]]), atol=1e-6)
    # Pixels well inside the image are the ramp at the place that the map gives.
    v, u = np.mgrid[: cutout.image.shape[0], : cutout.image.shape[1]]
    x, y = np.moveaxis(transform_points(cutout.to_image, np.stack([u, v], axis=-1)), -1, 0)
    # A pixel of the cutout is a mean over its pitch: near the border, dlib's is one with what lies outside. Grey
    # levels are rounded twice, in the ramp and in dlib's interpolation, and places to the nearest pixel of the ramp.
    near = max(8.0, 1.5 * size * max(aspect, 1.0) / side)
    inside = (x > near) & (x < 260 - near) & (y > near) & (y < 200 - near)
    assert inside.any()
    assert np.abs(cutout.image[inside].astype(float) - (x + y)[inside] / 2).max() <= 2.0
    far = (x < -9) | (x > 269) | (y < -9) | (y > 209)
    assert (cutout.image[far] == 0).all()


def test_a_cutout_outside_the_picture_is_black():
    pytest.importorskip("dlib")
    cutout = cut_out(PORTRAIT, frames_from_boxes([[900, 900, 990, 990]])[0], 50, 0.2)
    assert cutout.image.shape == (71, 71)
    assert not cutout.image.any()


def test_a_frame_of_a_box_is_the_unit_square_stretched():
    np.testing.assert_allclose(invert(frames_from_boxes([0, 0, 2, 4])), [[0.5, 0, 0], [0, 0.25, 0]])
