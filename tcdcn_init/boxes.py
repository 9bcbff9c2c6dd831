"""A caller's face boxes, whatever detector they are of, validated against the image."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FARTHEST, BoxFormat, BoxLike, as_box
from tcdcn_init.geometry.box_formats import BOX_FORMATS, stated_box

__all__ = ["boxes_from", "checked_boxes"]

# Where a detector's result keeps its boxes: ultralytics' Boxes and supervision's Detections, ultralytics' Results and
# torchvision's dictionaries, MediaPipe's results.
_COLLECTIONS = ("xyxy", "boxes", "detections")


def boxes_from(
    found: Any,
    image: Any = None,
    *,
    format: BoxFormat | None = None,
    relative: bool = False,
    on_bad: Literal["raise", "nan"] = "raise",
) -> NDArray[np.float64]:
    """Face boxes from what a detector returned.

    Parameters
    ----------
    found : (N, 4) array_like, sequence of boxes, a detector's result, or None
        Bare numbers: (N, 4); (N, 5) with a score from 0 to 1; (N, 6) with a score and a class; (N, 15) of OpenCV's
        YuNet or of RetinaFace's PyTorch version. Or a sequence of things that name them: dlib's rectangles and
        ``mmod_rectangle``, mappings with left, top, right, bottom (x1, ...; xmin, ...) or x, y, w, h, or with such a
        thing or four numbers under bbox, box, rect or facial_area, named tuples, rows of tables. Or a whole result: of
        MediaPipe, ultralytics, supervision, torchvision, retina-face. None, where a detector found nothing, is no box.
    image : image, optional
        As for `initialize`. Relative boxes are multiplied by its size, and boxes wholly outside of it refused.
    format : {"xyxy", "xywh", "cxcywh", "css"}, optional
        The order of bare numbers: (left, top, right, bottom); (left, top, width, height), as of OpenCV; (centre x,
        centre y, width, height), as of YOLO; or (top, right, bottom, left), as of face_recognition. Default: what the
        result itself says, otherwise "xyxy". Numbers under names, such as ``width``, are what these say.
    relative : bool
        The numbers are fractions of the image's width and height. MediaPipe's relative boxes say so themselves.
    on_bad : {"raise", "nan"}
        What a box that is not valid does: raise, or become NaN.

    Returns
    -------
    (N, 4) ndarray of float64
        Pixels, (left, top, right, bottom), in the order of `found`.

    Raises
    ------
    ValueError
        Naming the box and what is wrong with it: no area in this order (and the orders in which it has one), fractions
        without ``relative=True`` or pixels with it, more columns than are understood, wholly outside of the image.

    Examples
    --------
    >>> boxes_from([(40, 30, 100, 120)], format="xywh").tolist()
    [[40.0, 30.0, 140.0, 150.0]]
    >>> boxes_from([(30, 140, 150, 40)], format="css").tolist()
    [[40.0, 30.0, 140.0, 150.0]]
    >>> boxes_from([{"bbox": [40, 30, 140, 150], "score": 0.9}]).tolist()
    [[40.0, 30.0, 140.0, 150.0]]
    >>> boxes_from([(0.1, 0.1, 0.3, 0.5)], np.zeros((300, 400)), relative=True).tolist()
    [[40.0, 30.0, 120.0, 150.0]]
    >>> boxes_from([(30, 140, 150, 40)])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: box number 0: box (30.0, 140.0, 150.0, 40.0) has no area as (left, top, right, bottom); ...
    """
    if format is not None and format not in BOX_FORMATS:
        raise ValueError(f"format is {format!r}; expected one of {', '.join(map(repr, BOX_FORMATS))}")
    size = None
    if image is not None:
        from tcdcn_init.images import as_image

        height, width = as_image(image).shape[:2]
        size = (width, height)
    return _boxes(found, size, format, relative, on_bad)


def checked_boxes(image: NDArray[Any], boxes: Sequence[BoxLike] | ArrayLike, on_bad: str) -> NDArray[np.float64]:
    """Boxes of one image as an array.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    boxes : iterable of boxes, or (N, 4) array_like
        Whatever `boxes_from` understands without being told the format.
    on_bad : {"raise", "nan"}
        What a box that is not valid, or lies wholly outside of the image, does: raise, or become NaN.

    Returns
    -------
    (N, 4) ndarray of float64

    Raises
    ------
    ValueError
        Naming the box and what is wrong with it.
    """
    if on_bad not in ("raise", "nan"):
        raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")
    if boxes is None:
        raise ValueError("boxes is None; expected boxes of faces: detection.detect_boxes(image) finds some")
    height, width = image.shape[:2]
    if type(boxes) is np.ndarray and boxes.shape[1:] == (4,) and boxes.dtype.kind in "iuf":
        array = boxes.astype(np.float64)
        low, high = array[:, :2], array[:, 2:]
        # All valid, the usual case, at once; false for NaN. Otherwise one by one below, to say which and why.
        inside = (high - low >= 1.0) & (low <= (width - 0.5, height - 0.5)) & (high >= -0.5)
        if inside.all() and (np.abs(array) <= FARTHEST).all():
            return array
    return _boxes(boxes, (width, height), None, False, on_bad)


def _boxes(
    found: Any, size: tuple[int, int] | None, format: BoxFormat | None, relative: bool, on_bad: str
) -> NDArray[np.float64]:
    given = _each(found)
    result = np.full((len(given), 4), np.nan)
    for k, item in enumerate(given):
        try:
            box = as_box(item, format=format, relative=relative, size=size)
            if size is not None and _is_outside(box, *size):
                raise ValueError(
                    f"box {tuple(box.tolist())} lies wholly outside of the image of width {size[0]} and height "
                    f"{size[1]}; expected (left, top, right, bottom) in its pixels"
                )
        except ValueError as error:
            if on_bad == "raise":
                raise ValueError(f"box number {k}: {error} (or pass on_bad='nan' to go on without it)") from error
            continue
        result[k] = box
    return result


def _is_outside(box: NDArray[np.float64], width: int, height: int) -> bool:
    return bool(box[0] > width - 0.5 or box[1] > height - 0.5 or box[2] < -0.5 or box[3] < -0.5)


def _each(found: Any) -> list[Any]:
    """The boxes of a detector's result, one by one."""
    if found is None:
        return []
    if isinstance(found, str | bytes):
        raise ValueError(f"boxes is the text {found!r}; expected boxes, or None and detector={found!r}")
    if _is_single(found):
        raise ValueError(f"boxes is a single box {found!r}; expected a list of boxes: wrap it, [box]")
    if isinstance(found, Mapping) or not isinstance(found, Iterable) or hasattr(found, "xyxy"):
        for name in _COLLECTIONS:
            held = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
            if held is not None:
                return _each(held)
        if hasattr(found, "detections"):  # MediaPipe's result of an image without a face
            return []
        if isinstance(found, Mapping):  # retina-face: a mapping of faces by name
            return list(found.values())
        raise ValueError(f"boxes is {found!r}; expected a list of boxes, an array (N, 4), or a detector's result")
    if hasattr(found, "itertuples"):  # a table of pandas, whose own items are its columns
        return list(found.itertuples(index=False))
    if hasattr(found, "detach"):
        found = found.detach().cpu().numpy()
    given = list(found)
    if len(given) >= 4 and all(isinstance(value, numbers.Real) for value in given):
        raise ValueError(f"boxes is a single box {given!r}; expected a list of boxes: wrap it, [box]")
    return given


def _is_single(found: Any) -> bool:
    """Whether this is one box and no collection of them."""
    if hasattr(found, "itertuples") or getattr(getattr(found, "dtype", None), "names", None):
        return getattr(found, "ndim", 1) == 0
    if hasattr(found, "ndim"):
        return found.ndim == 1 and len(found) > 0
    if type(found) in (list, tuple) or isinstance(found, np.ndarray):
        return False
    return stated_box(found) is not None
