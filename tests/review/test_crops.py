"""Crops of faces: their points lie in them where they lie in the image."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tcdcn_init.review import FaceCrop, crop_face
from tcdcn_init.review.crops import SIDE


def picture(crop: FaceCrop) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(crop.jpeg))) as image:
        assert image.format == "JPEG"
        return np.asarray(image)


@pytest.mark.parametrize("spot", [(300, 200), (3, 2), (630, 470)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_points_lie_on_what_they_lay_on(spot, dtype):
    image = np.zeros((480, 640), dtype=np.float32)
    image[spot[1] - 1 : spot[1] + 2, spot[0] - 1 : spot[0] + 2] = 1.0
    values = image if dtype is np.float32 else (image * np.iinfo(dtype).max).astype(dtype)
    box = (spot[0] - 15, spot[1] - 25, spot[0] + 25, spot[1] + 15)
    crop = crop_face(values, "a.png", 1, [spot], box)
    shown = picture(crop)
    assert shown.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(shown[..., 0] > 200)
    # A pixel is 3 wide there.
    np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], crop.points[0], atol=2.0)
    assert crop.box[0] < crop.points[0][0] < crop.box[2]


def test_a_face_far_larger_than_its_image_is_cropped_all_the_same():
    crop = crop_face(np.full((20, 30, 4), 255, dtype=np.uint8), "a.png", 0, [(10, 10)], (-1e6, -1e6, 1e6, 1e6))
    assert picture(crop).shape == (SIDE, SIDE, 3)
    assert crop_face(np.zeros((20, 30)), "a.png", 0, [(500, 10)]).jpeg  # outside, and of no extent


def test_what_is_known_of_a_face_is_kept(portrait):
    five = [(203, 100), (247, 103), (225, 126), (204, 140), (243, 142)]
    crop = crop_face(portrait, "a.png", 2, five, confidence=0.91239, visible=[0.9, 0.1, 0.9, 0.4, 1.0])
    assert (crop.image, crop.face, crop.confidence, crop.hidden) == ("a.png", 2, 0.9124, [1, 3])
    assert crop.box == []
    unknown = crop_face(portrait, "a.png", 2, five[:2], confidence=float("nan"), visible=np.ones(5))
    assert (unknown.confidence, unknown.hidden) == (None, [])
