"""Five-point order, boxes and similarity transforms: pure numpy, no image.

Conventions of the whole project: points are ``(P, 2)`` arrays, x then y, in pixels, with pixel *centres* at
integers; boxes are ``(left, top, right, bottom)`` floats. "Left" and "right" are as seen in the image.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FARTHEST",
    "FIVE_POINTS",
    "MIRROR",
    "BoxLike",
    "FloatArray",
    "Rectangle",
    "as_box",
    "box_from_points",
    "box_square",
    "centroid_size",
    "compose",
    "five_from_68",
    "interocular",
    "invert",
    "median_aspect",
    "overlap",
    "roll_degrees",
    "rotation",
    "similarity_between",
    "transform_points",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]

FIVE_POINTS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
"""Order of the five points, left and right as seen in the image."""

MIRROR = (1, 0, 2, 4, 3)
"""Index of each point's partner when the image is mirrored left to right."""

# How the detector behind boxes.csv places its box around the five points of MTFL's training faces: medians
# over training.txt, in units of the points' centroid size (see `box_from_points`).
_BOX_WIDTH, _BOX_HEIGHT, _BOX_RISE = 1.55, 2.05, 0.16

FARTHEST = 1e12
"""Largest coordinate, in pixels: what lies beyond belongs to no image, and products of such coordinates overflow."""


class Rectangle(Protocol):
    """Anything with dlib's four rectangle methods, such as ``dlib.rectangle`` or ``dlib.drectangle``."""

    def left(self) -> float: ...
    def top(self) -> float: ...
    def right(self) -> float: ...
    def bottom(self) -> float: ...


BoxLike: TypeAlias = ArrayLike | Rectangle


def as_box(box: BoxLike) -> NDArray[np.float64]:
    """Return a box as a float array, checked.

    Parameters
    ----------
    box : array_like of 4 numbers, or an object with ``left()``, ``top()``, ``right()`` and ``bottom()``
        Pixels, (left, top, right, bottom).

    Returns
    -------
    (4,) ndarray of float64

    Raises
    ------
    ValueError
        If it does not hold four finite numbers below 1e12, or its width or height is not positive.

    Examples
    --------
    >>> as_box((10, 20, 110, 140))
    array([ 10.,  20., 110., 140.])
    """
    # hasattr, not isinstance: a runtime protocol check would dominate the cost.
    rectangle: Any = box
    values = (
        (rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()) if hasattr(box, "bottom") else box
    )
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (4,):
        raise ValueError(
            f"box {box!r} is not four numbers; expected (left, top, right, bottom) in pixels "
            "or an object with left(), top(), right() and bottom()"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"box {tuple(array.tolist())} is not finite; drop this face or detect it anew")
    left, top, right, bottom = array
    if right <= left or bottom <= top:
        raise ValueError(
            f"box {tuple(array.tolist())} has no area; expected left < right and top < bottom "
            "(is it (left, top, width, height)? add left and top to the last two)"
        )
    if np.abs(array).max() > FARTHEST:
        raise ValueError(f"box {tuple(array.tolist())} lies beyond {FARTHEST:g} pixels; expected pixels of an image")
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


def centroid_size(points: ArrayLike) -> NDArray[np.float64]:
    """Square root of the summed squared distances of the points to their mean: a shape's size, free of yaw's
    effect on the inter-ocular distance.

    Parameters
    ----------
    points : (..., P, 2) array_like

    Returns
    -------
    (...) ndarray, in pixels
    """
    array = np.asarray(points, dtype=np.float64)
    return np.asarray(np.sqrt(((array - array.mean(axis=-2, keepdims=True)) ** 2).sum(axis=(-2, -1))))


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


def interocular(points: ArrayLike) -> NDArray[np.float64]:
    """Distance between the two eye centres of five points, the usual normaliser of alignment errors.

    Parameters
    ----------
    points : (..., 5, 2) array_like

    Returns
    -------
    (...) ndarray, in pixels

    Examples
    --------
    >>> float(interocular([[30, 40], [60, 80], [50, 60], [35, 80], [65, 80]]))
    50.0
    """
    array = np.asarray(points, dtype=np.float64)
    return np.asarray(np.linalg.norm(array[..., 1, :] - array[..., 0, :], axis=-1))


def roll_degrees(points: ArrayLike) -> NDArray[np.float64]:
    """In-plane rotation of a face, from all five points.

    The angle that carries an upright, symmetric five-point shape onto the points: the direction of the
    eye-to-eye and mouth-to-mouth vectors added to the (turned) direction from mouth to eyes, so that a profile,
    whose eyes nearly coincide, still has one.

    Parameters
    ----------
    points : (..., 5, 2) array_like

    Returns
    -------
    (...) ndarray, in degrees, in (-180, 180]; positive is clockwise as seen (y points down)

    Examples
    --------
    >>> float(roll_degrees([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]]))
    0.0
    """
    array = np.asarray(points, dtype=np.float64)
    across = array[..., 1, :] - array[..., 0, :] + array[..., 4, :] - array[..., 3, :]
    down = array[..., 3, :] + array[..., 4, :] - array[..., 0, :] - array[..., 1, :]
    x = across[..., 0] + down[..., 1]
    y = across[..., 1] - down[..., 0]
    return np.asarray(np.degrees(np.arctan2(y, x)))


def similarity_between(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Least-squares similarity (turn, scale, shift; no reflection) that carries `source` onto `target`.

    Closed form in two dimensions (Umeyama, IEEE TPAMI 13(4), 1991), over any number of shapes at once.

    Parameters
    ----------
    source, target : (..., P, 2) array_like
        Corresponding points, P >= 2; leading axes broadcast.

    Returns
    -------
    (..., 2, 3) ndarray of float64
        ``x' = m[0, 0] x + m[0, 1] y + m[0, 2]`` and so on.

    Raises
    ------
    ValueError
        If the source points of a shape coincide, so that no scale exists.

    Examples
    --------
    >>> m = similarity_between([[0, 0], [1, 0]], [[2, 2], [2, 4]])
    >>> m.round(6).tolist()
    [[0.0, -2.0, 2.0], [2.0, 0.0, 2.0]]
    """
    src, dst = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    src_mean, dst_mean = src.mean(axis=-2, keepdims=True), dst.mean(axis=-2, keepdims=True)
    s, d = src - src_mean, dst - dst_mean
    spread = (s**2).sum(axis=(-2, -1))
    if not np.all(spread > 0):
        raise ValueError("the source points coincide; a similarity needs at least two distinct points")
    a = (s * d).sum(axis=(-2, -1)) / spread
    b = (s[..., 0] * d[..., 1] - s[..., 1] * d[..., 0]).sum(axis=-1) / spread
    a, b = np.broadcast_arrays(a, b)
    matrix = np.empty((*a.shape, 2, 3))
    matrix[..., 0, 0], matrix[..., 0, 1] = a, -b
    matrix[..., 1, 0], matrix[..., 1, 1] = b, a
    matrix[..., 2] = dst_mean[..., 0, :] - (matrix[..., :2] @ src_mean[..., 0, :, None])[..., 0]
    return matrix


def transform_points(matrix: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Apply 2x3 affine maps to points.

    Parameters
    ----------
    matrix : (..., 2, 3) array_like
    points : (..., P, 2) array_like

    Returns
    -------
    (..., P, 2) ndarray of float64

    Examples
    --------
    >>> transform_points([[0, -2, 2], [2, 0, 2]], [[1, 0]]).tolist()
    [[2.0, 4.0]]
    """
    m, p = np.asarray(matrix, dtype=np.float64), np.asarray(points, dtype=np.float64)
    return np.asarray(p @ np.swapaxes(m[..., :2], -1, -2) + m[..., None, :, 2])


def invert(matrix: ArrayLike) -> NDArray[np.float64]:
    """Inverse of 2x3 affine maps.

    Parameters
    ----------
    matrix : (..., 2, 3) array_like

    Returns
    -------
    (..., 2, 3) ndarray of float64

    Raises
    ------
    ValueError
        If a map is singular.

    Examples
    --------
    >>> invert([[2, 0, 4], [0, 2, 6]]).tolist()
    [[0.5, 0.0, -2.0], [0.0, 0.5, -3.0]]
    """
    m = np.asarray(matrix, dtype=np.float64)
    try:
        linear = np.linalg.inv(m[..., :2])
    except np.linalg.LinAlgError as error:
        raise ValueError("a map is singular and has no inverse; its points probably coincide") from error
    return np.concatenate([linear, -(linear @ m[..., 2:])], axis=-1) + 0.0


def compose(outer: ArrayLike, inner: ArrayLike) -> NDArray[np.float64]:
    """The 2x3 map that applies `inner` first, then `outer`.

    Parameters
    ----------
    outer, inner : (..., 2, 3) array_like

    Returns
    -------
    (..., 2, 3) ndarray of float64

    Examples
    --------
    >>> compose([[2, 0, 0], [0, 2, 0]], [[1, 0, 3], [0, 1, 0]]).tolist()
    [[2.0, 0.0, 6.0], [0.0, 2.0, 0.0]]
    """
    a, b = np.asarray(outer, dtype=np.float64), np.asarray(inner, dtype=np.float64)
    linear = a[..., :2] @ b[..., :2]
    return np.concatenate([linear, a[..., :2] @ b[..., 2:] + a[..., 2:]], axis=-1)


def rotation(degrees: float, centre: ArrayLike = (0.0, 0.0)) -> NDArray[np.float64]:
    """The 2x3 map that turns the plane about a centre.

    Parameters
    ----------
    degrees : float
        Positive is clockwise as seen (y points down).
    centre : (2,) array_like
        x, y of the fixed point.

    Returns
    -------
    (2, 3) ndarray of float64

    Examples
    --------
    >>> transform_points(rotation(90, centre=(1, 1)), [[2, 1]]).round(6).tolist()
    [[1.0, 2.0]]
    """
    angle = np.radians(degrees)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    fixed = np.asarray(centre, dtype=np.float64)
    return np.concatenate([linear, (fixed - linear @ fixed)[:, None]], axis=1)


def five_from_68(points: ArrayLike) -> NDArray[np.float64]:
    """Five points from iBUG's 68: eye centres as the mean of six contour points, nose tip, mouth corners.

    Parameters
    ----------
    points : (..., 68, 2) array_like

    Returns
    -------
    (..., 5, 2) ndarray of float64
    """
    array = np.asarray(points, dtype=np.float64)
    if array.shape[-2:] != (68, 2):
        raise ValueError(f"points have shape {array.shape}; expected (..., 68, 2) in iBUG's order")
    eyes = [array[..., 36:42, :].mean(axis=-2), array[..., 42:48, :].mean(axis=-2)]
    return np.stack([*eyes, array[..., 30, :], array[..., 48, :], array[..., 54, :]], axis=-2)
