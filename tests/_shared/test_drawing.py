"""Dots and frames."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init._shared.drawing import BOX_COLOUR, POINT_COLOUR, overlay

FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


@pytest.mark.parametrize("channels", [None, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_points_and_boxes_are_drawn_into_a_copy(channels, dtype):
    shape = (100, 120) if channels is None else (100, 120, channels)
    image = np.zeros(shape, dtype=dtype)
    image[99, 119] = 1 if dtype == np.float64 else np.iinfo(dtype).max
    if channels == 4:
        image[..., 3] = 1 if dtype == np.float64 else np.iinfo(dtype).max
    before = image.copy()
    drawn = overlay(image, [FIVE], [(10, 5, 90, 95)])
    assert drawn.shape == (100, 120, 3)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    for x, y in FIVE.astype(int):
        assert tuple(drawn[y, x]) == POINT_COLOUR
    frame = (drawn == BOX_COLOUR).all(axis=2)
    rows, columns = frame.any(axis=1).nonzero()[0], frame.any(axis=0).nonzero()[0]
    np.testing.assert_allclose([columns[0], rows[0], columns[-1], rows[-1]], [10, 5, 90, 95], atol=1)
    assert not frame[10:90, 15:85].any()
    assert tuple(drawn[50, 30]) == (0, 0, 0)


def test_what_lies_beyond_the_border_is_cut_off():
    drawn = overlay(np.zeros((50, 50), dtype=np.uint8), [FIVE - 40, FIVE + 300], [(-20, -20, 30, 80)])
    assert tuple(drawn[20, 10]) == POINT_COLOUR
    assert (drawn[5:15, 29:32] == BOX_COLOUR).all(axis=2).any(axis=1).all()
    np.testing.assert_array_equal(overlay(np.zeros((50, 50), dtype=np.uint8)), 0)


def test_a_dense_shape_has_smaller_dots():
    blank = np.zeros((200, 200), dtype=np.uint8)
    dense = np.random.default_rng(0).uniform(20, 180, size=(68, 2))

    def ink(shape: np.ndarray) -> float:
        return (overlay(blank, [shape]) == POINT_COLOUR).all(axis=2).sum() / len(shape)

    assert ink(dense) < ink(np.vstack([dense[:4], [[20, 20]]]))
