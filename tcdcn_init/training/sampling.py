"""Which training faces an epoch shows, and in what order."""

from __future__ import annotations

import torch
from torch import Tensor

from tcdcn_init.training.augmentation import Patches

__all__ = ["epoch_order"]


def epoch_order(patches: Patches, pose_balance: float, background: int, generator: torch.Generator) -> Tensor:
    """Indices of an epoch's patches, in order.

    Parameters
    ----------
    patches : Patches
    pose_balance : float
        0 shows every face once; above, as many faces are drawn with a weight of their pose class's share to the power
        of minus this, where all poses are annotated.
    background : int
        How many patches of background are mixed in.
    generator : torch.Generator

    Returns
    -------
    (N,) Tensor of int64
    """
    faces, pose = patches.faces, patches.labels.get("pose")
    pose = None if pose is None else pose[faces]
    if not pose_balance or pose is None or bool((pose < 0).any()):
        order = torch.randperm(len(faces), generator=generator)
    else:
        share = torch.bincount(pose)[pose] / len(pose)
        order = torch.multinomial(share**-pose_balance, len(pose), replacement=True, generator=generator)
    if not background:
        return faces[order]
    empty = patches.background
    chosen = empty[torch.randperm(len(empty), generator=generator)[:background]]
    mixed = torch.cat([faces[order], chosen])
    return mixed[torch.randperm(len(mixed), generator=generator)]
