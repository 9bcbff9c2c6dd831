"""Faces found: what a search suggests, and an initializer confirms by looking closer.

A detector that is asked for little more than a hint finds faces that it would else miss, and much that is none. Each
hint is given to the initializer, whose network has learned to tell faces from other things; it answers with points as
well, which say where the face is and which hints are of the same one. Those answers are kept: `initialize` does not ask
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.answers import RawAnswers
from tcdcn_init.boxes import checked_boxes
from tcdcn_init.confidence import Calibration
from tcdcn_init.crops import frames_from_points
from tcdcn_init.detection.detectors import LAX, OWN, Detector, resolved
from tcdcn_init.detection.hits import Hits, kept_apart
from tcdcn_init.detection.turned import QUARTERS, search_turned
from tcdcn_init.geometry import roll_degrees

__all__ = [
    "FACE_ODDS",
    "LEAST_CERTAINTY",
    "PART_OF_FACE",
    "SAME_FACE",
    "Found",
    "Judge",
    "all_lie",
    "certainty",
    "face_odds",
    "find_faces",
    "inside",
    "point_squares",
    "quarters_to_search",
    "search_by",
    "sifted",
]

LEAST_CERTAINTY = 0.3
"""Certainty from which a hint counts as a face; chosen on 40 sheets of held-out training photographs, 392 faces, with
`FACE_ODDS`, and the constants of `windows` and `dlib_hog`: of what was surer there, all that nobody had marked was a
face to the eye. `tcdcn-init detection` measures what others would do."""

FACE_ODDS = 4.0
"""Logarithm of the odds of a face from which it is one whatever its points are."""

SAME_FACE = 0.3
"""Intersection over union, of squares around points, above which two hints are of one face."""

PART_OF_FACE = 0.7
"""Share of such a square inside of a surer one's above which it is a part of that face, as nostrils and mouth are."""

UPRIGHT = 45.0
"""Largest roll of a head, in degrees, for which its image is taken to be the right way up."""


class Judge(Protocol):
    """What looks closer: an `Initializer` of two stages."""

    calibration: Calibration

    def raw(self, images: Any, boxes: Any, *, on_bad: Literal["raise", "nan"] = "raise") -> RawAnswers:
        """See `Initializer.raw`."""
        ...

    def hints(self, image: NDArray[Any]) -> Hits:
        """See `Initializer.hints`."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of an image.

    Attributes
    ----------
    boxes : (N, 4) ndarray of float64
        As the detector gave them; of the initializer's own search, squares around points.
    answers : RawAnswers
        What the judge says of them.
    """

    boxes: NDArray[np.float64]
    answers: RawAnswers


def find_faces(
    image: NDArray[Any],
    judge: Judge,
    detector: Detector = "auto",
    *,
    turned: bool | None = None,
    on_bad: Literal["raise", "nan"] = "raise",
) -> Found:
    """Find the faces of an image.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    judge : Judge
    detector : str or callable
        As for `detect_boxes`.
    turned : bool, optional
        As for `detect_boxes`.
    on_bad : {"raise", "nan"}
        What a box of a caller's own detector does that cannot be used.

    Returns
    -------
    Found
        The largest box first; those of a caller's own detector in its order, unless copies were turned.
    """
    chosen = resolved(detector)
    search = search_by(chosen, judge) if isinstance(chosen, str) else _as_search(chosen, on_bad)
    if callable(chosen) and not turned:
        boxes = search(image).boxes
        return Found(boxes, judge.raw(image, boxes, on_bad=on_bad))
    looked_at = _looked_at(image, search(image), judge)
    found = _sifted(looked_at, judge)
    quarters = quarters_to_search(chosen, turned, roll_degrees(found.answers.points))
    if quarters:
        more = _looked_at(image, search_turned(search, image, quarters), judge)
        found = _sifted(_joined(looked_at, more), judge)
    if chosen == OWN:
        # A window that happened to hint at a face is no box to give away: the square around the points is.
        found = _looked_at(image, Hits.of(point_squares(found.answers.points), np.zeros(len(found.boxes))), judge)
    left, top, right, bottom = found.boxes.T
    return _rows(found, np.argsort(-(right - left) * (bottom - top), kind="stable"))


def search_by(name: str, judge: Judge) -> Callable[[NDArray[Any]], Hits]:
    """What looks for hints under a name: the judge itself, or one of `LAX`."""
    return judge.hints if name == OWN else LAX[name]


def quarters_to_search(detector: Detector, turned: bool | None, roll: NDArray[np.float64]) -> tuple[int, ...]:
    """By which quarters an image is turned to search it again.

    Parameters
    ----------
    detector : str or callable
        As `detectors.resolved` gives it.
    turned : bool, optional
        As for `detect_boxes`.
    roll : (N,) ndarray
        Degrees, of the heads that were found, the surest first. Where none of them stands upright and `turned` says
        nothing, the initializer's own search, which saw them lie, turns the surest one up; other detectors, which see
        upright heads alone, all ways.

    Returns
    -------
    tuple of int
        As `numpy.rot90` counts them.

    Examples
    --------
    >>> quarters_to_search("tcdcn", None, np.array([-178.0, -91.0])), quarters_to_search("dlib", None, np.array([]))
    ((2,), (1, 3, 2))
    """
    if turned or (turned is None and detector != OWN and all_lie(roll)):
        return QUARTERS
    if turned is None and detector == OWN and len(roll) and all_lie(roll):
        return (round(float(roll[0]) / 90.0) % 4,)
    return ()


def all_lie(roll: NDArray[np.float64]) -> bool:
    """Whether no head stands upright, or none was found: the image may itself be turned.

    Parameters
    ----------
    roll : (N,) ndarray
        Degrees, -180 to 180.
    """
    return not (np.abs(roll) <= UPRIGHT).any()


def face_odds(answers: RawAnswers, calibration: Calibration) -> NDArray[np.float64]:
    """Logarithms of the odds that hints are faces, wherever their points may be: (N,)."""
    _, seen = calibration.evidence(answers.outputs["expected_error"], answers.outputs["face"])
    return np.asarray(calibration.face_intercept + calibration.face_weight * seen)


def certainty(confidence: NDArray[np.float64], odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """How surely hints are faces, (N,), 0 to 1; NaN where the judge gave no points.

    That the points are good says so, as the confidence has it; and so do odds of a face far beyond doubt, where the
    points of a grimace or a profile may be off.

    Parameters
    ----------
    confidence : (N,) ndarray
    odds : (N,) ndarray
        As `face_odds` gives them.

    Examples
    --------
    >>> certainty(np.array([0.9, 0.1, np.nan]), np.array([0.0, 9.0, 9.0])).round(2).tolist()
    [0.9, 0.99, nan]
    """
    beyond_doubt = 1.0 / (1.0 + np.exp(FACE_ODDS - odds))
    return np.asarray(np.where(np.isnan(confidence), np.nan, np.maximum(confidence, beyond_doubt)))


def inside(hits: Hits, image: NDArray[Any]) -> Hits:
    """Hits that lie in an image, at least in part: detectors look beyond its border."""
    height, width = image.shape[:2]
    left, top, right, bottom = hits.boxes.T
    return hits[np.flatnonzero((left <= width - 1) & (top <= height - 1) & (right >= 0) & (bottom >= 0))]


def point_squares(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Squares around five points, which turn with them: (N, 4) for (N, 5, 2)."""
    frames = frames_from_points(points, 1.0)
    middle, half = frames[:, :, 2], np.hypot(frames[:, :1, 0], frames[:, 1:, 0]) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def sifted(certain: NDArray[np.float64], squares: NDArray[np.float64], least: float) -> NDArray[np.intp]:
    """Rows of hints that are faces, each face once, the surest first.

    Parameters
    ----------
    certain : (N,) ndarray
        As `certainty` gives it.
    squares : (N, 4) ndarray
        As `point_squares` gives them.
    least : float
        Certainty from which a hint counts as a face.
    """
    sure = np.flatnonzero(certain >= least)
    faces = sure[kept_apart(squares[sure], certain[sure], SAME_FACE)]
    corners = squares[faces]
    low, high = np.maximum(corners[:, None, :2], corners[:, :2]), np.minimum(corners[:, None, 2:], corners[:, 2:])
    inside_of = np.clip(high - low, 0.0, None).prod(axis=2) / (corners[:, 2:] - corners[:, :2]).prod(axis=1)[:, None]
    is_part = np.tril(inside_of > PART_OF_FACE, -1).any(axis=1)
    return np.asarray(faces[~is_part])


def _as_search(detector: Callable[[Any], Any], on_bad: str) -> Callable[[NDArray[Any]], Hits]:
    """A caller's own detector, which gives boxes in whatever form."""

    def search(image: NDArray[Any]) -> Hits:
        given = detector(image)
        if given is None:
            raise ValueError("the detector returned None; expected boxes, none of them where there is no face: []")
        boxes = checked_boxes(image, given, on_bad)
        return Hits.of(boxes, np.zeros(len(boxes)))

    return search


def _looked_at(image: NDArray[Any], hits: Hits, judge: Judge) -> Found:
    boxes = inside(hits, image).boxes
    with np.errstate(invalid="ignore"):  # a hint beside pixels that are not finite is none
        return Found(boxes, judge.raw(image, boxes, on_bad="nan"))


def _sifted(found: Found, judge: Judge) -> Found:
    certain = certainty(found.answers.confidence, face_odds(found.answers, judge.calibration))
    return _rows(found, sifted(certain, point_squares(found.answers.points), LEAST_CERTAINTY))


def _joined(found: Found, more: Found) -> Found:
    return Found(np.concatenate([found.boxes, more.boxes]), RawAnswers.joined([found.answers, more.answers]))


def _rows(found: Found, rows: NDArray[np.intp]) -> Found:
    return Found(found.boxes[rows], found.answers.rows(rows))
