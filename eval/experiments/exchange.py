"""How many training faces the tasks' labels are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.eval.experiments.cells import JUDGING, SIZES, Cell, Form, pair
from tcdcn_init.eval.experiments.results import Results

__all__ = ["Exchange", "exchange", "judged_form", "sizes_run", "worth"]


@dataclass(frozen=True)
class Exchange:
    """What the labels of some faces buy.

    Attributes
    ----------
    faces : int
        Trained on with the tasks' labels.
    worth, low, high : float
        As many without them give the same mean error on AFLW; and the ends of its 95 % interval.
    """

    faces: int
    worth: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the interval says anything: it leaves less than a tenth of the faces out, and more than ten times as
        many."""
        return self.low > self.faces / 10 and self.high < 10 * self.faces


def worth(faces: NDArray[np.float64], alone: NDArray[np.float64], labelled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of faces without labels that have the error of so many with them.

    Errors without labels are taken to fall as a power of the number of faces, fitted by least squares of the
    logarithms; from each number of faces one goes along that power to the error with labels.

    Parameters
    ----------
    faces : (K,) array
        At least two numbers.
    alone : (K,) array
        Mean errors of trainings on so many faces, without the tasks.
    labelled : (..., K) array
        Mean errors of trainings with them.

    Returns
    -------
    (..., K) array
        Infinite or 0 where more faces without labels bring nothing.

    Examples
    --------
    >>> faces = np.array([100.0, 400.0])  # four times the faces, half the error
    >>> worth(faces, np.array([8.0, 4.0]), np.array([4.0, 4.0])).round()
    array([400., 400.])
    """
    x = np.log(faces) - np.log(faces).mean()
    power = float((np.log(alone) * x).sum() / (x**2).sum())
    gain = np.log(labelled) - np.log(alone)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        steps = np.where(gain == 0, 0.0, gain / (power if power < 0 else -0.0))
        found: NDArray[np.float64] = faces * np.exp(steps)
    return found


def judged_form(found: Results, regime: str) -> Form:
    """Which trainings a regime is judged by: the first of `cells.JUDGING` that several numbers of faces had."""
    return next((form for form in JUDGING if len(sizes_run(found, regime, form)) > 1), "")


def sizes_run(found: Results, regime: str, form: Form | None = None) -> list[tuple[Cell, Cell]]:
    """Of the numbers of faces that were run, by rising number: the cell without tasks, and that with all.

    Parameters
    ----------
    found : Results
    regime : str
        Of `cells.REGIMES`.
    form : Form, optional
        Of the cells; default: `judged_form`.
    """
    form = judged_form(found, regime) if form is None else form
    pairs = [(alone, labelled) for alone, labelled in (pair(regime, size, form=form) for size in SIZES)]
    return [both for both in pairs if found.change([(both[1].name, both[0].name)], "aflw") is not None]


def exchange(found: Results, regime: str) -> list[Exchange]:
    """The exchange rate in a regime.

    Its intervals are those of the changes of the mean error (`results.Change`), taken along the same power, which
    counts as given.

    Parameters
    ----------
    found : Results
    regime : str
        Of `cells.REGIMES`.

    Returns
    -------
    list of Exchange
        By rising number of faces; empty unless two of them were run.
    """
    faces, alone, changes = [], [], []
    for without, labelled in sizes_run(found, regime):
        change, over = found.change([(labelled.name, without.name)], "aflw"), found.over_seeds(without.name, "aflw")
        assert change is not None
        assert over is not None
        faces.append(found.trained_on(without.name))
        alone.append(over.mean)
        changes.append(change)
    if len(faces) < 2:
        return []
    ends = np.array([[change.estimate, change.high, change.low] for change in changes]).T
    values, low, high = worth(np.array(faces, dtype=np.float64), np.array(alone), np.array(alone) + ends)
    return [Exchange(*each) for each in zip(faces, values.tolist(), low.tolist(), high.tolist(), strict=True)]
