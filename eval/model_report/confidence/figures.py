"""Does the initializer know when it is unsure? Its expected errors and confidence against the errors that it makes.

Each face is shown in its own box, in a box with noise, and rotated by any angle; beside it, a box of the same image
that holds no face. The first three have errors; the fourth should come out unsure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.confidence import FAILURE, Calibration
from tcdcn_init.eval.measuring.answers import Answers
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.model_report.measurement import CONFIDENCE_VIEWS

__all__ = [
    "THRESHOLDS",
    "UNSURE_BELOW",
    "ConfidenceAnswers",
    "ConfidenceFigures",
    "ConfidenceReport",
    "ErrorBin",
    "RiskCurve",
    "ThresholdFigures",
    "ViewFigures",
    "auroc",
    "confidence_answers",
    "confidence_figures",
    "risk_coverage",
]

UNSURE_BELOW = 0.5
"""Confidence below which an answer is called unsure."""

THRESHOLDS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""Least confidences for which it is said what they keep."""

_BINS = 10
_BACKGROUND = CONFIDENCE_VIEWS.index("background")


@dataclass(frozen=True, eq=False)
class ConfidenceAnswers:
    """What an initializer said of its answers, and how right they were; a row a copy that has an answer.

    Attributes
    ----------
    view : (N,) ndarray of int
        Index into `measurement.CONFIDENCE_VIEWS`.
    errors : (N, 5) ndarray
        Distance of each point to its annotation, in inter-ocular distances; NaN where there is no face.
    raw : (N, 5) ndarray
        The network's "expected_error".
    face : (N, 2) ndarray
        Its "face".
    calibration : Calibration
        The model's.
    """

    view: NDArray[np.intp]
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


@dataclass(frozen=True)
class ViewFigures:
    """Of one view.

    Attributes
    ----------
    count : int
        Copies.
    confidence : float
        Its mean.
    unsure : float
        Share below `UNSURE_BELOW`.
    expected, actual : float or None
        Mean errors; None of background.
    valid : float or None
        Share with an error of at most `confidence.FAILURE`; None of background.
    """

    count: int
    confidence: float
    unsure: float
    expected: float | None
    actual: float | None
    valid: float | None


@dataclass(frozen=True)
class ErrorBin:
    """Mean expected and actual error of points with similar expected errors.

    Attributes
    ----------
    expected, actual : float
    points : int
    """

    expected: float
    actual: float
    points: int


@dataclass(frozen=True)
class RiskCurve:
    """What is left of errors when the least confident faces are put aside.

    Attributes
    ----------
    coverage : list of float
        Shares of the faces that are kept, from a twentieth to all.
    mean, failures : list of float
        Mean error, and share above `confidence.FAILURE`, of the faces that are kept.
    best_failures : list of float
        The same share, kept by a confidence that knew the errors.
    """

    coverage: list[float]
    mean: list[float]
    failures: list[float]
    best_failures: list[float]


@dataclass(frozen=True)
class ThresholdFigures:
    """What is left where answers below a confidence are put aside.

    Attributes
    ----------
    threshold : float
        The least confidence.
    kept, kept_noisy, kept_background : float or None
        Share that is kept of faces in their own box, of faces in a box with noise, and of boxes without a face; None
        without one of these.
    failures, failures_noisy : float or None
        Share of failures, errors above `confidence.FAILURE`, among the faces that are kept; None where none is.
    """

    threshold: float
    kept: float | None
    failures: float | None
    kept_noisy: float | None
    failures_noisy: float | None
    kept_background: float | None


@dataclass(frozen=True)
class ConfidenceFigures:
    """Of a data set.

    Attributes
    ----------
    views : dict of str to ViewFigures
        By `measurement.CONFIDENCE_VIEWS`, where there are copies.
    auroc_background : float or None
        Probability that a face in its own box has more confidence than background.
    auroc_failure : float or None
        The same for valid answers over failures, among faces in every view.
    bins : list of ErrorBin
        Of points sorted by their expected error, in ten groups of one size.
    risk : RiskCurve
        Of the faces in their own box.
    thresholds : list of ThresholdFigures
        By `THRESHOLDS`; empty in reports of before they were measured.
    """

    views: dict[str, ViewFigures]
    auroc_background: float | None
    auroc_failure: float | None
    bins: list[ErrorBin]
    risk: RiskCurve
    thresholds: list[ThresholdFigures] = field(default_factory=list)


@dataclass(frozen=True)
class ConfidenceReport(Document):
    """confidence.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    datasets : dict of str to ConfidenceFigures
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    datasets: dict[str, ConfidenceFigures]


def confidence_answers(views: Mapping[str, Answers]) -> ConfidenceAnswers:
    """The answers to `measurement.CONFIDENCE_VIEWS`, one after the other.

    Parameters
    ----------
    views : mapping of str to Answers

    Returns
    -------
    ConfidenceAnswers
        Without copies that have no answer: there is nothing to be confident of.

    Raises
    ------
    ValueError
        If the model has no confidence outputs, or no face has an answer.
    """
    chosen = [views[name] for name in CONFIDENCE_VIEWS]
    if not chosen[0].has_confidence:
        raise ValueError(
            "the model has no confidence outputs; expected one with 'expected_error' and 'face', such as tcdcn-robust"
        )
    view = np.repeat(np.arange(len(chosen)), [len(answers.errors) for answers in chosen])
    points, errors, raw, face = (
        np.concatenate(arrays)
        for arrays in zip(
            *((each.points, each.errors, each.outputs["expected_error"], each.outputs["face"]) for each in chosen),
            strict=True,
        )
    )
    answered = np.isfinite(points).all(axis=(1, 2))
    if not answered.any():
        raise ValueError(f"none of {len(chosen[0].errors)} faces has an answer; check that their images can be read")
    return ConfidenceAnswers(view[answered], errors[answered], raw[answered], face[answered], chosen[0].calibration)


def confidence_figures(answers: ConfidenceAnswers) -> ConfidenceFigures:
    """Figures of what an initializer said of its answers.

    Parameters
    ----------
    answers : ConfidenceAnswers

    Returns
    -------
    ConfidenceFigures
    """
    mean = answers.errors.mean(axis=1)
    expected, confidence = answers.expected, answers.confidence
    of_face = answers.view != _BACKGROUND
    valid = of_face & (mean <= FAILURE)
    views = {}
    for number, name in enumerate(CONFIDENCE_VIEWS):
        rows = answers.view == number
        if rows.any():
            numbers = [float(values[rows].mean()) for values in (expected, mean, valid)]
            views[name] = ViewFigures(
                int(rows.sum()),
                float(confidence[rows].mean()),
                float((confidence[rows] < UNSURE_BELOW).mean()),
                *(numbers if number != _BACKGROUND else (None, None, None)),
            )
    own, empty = answers.view == 0, ~of_face
    guessed, actual = expected[of_face].ravel(), answers.errors[of_face].ravel()
    order = np.argsort(guessed, kind="stable")
    return ConfidenceFigures(
        views=views,
        auroc_background=auroc(confidence[own], confidence[empty]),
        auroc_failure=auroc(confidence[valid], confidence[of_face & ~valid]),
        bins=[
            ErrorBin(float(guessed[part].mean()), float(actual[part].mean()), len(part))
            for part in np.array_split(order, _BINS)
            if len(part)
        ],
        risk=risk_coverage(mean[own], confidence[own]),
        thresholds=[_threshold(answers.view, mean, confidence, threshold) for threshold in THRESHOLDS],
    )


def _threshold(
    view: NDArray[np.intp], errors: NDArray[np.float64], confidence: NDArray[np.float64], threshold: float
) -> ThresholdFigures:
    kept = confidence >= threshold

    def mean(values: NDArray[np.bool_]) -> float | None:
        return float(values.mean()) if len(values) else None

    own, noisy, empty = (view == CONFIDENCE_VIEWS.index(name) for name in ("own box", "noisy box", "background"))
    failed = errors > FAILURE
    return ThresholdFigures(
        threshold, mean(kept[own]), mean(failed[own & kept]), mean(kept[noisy]), mean(failed[noisy & kept]),
        mean(kept[empty]),
    )  # fmt: skip


def auroc(positive: ArrayLike, negative: ArrayLike) -> float | None:
    """Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.

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


def risk_coverage(errors: ArrayLike, confidence: ArrayLike) -> RiskCurve:
    """Mean error and failures of the most confident share of the faces.

    Parameters
    ----------
    errors, confidence : (N,) array_like

    Returns
    -------
    RiskCurve

    Examples
    --------
    >>> risk_coverage([0.05, 0.3], [0.9, 0.1]).failures[-1]
    0.5
    """
    values = np.asarray(errors, dtype=np.float64)
    ranked = values[np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")]
    counts = np.unique(np.maximum(1, np.rint(np.linspace(0.05, 1.0, 20) * len(values)).astype(int)))
    failed, best = ranked > FAILURE, np.sort(values) > FAILURE
    return RiskCurve(
        coverage=[float(count / len(values)) for count in counts],
        mean=[float(ranked[:count].mean()) for count in counts],
        failures=[float(failed[:count].mean()) for count in counts],
        best_failures=[float(best[:count].mean()) for count in counts],
    )
