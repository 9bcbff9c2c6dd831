"""Training of the correction by what is around each point, on a trunk that is finished and stays as it is."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from tcdcn_init.network.residual import ResidualTCDCN
from tcdcn_init.network.tcdcn import make_network
from tcdcn_init.training.augmentation import AugmentationConfig, Patches, random_views
from tcdcn_init.training.data import Crops
from tcdcn_init.training.measuring import measure
from tcdcn_init.training.objective import MultiTaskObjective, ObjectiveConfig

__all__ = ["HIDDEN", "fit_refinement"]

logger = logging.getLogger("tcdcn_init")

HIDDEN = 40
"""Hidden units a point: with them the bundled network has just under 1.5 million parameters."""

_BATCH = 128
_RATE = 2e-3
_DECAY = 1e-2


def fit_refinement(
    network: ResidualTCDCN,
    patches: Patches,
    augmentation: AugmentationConfig,
    validation: Crops,
    *,
    hidden: int = HIDDEN,
    epochs: int,
    seed: int = 0,
) -> ResidualTCDCN:
    """Give a network `residual.PointRefinement`, trained on random views; everything else in it stays as it is.

    Parameters
    ----------
    network : ResidualTCDCN
        Trained; without refinement, or with one that is trained anew.
    patches : Patches
        Training faces.
    augmentation : AugmentationConfig
        Spread of the views.
    validation : Crops
        Held-out faces, whose error is logged after each epoch.
    hidden : int
        See `config.ResidualConfig.refinement`.
    epochs, seed : int

    Returns
    -------
    ResidualTCDCN
        A new network, in evaluation mode.
    """
    torch.manual_seed(seed)
    refined = make_network(replace(network.config, refinement=hidden))
    assert isinstance(refined, ResidualTCDCN)
    own = {name: value for name, value in network.state_dict().items() if not name.startswith("refinement.")}
    refined.load_state_dict(own, strict=False)
    # What is trained is this folded copy's refinement, which is fast to run.
    folded = refined.folded().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(folded.refinement.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    batch = min(_BATCH, len(patches.faces))
    steps = len(patches.faces) // batch
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=epochs * steps, pct_start=0.1)
    objective = MultiTaskObjective(ObjectiveConfig(), ())
    config = network.config
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = patches.faces[torch.randperm(len(patches.faces), generator=generator)]
        total = 0.0
        for index in torch.split(order[: steps * batch], batch):
            crops, targets = random_views(patches, index, config.view, config.side, augmentation, generator)
            with torch.no_grad():
                maps, feature = folded.first_maps_and_feature(crops)
                points = folded.heads["points"](feature).reshape(len(crops), -1, 2)
            moved = folded.refinement(points, maps, feature)
            loss = objective({"points": moved}, {"points": targets["points"], "unit": targets["unit"]})["points"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        measured = measure(folded, validation, objective)
        logger.info(
            "refinement, epoch %d of %d: loss %.4f, validation error %.2f %%, failures %.1f %%",
            epoch + 1, epochs, total / steps, measured["nme"], measured["failure"],
        )  # fmt: skip
    refined.refinement.load_state_dict(folded.refinement.state_dict())
    return refined.eval()
