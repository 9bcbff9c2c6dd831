"""Heads of stopped tasks, fitted once more to the finished feature.

A task that task-wise early stopping took out of the loss keeps its head as it was, while the feature under it moves on
with the points: its probabilities go stale. The feature, and with it the points, stays as it is here; only the linear
maps from it are fitted anew.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional

from tcdcn_init.network.tcdcn import Network
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import AugmentationConfig, Patches, random_views

__all__ = ["refit_heads"]

_VIEWS = 2  # random views of every training face
_BATCH = 256
_DECAY = 1e-4  # of the squared weights, beside the mean cross-entropy


def refit_heads(
    network: Network, tasks: Collection[str], patches: Patches, augmentation: AugmentationConfig, seed: int
) -> None:
    """Fit the heads of some tasks to the network's feature, by logistic regression, in place.

    Parameters
    ----------
    network : Network
        Trained.
    tasks : collection of str
        Tasks whose heads are fitted.
    patches : Patches
        Training faces.
    augmentation : AugmentationConfig
        Spread of the random views that the feature is taken of.
    seed : int
        The same seed gives the same heads.
    """
    if not tasks:
        return
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 999_983)
    features: list[Tensor] = []
    labels: dict[str, list[Tensor]] = {task: [] for task in tasks}
    config = network.config
    with torch.no_grad():
        for _ in range(_VIEWS):
            for index in torch.split(torch.arange(len(patches)), _BATCH):
                crops, targets = random_views(patches, index, config.view, config.side, augmentation, generator)
                features.append(network.shared_feature(crops))
                for task in tasks:
                    labels[task].append(targets[task])
    inputs = torch.cat(features)
    for task in tasks:
        weight, bias = _logistic_regression(inputs, torch.cat(labels[task]), len(TASKS[task]))
        with torch.no_grad():
            network.heads[task].get_parameter("weight").copy_(weight)
            network.heads[task].get_parameter("bias").copy_(bias)


def _logistic_regression(inputs: Tensor, classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    middle, spread = inputs.mean(dim=0), inputs.std(dim=0) + 1e-6
    standard = (inputs - middle) / spread  # a round bowl to descend in
    weight = torch.zeros(count, inputs.shape[1], requires_grad=True)
    bias = torch.zeros(count, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = functional.linear(standard, weight, bias)
        value = functional.cross_entropy(scores, classes, ignore_index=-1) + _DECAY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[arg-type,no-untyped-call]
    scaled = (weight / spread).detach()
    return scaled, bias.detach() - scaled @ middle
