"""Face boxes: (left, top, right, bottom) in pixels."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.numbers import FARTHEST, as_numbers
from tcdcn_init.geometry.points import centroid_size

__all__ = ["BoxLike", "Rectangle", "as_box", "box_from_points", "box_square", "median_aspect", "overlap"]

# How the detector behind boxes.csv places its box around the five points of MTFL's training faces: medians
# over training.txt, in units of the points' centroid size (see `box_from_points`).
_BOX_WIDTH, _BOX_HEIGHT, _BOX_RISE = 1.55, 2.05, 0.16

_SIDES = ("left", "top", "right", "bottom")


class Rectangle(Protocol):
    """Anything with dlib's four rectangle methods, such as ``dlib.rectangle`` or ``dlib.drectangle``."""

    def left(self) -> float: ...
    def top(self) -> float: ...
    def right(self) -> float: ...
    def bottom(self) -> float: ...


BoxLike: TypeAlias = ArrayLike | Rectangle


def as_box(box: BoxLike) -> NDArray[np.float64]:
    """Validate a box that a caller brings.

    Parameters
    ----------
    box : array_like of 4 numbers, or an object with left, top, right and bottom
        Pixels, (left, top, right, bottom); the four may be methods, as of ``dlib.rectangle``, or fields, as of a named
        tuple or a row of a table.

    Returns
    -------
    (4,) ndarray of float64

    Raises
    ------
    ValueError
        If it does not hold four finite numbers below 1e12, has no area, or is smaller than a pixel, as a box in
        relative coordinates is.

    Examples
    --------
    >>> as_box((10, 20, 110, 140))
    array([ 10.,  20., 110., 140.])
    """
    values: Any = box
    # hasattr, not isinstance: a runtime protocol check would dominate the cost.
    if hasattr(box, "bottom"):
        sides = [getattr(box, side, None) for side in _SIDES]
        values = [side() if callable(side) else side for side in sides]
    array = as_numbers(values)
    if array is None or array.shape != (4,):
        raise ValueError(
            f"box {box!r} is not four numbers; expected (left, top, right, bottom) in pixels "
            "or an object with left, top, right and bottom"
        )
    shown = tuple(array.tolist())
    if not np.isfinite(array).all():
        raise ValueError(f"box {shown} is not finite; drop this face or detect it anew")
    left, top, right, bottom = shown
    if right <= left or bottom <= top:
        raise ValueError(
            f"box {shown} has no area; expected left < right and top < bottom "
            "(is it (left, top, width, height)? add left and top to the last two)"
        )
    if np.abs(array).max() > FARTHEST:
        raise ValueError(f"box {shown} lies beyond {FARTHEST:g} pixels; expected pixels of an image")
    if right - left < 1.0 or bottom - top < 1.0:
        raise ValueError(
            f"box {shown} is smaller than a pixel; expected pixels: "
            "multiply relative coordinates by the image's width and height"
        )
    return array


def box_square(boxes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and side of the square that stands for a box: same centre, same area.

    The geometric mean of width and height varies less between faces than either of them does, because a
    profile's box is narrow and a bowed head's is low.

    Parameters
    ----------
    boxes : (..., 4) array_like

    Returns
    -------
    centre : (..., 2) ndarray
    side : (...) ndarray

    Examples
    --------
    >>> centre, side = box_square((0, 0, 40, 90))
    >>> centre.tolist(), float(side)
    ([20.0, 45.0], 60.0)
    """
    array = np.asarray(boxes, dtype=np.float64)
    centre = (array[..., :2] + array[..., 2:]) / 2
    extent = array[..., 2:] - array[..., :2]
    return centre, np.sqrt(extent[..., 0] * extent[..., 1])


def median_aspect(boxes: ArrayLike) -> float:
    """Median of boxes' width over height.

    Parameters
    ----------
    boxes : (N, 4) array_like

    Examples
    --------
    >>> median_aspect([(0, 0, 40, 80), (0, 0, 30, 30), (5, 5, 95, 105)])
    0.9
    """
    array = np.asarray(boxes, dtype=np.float64)
    return float(np.median((array[:, 2] - array[:, 0]) / (array[:, 3] - array[:, 1])))


def overlap(box: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of boxes.

    Parameters
    ----------
    box, others : (..., 4) array_like
        Leading axes broadcast.

    Returns
    -------
    (...) ndarray of float64
        0, apart, to 1, equal.

    Examples
    --------
    >>> overlap((0, 0, 2, 2), [(0, 0, 2, 2), (1, 0, 3, 2), (5, 5, 6, 6)]).round(3).tolist()
    [1.0, 0.333, 0.0]
    """
    a, b = np.asarray(box, dtype=np.float64), np.asarray(others, dtype=np.float64)
    shared = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0.0).prod(axis=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    return np.asarray(shared / (areas - shared))


def box_from_points(points: ArrayLike) -> NDArray[np.float64]:
    """The box that the detector of ``boxes.csv`` would typically put around five points.

    The documented rule for a face that has no box: centred 0.16 centroid sizes above the points' mean, 1.55
    wide and 2.05 high, the medians over MTFL's training faces.

    Parameters
    ----------
    points : (..., 5, 2) array_like
        Five points in the order of `FIVE_POINTS`.

    Returns
    -------
    (..., 4) ndarray of float64

    Examples
    --------
    >>> box_from_points([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]]).round(1).tolist()
    [8.6, -3.3, 91.4, 106.2]
    """
    array = np.asarray(points, dtype=np.float64)
    size = centroid_size(array)[..., None]
    centre = array.mean(axis=-2) - size * np.array([0.0, _BOX_RISE])
    half = size * np.array([_BOX_WIDTH, _BOX_HEIGHT]) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)
