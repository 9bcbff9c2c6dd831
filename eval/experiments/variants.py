"""The paper's experiments: what each one trains.

A variant is a recipe under a name. The same name means the same recipe in every experiment, so that a run serves all
of them.

References
----------
Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning. ECCV 2014, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.network.config import ResidualConfig, TCDCNConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.objective import ObjectiveConfig
from tcdcn_init.training.recipes import recipe, with_options
from tcdcn_init.training.trainer import TrainingConfig

__all__ = [
    "BASELINES",
    "EPOCHS",
    "EXPERIMENTS",
    "LABELS",
    "PUBLISHED_FAILURES",
    "STOP_EPSILON",
    "STOP_WINDOW",
    "plan",
]

EPOCHS = 20
"""Of every run that is compared, unless said otherwise: few, so that many can be compared."""

STOP_WINDOW, STOP_EPSILON = 4, 10.0
"""Of task-wise early stopping in these short runs: the recipes' window of 10 lets no task stop before epoch 11.

Chosen on the histories of seeds 0 and 1 of "all": of its products of trend and generalisation only pose's, 5 to 14,
ever rise above 1; the other tasks' held-out errors do not exceed their training errors within 20 epochs.
"""

PUBLISHED_FAILURES = {"points": 35.62, "gender": 31.86, "glasses": 32.87, "smile": 32.37, "pose": 28.76, "all": 25.00}
"""AFLW failures in percent by variant of "tasks", as Zhang et al. give them (ECCV 2014)."""

BASELINES = {
    "tasks": "points",
    "where": "points",
    "stopping": "all",
    "sharing": "all",
    "precision": "all-float32",
    "ablation": "robust",
}
"""The variant that the others of an experiment are compared to."""

LABELS = {
    "points": "points alone",
    **{task: f"points + {task}" for task in TASKS},
    "all": "points + all tasks",
    "all-float32": "in float32",
    "taskwise": "each task stops by itself",
    "together": "all tasks stop with the first",
    "unshared": "filters not shared",
    "robust": "tcdcn-robust-first",
    "robust-tcdcn": "the paper's network",
    "robust-48": "crops of 48 pixels",
    "robust-no-wild": "no wide views",
    "robust-no-later": "no framing as of later passes",
    "robust-no-circle": "no rolls by any angle",
    "robust-no-occlusion": "no occlusion",
    "robust-least-squares": "least squares",
    "robust-no-stopping": "no early stopping",
    **{f"robust-no-{task}": f"without {task}" for task in TASKS},
}
"""Each variant as a reader knows it."""

_PACE = ("batch", "learning_rate", "weight_decay", "average")


def plan(experiment: str, epochs: int = EPOCHS) -> dict[str, TrainingConfig]:
    """What an experiment trains.

    Parameters
    ----------
    experiment : {"tasks", "where", "stopping", "sharing", "precision", "ablation"}
        "tasks": the points alone, with each auxiliary task, with all. "where" says where those runs differ. "stopping":
        task-wise early stopping, none, and all auxiliary tasks together. "sharing": filters shared over the image or
        not. "precision": whether the runs may be made in bfloat16, which all of these are. "ablation":
        what the residual recipe owes to each of its parts.
    epochs : int
        Of the paper's network; runs of "ablation", whose network takes four times as long, have half as many.

    Returns
    -------
    dict of str to TrainingConfig
        By the variant's name, the baseline among them; seed 0.

    Raises
    ------
    ValueError
        If the experiment is unknown.

    Examples
    --------
    >>> list(plan("stopping"))
    ['all', 'taskwise', 'together']
    >>> plan("tasks")["all"] == plan("sharing")["all"]
    True
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(unknown_name("experiment", experiment, EXPERIMENTS))
    return dict(EXPERIMENTS[experiment](epochs))


def _paper(epochs: int) -> TrainingConfig:
    """All tasks to the end: early stopping is an experiment of its own, and would blur the others."""
    return TrainingConfig(epochs=epochs, stop_window=0, precision="bfloat16")


def _tasks(epochs: int) -> Mapping[str, TrainingConfig]:
    # The two that matter most come first: an interrupted experiment has them.
    one = {task: with_options(_paper(epochs), tasks=(task,)) for task in ("pose", "smile", "gender", "glasses")}
    return {"all": _paper(epochs), "points": with_options(_paper(epochs), tasks=()), **one}


def _stopping(epochs: int) -> Mapping[str, TrainingConfig]:
    taskwise = replace(_paper(epochs), stop_window=STOP_WINDOW, stop_epsilon=STOP_EPSILON)
    return {"all": _paper(epochs), "taskwise": taskwise, "together": replace(taskwise, stop_together=True)}


def _sharing(epochs: int) -> Mapping[str, TrainingConfig]:
    unshared = replace(_paper(epochs), network=TCDCNConfig(shared_filters=False))
    return {"all": _paper(epochs), "unshared": unshared}


def _precision(epochs: int) -> Mapping[str, TrainingConfig]:
    return {"all": _paper(epochs), "all-float32": replace(_paper(epochs), precision="float32")}


def _ablation(epochs: int) -> Mapping[str, TrainingConfig]:
    epochs = max(1, epochs // 2)
    whole = replace(recipe("tcdcn-robust-first"), epochs=epochs, stop_window=STOP_WINDOW, stop_epsilon=STOP_EPSILON)
    # The paper's network with the rate and batch that suit it, on the same views.
    paper = replace(whole, network=TCDCNConfig(), **{name: getattr(recipe("tcdcn-quick"), name) for name in _PACE})
    variants = {
        "robust": whole,
        "robust-tcdcn": paper,
        "robust-48": replace(whole, network=ResidualConfig(side=48)),
        "robust-no-wild": replace(whole, augmentation=replace(whole.augmentation, wide_probability=0.0)),
        "robust-no-later": replace(whole, augmentation=replace(whole.augmentation, later_pass_probability=0.0)),
        "robust-no-circle": replace(whole, augmentation=replace(whole.augmentation, any_roll_probability=0.0)),
        "robust-no-occlusion": replace(whole, augmentation=replace(whole.augmentation, occlusion=0.0)),
        "robust-least-squares": replace(whole, objective=ObjectiveConfig("least-squares")),
        "robust-no-stopping": replace(whole, stop_window=0),
    }
    for left_out in TASKS:
        variants[f"robust-no-{left_out}"] = with_options(whole, tasks=tuple(t for t in TASKS if t != left_out))
    return variants


EXPERIMENTS: dict[str, Callable[[int], Mapping[str, TrainingConfig]]] = {
    "tasks": _tasks,
    "where": _tasks,
    "stopping": _stopping,
    "sharing": _sharing,
    "precision": _precision,
    "ablation": _ablation,
}
"""Experiment -> what it trains, by the number of epochs; call `plan`."""
