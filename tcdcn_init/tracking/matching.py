"""Which points are of the same face, and which face continues which track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import centroid_size

__all__ = ["SAME_DISTANCE", "SAME_SCALE", "apart", "assigned", "same_face", "without_repeats"]

SAME_DISTANCE = 0.4
"""Distance of the middles, in sizes, up to which two sets of five points are of one face: a third of a face's width,
nearer than two heads come without one hiding the other."""

SAME_SCALE = 0.5
"""Logarithm of the ratio of sizes up to which they are."""


def apart(points: ArrayLike, others: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far faces are apart.

    Parameters
    ----------
    points : (N, 5, 2) array_like
    others : (M, 5, 2) array_like

    Returns
    -------
    distance : (N, M) ndarray
        Of the middles, in geometric means of both centroid sizes.
    scale : (N, M) ndarray
        Absolute logarithm of the ratio of the sizes.

    Examples
    --------
    >>> face = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> distance, scale = apart([face], [face + [27, 0], 2 * face])
    >>> distance.round(2).tolist(), scale.round(2).tolist()
    ([[0.51, 1.03]], [[0.0, 0.69]])
    """
    a = np.asarray(points, dtype=np.float64).reshape(-1, 5, 2)
    b = np.asarray(others, dtype=np.float64).reshape(-1, 5, 2)
    sizes_a, sizes_b = (np.log(np.maximum(centroid_size(each), 1e-9)) for each in (a, b))
    offsets = a.mean(axis=1)[:, None] - b.mean(axis=1)[None]
    unit = np.exp((sizes_a[:, None] + sizes_b[None]) / 2)
    return np.linalg.norm(offsets, axis=2) / unit, np.abs(sizes_a[:, None] - sizes_b[None])


def same_face(points: ArrayLike, others: ArrayLike) -> NDArray[np.bool_]:
    """(N, M): whether two sets of five points are of one face (`SAME_DISTANCE`, `SAME_SCALE`); parameters as `apart`.

    Examples
    --------
    >>> face = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> same_face([face], [face + 3, face + 60]).tolist()
    [[True, False]]
    """
    distance, scale = apart(points, others)
    return np.asarray((distance <= SAME_DISTANCE) & (scale <= SAME_SCALE))


def without_repeats(points: Sequence[ArrayLike], confidence: Sequence[float]) -> list[int]:
    """Indices of the surest answer for each face, the surest first.

    Examples
    --------
    >>> face = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> without_repeats([face, face + 100, face + 1], [0.8, 0.7, 0.9])
    [2, 1]
    """
    kept: list[int] = []
    if not len(points):
        return kept
    same = same_face(np.asarray(points), np.asarray(points))
    for k in np.argsort(-np.asarray(confidence), kind="stable").tolist():
        if not same[k, kept].any():
            kept.append(k)
    return kept


def assigned(costs: ArrayLike) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, as many as there can be.

    Parameters
    ----------
    costs : (N, M) array_like
        Infinite where a pair may not be.

    Examples
    --------
    >>> assigned([[0.1, 0.2], [0.1, np.inf], [np.inf, np.inf]])
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    array = np.asarray(costs, dtype=np.float64)
    possible = np.isfinite(array)
    if not possible.any():
        return []
    # Dearer than all possible pairs together, so that none of these is left out for one that may not be.
    never = 1.0 + np.abs(array[possible]).sum()
    rows, columns = linear_sum_assignment(np.where(possible, array, never))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if possible[r, c]]
