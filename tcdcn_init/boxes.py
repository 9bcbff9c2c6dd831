"""A caller's face boxes, validated against the image."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FARTHEST, BoxLike, as_box

__all__ = ["checked_boxes"]


def checked_boxes(image: NDArray[Any], boxes: Sequence[BoxLike] | ArrayLike, on_bad: str) -> NDArray[np.float64]:
    """Boxes of one image as an array.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    boxes : iterable of boxes, (N, 4) array_like
        Each as for `geometry.as_box`.
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
    if _is_single(boxes):
        raise ValueError(f"boxes is a single box {boxes!r}; expected a list of boxes: wrap it, [box]")
    given = list(boxes)  # type: ignore[arg-type]
    if len(given) == 4 and all(isinstance(value, numbers.Real) for value in given):
        raise ValueError(f"boxes is a single box {given!r}; expected a list of boxes: wrap it, [box]")
    result = np.full((len(given), 4), np.nan)
    for k, item in enumerate(given):
        try:
            box = as_box(item)
            if box[0] > width - 0.5 or box[1] > height - 0.5 or box[2] < -0.5 or box[3] < -0.5:
                raise ValueError(
                    f"box {tuple(box.tolist())} lies wholly outside of the image of width {width} and height {height}; "
                    "expected (left, top, right, bottom) in its pixels"
                )
        except ValueError as error:
            if on_bad == "raise":
                raise ValueError(f"box number {k}: {error} (or pass on_bad='nan' to go on without it)") from error
            continue
        result[k] = box
    return result


def _is_single(boxes: Any) -> bool:
    bottom = getattr(boxes, "bottom", None)
    if bottom is not None:
        return bool(np.ndim(bottom() if callable(bottom) else bottom) == 0)  # of a table it is a column
    return getattr(boxes, "ndim", None) == 1
