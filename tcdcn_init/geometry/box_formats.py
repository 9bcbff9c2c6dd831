"""What detectors call a box: four numbers in one of four orders, bare, under names, or in an object of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry.numbers import as_numbers

__all__ = ["BOX_FORMATS", "BoxFormat", "StatedBox", "corners", "stated_box"]

BoxFormat: TypeAlias = Literal["xyxy", "xywh", "cxcywh", "css"]

BOX_FORMATS: dict[BoxFormat, str] = {
    "xyxy": "(left, top, right, bottom)",
    "xywh": "(left, top, width, height)",
    "cxcywh": "(centre x, centre y, width, height)",
    "css": "(top, right, bottom, left)",
}
"""The orders of four numbers, each as it is said in words."""

assert tuple(BOX_FORMATS) == get_args(BoxFormat)

# Names of four numbers, in lower case; the first set that a thing has all names of.
_NAMES: tuple[tuple[tuple[str, str, str, str], BoxFormat], ...] = (
    (("left", "top", "right", "bottom"), "xyxy"),
    (("x1", "y1", "x2", "y2"), "xyxy"),
    (("xmin", "ymin", "xmax", "ymax"), "xyxy"),
    (("x_min", "y_min", "x_max", "y_max"), "xyxy"),
    (("left", "top", "width", "height"), "xywh"),
    (("x", "y", "w", "h"), "xywh"),
    (("x", "y", "width", "height"), "xywh"),
    (("xmin", "ymin", "width", "height"), "xywh"),  # MediaPipe
    (("origin_x", "origin_y", "width", "height"), "xywh"),  # MediaPipe's tasks
    (("c", "r", "width", "height"), "xywh"),  # scikit-image's Cascade
    (("cx", "cy", "w", "h"), "cxcywh"),
)

# Names under which a face has its box, which is numbers or again a thing with names; each with what numbers mean there.
_HOLDERS: tuple[tuple[str, BoxFormat | None], ...] = (
    ("rect", None),  # dlib's mmod_rectangle
    ("relative_bounding_box", None),
    ("bounding_box", None),
    ("boundingbox", None),
    ("location_data", None),
    ("facial_area", "xyxy"),  # retina-face; a dict of DeepFace
    ("face_rectangle", None),
    ("facerectangle", None),
    ("box", None),
    ("bbox", None),
)


class StatedBox(NamedTuple):
    """Four numbers, and what the thing they were found in says of them.

    Attributes
    ----------
    numbers : (4,) ndarray of float64
    format : BoxFormat or None
        Their order; None where the thing does not say.
    certain : bool
        Whether the numbers have names, so that no other order is possible.
    relative : bool
        Whether they are said to be fractions of the image's width and height.
    """

    numbers: NDArray[np.float64]
    format: BoxFormat | None = None
    certain: bool = False
    relative: bool = False


def stated_box(box: Any) -> StatedBox | None:
    """Find the four numbers of a box in what a detector calls a face.

    Parameters
    ----------
    box : object
        Four numbers, five with a score from 0 to 1, six with a score and a class, or the 15 of YuNet or of RetinaFace's
        PyTorch version; or a mapping, named tuple, row of a table or object with names such as left, top, right,
        bottom or x, y, w, h; or one that holds such a thing under a name such as bbox, rect or facial_area.

    Returns
    -------
    StatedBox or None
        None where there are no four numbers.

    Raises
    ------
    ValueError
        If there are more than four numbers and it is not clear what they are.

    Examples
    --------
    >>> stated_box({"x": 10, "y": 20, "w": 100, "h": 120}).format
    'xywh'
    >>> stated_box([10, 20, 110, 140, 0.98]).numbers.tolist()
    [10.0, 20.0, 110.0, 140.0]
    """
    get = _reader(box)
    if get is None:
        return _of_numbers(box)
    for names, order in _NAMES:
        values = [get(name) for name in names]
        if all(value is not None for value in values):
            numbers = as_numbers(values)
            if numbers is None or numbers.shape != (4,):
                return None
            return StatedBox(numbers, order, True, type(box).__name__ == "RelativeBoundingBox")
    for name, format in _HOLDERS:
        held = get(name)
        found = None if held is None else stated_box(held)
        if found is None or not found.numbers.any():  # a message of MediaPipe has all fields, blank ones too
            continue
        if name == "bbox" and (get("category_id") is not None or get("image_id") is not None):
            format = "xywh"  # an annotation of COCO
        if name == "box" and get("keypoints") is not None:
            format = "xywh"  # the package mtcnn
        stated = found.format or format
        return found._replace(format=stated, relative=found.relative or name == "relative_bounding_box")
    return _of_numbers(box)


def _reader(thing: Any) -> Callable[[str], Any] | None:
    """What gives a thing's value by a name in lower case, None where it has none; None of a thing without names."""
    if type(thing) in (list, tuple):
        return None
    names = getattr(getattr(thing, "dtype", None), "names", None)
    if names:
        return {name.lower(): thing[name] for name in names}.get
    if isinstance(thing, np.ndarray | str | bytes) or hasattr(thing, "detach"):
        return None
    if isinstance(thing, Mapping):
        return {str(key).lower(): value for key, value in thing.items()}.get

    def attribute(name: str) -> Any:
        value = getattr(thing, name, None)
        return value() if callable(value) else value

    return attribute


def _of_numbers(values: Any) -> StatedBox | None:
    numbers = as_numbers(values)
    if numbers is None or numbers.ndim != 1 or len(numbers) < 4:
        return None
    four, count = numbers[:4], len(numbers)
    if count == 4:
        return StatedBox(four)
    scores = (numbers >= 0) & (numbers <= 1)
    if count == 15 and scores[14] != scores[4]:
        return StatedBox(four, "xywh" if scores[14] else "xyxy")
    if (count == 5 and scores[4]) or (count == 6 and scores[4] and numbers[5] >= 0 and numbers[5] % 1 == 0):
        return StatedBox(four)
    raise ValueError(
        f"box {tuple(numbers.tolist())} has {count} numbers; expected 4, or 5 with a score from 0 to 1, 6 with a score "
        "and a class, 15 of YuNet: pass the four of the box alone, as boxes[:, :4]"
    )


def corners(numbers: NDArray[np.float64], format: BoxFormat) -> NDArray[np.float64]:
    """(left, top, right, bottom) of four numbers in one of `BOX_FORMATS`.

    Parameters
    ----------
    numbers : (4,) ndarray
    format : {"xyxy", "xywh", "cxcywh", "css"}

    Returns
    -------
    (4,) ndarray

    Examples
    --------
    >>> corners(np.array([20.0, 110.0, 140.0, 10.0]), "css").tolist()
    [10.0, 20.0, 110.0, 140.0]
    """
    if format == "css":
        return numbers[[3, 0, 1, 2]]
    if format == "xyxy":
        return numbers
    start, extent = numbers[:2], numbers[2:]
    if format == "cxcywh":
        start = start - extent / 2
    return np.concatenate([start, start + extent])
