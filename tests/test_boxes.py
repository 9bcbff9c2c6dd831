"""Boxes as callers have them, against the image that they are of."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace

import dlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tcdcn_init import boxes_from, initialize
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


# --- what detectors return

XYWH = [(10.0, 20.0, 50.0, 60.0), (-5.0, -5.0, 35.0, 35.0)]
LANDMARKS = [25.0, 40.0, 45.0, 40.0, 35.0, 50.0, 27.0, 65.0, 43.0, 65.0]


def mmod(box):
    # dlib's own mmod_rectangle comes out of its network alone: it has no constructor.
    return SimpleNamespace(rect=dlib.rectangle(*map(int, box)), confidence=1.05)


@dataclass
class FacialArea:
    """As DeepFace's detectors return it."""

    x: int
    y: int
    w: int
    h: int
    left_eye: tuple[int, int] | None = None


def keyed(names, boxes=BOXES, **more):
    return [dict(zip(names.split(), box, strict=True), **more) for box in boxes]


FOUND = {
    "array with scores": np.array([(*box, 0.9) for box in BOXES]),
    "array with scores and classes": torch.tensor([(*box, 0.9, 0) for box in BOXES]),
    "tuples with scores": [(*box, 1) for box in BOXES],
    "YuNet": np.array([(*box, *LANDMARKS, 0.93) for box in XYWH], dtype=np.float32),
    "RetinaFace's rows": np.array([(*box, 0.99, *LANDMARKS) for box in BOXES], dtype=np.float32),
    "mmod rectangles": [mmod(box) for box in BOXES],
    "rectangles": dlib.rectangles([dlib.rectangle(*map(int, box)) for box in BOXES]),
    "corners": keyed("left top right bottom"),
    "corners, numbered": keyed("x1 y1 x2 y2", score=0.9),
    "corners, named": [{"score": 0.9, "label": "face", "box": box} for box in keyed("xmin ymin xmax ymax")],
    "corners in capitals": keyed("Left Top Right Bottom"),
    "sizes": keyed("x y width height", XYWH),
    "the package mtcnn": [{"box": list(box), "confidence": 0.9, "keypoints": {"nose": (3, 4)}} for box in XYWH],
    "insightface": [{"bbox": np.array(box, dtype=np.float32), "kps": np.zeros((5, 2))} for box in BOXES],
    "COCO": [{"image_id": 3, "category_id": 1, "bbox": list(box)} for box in XYWH],
    "DeepFace": [{"facial_area": dict(box, left_eye=(3, 4)), "confidence": 0.9} for box in keyed("x y w h", XYWH)],
    "DeepFace's dataclass": [FacialArea(*map(int, box)) for box in XYWH],
    "retina-face": {f"face_{k}": {"score": 0.9, "facial_area": list(map(int, box))} for k, box in enumerate(BOXES)},
    "scikit-image's Cascade": [{"r": y, "c": x, "width": w, "height": h} for x, y, w, h in XYWH],
    "torchvision": {"boxes": torch.tensor(BOXES), "labels": torch.ones(2), "scores": torch.tensor([0.9, 0.8])},
    "ultralytics' Boxes": SimpleNamespace(xyxy=torch.tensor(BOXES), conf=torch.ones(2)),
    "ultralytics' Results": SimpleNamespace(boxes=SimpleNamespace(xyxy=torch.tensor(BOXES)), masks=None),
    "named tuples": [namedtuple("Found", "x y w h score")(*box, 0.9) for box in XYWH],
    "table": np.rec.fromarrays(np.transpose(XYWH), names="x,y,width,height"),
    "rows": np.array(list(map(tuple, XYWH)), dtype=[(name, float) for name in ("x", "y", "w", "h")]),
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND.keys())
def test_what_detectors_return_is_understood_as_it_is(found):
    np.testing.assert_allclose(boxes_from(found), BOXES, atol=1e-5)
    np.testing.assert_allclose(checked_boxes(IMAGE, found, "raise"), BOXES, atol=1e-5)


@pytest.mark.parametrize(
    "found",
    [None, (), [], np.zeros((0, 4)), np.zeros(0), torch.zeros((0, 4)), {}, SimpleNamespace(xyxy=torch.zeros((0, 4)))],
)
def test_what_detectors_return_for_no_face_is_no_box(found):
    assert boxes_from(found).shape == (0, 4)


def test_a_table_of_pandas_is_read_by_its_columns():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame(keyed("xmin ymin xmax ymax", confidence=0.9, name="face"))
    np.testing.assert_array_equal(boxes_from(table), BOXES)


def test_mediapipe_results_are_read_whole():
    containers = pytest.importorskip(
        "mediapipe.tasks.python.components.containers", reason="mediapipe is not installed"
    )
    boxes = [containers.BoundingBox(*map(int, box)) for box in XYWH]
    detections = [containers.Detection(box, categories=[]) for box in boxes]
    np.testing.assert_array_equal(boxes_from(containers.DetectionResult(detections)), BOXES)
    np.testing.assert_array_equal(boxes_from(detections), BOXES)
    np.testing.assert_array_equal(boxes_from(boxes), BOXES)


def test_relative_boxes_of_mediapipe_take_the_image_s_size():
    # The messages of mediapipe.solutions: every field is there, whether it was set or not.
    blank = SimpleNamespace(xmin=0, ymin=0, width=0, height=0)
    fractions = [SimpleNamespace(xmin=x / 200, ymin=y / 100, width=w / 200, height=h / 100) for x, y, w, h in XYWH]
    places = [SimpleNamespace(format=2, bounding_box=blank, relative_bounding_box=each) for each in fractions]
    results = SimpleNamespace(detections=[SimpleNamespace(score=[0.9], location_data=place) for place in places])
    np.testing.assert_allclose(boxes_from(results, IMAGE), BOXES)
    np.testing.assert_allclose(checked_boxes(IMAGE, results, "raise"), BOXES)
    with pytest.raises(ValueError, match=r"box number 0: .*give the image too"):
        boxes_from(results)
    assert boxes_from(SimpleNamespace(detections=None)).shape == (0, 4)


@given(
    left=st.floats(-50, 150),
    top=st.floats(-50, 80),
    width=st.floats(60, 300),
    height=st.floats(60, 200),
    relative=st.booleans(),
)
def test_every_format_holds_the_same_box(left, top, width, height, relative):
    right, bottom = left + width, top + height
    scale = np.array([200, 100]) if relative else np.ones(2)
    x, y = np.array([(left, top), (right, bottom)]).T / scale[:, None]
    formats = {
        "xyxy": (x[0], y[0], x[1], y[1]),
        "xywh": (x[0], y[0], x[1] - x[0], y[1] - y[0]),
        "cxcywh": (x.mean(), y.mean(), x[1] - x[0], y[1] - y[0]),
        "css": (y[0], x[1], y[1], x[0]),
    }
    for format, numbers in formats.items():
        found = boxes_from([numbers], IMAGE, format=format, relative=relative)
        np.testing.assert_allclose(found, [(left, top, right, bottom)], atol=1e-9)


@pytest.mark.parametrize(
    ("found", "options", "message"),
    [
        ([(60, 80, 50, 60)], {}, r"no area as \(left, top, right, bottom\); if it is \(left, top, width, height\)"),
        ([(20, 60, 80, 10)], {}, r"or \(top, right, bottom, left\), format='css'"),
        ([(10, 20, 60, 80)], {"format": "css"}, r"no area as \(top, right, bottom, left\)"),
        ([(10, 20, -5, 60)], {"format": "xywh"}, r"no area as \(left, top, width, height\); drop this face"),
        ([{"x1": 60, "y1": 20, "x2": 10, "y2": 80}], {}, "no area as .*drop this face or detect it anew"),
        ([(0.1, 0.2, 0.6, 0.8)], {}, "smaller than a pixel.*relative=True"),
        ([(10, 20, 60, 80)], {"relative": True, "image": IMAGE}, "is not relative.*leave out relative=True"),
        ([(0.1, 0.2, 0.6, 0.8)], {"relative": True}, "give the image too"),
        (np.zeros((2, 7)), {}, r"has 7 numbers; expected 4.*boxes\[:, :4\]"),
        (np.array([(10, 20, 60, 80, 45)]), {}, "has 5 numbers; expected 4, or 5 with a score from 0 to 1"),
        (np.array([(10, 20, 60, 80, 0.5, 0.5)]), {}, "has 6 numbers"),
        (np.zeros((1, 15)), {}, "has 15 numbers"),
        ([(300, 20, 350, 80)], {"image": IMAGE}, "wholly outside of the image of width 200"),
        ([{"name": "face"}], {}, "is not four numbers"),
        ([{"left": "a", "top": 1, "right": 2, "bottom": 3}], {}, "is not four numbers"),
    ],
)
def test_what_cannot_be_right_is_refused(found, options, message):
    with pytest.raises(ValueError, match=f"box number 0: .*{message}"):
        boxes_from(found, **options)
    assert np.isnan(boxes_from(found, **options, on_bad="nan")).all()


@pytest.mark.parametrize("found", [BOXES[0], {"bbox": BOXES[0]}, mmod(BOXES[0]), Box(*BOXES[0]), np.zeros(15)])
def test_one_box_alone_is_told_to_be_wrapped(found):
    with pytest.raises(ValueError, match=r"is a single box.*wrap it, \[box\]"):
        boxes_from(found)


@pytest.mark.parametrize("found", [3.0, object()])
def test_what_is_no_result_at_all_is_refused(found):
    with pytest.raises(ValueError, match=r"expected a list of boxes, an array \(N, 4\), or a detector's result"):
        boxes_from(found)


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="format is 'yxyx'; expected one of 'xyxy', 'xywh', 'cxcywh', 'css'"):
        boxes_from(BOXES, format="yxyx")


def test_a_given_format_wins_over_what_bare_numbers_would_say():
    rows = np.array([(*box, *LANDMARKS, 0.93) for box in BOXES])
    np.testing.assert_array_equal(boxes_from(rows, format="xyxy"), BOXES)
    np.testing.assert_array_equal(boxes_from(keyed("x y w h", XYWH), format="xyxy"), BOXES)  # names leave no choice


def test_the_door_takes_a_detector_s_rows():
    from skimage.data import astronaut

    [face] = initialize(astronaut(), np.array([(170.0, 70.0, 275.0, 205.0, 0.99)]))
    [same] = initialize(astronaut(), [{"x": 170, "y": 70, "w": 105, "h": 135}])
    np.testing.assert_array_equal(face.points, same.points)


def test_no_boxes_at_all_are_not_a_wish_to_detect():
    with pytest.raises(ValueError, match=r"boxes is None; .*detect_boxes\(image\) finds some"):
        checked_boxes(IMAGE, None, "raise")
