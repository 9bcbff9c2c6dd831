"""Similarities and other affine maps of the plane, as 2x3 matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["compose", "invert", "rotation", "similarity_between", "transform_points"]


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
