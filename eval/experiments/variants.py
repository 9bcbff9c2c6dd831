"""The paper's experiments: what each one trains.

A variant is a recipe under a name. The same name means the same recipe in every experiment, so that a run serves all
of them.

References
----------
Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning. ECCV 2014, section 4.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.eval.experiments.cells import CELLS
from tcdcn_init.eval.experiments.data import Variant
from tcdcn_init.network.config import ResidualConfig, TCDCNConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.objective import ObjectiveConfig
from tcdcn_init.training.recipes import recipe, with_options
from tcdcn_init.training.trainer import TrainingConfig

__all__ = ["ABLATION_LABELS", "EXPERIMENTS", "plan"]

ABLATION_EPOCHS = 10

ABLATION_LABELS = {
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
"""Each variant of the ablation as a reader knows it; the first is what the others are compared to."""

_PACE = ("batch", "learning_rate", "weight_decay", "average")


def plan(experiment: str) -> dict[str, Variant]:
    """What an experiment trains.

    Parameters
    ----------
    experiment : str
        Of `EXPERIMENTS`: a part of the design (`cells.CELLS`), or "ablation": what the residual recipe owes to each of
        its parts.

    Returns
    -------
    dict of str to Variant
        By the variant's name; seed 0.

    Raises
    ------
    ValueError
        If the experiment is unknown.

    Examples
    --------
    >>> list(plan("lengths"))[:2]
    ['paper-1000-points-long', 'paper-1000-all-0.02-long']
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(unknown_name("experiment", experiment, EXPERIMENTS))
    return dict(EXPERIMENTS[experiment]())


def _cells(experiment: str) -> Mapping[str, Variant]:
    return {cell.name: Variant(cell.config, cell.faces) for cell in CELLS[experiment]()}


def _ablation() -> Mapping[str, Variant]:
    whole = replace(recipe("tcdcn-robust-first"), epochs=ABLATION_EPOCHS, stop_window=4, stop_epsilon=10.0)
    # The paper's network with the rate and batch that suit it, on the same views.
    paper = replace(whole, network=TCDCNConfig(), **{name: getattr(recipe("tcdcn-quick"), name) for name in _PACE})
    variants: dict[str, TrainingConfig] = {
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
    return {name: Variant(config) for name, config in variants.items()}


EXPERIMENTS: dict[str, Callable[[], Mapping[str, Variant]]] = {
    **{name: functools.partial(_cells, name) for name in CELLS},
    "ablation": _ablation,
}
"""Experiment -> what it trains; call `plan`."""
