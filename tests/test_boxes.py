"""Boxes as callers have them, against the image that they are of."""

from __future__ import annotations

from collections import namedtuple
from fractions import Fraction

import dlib
import numpy as np
import pytest
import torch

from tcdcn_init.boxes import checked_boxes

IMAGE = np.zeros((100, 200), dtype=np.uint8)
BOXES = [(10.0, 20.0, 60.0, 80.0), (-5.0, -5.0, 30.0, 30.0)]
Box = namedtuple("Box", "left top right bottom")


@pytest.mark.parametrize(
    "boxes",
    [
        BOXES,
        tuple(BOXES),
        np.array(BOXES),
        np.array(BOXES, dtype=np.int16),
        np.array(BOXES, dtype=">f4"),
        torch.tensor(BOXES),
        torch.tensor(BOXES, requires_grad=True),
        (box for box in BOXES),
        {1: BOXES[0], 2: BOXES[1]}.values(),
        [dlib.rectangle(10, 20, 60, 80), BOXES[1]],
        [Box(*BOXES[0]), np.array(BOXES[1])],
        np.rec.fromarrays(np.transpose(BOXES), names="left,top,right,bottom"),
        [[Fraction(value) for value in map(int, box)] for box in BOXES],
    ],
)
def test_boxes_may_be_of_any_kind(boxes):
    np.testing.assert_array_equal(checked_boxes(IMAGE, boxes, "raise"), BOXES)


@pytest.mark.parametrize("single", [BOXES[0], np.array(BOXES[0]), torch.tensor(BOXES[0]), Box(*BOXES[0])])
def test_a_single_box_is_told_so(single):
    with pytest.raises(ValueError, match=r"is a single box.*wrap it, \[box\]"):
        checked_boxes(IMAGE, single, "raise")


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([BOXES[0], (0.1, 0.2, 0.6, 0.8)], "box number 1: .*smaller than a pixel"),
        (np.array([BOXES[0], (0.1, 0.2, 0.6, 0.8)]), "box number 1: .*smaller than a pixel"),
        (np.ma.masked_invalid([BOXES[0], (10, np.nan, 60, 80)]), "box number 1: .*not finite"),
        (np.array([BOXES[0], (10, 20, 60, 80 + 3j)]), "box number 0: .*not four numbers"),
        ([["10", "20", "60", "80"]], "box number 0: .*not four numbers"),
        ([(300, 20, 350, 80)], "wholly outside of the image of width 200 and height 100"),
        ([(0, 0, 1e300, 1e300)], "beyond 1e\\+12 pixels"),
    ],
)
def test_a_bad_box_is_named_or_becomes_nan(boxes, message):
    with pytest.raises(ValueError, match=message):
        checked_boxes(IMAGE, boxes, "raise")
    found = checked_boxes(IMAGE, boxes, "nan")
    assert np.isnan(found[-1]).all()
    assert found.shape == (len(boxes), 4)


def test_no_boxes_at_all_are_not_a_wish_to_detect():
    with pytest.raises(ValueError, match=r"boxes is None; .*detect_boxes\(image\) finds some"):
        checked_boxes(IMAGE, None, "raise")
