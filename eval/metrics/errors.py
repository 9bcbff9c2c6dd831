"""How far points lie from annotated ones: of each point, and of each face."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import box_square, filled_five, five_from_68, five_of, interocular

__all__ = [
    "Norm",
    "annotated",
    "face_errors",
    "nme",
    "offset_corrected",
    "outer_corner_ratio",
    "point_errors",
]

Norm: TypeAlias = Literal["interocular", "box"]


def point_errors(
    predicted: ArrayLike, truth: ArrayLike, norm: Norm = "interocular", boxes: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Normalised distance of each predicted point to its annotation.

    Parameters
    ----------
    predicted, truth : (N, P, 2) array_like
        In pixels; P is 5, COFW's 29 or iBUG's 68. NaN where a face is missing, and in `truth` for a point that nobody
        annotated.
    norm : {"interocular", "box"}
        What a distance is divided by: the distance of the annotated eye centres (for 68 points, the means of each
        eye's six contour points, as in Ren et al., CVPR 2014), or the side of the box's square
        (`geometry.box_square`), which a turned head does not shorten.
    boxes : (N, 4) array_like, optional
        Face boxes; needed by ``norm="box"``.

    Returns
    -------
    (N, P) ndarray of float64
        NaN or infinite where a coordinate is, or where the normalising length is 0.

    Raises
    ------
    ValueError
        If array shapes or `norm` are not as stated.

    Examples
    --------
    >>> truth = [[[0, 0], [10, 0], [5, 5], [2, 9], [8, 9]]]
    >>> found = [[[0, 1], [10, 0], [8, 9], [2, 9], [8, 9]]]
    >>> point_errors(found, truth).tolist()
    [[0.1, 0.0, 0.5, 0.0, 0.0]]
    """
    p, t = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if t.ndim != 3 or t.shape[1] not in (5, 29, 68) or t.shape[2] != 2:
        raise ValueError(f"annotated points have shape {t.shape}; expected (N, P, 2) of 5, 29 or 68 points")
    if p.shape != t.shape:
        raise ValueError(f"predicted points have shape {p.shape}, annotated ones {t.shape}; expected the same")
    if norm == "interocular":
        five = five_of(t)
        length = interocular(five)
        for k in np.flatnonzero(~np.isfinite(length)):  # an eye that nobody annotated
            if np.isfinite(five[k]).all(axis=1).sum() > 1:
                length[k] = interocular(filled_five(five[k]))
    elif norm == "box":
        b = np.asarray(np.nan if boxes is None else boxes, dtype=np.float64)
        if b.shape != (len(t), 4):
            raise ValueError(
                f"norm 'box' needs boxes of shape {(len(t), 4)}; got {'none' if boxes is None else b.shape}"
            )
        length = box_square(b)[1]
    else:
        raise ValueError(f"norm is {norm!r}; expected 'interocular' or 'box'")
    length = np.where(length > 0, length, np.nan)
    return np.asarray(np.linalg.norm(p - t, axis=-1) / length[:, None])


def nme(
    predicted: ArrayLike, truth: ArrayLike, norm: Norm = "interocular", boxes: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Normalised mean error of each face: the mean of its `point_errors`, whose parameters these are, over the points
    that are annotated.

    Returns
    -------
    (N,) ndarray of float64

    Examples
    --------
    >>> truth = [[[0, 0], [10, 0], [5, 5], [2, 9], [8, 9]]]
    >>> found = [[[0, 1], [10, 0], [8, 9], [2, 9], [8, 9]]]
    >>> float(nme(found, truth)[0].round(6))
    0.12
    """
    return face_errors(point_errors(predicted, truth, norm, boxes), annotated(truth))


def annotated(truth: ArrayLike, count: int | None = None) -> NDArray[np.bool_]:
    """Which points somebody annotated: the others count in no error.

    Parameters
    ----------
    truth : (N, P, 2) array_like
        NaN for a point that is not annotated.
    count : int, optional
        5 to ask about the five points of 29 or 68.

    Returns
    -------
    (N, P) ndarray of bool
        Of `count` points.

    Examples
    --------
    >>> annotated([[[1, 2], [np.nan, np.nan]]]).tolist()
    [[True, False]]
    """
    array = np.asarray(truth, dtype=np.float64)
    if count is not None and count != array.shape[1]:
        array = five_of(array)
    return np.asarray(np.isfinite(array).all(axis=2))


def face_errors(errors: ArrayLike, there: ArrayLike) -> NDArray[np.float64]:
    """Mean error of each face over its annotated points.

    Parameters
    ----------
    errors, there : (N, P) array_like
        As `point_errors` and `annotated` return them.

    Returns
    -------
    (N,) ndarray of float64
        NaN where an annotated point has no error, or none is annotated.

    Examples
    --------
    >>> face_errors([[0.1, np.nan, 0.3], [0.1, np.nan, 0.3]], [[True, False, True], [True, True, True]]).tolist()
    [0.2, nan]
    """
    known = np.asarray(there, dtype=np.bool_)
    total = np.where(known, np.asarray(errors, dtype=np.float64), 0.0).sum(axis=1)
    return np.asarray(total / np.where(known.any(axis=1), known.sum(axis=1), np.nan))


def outer_corner_ratio(truth: ArrayLike) -> NDArray[np.float64]:
    """The distance of the eye centres over that of the outer eye corners: turns errors over the one into the other.

    The TCDCN papers divide by the distance of the eye centres, most tables of 300-W since 2018 by that of the outer
    eye corners, points 36 and 45, which is about 1.4 times as long.

    Parameters
    ----------
    truth : (N, 68, 2) array_like

    Returns
    -------
    (N,) ndarray of float64
        NaN where the corners coincide.

    Examples
    --------
    >>> shape = np.zeros((68, 2))
    >>> shape[36:42, 0], shape[42:48, 0] = (0, 10, 20, 30, 20, 10), (60, 70, 80, 90, 80, 70)
    >>> outer_corner_ratio([shape]).round(3).tolist()
    [0.667]
    """
    array = np.asarray(truth, dtype=np.float64)
    outer = np.linalg.norm(array[..., 45, :] - array[..., 36, :], axis=-1)
    return np.asarray(interocular(five_from_68(array)) / np.where(outer > 0, outer, np.nan))


def offset_corrected(points: ArrayLike, truth: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    """Errors after each point's mean offset is taken off: what is left when two sets' annotators meant other places.

    Data sets mark a point a little beside one another's, or count pixels otherwise. The mean of answer minus
    annotation, over the inter-ocular distance, right and down in the image, is fitted for each point on one half of the
    faces (by a hash of the name) and taken off the answers of the other half, and the other way round.

    Parameters
    ----------
    points, truth : (N, P, 2) array_like
        Answers and annotation of five points, in pixels; NaN where there is no answer.
    names : sequence of str
        The faces'.

    Returns
    -------
    (N, P) ndarray of float64
        In inter-ocular distances.

    Examples
    --------
    >>> truth = np.tile([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]], (6, 1, 1))
    >>> float(offset_corrected(truth + [2, 1], truth, "abcdef").max().round(9))
    0.0
    """
    answers, right = np.asarray(points, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    off = (answers - right) / interocular(right)[:, None, None]
    first = np.array([zlib.crc32(name.encode()) % 2 == 0 for name in names])
    near = np.clip(off, -0.1, 0.1)  # so that a lost face does not move the place of all others
    left = off.copy()
    for half in (first, ~first):
        if np.isfinite(near[~half]).any():
            left[half] -= np.nanmean(near[~half], axis=0)
    return np.asarray(np.linalg.norm(left, axis=2))
