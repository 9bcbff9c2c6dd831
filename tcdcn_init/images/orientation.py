"""EXIF's orientation: how a viewer turns the pixels that a file stores, and what becomes of points.

Phones store portraits lying. Most viewers, browsers and OpenCV turn them, and call points by what they show; others,
such as dlib, take pixels as they are stored.

References
----------
CIPA DC-008: Exchangeable image file format for digital still cameras, tag 0x0112.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ORIENTATION", "is_mirrored", "points_as_shown", "points_as_stored", "shown", "stored"]

ORIENTATION = 274
"""The tag's number in EXIF and TIFF."""


def is_mirrored(orientation: int) -> bool:
    """Whether an orientation exchanges left and right: 2, 4, 5 and 7, which no camera writes.

    Examples
    --------
    >>> [orientation for orientation in range(1, 9) if is_mirrored(orientation)]
    [2, 4, 5, 7]
    """
    return orientation in (2, 4, 5, 7)


def shown(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels as viewers show them.

    Parameters
    ----------
    pixels : (H, W) or (H, W, C) ndarray
    orientation : int
        1 to 8; others mean 1, as viewers have it.

    Examples
    --------
    >>> shown(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    if 5 <= orientation <= 8:
        pixels = np.swapaxes(pixels, 0, 1)
    across, down = _mirrored(orientation)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def stored(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Shown pixels as the file stores them: the opposite of `shown`."""
    return shown(pixels, {6: 8, 8: 6}.get(orientation, orientation))  # only the quarter turns are not their own


def points_as_shown(points: ArrayLike, orientation: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Points of the stored pixels where viewers show them.

    Parameters
    ----------
    points : (..., 2) array_like
        x, y; pixel centres at integers.
    orientation : int
        As for `shown`.
    size : (width, height)
        Of the image as it is shown.

    Examples
    --------
    >>> points_as_shown([[2, 0]], 6, (1, 3)).tolist()
    [[0.0, 2.0]]
    """
    given = np.asarray(points, dtype=np.float64)
    return _flipped(given[..., ::-1] if 5 <= orientation <= 8 else given, orientation, size)


def points_as_stored(points: ArrayLike, orientation: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Points of the image as it is shown, where they are in the stored pixels; parameters as of `points_as_shown`.

    Examples
    --------
    >>> points_as_stored([[0, 2]], 6, (1, 3)).tolist()
    [[2.0, 0.0]]
    """
    given = _flipped(np.asarray(points, dtype=np.float64), orientation, size)
    return given[..., ::-1] if 5 <= orientation <= 8 else given


def _mirrored(orientation: int) -> tuple[bool, bool]:
    return orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)


def _flipped(points: NDArray[np.float64], orientation: int, size: tuple[int, int]) -> NDArray[np.float64]:
    columns = [
        last - 1 - values if flipped else values
        for values, last, flipped in zip(np.moveaxis(points, -1, 0), size, _mirrored(orientation), strict=True)
    ]
    return np.stack(columns, axis=-1)
