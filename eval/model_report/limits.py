"""Where an initializer fails, by itself, and whether it says so: turned heads and hidden parts.

Each face is shown in its own box, whole and with a rectangle of grey or noise over a growing part of it
(`copies.make_copy`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, filling, hidden_part, make_copy, read_pictures
from tcdcn_init.eval.measuring.runs import over_processes
from tcdcn_init.eval.metrics import point_errors, pose_rows, summarise, summarise_points
from tcdcn_init.eval.perturbation import Fill
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.tasks import TASKS

SURE = 0.5
"""Confidence below which an answer is called unsure."""

HIDDEN = 0.3
"""Hidden part of the box at which pose classes are compared and the worst copies are shown."""

PROFILES = (0, len(TASKS["pose"]) - 1)
"""The pose classes of profiles."""


@dataclass(frozen=True, eq=False)
class Limits:
    """What an initializer answered on faces, by hidden part of their box.

    Attributes
    ----------
    faces : list of N Face
    shares : tuple of S float
        Hidden parts, from 0, the face as it is.
    found : (S, N, 5, 2) ndarray
        Points; NaN where there is no answer.
    expected : (S, N, 5) ndarray
        Expected errors; NaN of a model that does not say.
    confidence : (S, N) ndarray
        NaN of a model that does not say.
    hidden : (S, N, 5) ndarray of bool
        Whether the annotated point lies under the rectangle.
    fills : list of N str
        What each face's rectangle is filled with.
    """

    faces: list[Face]
    shares: tuple[float, ...]
    found: NDArray[np.float64]
    expected: NDArray[np.float64]
    confidence: NDArray[np.float64]
    hidden: NDArray[np.bool_]
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
    def says(self) -> bool:
        """Whether the model says how far it can be trusted."""
        return bool(np.isfinite(self.confidence).any())


def measure_limits(
    make_initializer: Callable[[], Initializer],
    faces: Sequence[Face],
    *,
    shares: Sequence[float] = OCCLUSIONS,
    seed: int = 0,
    jobs: int = 1,
    title: str = "Measuring limits",
) -> Limits:
    """Show an initializer faces with growing parts hidden.

    Parameters
    ----------
    make_initializer : callable
        Makes the initializer, in every process.
    faces : sequence of Face
        Five points each; at least one.
    shares : sequence of float
        Hidden parts of the box, the first 0.
    seed : int
        Of the rectangles and their noise.
    jobs : int
        Processes; they change no number.
    title : str
        Shown beside the progress.

    Returns
    -------
    Limits
        With no answer for a picture that cannot be read.

    Raises
    ------
    ValueError
        If there is no face, or the first share is not 0.
    """
    if not faces:
        raise ValueError("there is no face to measure on; expected at least one")
    if not shares or shares[0] != 0:
        raise ValueError(f"shares are {tuple(shares)}; expected hidden parts from 0, the face as it is")
    worker = functools.partial(_Worker, make_initializer, tuple(shares), seed)
    rows = list(track(over_processes(worker, faces, jobs), title, total=len(faces)))
    found, expected, confidence, hidden = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
    fills = [filling(face, seed) for face in faces]
    return Limits(list(faces), tuple(shares), found, expected, confidence, hidden, fills)


class _Worker:
    """Shows one face after the other, each under all of its rectangles."""

    def __init__(self, make_initializer: Callable[[], Initializer], shares: tuple[float, ...], seed: int) -> None:
        self.initializer, self.shares, self.seed = make_initializer(), shares, seed

    def __call__(self, face: Face) -> tuple[NDArray[Any], ...]:
        """Points, expected errors and confidence of each copy, and which points are hidden."""
        pictures, _ = read_pictures([face])
        made = [make_copy(face, pictures.get(face.image), "occlusion", share, self.seed) for share in self.shares]
        copies = [copy for copy in made if copy is not None]
        count = len(self.shares)
        rectangles = np.stack([hidden_part(face, share, self.seed) for share in self.shares])[:, None]
        hidden = np.asarray(((face.five >= rectangles[..., :2]) & (face.five < rectangles[..., 2:])).all(axis=-1))
        if len(copies) < count:
            return np.full((count, 5, 2), np.nan), np.full((count, 5), np.nan), np.full(count, np.nan), hidden
        answers = [
            answer
            for (answer,) in self.initializer.batch(
                [copy.image for copy in copies], [[copy.box] for copy in copies], on_bad="nan"
            )
        ]
        points = np.stack([answer.points for answer in answers]).astype(np.float64)
        expected = np.stack([answer.expected_error for answer in answers]).astype(np.float64)
        return points, expected, np.array([answer.confidence for answer in answers]), hidden


def limits_figures(limits: Limits) -> dict[str, Any]:
    """Figures of a measurement.

    Parameters
    ----------
    limits : Limits

    Returns
    -------
    dict
        "faces"; "says": whether the model says how far it can be trusted; "own box": figures of all faces; "poses":
        of each pose class in its own box; "hidden": by hidden part, figures and, under "hidden points" and "seen
        points", number, mean error and mean expected error of points that the rectangle hides and of the others, of
        faces with an answer; "hidden poses" and "hidden fills": of each pose class and of each filling with `HIDDEN` of
        the box hidden, where measured;
        "worst": `worst_faces` by kind ("own box", "profiles", "hidden"), each with "name", "pose", "error" and
        "confidence".

        Figures are a `metrics.Summary` of the faces, "box error" (mean, over the side of the box, which a turned head
        does not shorten), "points" (a summary by name), "failures" (faces with an error above 10 % or missing), and
        "confidence" (mean), "unsure" (share below `SURE`, or without an answer) and "failures unsure" (number of
        failures that are), None of a model that does not say.
    """
    every = np.arange(len(limits.faces))
    groups = pose_rows(limits.poses)
    own = _figures(limits, 0, every)
    hidden = {}
    for number, share in enumerate(limits.shares):
        under = limits.hidden[number]
        hidden[f"{share:g}"] = {
            **_figures(limits, number, every),
            "hidden points": _points(limits, number, under),
            "seen points": _points(limits, number, ~under),
        }
    result: dict[str, Any] = {
        "faces": len(limits.faces),
        "says": limits.says,
        "own box": own,
        "poses": {name: _figures(limits, 0, rows) for name, rows in groups.items()},
        "hidden": hidden,
        "hidden poses": {},
        "hidden fills": {},
        "worst": {
            kind: [_case(limits, number, k) for k in rows] for kind, (number, rows) in worst_faces(limits).items()
        },
    }
    if HIDDEN in limits.shares:
        number = limits.shares.index(HIDDEN)
        result["hidden poses"] = {name: _figures(limits, number, rows) for name, rows in groups.items()}
        for fill in sorted(set(limits.fills)):
            rows = np.flatnonzero(np.array(limits.fills) == fill)
            result["hidden fills"][fill] = _figures(limits, number, rows)
    return result


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
        "own box": of all faces; "profiles": of the two profile classes, in their own box; "hidden": of copies with
        `HIDDEN` of the box hidden. For each the place in `Limits.shares` and the places in `Limits.faces`. Kinds
        without faces are absent.
    """
    profile = np.array([pose in PROFILES for pose in limits.poses])
    kinds = {"own box": (0, np.ones(len(profile), dtype=bool)), "profiles": (0, profile)}
    if HIDDEN in limits.shares:
        kinds["hidden"] = (limits.shares.index(HIDDEN), kinds["own box"][1])
    chosen = {}
    for kind, (number, among) in kinds.items():
        mean = limits.errors[number].mean(axis=1)
        order = np.argsort(np.where(np.isfinite(mean), -mean, np.inf), kind="stable")
        rows = [int(k) for k in order if among[k] and np.isfinite(mean[k])][:most]
        if rows:
            chosen[kind] = (number, rows)
    return chosen


def _figures(limits: Limits, number: int, rows: NDArray[np.intp]) -> dict[str, Any]:
    errors, sure = limits.errors[number, rows], limits.confidence[number, rows]
    boxes = np.stack([limits.faces[k].box for k in rows])
    by_box = point_errors(limits.found[number, rows], limits.truth[rows], "box", boxes)
    mean = errors.mean(axis=1)
    failed, unsure = ~(mean <= FAILURE), ~(sure >= SURE)
    known = sure[np.isfinite(sure)]
    return {
        **dataclasses.asdict(summarise(mean)),
        "box error": summarise(by_box.mean(axis=1)).mean,
        "points": dict(zip(FIVE_POINTS, map(dataclasses.asdict, summarise_points(errors)), strict=True)),
        "failures": int(failed.sum()),
        "confidence": float(known.mean()) if len(known) else None,
        "unsure": float(unsure.mean()) if limits.says else None,
        "failures unsure": int((failed & unsure).sum()) if limits.says else None,
    }


def _points(limits: Limits, number: int, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    chosen = chosen & np.isfinite(limits.errors[number]).all(axis=1, keepdims=True)
    count = int(chosen.sum())
    return {
        "count": count,
        "error": float(limits.errors[number][chosen].mean()) if count else None,
        "expected": float(limits.expected[number][chosen].mean()) if count and limits.says else None,
    }


def _case(limits: Limits, number: int, k: int) -> dict[str, Any]:
    pose, sure = limits.poses[k], limits.confidence[number, k]
    return {
        "name": limits.faces[k].name,
        "pose": None if pose is None else TASKS["pose"][pose],
        "error": float(limits.errors[number, k].mean()),
        "confidence": float(sure) if np.isfinite(sure) else None,
    }
