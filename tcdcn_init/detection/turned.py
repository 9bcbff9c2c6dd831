"""Detectors of upright faces on turned copies of an image: faces that lie or stand on their head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection.hits import Hits

__all__ = ["QUARTERS", "search_turned", "turned_back"]

QUARTERS = (1, 3, 2)
"""Quarter turns against the clock, as `numpy.rot90` counts them."""


def search_turned(
    search: Callable[[NDArray[Any]], Hits], image: NDArray[Any], quarters: Sequence[int] = QUARTERS
) -> Hits:
    """Hits on copies of an image turned by quarters, in the image's own pixels."""
    found = [(k, search(np.rot90(image, k))) for k in quarters]
    boxes = [turned_back(hits.boxes, k, image.shape[:2]) for k, hits in found]
    return Hits(np.concatenate(boxes), np.concatenate([hits.scores for _, hits in found]))


def turned_back(boxes: NDArray[np.float64], quarters: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Boxes of an image that `numpy.rot90` turned, in the image itself.

    Parameters
    ----------
    boxes : (N, 4) ndarray
    quarters : int
    shape : (height, width)
        Of the image itself.

    Examples
    --------
    >>> image = np.zeros((3, 5), dtype=int)
    >>> image[0, 3:5] = 1
    >>> np.argwhere(np.rot90(image)).tolist()
    [[0, 0], [1, 0]]
    >>> turned_back(np.array([[0.0, 0.0, 0.0, 1.0]]), 1, image.shape).tolist()
    [[3.0, 0.0, 4.0, 0.0]]
    """
    height, width = shape
    left, top, right, bottom = boxes.T
    if quarters % 4 == 1:
        sides = [width - 1 - bottom, left, width - 1 - top, right]
    elif quarters % 4 == 2:
        sides = [width - 1 - right, height - 1 - bottom, width - 1 - left, height - 1 - top]
    elif quarters % 4 == 3:
        sides = [top, height - 1 - right, bottom, height - 1 - left]
    else:
        sides = [left, top, right, bottom]
    return np.stack(sides, axis=1)
