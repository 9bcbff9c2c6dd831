"""Errors of a network on fixed crops, as training logs them and model files state them."""

from __future__ import annotations

import torch

from tcdcn_init.confidence import FAILURE
from tcdcn_init.network.tcdcn import Network
from tcdcn_init.training.data import Crops
from tcdcn_init.training.objective import MultiTaskObjective

__all__ = ["measure"]


def measure(network: Network, crops: Crops, objective: MultiTaskObjective) -> dict[str, float]:
    """Errors of a network on fixed crops; its mode, training or evaluation, is left as it is.

    Parameters
    ----------
    network : Network
    crops : data.Crops
    objective : MultiTaskObjective

    Returns
    -------
    dict of str to float
        "points" and each task: the objective's parts; "nme" and "failure": mean error over the annotated points in
        inter-ocular distances (`Crops.interocular`) and share of faces above `confidence.FAILURE`, both in percent;
        "accuracy TASK" in percent, of tasks that some of the faces are labelled for.
    """
    training = network.training
    network.eval()
    with torch.inference_mode():
        batches = [network(part) for part in torch.split(crops.pixels, 256)]
        outputs = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
        result = {name: float(value) for name, value in objective(outputs, crops.targets).items()}
        distance = (outputs["points"] - crops.targets["points"]).norm(dim=2).nanmean(dim=1) / crops.interocular
        result["nme"] = float(distance.mean()) * 100.0
        result["failure"] = float((distance > FAILURE).float().mean()) * 100.0
        for task in objective.tasks:
            known = crops.targets[task] >= 0
            if not known.any():
                continue
            right = outputs[task].argmax(dim=1)[known] == crops.targets[task][known]
            result[f"accuracy {task}"] = float(right.float().mean()) * 100.0
    network.train(training)
    return result
