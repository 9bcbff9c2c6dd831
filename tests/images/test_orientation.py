"""EXIF's orientation: pixels, and points that go with them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from tcdcn_init.images import is_mirrored, orientation_of, points_as_shown, points_as_stored, read_image

POINT = (4, 1)  # x, y of the bright pixel, as stored
STORED = np.zeros((3, 7), dtype=np.uint8)
STORED[POINT[1], POINT[0]] = 255


def save(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(STORED).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_points_go_where_viewers_show_their_pixels(tmp_path, orientation, suffix):
    path = save(tmp_path / f"a{suffix}", orientation)
    assert orientation_of(path) == orientation
    pixels = read_image(path)
    if suffix == ".png":
        np.testing.assert_array_equal(pixels, np.asarray(ImageOps.exif_transpose(Image.open(path))))
    y, x = np.unravel_index(np.argmax(pixels), pixels.shape)
    size = pixels.shape[::-1]
    assert points_as_shown(POINT, orientation, size).tolist() == [x, y]
    assert points_as_stored([x, y], orientation, size).tolist() == list(POINT)


def test_left_and_right_change_places_in_mirrored_ones_alone():
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]])

    def turns_right(points):
        first, second = points[1] - points[0], points[2] - points[0]
        return bool(first[0] * second[1] - first[1] * second[0] > 0)

    for orientation in range(1, 9):
        moved = points_as_shown(triangle, orientation, (9, 9))
        assert turns_right(moved) != is_mirrored(orientation)


def test_what_has_no_orientation_is_upright(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(STORED).save(tmp_path / "plain.png")
    assert orientation_of(tmp_path / "text.jpg") == orientation_of(tmp_path / "plain.png") == 1
    assert orientation_of(tmp_path / "gone.png") == 1
    assert orientation_of(save(tmp_path / "odd.png", 77)) == 1
