"""Boxes where the caller has none."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from skimage.transform import rescale
from skimage.util import img_as_float, img_as_uint

from tcdcn_init import detection
from tcdcn_init.detection import detect_boxes

DETECTORS = pytest.mark.parametrize("detector", ["skimage", "dlib"])


@pytest.fixture(scope="module")
def found(portrait) -> dict[str, np.ndarray]:
    return {detector: detect_boxes(portrait, detector) for detector in ("skimage", "dlib")}


@DETECTORS
def test_the_portraits_face_is_found(found, detector, portrait_points):
    [box] = found[detector]
    assert (box[:2] < portrait_points).all()
    assert (portrait_points < box[2:]).all()
    assert 70 < box[2] - box[0] < 150


@DETECTORS
def test_kinds_of_pictures_make_no_difference(found, detector, portrait):
    for picture in (img_as_float(portrait), img_as_uint(portrait)):
        np.testing.assert_allclose(detect_boxes(picture, detector), found[detector], atol=4.0)


@DETECTORS
def test_a_large_picture_is_searched_small_and_answered_in_its_own_pixels(found, detector, portrait):
    large = rescale(portrait, 3.0, channel_axis=2, order=1)
    [box] = detect_boxes(large, detector)
    np.testing.assert_allclose(box / 3.0, found[detector][0], atol=12.0)


@DETECTORS
def test_the_largest_face_comes_first(detector, portrait):
    face = portrait[20:220, 120:340]
    small = rescale(face, 0.6, channel_axis=2, anti_aliasing=True)
    picture = np.full((220, 400, 3), 0.5)
    picture[50:170, 10:142] = small
    picture[10:210, 170:390] = img_as_float(face)
    boxes = detect_boxes(picture, detector)
    assert len(boxes) == 2
    assert boxes[0, 0] > 170 > boxes[1, 2]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert areas[0] > areas[1]


@DETECTORS
@pytest.mark.parametrize("shape", [(100, 120), (30, 500), (1, 1), (45, 39)])
def test_where_there_is_no_face_there_are_no_boxes(detector, shape):
    boxes = detect_boxes(np.full(shape, 128, dtype=np.uint8), detector)
    assert boxes.shape == (0, 4)
    assert boxes.dtype == np.float64


def test_dlib_is_taken_where_it_is_installed(found, portrait, monkeypatch):
    np.testing.assert_array_equal(detect_boxes(portrait), found["dlib"])
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "dlib" else find(name, *a))
    np.testing.assert_array_equal(detect_boxes(portrait), found["skimage"])


def test_what_is_missing_or_unknown_is_named(portrait, monkeypatch):
    with pytest.raises(ValueError, match="unknown detector 'opencv'; expected 'auto', 'dlib' or 'skimage'"):
        detect_boxes(portrait, "opencv")
    with pytest.raises(TypeError, match="read it first"):
        detect_boxes("portrait.jpg")
    detection._dlib_detector.cache_clear()
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ImportError, match=r'pip install "tcdcn-init\[dlib\]"'):
        detect_boxes(portrait, "dlib")
