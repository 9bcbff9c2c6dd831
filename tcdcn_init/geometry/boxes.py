"""Face boxes: (left, top, right, bottom) in pixels."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.box_formats import BOX_FORMATS, BoxFormat, StatedBox, corners, stated_box
from tcdcn_init.geometry.numbers import FARTHEST
from tcdcn_init.geometry.points import centroid_size

__all__ = ["BoxLike", "Rectangle", "as_box", "box_around", "box_from_points", "box_square", "median_aspect", "overlap"]

# How the detector behind boxes.csv places its box around the five points of MTFL's training faces: medians
# over training.txt, in units of the points' centroid size (see `box_from_points`).
_BOX_WIDTH, _BOX_HEIGHT, _BOX_RISE = 1.55, 2.05, 0.16

# A relative box may reach this far beyond the image, in its widths and heights from 0.
_LARGEST_FRACTION = 3.0


class Rectangle(Protocol):
    """Anything with dlib's four rectangle methods, such as ``dlib.rectangle`` or ``dlib.drectangle``."""

    def left(self) -> float: ...
    def top(self) -> float: ...
    def right(self) -> float: ...
    def bottom(self) -> float: ...


BoxLike: TypeAlias = ArrayLike | Rectangle | Mapping[str, Any]


def as_box(
    box: BoxLike, *, format: BoxFormat | None = None, relative: bool = False, size: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """Validate a box that a caller brings.

    Parameters
    ----------
    box : array_like of 4 numbers, or anything that `box_formats.stated_box` finds four numbers in
        Such as ``dlib.rectangle``, a mapping, a named tuple or a row of a table.
    format : {"xyxy", "xywh", "cxcywh", "css"}, optional
        The order of numbers that have no names; default: (left, top, right, bottom), or what the box itself says.
    relative : bool
        Numbers are fractions of the image's width and height, not pixels.
    size : (int, int), optional
        Width and height of the image, for relative boxes.

    Returns
    -------
    (4,) ndarray of float64
        Pixels, (left, top, right, bottom).

    Raises
    ------
    ValueError
        If it does not hold four finite numbers below 1e12, has no area, or is smaller than a pixel, as a box in
        relative coordinates is.

    Examples
    --------
    >>> as_box((10, 20, 110, 140))
    array([ 10.,  20., 110., 140.])
    >>> as_box((10, 20, 100, 120), format="xywh")
    array([ 10.,  20., 110., 140.])
    """
    stated = stated_box(box)
    if stated is None:
        raise ValueError(
            f"box {reprlib.repr(box)} is not four numbers; expected (left, top, right, bottom) in pixels, or an object "
            "or mapping with left, top, right and bottom, x, y, w and h, or bbox"
        )
    order = stated.format if stated.certain and stated.format else format or stated.format or "xyxy"
    relative = relative or stated.relative
    given = tuple(stated.numbers.tolist())
    if not np.isfinite(stated.numbers).all():
        raise ValueError(f"box {given} is not finite; drop this face or detect it anew")
    if np.abs(stated.numbers).max() > FARTHEST:
        raise ValueError(f"box {given} lies beyond {FARTHEST:g} pixels; expected pixels of an image")
    array = corners(stated.numbers, order)
    if not _has_area(array):
        raise ValueError(f"box {given} has no area as {BOX_FORMATS[order]}{_other_orders(stated, order)}")
    if relative:
        array = _in_pixels(array, size)
    if (array[2:] - array[:2] < 1.0).any():
        raise ValueError(
            f"box {given} is smaller than a pixel; expected pixels, which "
            "tcdcn_init.boxes_from(boxes, image, relative=True) makes of fractions of the image's width and height"
        )
    return array


def _has_area(box: NDArray[np.float64]) -> bool:
    return bool((box[2:] > box[:2]).all())


def _other_orders(stated: StatedBox, order: BoxFormat) -> str:
    """What to do about four numbers that have no area in their order: the likeliest others in which they have one."""
    likely: tuple[BoxFormat, ...] = ("xywh", "css")
    fitting = [other for other in likely if _has_area(corners(stated.numbers, other))]
    if stated.certain or not fitting:
        return "; drop this face or detect it anew"
    said = " or ".join(f"{BOX_FORMATS[other]}, format={other!r}" for other in fitting)
    return f"; if it is {said}: tcdcn_init.boxes_from(boxes, format=...)"


def _in_pixels(box: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
    shown = tuple(box.tolist())
    if size is None:
        raise ValueError(f"box {shown} is relative to an image; give the image too: boxes_from(boxes, image)")
    if np.abs(box).max() > _LARGEST_FRACTION:
        raise ValueError(
            f"box {shown} is not relative; expected fractions of the image's width and height, about 0 to 1: leave out "
            "relative=True if they are pixels"
        )
    return np.asarray(box * np.tile(size, 2))


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


_NARROWEST = 0.25  # least side of a box around points, in its other side


def box_around(points: ArrayLike) -> NDArray[np.float64]:
    """The smallest box that holds points: what an object has that is not a face, and comes without a box.

    Parameters
    ----------
    points : (P, 2) array_like
        Those that are NaN are left out. Of points nearly in a line the short side is a quarter of the long one.

    Returns
    -------
    (4,) ndarray of float64

    Raises
    ------
    ValueError
        If there are not two distinct points.

    Examples
    --------
    >>> box_around([[10, 20], [50, 20], [50, 80], [np.nan, np.nan]]).tolist()
    [10.0, 20.0, 50.0, 80.0]
    """
    array = np.asarray(points, dtype=np.float64)
    there = array[np.isfinite(array).all(axis=1)]
    if len(there) < 2 or not np.ptp(there, axis=0).any():
        raise ValueError(f"has {len(there)} points in one place; expected at least two distinct ones, or a box")
    low, high = there.min(axis=0), there.max(axis=0)
    half = np.maximum(high - low, _NARROWEST * (high - low).max()) / 2
    return np.concatenate([(low + high) / 2 - half, (low + high) / 2 + half])
