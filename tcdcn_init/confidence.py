"""Confidence in a network's answer: its raw estimates, calibrated on held-out faces.

A network with the outputs "expected_error" and "face" (`network.config.ResidualConfig`) estimates how far off each of
its points is and whether it sees a face. On the faces that it learned from both are too good; the few numbers here,
fitted on held-out faces and kept in the model file, put that right.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.files.tensor_file import json_object

__all__ = ["FAILURE", "MIN_CONFIDENCE", "UNSURE_BELOW", "Calibration", "fit_calibration", "fit_dense_calibration"]

FAILURE = 0.1
"""Mean error, in inter-ocular distances, up to which five points count as good: the field's limit of a failure."""


UNSURE_BELOW = 0.5
"""Confidence below which reports call an answer unsure."""

MIN_CONFIDENCE = 0.1
"""Confidence below which the start `tcdcn-sure` takes the box instead of the points."""


@dataclass(frozen=True)
class Calibration:
    """From raw answers to expected errors and a confidence.

    Attributes
    ----------
    offset, slope : float
        The logarithm of an expected error is ``offset + slope * log(raw)``.
    face_intercept, face_weight : float
        The logarithm of odds that the crop shows a face is ``face_intercept + face_weight * s``, s being the "face"
        output's own, yes over no, held within +-10.
    good_intercept, error_weight : float
        That a face's points are good: ``good_intercept + error_weight * log(mean expected error)``.
    visible_intercept, visible_weight : float
        That a dense point is visible: ``visible_intercept + visible_weight * s``, s being its "visible" output.

    Examples
    --------
    >>> calibration = Calibration(offset=0.1, good_intercept=-12.0, error_weight=-5.0)
    >>> raw = np.array([[0.03, 0.03, 0.05, 0.04, 0.04], [0.5, 0.5, 0.6, 0.5, 0.4]])
    >>> calibration.expected_error(raw)[0].round(3).tolist()
    [0.033, 0.033, 0.055, 0.044, 0.044]
    >>> calibration.confidence(raw, np.array([[-3.0, 3.0], [3.0, -3.0]])).round(3).tolist()
    [0.977, 0.0]
    """

    offset: float = 0.0
    slope: float = 1.0
    face_intercept: float = 0.0
    face_weight: float = 1.0
    good_intercept: float = 0.0
    error_weight: float = -1.0
    visible_intercept: float = 0.0
    visible_weight: float = 1.0

    def expected_error(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Expected errors in inter-ocular distances, of the shape of the raw ones.

        Parameters
        ----------
        raw : (..., 5) array_like
            The network's "expected_error", above 0.
        """
        return np.asarray(np.exp(self.offset + self.slope * np.log(np.asarray(raw, dtype=np.float64))))

    def visible(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Probability of each point that it can be seen, of the shape of the raw logarithms of odds."""
        odds = self.visible_intercept + self.visible_weight * np.asarray(raw, dtype=np.float64)
        return _probability(np.clip(odds, -500.0, 500.0))

    def confidence(self, raw: ArrayLike, face: ArrayLike) -> NDArray[np.float64]:
        """Probability that the points are good: of a face, and then off by at most `FAILURE` on average.

        Parameters
        ----------
        raw : (N, 5) array_like
        face : (N, 2) array_like
            The network's "face": logarithms of odds of no and yes.

        Returns
        -------
        (N,) ndarray of float64
            0 to 1.
        """
        error, seen = self.evidence(raw, face)
        is_face = _probability(self.face_intercept + self.face_weight * seen)
        return is_face * _probability(self.good_intercept + self.error_weight * error)

    def evidence(self, raw: ArrayLike, face: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The two numbers that a confidence is made of, (N,) each: the logarithm of the error, and s."""
        scores = np.asarray(face, dtype=np.float64)
        error = np.log(self.expected_error(raw).mean(axis=-1))
        return np.asarray(error), np.clip(scores[:, 1] - scores[:, 0], -10.0, 10.0)

    def to_json(self) -> str:
        """As a model file's metadata holds it."""
        return json.dumps({key: round(value, 5) for key, value in dataclasses.asdict(self).items()})

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Calibration:
        """The calibration that a model file states under "calibration"; without one, raw answers are taken as they are.

        Raises
        ------
        ValueError
            If it is malformed.
        """
        try:
            fields = {key: float(value) for key, value in json_object(metadata.get("calibration", "{}")).items()}
            if not np.isfinite(list(fields.values())).all():
                raise ValueError(f"{fields} are not finite")
            return cls(**fields)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(
                f"the model file's calibration is malformed ({error}); calibrate the model anew"
            ) from error


def fit_calibration(raw: ArrayLike, face: ArrayLike, errors: ArrayLike) -> Calibration:
    """Fit a calibration to held-out crops.

    Parameters
    ----------
    raw : (N, P) array_like
        The network's "expected_error".
    face : (N, 2) array_like
        Its "face".
    errors : (N, P) array_like
        Distance of each point to its annotation, in inter-ocular distances; NaN for crops that hold no face, and for
        points that nobody annotated.

    Returns
    -------
    Calibration
        Offset and slope of the greatest likelihood of errors that are exponentially distributed about their
        expectation; the confidence by two logistic regressions, of being a face, and among faces of being good.

    Raises
    ------
    ValueError
        If arrays do not fit together, or every crop, or none, is a face, or every face, or none, is good.
    """
    guess, seen, off = (np.asarray(array, dtype=np.float64) for array in (raw, face, errors))
    if guess.ndim != 2 or guess.shape != off.shape or seen.shape != (len(guess), 2):
        raise ValueError(f"shapes are {guess.shape}, {seen.shape}, {off.shape}; expected (N, P), (N, 2) and (N, P)")
    known = np.isfinite(off)
    is_face = np.asarray(known.any(axis=1))
    good = np.nanmean(off[is_face], axis=1) <= FAILURE
    for what, of, rows in (("crops show a face", len(is_face), is_face), ("faces are good", len(good), good)):
        if not 0 < rows.sum() < of:
            raise ValueError(f"{int(rows.sum())} of {of} {what}; a calibration needs some that do and some that do not")
    scaled = Calibration(*_scale_of_errors(guess[known], off[known]))
    error, score = scaled.evidence(guess, seen)
    face_intercept, face_weight = _logistic_regression(score, is_face)
    good_intercept, error_weight = _logistic_regression(error[is_face], good)
    return dataclasses.replace(
        scaled,
        face_intercept=face_intercept,
        face_weight=face_weight,
        good_intercept=good_intercept,
        error_weight=error_weight,
    )


def fit_dense_calibration(raw: ArrayLike, errors: ArrayLike, seen: ArrayLike, visible: ArrayLike) -> Calibration:
    """Fit the part of a calibration that dense points have: expected errors and visibility, not a face's confidence.

    Parameters
    ----------
    raw : (N, P) array_like
        The network's "expected_error" of held-out faces.
    errors : (N, P) array_like
        Distance of each point to its annotation, in inter-ocular distances.
    seen : (N, P) array_like
        The network's "visible".
    visible : (N, P) array_like of bool
        Whether the point can be seen.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If arrays do not fit together, or all points, or none, are visible.
    """
    guess, off, odds = (np.asarray(array, dtype=np.float64) for array in (raw, errors, seen))
    truth = np.asarray(visible, dtype=np.bool_)
    if guess.ndim != 2 or not guess.shape == off.shape == odds.shape == truth.shape:
        raise ValueError(
            f"shapes are {guess.shape}, {off.shape}, {odds.shape}, {truth.shape}; expected (N, P) four times"
        )
    if not 0 < truth.sum() < truth.size:
        raise ValueError(
            f"{int(truth.sum())} of {truth.size} points are visible; a calibration needs some that are and some not"
        )
    offset, slope = _scale_of_errors(guess, off)
    intercept, weight = _logistic_regression(odds.ravel(), truth.ravel())
    return Calibration(offset, slope, visible_intercept=intercept, visible_weight=weight)


def _scale_of_errors(raw: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, float]:
    """Offset and slope of the greatest likelihood of errors exponentially distributed about their expectation."""
    from scipy.optimize import minimize

    logs = np.log(raw)

    def likelihood(parameters: NDArray[np.float64]) -> float:
        expected = parameters[0] + parameters[1] * logs
        return float((expected + errors * np.exp(-expected)).mean())

    offset, slope = minimize(likelihood, np.array([0.0, 1.0]), method="Nelder-Mead").x
    return float(offset), float(slope)


def _probability(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def _logistic_regression(values: NDArray[np.float64], yes: NDArray[np.bool_]) -> tuple[float, float]:
    """Intercept and weight that predict `yes` from one number."""
    from scipy.optimize import minimize

    inputs, target = np.stack([np.ones_like(values), values], axis=1), yes.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = inputs @ parameters
        value = (np.logaddexp(0.0, odds) - target * odds).mean() + 1e-5 * (parameters**2).sum()
        return float(value), inputs.T @ (_probability(odds) - target) / len(target) + 2e-5 * parameters

    intercept, weight = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(intercept), float(weight)
