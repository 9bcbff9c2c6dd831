"""A caller's face boxes, checked against the image."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FARTHEST, BoxLike, as_box


def checked_boxes(
    picture: NDArray[Any], boxes: Sequence[BoxLike] | ArrayLike | None, on_bad: str
) -> NDArray[np.float64]:
    """Boxes of one picture as an array, checked; unusable ones NaN where the caller wants them so."""
    if on_bad not in ("raise", "nan"):
        raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")
    if boxes is None:
        from tcdcn_init.detection import detect_boxes

        return detect_boxes(picture)
    height, width = picture.shape[:2]
    if isinstance(boxes, np.ndarray) and boxes.ndim == 2 and boxes.shape[1] == 4:
        array = boxes.astype(np.float64)
        low, high = array[:, :2], array[:, 2:]
        # All good, the usual case, at once; false for NaN. Otherwise one by one below, to say which and why.
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
