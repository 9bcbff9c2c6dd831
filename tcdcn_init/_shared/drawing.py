"""Points and boxes drawn into images, with scikit-image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.images import as_bytes

__all__ = ["BOX_COLOUR", "POINT_COLOUR", "overlay"]

BOX_COLOUR = (255, 190, 0)
POINT_COLOUR = (0, 230, 80)


def overlay(image: Any, shapes: Sequence[ArrayLike] = (), boxes: Sequence[ArrayLike] = ()) -> NDArray[np.uint8]:
    """A colour copy of an image with shapes as dots and boxes as frames.

    Parameters
    ----------
    image : ndarray
        As for `images.as_image`.
    shapes : sequence of (P, 2) array_like
        Points that are not finite are left out.
    boxes : sequence of (4,) array_like

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    from skimage.draw import disk

    pixels = as_bytes(image)
    canvas = np.array(np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels)
    size = canvas.shape[:2]
    for box in boxes:
        _draw_frame(canvas, box, max(1, round(min(size) / 400)))
    for shape in shapes:
        points = np.asarray(shape, dtype=np.float64)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            continue
        # Small enough to tell points apart, large enough to be seen.
        extent = float(np.ptp(points, axis=0).max())
        radius = max(1.0, extent * (0.035 if len(points) <= 5 else 0.015))
        for x, y in points:
            for r, ink in ((radius * 1.6, (0, 0, 0)), (radius, POINT_COLOUR)):
                rows, columns = disk((y, x), r + 0.5, shape=size)
                canvas[rows, columns] = ink
    return canvas


def _draw_frame(canvas: NDArray[np.uint8], box: ArrayLike, width: int) -> None:
    """Four bars around a box, each as much of it as lies in the image."""
    height, length = canvas.shape[:2]
    limits = np.array([length, height, length, height]) + width
    left, top, right, bottom = np.clip(np.rint(np.asarray(box, dtype=np.float64)), -width, limits).astype(int).tolist()
    rows = [(top - width + 1, top + 1), (bottom, bottom + width)]
    columns = [(left - width + 1, left + 1), (right, right + width)]
    across, down = (columns[0][0], columns[1][1]), (rows[0][0], rows[1][1])
    for (y0, y1), (x0, x1) in [(row, across) for row in rows] + [(down, column) for column in columns]:
        canvas[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = BOX_COLOUR
