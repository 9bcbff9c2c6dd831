"""Task-wise early stopping: pure arithmetic on two error histories.

Zhang et al., ECCV 2014, section 3.2: an auxiliary task that has given what it can is taken out of training before
it begins to over-fit and to harm the main task.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["TaskwiseEarlyStopping", "Verdict", "generalisation", "trend"]


def trend(training_errors: Sequence[float], window: int) -> float:
    """How little the training error still falls: small while it falls fast, about `window` when it is flat.

    ``k med / (sum - k med)`` over the last k + 1 errors, ``E(t-k)`` to ``E(t)``.

    Parameters
    ----------
    training_errors : sequence of float
        Errors of all epochs so far, at least ``window + 1`` of them, each >= 0.
    window : int
        k, in epochs.

    Returns
    -------
    float
        0 where the formula is undefined (sum <= k med): then the latest errors lie far below the window's median,
        that is, the task has just begun to fall again and goes on.

    Examples
    --------
    >>> trend([1.0, 1.0, 1.0], window=2)  # flat: 2 * 1 / (3 - 2)
    2.0
    >>> trend([8.0, 2.0, 1.0], window=2)  # falling: 2 * 2 / (11 - 4)
    0.5714285714285714
    >>> trend([1.0, 1.0, 0.0], window=2)  # 2 * 1 / (2 - 2)
    0.0
    """
    if len(training_errors) < window + 1:
        raise ValueError(f"{len(training_errors)} errors for a window of {window}; expected at least {window + 1}")
    recent = training_errors[-(window + 1) :]
    middle = window * median(recent)
    rest = math.fsum(recent) - middle
    return middle / rest if rest > 0 else 0.0


def generalisation(training_errors: Sequence[float], validation_error: float, importance: float) -> float:
    """How far the validation error lies above the best training error, in units of it and of the importance.

    ``(E_val(t) - min E_tr) / (lambda min E_tr)``.

    Parameters
    ----------
    training_errors : sequence of float
        Errors of all epochs so far.
    validation_error : float
        Error on the held-out faces now.
    importance : float
        lambda of the task, > 0: the larger, the longer the task lives.

    Returns
    -------
    float
        Infinite where the training error has reached 0 and the validation error has not; 0 where both have.

    Examples
    --------
    >>> generalisation([0.5, 0.2], 0.3, importance=0.5)  # (0.3 - 0.2) / (0.5 * 0.2)
    0.9999999999999998
    """
    best = min(training_errors)
    excess = validation_error - best
    scale = importance * best
    if scale > 0:
        return excess / scale
    return math.inf if excess > 0 else 0.0


@dataclass(frozen=True)
class Verdict:
    """What the criterion says of one task after an epoch.

    Attributes
    ----------
    stop : bool
    trend, generalisation : float
        The two factors; the task stops when their product exceeds epsilon.
    """

    stop: bool
    trend: float
    generalisation: float


class TaskwiseEarlyStopping:
    """The criterion ``trend * generalisation > epsilon`` for one task.

    Parameters
    ----------
    window : int
        k, in epochs, >= 1; no task stops before epoch ``k + 1``.
    epsilon : float
        Threshold. The paper gives neither k nor epsilon.

    Examples
    --------
    >>> criterion = TaskwiseEarlyStopping(window=2, epsilon=1.0)
    >>> criterion([1.0, 1.0, 1.0], [1.0, 1.1, 1.2], importance=0.5).stop  # 2 * (0.2 / 0.5) = 0.8
    False
    >>> criterion([1.0, 1.0, 1.0], [1.0, 1.1, 1.3], importance=0.5).stop  # 2 * (0.3 / 0.5) = 1.2
    True
    """

    def __init__(self, window: int, epsilon: float) -> None:
        if window < 1:
            raise ValueError(f"window is {window}; expected at least 1 epoch")
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}; expected a positive number")
        self.window, self.epsilon = window, epsilon

    def __call__(
        self, training_errors: Sequence[float], validation_errors: Sequence[float], importance: float
    ) -> Verdict:
        """Judge a task by its two histories, one error per epoch each."""
        if len(training_errors) != len(validation_errors):
            raise ValueError(
                f"{len(training_errors)} training and {len(validation_errors)} validation errors; "
                "expected one of each per epoch"
            )
        if len(training_errors) < self.window + 1:
            return Verdict(False, 0.0, 0.0)
        first = trend(training_errors, self.window)
        second = generalisation(training_errors, validation_errors[-1], importance)
        # 0 times infinity: a task whose error just fell to 0 is still falling.
        return Verdict(first > 0 and first * second > self.epsilon, first, second)
