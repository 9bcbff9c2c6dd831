"""The trainings that answer the paper's claim, as docs/experiments/design.md sets them out.

A cell is a recipe on a number of faces under a name; its seed chooses the faces too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import AugmentationConfig
from tcdcn_init.training.objective import DEFAULT_LAMBDA, ObjectiveConfig
from tcdcn_init.training.trainer import TrainingConfig

__all__ = [
    "ALL",
    "BEST",
    "BOTH",
    "CELLS",
    "CRITERIA",
    "EPOCHS",
    "EPOCH_VIEWS",
    "GENTLE_RATE",
    "HARMED",
    "JUDGING",
    "LENGTHS",
    "LIGHT",
    "MIDDLE",
    "REGIMES",
    "SIZES",
    "STOPPINGS",
    "WEIGHTS",
    "Cell",
    "Form",
    "Regime",
    "Stopping",
    "lighter",
    "pair",
    "training",
    "ways_to_stop",
]

EPOCH_VIEWS = 6000
EPOCHS = 10
"""How long all trainings are, however many faces they have, but for those of `LENGTHS`."""

LENGTHS = {"long": 3, "gentle": 3, "longest": 9}
"""Form of a cell -> how many times as long it is trained."""

RATE, GENTLE_RATE = 0.003, 0.001
"""Peaks of the learning rate; the lower one of trainings that the other throws off."""

Form: TypeAlias = Literal["", "long", "gentle", "longest", "unshared", "float32"]
"""Of a cell: as many times as long as `LENGTHS` says, "gentle" at `GENTLE_RATE`; filters of each place; arithmetic in
float32; "": none of these."""

JUDGING: tuple[Form, ...] = ("gentle", "long", "")
"""A regime is judged by the first of these forms that was trained on several numbers of faces."""

SIZES: tuple[int | None, ...] = (250, 500, 1000, 2500, None)
"""Training faces; None: all there are."""

MIDDLE = 1000
"""Faces of the trainings that do not vary their number."""

WEIGHTS: tuple[float | None, ...] = (0.02, 0.2, 0.002, 2.0, None, 0.0002)
"""Of every auxiliary task's cross-entropy, None: learned; screened from the likeliest on."""

LIGHT = 0.002
"""A weight at which the tasks hardly speak."""

_PLAIN = AugmentationConfig(
    wide_probability=0.0, styles=0.0, mirror=False, gamma=0.0, blur=0.0, noise=0.0, occlusion=0.0
)


@dataclass(frozen=True)
class Regime:
    """What a training's points learn from.

    Attributes
    ----------
    short : str
        As a reader knows it.
    points : {"least-squares", "euclidean"}
        `objective.ObjectiveConfig.points`.
    views : AugmentationConfig
    weight : float
        Of every auxiliary task, where the weight is not varied: chosen on the held-out faces from `WEIGHTS`.
    """

    short: str
    points: Literal["least-squares", "euclidean"]
    views: AugmentationConfig
    weight: float


REGIMES = {
    "paper": Regime("trained as in the paper", "least-squares", _PLAIN, 0.02),
    "project": Regime("trained as in this project", "euclidean", AugmentationConfig(), 0.02),
    "paper-euclidean": Regime("the paper's views, euclidean distance", "euclidean", _PLAIN, 0.02),
    "project-squares": Regime("varied views, least squares", "least-squares", AugmentationConfig(), 0.02),
}


@dataclass(frozen=True)
class Stopping:
    """How the auxiliary tasks end: each by the paper's criterion, all with the first, or their weights fading out."""

    kind: Literal["taskwise", "together", "fading"]
    window: int = 0
    epsilon: float = 0.0

    @property
    def name(self) -> str:
        """As part of a cell's name."""
        return self.kind if self.kind == "fading" else f"{self.kind}-{self.window}-{self.epsilon:g}"

    @property
    def title(self) -> str:
        """As a reader knows it."""
        return {
            "taskwise": "each task stops by itself",
            "together": "all tasks stop with the first",
            "fading": "weights fade out",
        }[self.kind]


@dataclass(frozen=True)
class Cell:
    """One training of the design but for its seed.

    Attributes
    ----------
    regime : str
        Of `REGIMES`.
    faces : int or None
        Training faces, drawn by the seed; None: all.
    tasks : tuple of str
    weight : float or None
        Of every task; None: learned, from `objective.DEFAULT_LAMBDA` on.
    stopping : Stopping or None
        None: every task learns to the end.
    form : Form
    """

    regime: str
    faces: int | None
    tasks: tuple[str, ...]
    weight: float | None = 0.0
    stopping: Stopping | None = None
    form: Form = ""

    @property
    def name(self) -> str:
        """Of the cell's files.

        Examples
        --------
        >>> Cell("paper", None, ("pose",), 0.2).name, Cell("paper", 250, ()).name
        ('paper-every-pose-0.2', 'paper-250-points')
        """
        tasks = "all" if self.tasks == tuple(TASKS) else "-".join(self.tasks) or "points"
        weight = "learned" if self.weight is None else f"{self.weight:g}"
        parts = [self.regime, str(self.faces or "every"), tasks, weight if self.tasks else ""]
        return "-".join(filter(None, [*parts, self.stopping.name if self.stopping else "", self.form]))

    @property
    def config(self) -> TrainingConfig:
        """The recipe, with seed 0."""
        regime, stopping = REGIMES[self.regime], self.stopping
        weight = DEFAULT_LAMBDA if self.weight is None else self.weight
        criterion = stopping is not None and stopping.kind != "fading"
        thrown_off = self.form == "longest" and regime.points == "least-squares"
        return TrainingConfig(
            network=TCDCNConfig(tasks=self.tasks, shared_filters=self.form != "unshared"),
            objective=ObjectiveConfig(regime.points, dict.fromkeys(self.tasks, weight), learned=self.weight is None),
            augmentation=regime.views,
            epochs=EPOCHS * LENGTHS.get(self.form, 1),
            epoch_views=EPOCH_VIEWS,
            batch=32,
            learning_rate=GENTLE_RATE if self.form in ("gentle", "unshared") or thrown_off else RATE,
            average=0.998,
            pose_balance=0.0,
            stop_window=stopping.window if stopping and criterion else 0,
            stop_epsilon=stopping.epsilon if stopping and criterion else 60.0,
            stop_together=stopping is not None and stopping.kind == "together",
            fade_tasks=stopping is not None and stopping.kind == "fading",
            keep_best=True,
            precision="float32" if self.form == "float32" else "bfloat16",
        )


ALL = tuple(TASKS)
BOTH = ("paper", "project")

BEST = Cell("project", 250, ALL, REGIMES["project"].weight)
"""Where the tasks change the most."""

HARMED = Cell("paper", 250, ALL, REGIMES["paper"].weight, form="gentle")
"""Where they harm the most."""

STOPPINGS = (Stopping("taskwise", 2, 5.0), Stopping("together", 2, 5.0), Stopping("fading"))
"""Window and epsilon as chosen on the held-out faces among `CRITERIA`."""

CRITERIA = tuple(Stopping("taskwise", 2, epsilon) for epsilon in (5.0, 50.0, 100.0))
"""So apart that the same histories stop tasks at other epochs; a window of 3 epochs does so at other thresholds."""


def pair(regime: str, faces: int | None, **more: Any) -> list[Cell]:
    """The points alone, and with all tasks at the regime's weight."""
    return [Cell(regime, faces, (), **more), Cell(regime, faces, ALL, REGIMES[regime].weight, **more)]


def training(form: Form) -> str:
    """How long trainings of a form are, as a reader knows it.

    Examples
    --------
    >>> training("long"), training("gentle")
    ('180,000 views', '180,000 views at a learning rate of 0.001')
    """
    views = f"{EPOCHS * EPOCH_VIEWS * LENGTHS.get(form, 1):,} views"
    return f"{views} at a learning rate of {GENTLE_RATE:g}" if form == "gentle" else views


def lighter() -> list[tuple[Cell, Cell]]:
    """Cells without tasks, and with all at `LIGHT`: whether it is the tasks' weight that does harm."""
    alone = [pair("paper", faces, form="gentle")[0] for faces in (250, MIDDLE)]
    return [(cell, replace(cell, tasks=ALL, weight=LIGHT)) for cell in alone]


def ways_to_stop(cell: Cell) -> dict[str, str]:
    """The ways to stop the tasks of a cell, as a reader knows them, and the names of the cells that stop them so."""
    return {stopping.title: replace(cell, stopping=stopping).name for stopping in STOPPINGS}


def _weights() -> list[Cell]:
    every = [Cell(regime, MIDDLE, ALL, weight) for weight in WEIGHTS for regime in BOTH]
    return [Cell(regime, MIDDLE, ()) for regime in BOTH] + every


def _sizes() -> list[Cell]:
    return [cell for faces in SIZES for regime in BOTH for cell in pair(regime, faces)]


def _regimes() -> list[Cell]:
    return [cell for regime in REGIMES for cell in pair(regime, MIDDLE)]


def _tasks() -> list[Cell]:
    one = [Cell(BEST.regime, BEST.faces, (task,), BEST.weight) for task in TASKS]
    return [*pair(BEST.regime, BEST.faces), *one]


def _stopping() -> list[Cell]:
    harmed = pair(HARMED.regime, HARMED.faces, form=HARMED.form)
    ways = [replace(cell, stopping=stopping) for cell in (BEST, HARMED) for stopping in STOPPINGS]
    return [*pair(BEST.regime, BEST.faces), *harmed, *ways]


def _criteria() -> list[Cell]:
    return [replace(BEST, stopping=stopping) for stopping in CRITERIA]


def _lengths() -> list[Cell]:
    return [cell for faces in (MIDDLE, 250, None) for regime in BOTH for cell in pair(regime, faces, form="long")]


def _rate() -> list[Cell]:
    judging = [cell for faces in (MIDDLE, 250, None) for cell in pair("paper", faces, form="gentle")]
    return judging + [labelled for _, labelled in lighter()]


def _convergence() -> list[Cell]:
    return [cell for regime in BOTH for cell in pair(regime, MIDDLE, form="longest")]


def _sharing() -> list[Cell]:
    return pair("paper", MIDDLE, form="unshared")


def _precision() -> list[Cell]:
    return pair("paper", MIDDLE, form="float32")


CELLS: dict[str, Callable[[], Sequence[Cell]]] = {
    "weights": _weights,
    "sizes": _sizes,
    "regimes": _regimes,
    "tasks": _tasks,
    "criteria": _criteria,
    "stopping": _stopping,
    "lengths": _lengths,
    "rate": _rate,
    "convergence": _convergence,
    "sharing": _sharing,
    "precision": _precision,
}
"""Part of the design -> its cells."""
