"""Alignment errors and their summaries.

Errors are fractions of the normalising length: 0.1 is 10 % of the inter-ocular distance (or of the box side). An
error that is NaN or infinite belongs to a *missing* face: one that failed to load, or that a regressor gave no finite
answer for. A missing face is never dropped. It fails at every threshold, and wherever a number is needed it enters
with the error `MISSING_ERROR`, and so into mean, median, 90th percentile and paired differences; its number is
reported beside them. It is a constant, because a value taken from the other faces would let one face change the error
of another. Finite errors are never capped.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.geometry import box_square, filled_five, five_from_68, five_of, interocular
from tcdcn_init.tasks import TASKS

__all__ = [
    "MISSING_ERROR",
    "NO_POSE",
    "Norm",
    "Summary",
    "annotated",
    "auc",
    "ced",
    "face_errors",
    "failure_rate",
    "nme",
    "offset_corrected",
    "outer_corner_ratio",
    "point_errors",
    "pose_rows",
    "summarise",
    "summarise_points",
    "summarise_poses",
    "with_missing",
]

MISSING_ERROR = 1.0
"""Error of a missing face: its points a whole inter-ocular distance (or box side) off, ten times a failure."""

NO_POSE = "not annotated"
"""Name of the group of faces without a pose class."""

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


def with_missing(errors: ArrayLike) -> NDArray[np.float64]:
    """Errors as they enter a mean: those of missing faces replaced by `MISSING_ERROR`.

    Parameters
    ----------
    errors : ndarray of any shape

    Returns
    -------
    ndarray of float64, of the same shape

    Examples
    --------
    >>> with_missing([0.05, float("nan"), 2.0]).tolist()
    [0.05, 1.0, 2.0]
    """
    array = np.asarray(errors, dtype=np.float64)
    return np.where(np.isfinite(array), array, MISSING_ERROR)


def failure_rate(errors: ArrayLike, threshold: float = FAILURE) -> float:
    """Share of faces whose error exceeds a threshold; missing faces always do.

    Parameters
    ----------
    errors : (N,) array_like
    threshold : float
        An error equal to it is no failure.

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> failure_rate([0.05, 0.1, 0.11, float("nan")])
    0.5
    """
    faces = _faces(errors)
    return float((~np.isfinite(faces) | (faces > threshold)).mean())


def auc(errors: ArrayLike, alpha: float = FAILURE) -> float:
    """Area under the cumulative error curve up to `alpha`, divided by `alpha`; exact, no grid.

    The curve is a sum of steps, one at each error e, and a step's area is max(0, alpha - e): the mean of
    max(0, 1 - e / alpha) over faces. Missing faces add nothing.

    Parameters
    ----------
    errors : (N,) array_like
    alpha : float
        Positive.

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> auc([0.0, 0.05, 0.3, float("nan")])
    0.375
    """
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}; expected a positive error, such as 0.1")
    faces = _faces(errors)
    return float(np.maximum(0.0, 1.0 - np.where(np.isfinite(faces), faces, np.inf) / alpha).mean())


def ced(errors: ArrayLike, grid: ArrayLike) -> NDArray[np.float64]:
    """Cumulative error distribution: the share of all faces, missing ones included, with an error of at most e.

    Parameters
    ----------
    errors : (N,) array_like
    grid : (G,) array_like
        Errors e at which the curve is wanted.

    Returns
    -------
    (G,) ndarray of float64

    Examples
    --------
    >>> ced([0.02, 0.04, 0.04, float("nan")], [0.0, 0.02, 0.05]).tolist()
    [0.0, 0.25, 0.75]
    """
    faces = _faces(errors)
    found = np.sort(faces[np.isfinite(faces)])
    return np.asarray(np.searchsorted(found, np.asarray(grid, dtype=np.float64), side="right") / len(faces))


@dataclass(frozen=True)
class Summary:
    """Summary of the errors of some faces; fractions throughout (0.1 is 10 %).

    Attributes
    ----------
    count : int
        Faces, missing ones included.
    missing : int
        Faces whose error was NaN or infinite.
    mean, median, p90 : float
        Of all faces, missing ones entering with `MISSING_ERROR`. Percentiles are interpolated linearly.
    failure_10, failure_8 : float
        Share of faces with an error above 10 % and above 8 %, or missing.
    auc_10 : float
        Exact area under the cumulative error curve up to 10 %, in [0, 1].
    """

    count: int
    missing: int
    mean: float
    median: float
    p90: float
    failure_10: float
    failure_8: float
    auc_10: float


def summarise(errors: ArrayLike) -> Summary:
    """Summarise the errors of faces.

    Parameters
    ----------
    errors : (N,) array_like
        N at least 1.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If there is no error, or the array has another number of dimensions.

    Examples
    --------
    >>> summary = summarise([0.05, 0.05, 0.2, float("nan")])
    >>> summary.count, summary.missing, summary.mean, summary.failure_10, summary.auc_10
    (4, 1, 0.325, 0.5, 0.25)
    """
    faces = _faces(errors)
    complete = with_missing(faces)
    median, p90 = np.quantile(complete, [0.5, 0.9])
    return Summary(
        count=len(faces),
        missing=int((~np.isfinite(faces)).sum()),
        mean=float(complete.mean()),
        median=float(median),
        p90=float(p90),
        failure_10=failure_rate(faces, FAILURE),
        failure_8=failure_rate(faces, 0.08),
        auc_10=auc(faces, FAILURE),
    )


def summarise_points(errors: ArrayLike, there: ArrayLike | None = None) -> list[Summary]:
    """Summarise each point by itself.

    Parameters
    ----------
    errors : (N, P) array_like
        As `point_errors` returns it.
    there : (N, P) array_like, optional
        As `annotated` returns it: a point is summarised over the faces that have it annotated, one of them at least.

    Returns
    -------
    list of P Summary
        A face counts as missing in the points that it lacks.
    """
    array = np.asarray(errors, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"errors have shape {array.shape}; expected (N, P), one per face and point")
    known = np.ones(array.shape, dtype=np.bool_) if there is None else np.asarray(there, dtype=np.bool_)
    return [summarise(column[rows]) for column, rows in zip(array.T, known.T, strict=True)]


def summarise_poses(errors: ArrayLike, poses: Sequence[int | None]) -> dict[str, Summary]:
    """Summarise the faces of each pose class.

    Parameters
    ----------
    errors : (N,) array_like
    poses : sequence of N int or None
        Class in ``tasks.TASKS["pose"]``, ``face.attributes.get("pose")``; None where it is not annotated.

    Returns
    -------
    dict of str to Summary
        By class name, left profile to right profile, then `NO_POSE`. Classes without faces are absent.

    Raises
    ------
    ValueError
        If there is not one pose per error, or a pose is unknown.

    Examples
    --------
    >>> {name: group.mean for name, group in summarise_poses([0.1, 0.2, 0.4], [2, None, 2]).items()}
    {'frontal': 0.25, 'not annotated': 0.2}
    """
    faces = _faces(errors)
    if len(poses) != len(faces):
        raise ValueError(f"{len(poses)} poses for {len(faces)} errors; expected one per face")
    return {name: summarise(faces[rows]) for name, rows in pose_rows(poses).items()}


def pose_rows(poses: Sequence[int | None]) -> dict[str, NDArray[np.intp]]:
    """Which faces belong to each pose class.

    Parameters
    ----------
    poses : sequence of int or None
        As for `summarise_poses`.

    Returns
    -------
    dict of str to (M,) ndarray of int
        By class name, left profile to right profile, then `NO_POSE`: places in `poses`. Classes without faces are
        absent.

    Raises
    ------
    ValueError
        If a pose is unknown.

    Examples
    --------
    >>> {name: rows.tolist() for name, rows in pose_rows([2, None, 2, 0]).items()}
    {'left profile': [3], 'frontal': [0, 2], 'not annotated': [1]}
    """
    names = TASKS["pose"]
    for pose in poses:
        if pose is not None and not 0 <= pose < len(names):
            raise ValueError(f"pose {pose!r} is unknown; expected 0 to {len(names) - 1} ({', '.join(names)}) or None")
    group = np.array([len(names) if pose is None else pose for pose in poses])
    return {name: np.flatnonzero(group == number) for number, name in enumerate((*names, NO_POSE)) if number in group}


def _faces(errors: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(errors, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"errors have shape {array.shape}; expected (N,), one per face, at least one")
    return array


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
