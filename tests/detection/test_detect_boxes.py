"""Boxes where the caller has none."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage.transform import rescale
from skimage.util import img_as_float, img_as_uint

from tcdcn_init.detection import detect_boxes

DETECTORS = pytest.mark.parametrize("detector", ["tcdcn", "skimage", "dlib"])


@pytest.fixture(scope="module")
def picture(portrait) -> np.ndarray:
    """The part of the portrait with the head."""
    return np.ascontiguousarray(portrait[:300, 60:360])


@pytest.fixture(scope="module")
def found(picture) -> dict[str, np.ndarray]:
    return {detector: detect_boxes(picture, detector) for detector in ("tcdcn", "skimage", "dlib")}


@DETECTORS
def test_the_portraits_face_is_found(found, detector, portrait_points):
    [box] = found[detector]
    assert (box[:2] < portrait_points - (60, 0)).all()
    assert (portrait_points - (60, 0) < box[2:]).all()
    assert 70 < box[2] - box[0] < 150


@DETECTORS
def test_kinds_of_images_make_no_difference(found, detector, picture):
    for image in (img_as_float(picture), img_as_uint(picture)):
        np.testing.assert_allclose(detect_boxes(image, detector), found[detector], atol=4.0)


@DETECTORS
def test_a_large_image_is_searched_small_and_answered_in_its_own_pixels(found, detector, picture):
    large = rescale(picture, 3.0, channel_axis=2, order=1)
    [box] = detect_boxes(large, detector)
    np.testing.assert_allclose(box / 3.0, found[detector][0], atol=12.0)


@DETECTORS
def test_the_largest_face_comes_first(detector, portrait):
    face = portrait[20:220, 120:340]
    small = rescale(face, 0.6, channel_axis=2, anti_aliasing=True)
    image = np.full((220, 400, 3), 0.5)
    image[50:170, 10:142] = small
    image[10:210, 170:390] = img_as_float(face)
    boxes = detect_boxes(image, detector)
    assert len(boxes) == 2
    assert boxes[0, 0] > 170 > boxes[1, 2]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert areas[0] > areas[1]


@DETECTORS
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_pixels_that_are_not_finite_hide_no_face_beside_them(detector, picture, factor):
    image = rescale(picture, factor, channel_axis=2)
    expected = detect_boxes(image, detector)
    image[-60:, :60] = np.nan
    image[-60:, -60:] = np.inf
    np.testing.assert_allclose(detect_boxes(image, detector), expected, atol=3.0)


@DETECTORS
@pytest.mark.parametrize("shape", [(100, 120), (30, 500), (1, 1), (45, 39)])
def test_where_there_is_no_face_there_are_no_boxes(detector, shape):
    boxes = detect_boxes(np.full(shape, 128, dtype=np.uint8), detector)
    assert boxes.shape == (0, 4)
    assert boxes.dtype == np.float64


def test_the_networks_own_search_is_taken_and_needs_no_dlib(found, picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    np.testing.assert_array_equal(detect_boxes(picture), found["tcdcn"])


def test_what_is_missing_or_unknown_is_named(picture, monkeypatch):
    with pytest.raises(ValueError, match="unknown detector 'opencv'; expected one of auto, dlib, skimage, tcdcn"):
        detect_boxes(picture, "opencv")
    with pytest.raises(TypeError, match="read it first"):
        detect_boxes("portrait.jpg")
    monkeypatch.setitem(sys.modules, "dlib", None)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ImportError, match=r'pip install "tcdcn-init\[dlib\]"'):
        pool.submit(detect_boxes, picture, "dlib").result()  # a thread that has no detector yet
