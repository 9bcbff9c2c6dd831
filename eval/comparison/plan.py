"""The plan of a comparison: which regressors, from which starts, on which copies of the faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.adapters.cascade.layouts import find_layout
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import NOISES, OWN_BOX, ROLLS, Condition, Kind
from tcdcn_init.eval.starts import OtherPoints, Start
from tcdcn_init.initializer import Initializer

__all__ = ["BASELINE", "NO_REGRESSOR", "POINTS_RUN", "Factory", "Plan", "Run", "Training", "check_plan"]

NO_REGRESSOR = "none"
"""Name under which points themselves are scored, TCDCN's and others."""

BASELINE = "random-5"
"""The start that differences are against: RCPR's."""

Factory: TypeAlias = Callable[[], ShapeRegressor]

Training: TypeAlias = Literal["original", "retrained"]
"""A regressor as it was trained, or retrained on starts that err as the start in use errs."""


class Run(NamedTuple):
    """One row of the comparison.

    Attributes
    ----------
    regressor : str
    training : {"original", "retrained"}
        As trained, or retrained on starts that err as this start errs.
    start : str
    """

    regressor: str
    training: Training
    start: str


POINTS_RUN = Run(NO_REGRESSOR, "original", "tcdcn")
"""TCDCN's own points."""


@dataclass(frozen=True)
class Plan:
    """What is measured, by all processes alike.

    Attributes
    ----------
    regressors : mapping of str to callable
        Name -> callable without arguments that makes the regressor, such as ``partial(load_regressor, name)``.
    starts : tuple of Start
        Of shapes with as many points as the regressors have.
    initializer : callable
        Makes the initializer: `Initializer` itself, or ``functools.partial(Initializer, passes=2)``.
    retrained : mapping of (str, str) to callable
        Regressor and start -> what makes the regressor as it was retrained for the start, where there is one.
    noises, rolls : tuple of float
        Of the curves, see `copies`; none, no curve.
    seed : int
        Of random starts and of the boxes' noise.
    """

    regressors: Mapping[str, Factory]
    starts: tuple[Start, ...]
    initializer: Callable[[], Initializer] = Initializer
    retrained: Mapping[tuple[str, str], Factory] = field(default_factory=dict)
    noises: tuple[float, ...] = NOISES
    rolls: tuple[float, ...] = ROLLS
    seed: int = 0

    @property
    def runs(self) -> list[Run]:
        """All of them, points without a regressor first, of these TCDCN's."""
        runs = [POINTS_RUN, *(Run(NO_REGRESSOR, "original", name) for name in self.others)]
        for name in self.regressors:
            runs += [Run(name, "original", start.name) for start in self.starts]
            runs += [
                Run(name, "retrained", start.name) for start in self.starts if (name, start.name) in self.retrained
            ]
        return runs

    @property
    def others(self) -> dict[str, OtherPoints]:
        """Points that are neither TCDCN's nor annotated, by the start that is made from them."""
        return {start.name: start.other for start in self.starts if start.other is not None}

    def points_of(self, run: Run, faces_have: int) -> int:
        """How many points a run's results have, on faces that have so many."""
        if run.regressor != NO_REGRESSOR:
            return faces_have
        return 5 if run == POINTS_RUN else self.others[run.start].count

    def is_measured(self, run: Run, kind: Kind) -> bool:
        """Whether a run has answers to copies of a kind: a file has no points of rotated images."""
        return kind != "roll" or run.start not in self.others or self.others[run.start].turns

    @property
    def conditions(self) -> list[Condition]:
        """Of the curves; noise of 0 is the faces as they are, which need not be fitted again."""
        noises = [Condition("noise", value) for value in self.noises]
        return [each for each in noises if each != OWN_BOX] + [Condition("roll", value) for value in self.rolls]

    @property
    def factories(self) -> dict[tuple[str, str], Factory]:
        """What makes each regressor: under its name and "", or the start that it was retrained for."""
        return {**{(name, ""): make for name, make in self.regressors.items()}, **self.retrained}


def check_plan(faces: Sequence[Face], plan: Plan) -> None:
    """Raise a ValueError unless the faces can be measured by the plan."""
    if not faces:
        raise ValueError("there is no face to measure on; expected at least one")
    if not plan.starts:
        raise ValueError("no start is named; expected at least one, such as tcdcn-nearest")
    for values, what, unit in (
        (plan.noises, "noise", "standard deviations of 0 or more, in box sides"),
        (plan.rolls, "roll", "degrees"),
    ):
        for value in values:
            if not np.isfinite(value) or (what == "noise" and value < 0):
                raise ValueError(f"{what} {value:g} cannot be measured; expected {unit}")
    if NO_REGRESSOR in plan.regressors:
        raise ValueError(f"a regressor is named {NO_REGRESSOR!r}, which stands for the five points; rename it")
    if POINTS_RUN.start in plan.others:
        raise ValueError(f"a start is named {POINTS_RUN.start!r}, which stands for TCDCN's own points; rename it")
    counts = {len(face.points) for face in faces}
    if len(counts) > 1 or not counts <= {5, 68}:
        raise ValueError(f"faces have {sorted(counts)} points; expected all 5, or all iBUG's 68")
    count = counts.pop()
    for start in plan.starts:
        if start.bank.shapes.shape[1] != count:
            raise ValueError(
                f"start {start.name!r} is of {start.bank.shapes.shape[1]}-point shapes, the faces have {count}"
            )
    for (name, _), make in plan.factories.items():
        mean = make().mean_shape
        if len(mean) != count:
            raise ValueError(f"regressor {name!r} has {len(mean)} points, the faces have {count}; choose another")
        if count == 5 and find_layout(mean).name != "five points":
            raise ValueError(
                f"regressor {name!r} has {find_layout(mean).name}, which are not the faces' five; choose another"
            )
