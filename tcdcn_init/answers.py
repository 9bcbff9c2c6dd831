"""What a network's outputs say: of many faces as arrays, and of each as an `Initialization`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.confidence import Calibration
from tcdcn_init.initialization import Initialization
from tcdcn_init.tasks import TASKS

__all__ = ["CONFIDENCE_OUTPUTS", "RawAnswers", "confidence_of", "initializations", "raw_answers"]

CONFIDENCE_OUTPUTS = ("expected_error", "face")
"""What a network with a confidence answers beside points and tasks."""


@dataclass(frozen=True, eq=False)
class RawAnswers:
    """What the network says of N faces, as arrays (`Initializer.raw`).

    Attributes
    ----------
    points : (N, P, 2) ndarray of float32
        P is 5, but of models of other points.
    confidence : (N,) ndarray of float64
        `Initialization.confidence`.
    expected_error : (N, P) ndarray of float32
        `Initialization.expected_error`.
    outputs : mapping of str to (N, K) ndarray of float32
        By the names of ``config.outputs`` beyond "points", as `backends.Backend` describes them: what calibration is
        fitted to.
    """

    points: NDArray[np.float32]
    confidence: NDArray[np.float64]
    expected_error: NDArray[np.float32]
    outputs: Mapping[str, NDArray[np.float32]]

    def rows(self, rows: NDArray[np.intp] | slice) -> RawAnswers:
        """Those of some faces."""
        outputs = {name: values[rows] for name, values in self.outputs.items()}
        return RawAnswers(self.points[rows], self.confidence[rows], self.expected_error[rows], outputs)

    @classmethod
    def joined(cls, parts: Sequence[RawAnswers]) -> RawAnswers:
        """One after the other, of one model; at least one."""
        outputs = {name: np.concatenate([part.outputs[name] for part in parts]) for name in parts[0].outputs}
        points, confidence, error = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("points", "confidence", "expected_error")
        )
        return cls(points, confidence, error, outputs)


def raw_answers(
    calibration: Calibration, points: NDArray[np.float32], outputs: Mapping[str, NDArray[np.float32]]
) -> RawAnswers:
    """Points and further outputs with what they say of themselves; NaN where the network has no such outputs."""
    if not set(CONFIDENCE_OUTPUTS) <= outputs.keys():
        nothing = np.full(points.shape[:2], np.nan, dtype=np.float32)
        return RawAnswers(points, np.full(len(points), np.nan), nothing, outputs)
    expected = calibration.expected_error(outputs["expected_error"]).astype(np.float32)
    return RawAnswers(points, confidence_of(calibration, outputs), expected, outputs)


def confidence_of(calibration: Calibration, outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """`Initialization.confidence` of N faces, of a network that has one."""
    error, face = (outputs[name] for name in CONFIDENCE_OUTPUTS)
    return calibration.confidence(error, face)


def initializations(
    boxes: NDArray[np.float64],
    raw: RawAnswers,
    tasks: Sequence[str],
    upright: NDArray[Any] | None,
    dense: Mapping[str, NDArray[Any]],
) -> list[Initialization]:
    """Arrays of N faces one by one.

    Parameters
    ----------
    boxes : (N, 4) ndarray
    raw : RawAnswers
    tasks : sequence of str
        That the network answers, of `tasks.TASKS`.
    upright : (P, 2) ndarray, optional
        `Initialization.upright`.
    dense : mapping of str to (N, ...) ndarray
        By `initialization.DENSE_FIELDS`, where they were asked for.
    """
    visible = np.full(raw.points.shape[:2], np.nan, dtype=np.float32)
    if "visible" in raw.outputs:
        visible = np.float32(1.0) / (np.float32(1.0) + np.exp(-raw.outputs["visible"]))
    probabilities = {task: _softmax(raw.outputs[task]) for task in tasks}
    return [
        Initialization(
            raw.points[k],
            box,
            {task: dict(zip(TASKS[task], map(float, each[k]), strict=True)) for task, each in probabilities.items()},
            raw.expected_error[k],
            float(raw.confidence[k]),
            visible[k],
            upright=upright,
            **{name: values[k] for name, values in dense.items()},
        )
        for k, box in enumerate(boxes)
    ]


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
