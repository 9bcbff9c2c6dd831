"""What is kept of a trained network: errors face by face, and how alike the last layer's weights are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets import Face
from tcdcn_init.eval.measuring.answers import View, fixed
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition
from tcdcn_init.eval.metrics import NO_POSE, point_errors
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.network.tcdcn import Network
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.data import Crops

__all__ = ["HARD", "UNIT", "head_correlation", "measure", "summary"]

UNIT = 1e-4
"""Errors of single faces are kept as whole numbers of this fraction of the inter-ocular distance."""


def _rotated(face: Face) -> Condition:
    return Condition("roll", float(face_rng(0, face.name, "angle").uniform(-180.0, 180.0)))


HARD: dict[str, View] = {
    "own box": fixed(OWN_BOX),
    "rotated": _rotated,
    "noisy box": fixed(Condition("noise", 0.3)),
    "occluded": fixed(Condition("occlusion", 0.25)),
}
"""Views of every other held-out face that the initializer is measured on with as many passes as it takes."""


def measure(network: Network, crops: Crops) -> dict[str, Any]:
    """Errors of one pass over fixed crops.

    Parameters
    ----------
    network : Network
    crops : data.Crops

    Returns
    -------
    dict
        "errors": a whole number of `UNIT` per face; "points": mean error of each point; "failures": share of errors
        above 0.1, of each point; "poses": "count" and "points" by pose class; "accuracy" by task.

    Examples
    --------
    >>> from tcdcn_init.network.tcdcn import TCDCN
    >>> eyes_apart = torch.tensor([[[-0.2, 0.0], [0.2, 0.0], [0.0, 0.1], [-0.1, 0.2], [0.1, 0.2]]])
    >>> crops = Crops(torch.zeros(1, 1, 40, 40), {"points": eyes_apart}, torch.tensor([0.4]))
    >>> found = measure(TCDCN().eval(), crops)
    >>> len(found["errors"]), len(found["points"])
    (1, 5)
    """
    with torch.inference_mode():
        batches = [network(part) for part in torch.split(crops.pixels, 256)]
    outputs = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    errors = point_errors(outputs["points"].numpy(), crops.targets["points"].numpy())
    result = {**summary(errors), "poses": {}, "accuracy": {}}
    for task in network.config.tasks:
        labels = crops.targets.get(task, torch.full((len(errors),), -1))
        if bool((labels >= 0).any()):
            right = outputs[task].argmax(dim=1)[labels >= 0] == labels[labels >= 0]
            result["accuracy"][task] = round(float(right.float().mean()), 5)
    if "pose" in crops.targets:
        for number, pose in [*enumerate(TASKS["pose"]), (-1, NO_POSE)]:
            group = errors[crops.targets["pose"].numpy() == number]
            if len(group):
                result["poses"][pose] = {"count": len(group), "points": _rounded(group.mean(axis=0))}
    return result


def summary(errors: NDArray[np.float64]) -> dict[str, Any]:
    """ "errors", "points" and "failures" of `measure`, of (N, 5) distances in inter-ocular distances."""
    return {
        "errors": np.rint(errors.mean(axis=1) / UNIT).astype(int).tolist(),
        "points": _rounded(errors.mean(axis=0)),
        "failures": _rounded((errors > FAILURE).mean(axis=0)),
    }


def head_correlation(network: Network) -> dict[str, list[list[float]]]:
    """How alike the last layer's weights of the points and of each auxiliary task are.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict of str to list
        Task -> for each of its classes, Pearson's |r| with the weights of the ten coordinates (x, y of each point).
        A class's weights are taken against the mean of all classes: what they have in common decides nothing. Two
        classes are thereby one and the same, and given once.

    Examples
    --------
    >>> from tcdcn_init.network.tcdcn import TCDCN
    >>> {task: np.shape(rows) for task, rows in head_correlation(TCDCN()).items()}
    {'pose': (5, 10), 'gender': (1, 10), 'glasses': (1, 10), 'smile': (1, 10)}
    """

    def weights(name: str) -> NDArray[np.float64]:
        return network.heads[name].get_parameter("weight").detach().numpy().astype(np.float64)

    points, found = weights("points"), {}
    for task in network.config.tasks:
        rows = weights(task) - weights(task).mean(axis=0)
        between = np.abs(np.corrcoef(rows, points)[: len(rows), len(rows) :])
        found[task] = [_rounded(row) for row in (between if len(rows) > 2 else between[1:])]
    return found


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 5) for value in values]
