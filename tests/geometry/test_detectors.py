"""Five points of other detectors, by answers that their own documentation gives."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.geometry import FIVE_POINTS, five_from

# The answer to one photograph in mtcnn's documentation, whose "left" is the image's.
MTCNN = {
    "nose": (303, 131),
    "mouth_right": (313, 141),
    "right_eye": (314, 114),
    "left_eye": (291, 117),
    "mouth_left": (296, 143),
}
# That of retina-face, whose "left" is the person's: its right eye lies on the left of the image.
RETINAFACE = {
    "right_eye": [257.82974, 209.64787],
    "left_eye": [374.93427, 251.78687],
    "nose": [303.4773, 299.91144],
    "mouth_right": [228.37329, 338.73193],
    "mouth_left": [320.21982, 374.58798],
}
FACE = np.array([[291, 117], [314, 114], [303, 131], [296, 143], [313, 141]], dtype=np.float64)


def test_names_of_the_image_and_of_the_person():
    np.testing.assert_array_equal(five_from("mtcnn", MTCNN), FACE)
    found = five_from("retinaface", RETINAFACE)
    assert found[0].tolist() == RETINAFACE["right_eye"]
    assert found[3].tolist() == RETINAFACE["mouth_right"]
    assert found[0, 0] < found[1, 0]
    assert found[3, 0] < found[4, 0]


@pytest.mark.parametrize("detector", ["yunet", "scrfd", "retinaface", "mtcnn"])
def test_numbers_of_every_detector_begin_on_the_left_of_the_image(detector):
    np.testing.assert_array_equal(five_from(detector, FACE.astype(np.float32)), FACE)
    flat = FACE.T if detector == "mtcnn" else FACE  # David Sandberg's: all x, then all y
    np.testing.assert_array_equal(five_from(detector, flat.ravel()), FACE)


def test_a_row_of_yunet_holds_box_points_and_score():
    row = np.concatenate([[277, 90, 48, 63], FACE.ravel(), [0.99]]).astype(np.float32)
    np.testing.assert_array_equal(five_from("yunet", row), FACE)
    np.testing.assert_array_equal(five_from("yunet", row[:-1]), FACE)
    with pytest.raises(ValueError, match=r"of scrfd, the points have shape \(15,\); expected those of one face"):
        five_from("scrfd", row)


@pytest.mark.parametrize("detector", ["yunet", "scrfd", "retinaface", "mtcnn"])
def test_a_wrong_order_names_the_right_one(detector):
    mirrored = FACE[[1, 0, 2, 4, 3]]
    with pytest.raises(ValueError, match=f"of {detector}, the points are in mirrored order; expected .* left of the"):
        five_from(detector, mirrored)
    mouth_first = FACE[[4, 3, 2, 1, 0]]
    with pytest.raises(ValueError, match=f"of {detector}, the points stand on their head .*{FIVE_POINTS[0]}"):
        five_from(detector, mouth_first)
    rows_first = FACE[:, ::-1]
    with pytest.raises(ValueError, match="mirrored order"):
        five_from(detector, rows_first)


def test_names_of_another_detector_are_mirrored():
    with pytest.raises(ValueError, match="of mtcnn, the points are in mirrored order"):
        five_from("mtcnn", RETINAFACE)
    with pytest.raises(ValueError, match=r"of retinaface, the points are in mirrored order; expected .* person's own"):
        five_from("retinaface", MTCNN)


@pytest.mark.parametrize(
    ("detector", "points", "message"),
    [
        ("dlib", FACE, "detector is 'dlib'; expected one of yunet, scrfd"),
        ("scrfd", FACE[None], r"have shape \(1, 5, 2\)"),
        ("yunet", "no points", "are no numbers"),
        ("mtcnn", {"left_eye": (1, 2)}, "have no right_eye, nose, mouth_left, mouth_right, only left_eye"),
        ("scrfd", FACE / 1000, "lie within a pixel"),
        ("scrfd", FACE * np.nan, "not finite"),
    ],
)
def test_what_is_no_face_of_a_detector(detector, points, message):
    with pytest.raises(ValueError, match=message):
        five_from(detector, points)
