"""Where an initializer fails, by itself, and whether it says so: turned heads and occlusion.

Each face is shown in its own box, whole and with a rectangle of grey or noise over a growing part of it
(`copies.make_copy`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, fill_of, occluded_part
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.metrics import Summary, point_errors, pose_rows, summarise, summarise_points
from tcdcn_init.eval.model_report.confidence.figures import UNSURE_BELOW
from tcdcn_init.eval.model_report.measurement import ModelAnswers
from tcdcn_init.eval.perturbation import Fill
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = [
    "OCCLUDED_SHARE",
    "PROFILES",
    "FaceFigures",
    "GroupFigures",
    "Limits",
    "LimitsFigures",
    "LimitsReport",
    "OcclusionFigures",
    "PointFigures",
    "PortraitPart",
    "limits_figures",
    "limits_of",
    "worst_faces",
]

OCCLUDED_SHARE = 0.3
"""Occluded part of the box at which pose classes are compared and the worst copies are shown."""

PROFILES = (0, len(TASKS["pose"]) - 1)
"""The pose classes of profiles."""


@dataclass(frozen=True, eq=False)
class Limits:
    """What an initializer answered on faces, by occluded part of their box.

    Attributes
    ----------
    faces : list of N Face
    shares : tuple of S float
        Occluded parts, from 0, the face as it is.
    found : (S, N, 5, 2) ndarray
        Points; NaN where there is no answer.
    expected : (S, N, 5) ndarray
        Expected errors; NaN of a model without confidence outputs.
    confidence : (S, N) ndarray
        NaN of a model without confidence outputs.
    occluded : (S, N, 5) ndarray of bool
        Whether the annotated point lies under the rectangle.
    fills : list of N str
        What each face's rectangle is filled with.
    """

    faces: list[Face]
    shares: tuple[float, ...]
    found: NDArray[np.float64]
    expected: NDArray[np.float64]
    confidence: NDArray[np.float64]
    occluded: NDArray[np.bool_]
    fills: list[Fill]

    @functools.cached_property
    def truth(self) -> NDArray[np.float64]:
        """Annotated points, (N, 5, 2)."""
        return np.stack([face.five for face in self.faces]).astype(np.float64)

    @functools.cached_property
    def errors(self) -> NDArray[np.float64]:
        """Errors of points in inter-ocular distances, (S, N, 5)."""
        return np.stack([point_errors(found, self.truth) for found in self.found])

    @property
    def poses(self) -> list[int | None]:
        """Annotated pose classes."""
        return [face.attributes.get("pose") for face in self.faces]

    @property
    def has_confidence(self) -> bool:
        """Whether the model has confidence outputs."""
        return bool(np.isfinite(self.confidence).any())


@dataclass(frozen=True)
class GroupFigures(Summary):
    """Of a group of faces: their `metrics.Summary`, and more.

    Attributes
    ----------
    box_error : float
        Mean error over the side of the box, which a turned head does not shorten.
    points : dict of str to metrics.Summary
        By name.
    failures : int
        Faces with an error above 10 %, or without an answer.
    confidence : float or None
        Mean; None of a model without confidence outputs, as are the following.
    unsure : float or None
        Share of faces below `confidence.UNSURE_BELOW`, or without an answer.
    failures_unsure : int or None
        Failures that are unsure.
    """

    box_error: float
    points: dict[str, Summary]
    failures: int
    confidence: float | None
    unsure: float | None
    failures_unsure: int | None

    @property
    def unnoticed(self) -> int:
        """Failures that are not unsure; all of them for a model without confidence outputs."""
        return self.failures - (self.failures_unsure or 0)


@dataclass(frozen=True)
class PointFigures:
    """Of points of faces with an answer.

    Attributes
    ----------
    count : int
    error, expected : float or None
        Means; None without a point, and "expected" of a model without confidence outputs.
    """

    count: int
    error: float | None
    expected: float | None


@dataclass(frozen=True)
class OcclusionFigures:
    """With a part of the box occluded.

    Attributes
    ----------
    share : float
    faces : GroupFigures
    occluded, visible : PointFigures
        Of points under the rectangle, and of the others.
    """

    share: float
    faces: GroupFigures
    occluded: PointFigures
    visible: PointFigures


@dataclass(frozen=True)
class FaceFigures:
    """Of one face.

    Attributes
    ----------
    name : str
    pose : str or None
        Annotated class.
    error : float
    confidence : float or None
    """

    name: str
    pose: str | None
    error: float
    confidence: float | None


@dataclass(frozen=True)
class LimitsFigures:
    """Of a data set.

    Attributes
    ----------
    faces : int
    has_confidence : bool
        Whether the model has confidence outputs.
    own_box : GroupFigures
        Of all faces.
    poses : dict of str to GroupFigures
        Of each pose class, in its own box.
    occlusion : list of OcclusionFigures
        By rising share, from 0.
    occluded_poses, occluded_fills : dict of str to GroupFigures
        Of each pose class and of each fill with `OCCLUDED_SHARE` of the box occluded, where measured.
    worst : dict of str to list of FaceFigures
        `worst_faces` by kind.
    """

    faces: int
    has_confidence: bool
    own_box: GroupFigures
    poses: dict[str, GroupFigures]
    occlusion: list[OcclusionFigures]
    occluded_poses: dict[str, GroupFigures]
    occluded_fills: dict[str, GroupFigures]
    worst: dict[str, list[FaceFigures]]


@dataclass(frozen=True)
class PortraitPart:
    """A portrait with one part occluded.

    Attributes
    ----------
    part : str
    error : float
        Mean, in inter-ocular distances.
    expected, confidence : float or None
        None of a model without confidence outputs.
    """

    part: str
    error: float
    expected: float | None
    confidence: float | None


@dataclass(frozen=True)
class LimitsReport(Document):
    """limits.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    datasets : dict of str to LimitsFigures
    portrait : list of PortraitPart
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    datasets: dict[str, LimitsFigures]
    portrait: list[PortraitPart]


def limits_of(answers: ModelAnswers) -> Limits:
    """The answers by occluded part, from 0 on.

    Parameters
    ----------
    answers : ModelAnswers

    Returns
    -------
    Limits
    """
    faces, seed = answers.faces, answers.seed
    by_share = [answers.occluded_answers(share) for share in OCCLUSIONS]
    rectangles = np.array([[occluded_part(face, share, seed) for face in faces] for share in OCCLUSIONS])[:, :, None]
    five = np.stack([face.five for face in faces])
    occluded = ((five >= rectangles[..., :2]) & (five < rectangles[..., 2:])).all(axis=-1)
    return Limits(
        faces,
        OCCLUSIONS,
        np.stack([each.points for each in by_share]),
        np.stack([each.expected for each in by_share]),
        np.stack([each.confidence for each in by_share]),
        np.asarray(occluded),
        [fill_of(face, seed) for face in faces],
    )


def limits_figures(limits: Limits) -> LimitsFigures:
    """Figures of what was found.

    Parameters
    ----------
    limits : Limits

    Returns
    -------
    LimitsFigures
    """
    everyone = np.arange(len(limits.faces))
    groups = pose_rows(limits.poses)
    occluded_poses, occluded_fills = {}, {}
    if OCCLUDED_SHARE in limits.shares:
        place = limits.shares.index(OCCLUDED_SHARE)
        occluded_poses = {name: _group(limits, place, rows) for name, rows in groups.items()}
        for fill in sorted(set(limits.fills)):
            occluded_fills[str(fill)] = _group(limits, place, np.flatnonzero(np.array(limits.fills) == fill))
    return LimitsFigures(
        faces=len(limits.faces),
        has_confidence=limits.has_confidence,
        own_box=_group(limits, 0, everyone),
        poses={name: _group(limits, 0, rows) for name, rows in groups.items()},
        occlusion=[
            OcclusionFigures(
                share,
                _group(limits, place, everyone),
                _points(limits, place, limits.occluded[place]),
                _points(limits, place, ~limits.occluded[place]),
            )
            for place, share in enumerate(limits.shares)
        ],
        occluded_poses=occluded_poses,
        occluded_fills=occluded_fills,
        worst={kind: [_face(limits, place, k) for k in rows] for kind, (place, rows) in worst_faces(limits).items()},
    )


def worst_faces(limits: Limits, most: int = 12) -> dict[str, tuple[int, list[int]]]:
    """The faces with the largest mean errors, the worst first; faces without an answer have nothing to show.

    Parameters
    ----------
    limits : Limits
    most : int
        Faces of each kind.

    Returns
    -------
    dict of str to (int, list of int)
        "own box": of all faces; "profiles": of the two profile classes, in their own box; "occluded": of copies with
        `OCCLUDED_SHARE` of the box occluded. For each the place in `Limits.shares` and the rows of `Limits.faces`.
        Kinds without faces are absent.
    """
    profile = np.array([pose in PROFILES for pose in limits.poses])
    kinds = {"own box": (0, np.ones(len(profile), dtype=bool)), "profiles": (0, profile)}
    if OCCLUDED_SHARE in limits.shares:
        kinds["occluded"] = (limits.shares.index(OCCLUDED_SHARE), kinds["own box"][1])
    chosen = {}
    for kind, (place, among) in kinds.items():
        mean = limits.errors[place].mean(axis=1)
        order = np.argsort(np.where(np.isfinite(mean), -mean, np.inf), kind="stable")
        rows = [int(k) for k in order if among[k] and np.isfinite(mean[k])][:most]
        if rows:
            chosen[kind] = (place, rows)
    return chosen


def _group(limits: Limits, place: int, rows: NDArray[np.intp]) -> GroupFigures:
    errors, sure = limits.errors[place, rows], limits.confidence[place, rows]
    boxes = np.stack([limits.faces[k].box for k in rows])
    by_box = point_errors(limits.found[place, rows], limits.truth[rows], "box", boxes)
    mean = errors.mean(axis=1)
    failed, unsure = ~(mean <= FAILURE), ~(sure >= UNSURE_BELOW)
    known = sure[np.isfinite(sure)]
    return GroupFigures(
        **_fields(summarise(mean)),
        box_error=summarise(by_box.mean(axis=1)).mean,
        points=dict(zip(FIVE_POINTS, summarise_points(errors), strict=True)),
        failures=int(failed.sum()),
        confidence=float(known.mean()) if len(known) else None,
        unsure=float(unsure.mean()) if limits.has_confidence else None,
        failures_unsure=int((failed & unsure).sum()) if limits.has_confidence else None,
    )


def _fields(summary: Summary) -> dict[str, Any]:
    return {field.name: getattr(summary, field.name) for field in fields(summary)}


def _points(limits: Limits, place: int, chosen: NDArray[np.bool_]) -> PointFigures:
    chosen = chosen & np.isfinite(limits.errors[place]).all(axis=1, keepdims=True)
    count = int(chosen.sum())
    return PointFigures(
        count,
        float(limits.errors[place][chosen].mean()) if count else None,
        float(limits.expected[place][chosen].mean()) if count and limits.has_confidence else None,
    )


def _face(limits: Limits, place: int, k: int) -> FaceFigures:
    pose, sure = limits.poses[k], limits.confidence[place, k]
    return FaceFigures(
        limits.faces[k].name,
        None if pose is None else TASKS["pose"][pose],
        float(limits.errors[place, k].mean()),
        float(sure) if np.isfinite(sure) else None,
    )
