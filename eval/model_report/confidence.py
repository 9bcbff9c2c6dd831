"""Does the initializer know when it is unsure? Its expected errors and confidence against the errors that it makes.

Each face is shown four times: in its own box, in a box with noise, turned by any angle, and beside it a box that holds
no face (`background.background_box`). The first three have errors; the fourth should come out unsure.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.confidence import FAILURE, Calibration
from tcdcn_init.crops import as_picture
from tcdcn_init.datasets.base import Face, read_picture
from tcdcn_init.eval.measuring.runs import over_processes
from tcdcn_init.eval.metrics import point_errors
from tcdcn_init.eval.perturbation import face_rng, noisy_box, rolled
from tcdcn_init.initializer import Initializer
from tcdcn_init.training.background import background_box

KINDS = ("own box", "noisy box", "turned", "background")

LARGEST_NOISE = 0.3
"""A noisy box's standard deviation is drawn between 0 and this."""

_BINS = 10


@dataclass(frozen=True)
class Trust:
    """What an initializer said of its answers, and how good they were; a row a copy.

    Attributes
    ----------
    kind : (N,) ndarray of int
        Index into `KINDS`.
    errors : (N, 5) ndarray
        Distance of each point to its annotation, in inter-ocular distances; NaN where there is no face.
    raw : (N, 5) ndarray
        The network's "expected_error".
    face : (N, 2) ndarray
        Its "face".
    calibration : Calibration
        The model's.
    """

    kind: NDArray[np.intp]
    errors: NDArray[np.float64]
    raw: NDArray[np.float64]
    face: NDArray[np.float64]
    calibration: Calibration

    @property
    def expected(self) -> NDArray[np.float64]:
        """Calibrated expected errors, (N, 5)."""
        return self.calibration.expected_error(self.raw)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(N,), 0 to 1."""
        return self.calibration.confidence(self.raw, self.face)


class _Copy(NamedTuple):
    kind: int
    image: NDArray[Any]
    box: NDArray[np.float64]
    points: NDArray[np.float64] | None


def measure_trust(
    make_initializer: Callable[[], Initializer],
    faces: Sequence[Face],
    *,
    seed: int = 0,
    known: Mapping[Path, NDArray[np.float64]] | None = None,
    jobs: int = 1,
) -> Trust:
    """Show an initializer faces and background, and keep what it says.

    Parameters
    ----------
    make_initializer : callable
        Makes the initializer, of a model with the outputs "expected_error" and "face", in every process.
    faces : sequence of Face
        Five points each. Pictures that cannot be read are left out: they have no answer to be trusted.
    seed : int
    known : mapping of path to (N, 4) ndarray, optional
        Boxes of all faces of a picture, where more are known than `faces` has.
    jobs : int
        Processes; they change no number.

    Returns
    -------
    Trust

    Raises
    ------
    ValueError
        If the model does not say how far it can be trusted, or no face can be read.
    """
    initializer = make_initializer()
    if not {"expected_error", "face"} <= set(initializer.config.outputs):
        raise ValueError(
            "the model gives no expected errors; expected one with the outputs 'expected_error' and 'face', such as "
            "tcdcn-robust"
        )
    boxes: dict[Path, list[NDArray[np.float64]]] = {}
    for face in faces:
        boxes.setdefault(face.image, []).append(face.box)
    items = [(face, np.stack([*boxes[face.image], *(known or {}).get(face.image, [])])) for face in faces]
    pieces = over_processes(functools.partial(_Worker, make_initializer, seed), items, jobs)
    rows = [row for piece in track(pieces, "Measuring trust", total=len(items)) for row in piece]
    if not rows:
        raise ValueError(f"none of {len(faces)} faces could be read")
    kind, errors, raw, scores = (np.array(column) for column in zip(*rows, strict=True))
    return Trust(kind, errors, raw.astype(np.float64), scores.astype(np.float64), initializer.calibration)


_Row = tuple[int, NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]


class _Worker:
    """Shows one face after the other, given with all boxes of its picture."""

    def __init__(self, make_initializer: Callable[[], Initializer], seed: int) -> None:
        self.initializer, self.seed = make_initializer(), seed

    def __call__(self, item: tuple[Face, NDArray[np.float64]]) -> list[_Row]:
        """Kind, errors, "expected_error" and "face" of each copy."""
        face, there = item
        try:
            picture = as_picture(read_picture(face))
        except ValueError:
            return []
        copies = _copies(face, picture, there, self.seed)
        images, boxes = [copy.image for copy in copies], [[copy.box] for copy in copies]
        raw = self.initializer.raw(images, boxes, on_bad="nan")
        found, answers = raw.points, raw.outputs
        rows: list[_Row] = []
        for k, copy in enumerate(copies):
            error = np.full(5, np.nan)
            if copy.points is not None:
                error = point_errors(found[k][None], copy.points[None])[0]
            if np.isfinite(found[k]).all():
                rows.append((copy.kind, error, answers["expected_error"][k], answers["face"][k]))
        return rows


def _copies(face: Face, picture: NDArray[Any], there: NDArray[np.float64], seed: int) -> list[_Copy]:
    points = face.five.astype(np.float64)
    rng = face_rng(seed, face.name, "trust")
    sd, angle = rng.uniform(0.0, LARGEST_NOISE), rng.uniform(-180.0, 180.0)
    copies = [_Copy(0, picture, face.box, points), _Copy(1, picture, noisy_box(face.box, sd, rng), points)]
    try:
        turned, moved, box = rolled(picture, points, face.box, angle)
        copies.append(_Copy(2, turned, box, moved))
    except ValueError:  # the box lies outside of the picture
        pass
    empty = background_box((picture.shape[1], picture.shape[0]), there, rng)
    if empty is not None:
        copies.append(_Copy(3, picture, empty, None))
    return copies


def trust_figures(trust: Trust) -> dict[str, Any]:
    """Figures of a measurement.

    Returns
    -------
    dict
        "kinds": by name, "count", mean "confidence" and the share "unsure" (below 0.5), and of faces "expected" and
        "actual" (mean errors) and the share "good"; "auroc background": chance that a face in its own box has more
        confidence than background; "auroc failure": the same for good answers over bad ones, among faces of every kind;
        "bins": expected and actual error of points sorted by the expected one, in ten groups of one size; "risk":
        `risk_coverage` of the faces in their own box.
    """
    mean = trust.errors.mean(axis=1)
    expected, confidence = trust.expected, trust.confidence
    shown = trust.kind < 3
    good = shown & (mean <= FAILURE)
    by_kind = {}
    for number, name in enumerate(KINDS):
        rows = trust.kind == number
        if not rows.any():
            continue
        by_kind[name] = {
            "count": int(rows.sum()),
            "confidence": float(confidence[rows].mean()),
            "unsure": float((confidence[rows] < 0.5).mean()),
        }
        if number < 3:
            by_kind[name] |= {
                "expected": float(expected[rows].mean()),
                "actual": float(mean[rows].mean()),
                "good": float(good[rows].mean()),
            }
    own, empty = trust.kind == 0, trust.kind == 3
    guessed, actual = expected[shown].ravel(), trust.errors[shown].ravel()
    order = np.argsort(guessed, kind="stable")
    bins = [
        {"expected": float(guessed[part].mean()), "actual": float(actual[part].mean()), "points": len(part)}
        for part in np.array_split(order, _BINS)
        if len(part)
    ]
    return {
        "kinds": by_kind,
        "auroc background": auroc(confidence[own], confidence[empty]),
        "auroc failure": auroc(confidence[good], confidence[shown & ~good]),
        "bins": bins,
        "risk": risk_coverage(mean[own], confidence[own]),
    }


def auroc(positive: ArrayLike, negative: ArrayLike) -> float | None:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Parameters
    ----------
    positive, negative : (N,), (M,) array_like

    Returns
    -------
    float, or None
        None where one side is empty.

    Examples
    --------
    >>> auroc([0.9, 0.8, 0.4], [0.1, 0.4])
    0.9166666666666666
    """
    ours, theirs = np.asarray(positive, dtype=np.float64), np.sort(np.asarray(negative, dtype=np.float64))
    if not len(ours) or not len(theirs):
        return None
    below = np.searchsorted(theirs, ours, side="left") + np.searchsorted(theirs, ours, side="right")
    return float(below.mean() / 2 / len(theirs))


def risk_coverage(errors: ArrayLike, confidence: ArrayLike) -> dict[str, list[float]]:
    """Mean error and failures of the most confident share of the faces.

    Parameters
    ----------
    errors, confidence : (N,) array_like

    Returns
    -------
    dict
        "coverage" from a twentieth to all, and at each "mean" (error) and "failures" (share above
        `confidence.FAILURE`); "failures in the best order": what a confidence that knew the errors would leave.

    Examples
    --------
    >>> risk_coverage([0.05, 0.3], [0.9, 0.1])["failures"][-1]
    0.5
    """
    values = np.asarray(errors, dtype=np.float64)
    ranked = values[np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")]
    counts = np.unique(np.maximum(1, np.rint(np.linspace(0.05, 1.0, 20) * len(values)).astype(int)))
    failed, best = ranked > FAILURE, np.sort(values) > FAILURE
    return {
        "coverage": [float(count / len(values)) for count in counts],
        "mean": [float(ranked[:count].mean()) for count in counts],
        "failures": [float(failed[:count].mean()) for count in counts],
        "failures in the best order": [float(best[:count].mean()) for count in counts],
    }
