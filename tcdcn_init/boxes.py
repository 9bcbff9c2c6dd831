"""A caller's face boxes, validated against the image."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FARTHEST, BoxLike, as_box

__all__ = ["checked_boxes"]


def checked_boxes(image: NDArray[Any], boxes: Sequence[BoxLike] | ArrayLike | None, on_bad: str) -> NDArray[np.float64]:
    """Boxes of one image as an array, validated; with ``on_bad="nan"`` those that are not valid are NaN."""
    if on_bad not in ("raise", "nan"):
        raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")
    if boxes is None:
        from tcdcn_init.detection import detect_boxes

        return detect_boxes(image)
    height, width = image.shape[:2]
    if isinstance(boxes, np.ndarray) and boxes.ndim == 2 and boxes.shape[1] == 4:
        array = boxes.astype(np.float64)
        low, high = array[:, :2], array[:, 2:]
        # All valid, the usual case, at once; false for NaN. Otherwise one by one below, to say which and why.
        if ((low < high) & (low <= (width - 0.5, height - 0.5)) & (high >= -0.5)).all() and (
            np.abs(array) < FARTHEST
        ).all():
            return array
    if hasattr(boxes, "bottom") or (len(boxes) == 4 and all(isinstance(value, numbers.Real) for value in boxes)):  # type: ignore[arg-type,union-attr]
        raise ValueError(f"boxes is a single box {boxes!r}; expected a list of boxes: wrap it, [box]")
    result = np.full((len(boxes), 4), np.nan)  # type: ignore[arg-type]
    for k, item in enumerate(boxes):  # type: ignore[arg-type]
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
