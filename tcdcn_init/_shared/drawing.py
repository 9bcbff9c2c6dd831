"""Points and boxes drawn into pictures, with scikit-image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOX_COLOUR = (255, 190, 0)
POINT_COLOUR = (0, 230, 80)


def overlay(
    picture: NDArray[Any], shapes: Sequence[ArrayLike] = (), boxes: Sequence[ArrayLike] = ()
) -> NDArray[np.uint8]:
    """A colour copy of a picture with shapes as dots and boxes as frames.

    Parameters
    ----------
    picture : ndarray
        As for `initialize`.
    shapes : sequence of (P, 2) array_like
    boxes : sequence of (4,) array_like

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    from skimage.color import gray2rgb, rgba2rgb
    from skimage.draw import disk
    from skimage.util import img_as_ubyte

    colour = gray2rgb(picture) if picture.ndim == 2 else picture
    if colour.shape[2] == 4:
        colour = rgba2rgb(colour)
    canvas = np.array(img_as_ubyte(colour))
    size = canvas.shape[:2]
    for box in boxes:
        _frame(canvas, np.asarray(box, dtype=np.float64), max(1, round(min(size) / 400)))
    for shape in shapes:
        points = np.asarray(shape, dtype=np.float64)
        # Small enough to tell points apart, large enough to be seen.
        extent = float(np.ptp(points, axis=0).max())
        radius = max(1.0, extent * (0.035 if len(points) <= 5 else 0.015))
        for x, y in points:
            for r, ink in ((radius * 1.6, (0, 0, 0)), (radius, POINT_COLOUR)):
                rows, columns = disk((y, x), r + 0.5, shape=size)
                canvas[rows, columns] = ink
    return canvas


def _frame(canvas: NDArray[np.uint8], box: NDArray[np.float64], width: int) -> None:
    """Draw a frame around a box, by slices alone: skimage.draw.rectangle_perimeter asks for matplotlib."""
    height, length = canvas.shape[:2]
    left, right = np.clip(np.rint(box[0::2]), 0, length - 1).astype(int)
    top, bottom = np.clip(np.rint(box[1::2]), 0, height - 1).astype(int)
    outer = canvas[max(top - width, 0) : bottom + width + 1, max(left - width, 0) : right + width + 1]
    inner = canvas[top : bottom + 1, left : right + 1].copy()
    outer[:] = BOX_COLOUR
    canvas[top : bottom + 1, left : right + 1] = inner
