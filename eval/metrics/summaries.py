"""Errors of many faces in a few numbers: means, failures, areas under the curve; of all faces, and of each pose.

What becomes of faces without a finite error is the package's to say (`eval.metrics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.tasks import TASKS

__all__ = [
    "MISSING_ERROR",
    "NO_POSE",
    "Summary",
    "auc",
    "ced",
    "failure_rate",
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
