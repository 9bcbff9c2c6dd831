"""Points of training faces as a trained network sees them, to learn from beside the annotated ones.

Annotators err, and a network that is shown the same slightly wrong point every epoch learns it. The mean of a teacher's
answers to many views of a face errs in another way, so that the middle between the two may be better than either
(Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, for classes).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tcdcn_init._shared.progress import track
from tcdcn_init.network.config import point_count
from tcdcn_init.network.tcdcn import Network
from tcdcn_init.training.augmentation import Patches, sample_views

__all__ = ["taught_points", "with_teacher"]

_VIEWS = 16
_BATCH = 64
# Standard deviations of the views about a later pass's frame: turn (radians), logarithm of the scale, shift (sides).
_SPREAD = (0.06, 0.05, 0.02, 0.02)


def taught_points(network: Network, patches: Patches, seed: int = 0) -> Tensor:
    """Mean answer of a network to views of each face, half of them mirrored.

    Parameters
    ----------
    network : Network
        The teacher, in evaluation mode.
    patches : Patches
        Made for its crops.
    seed : int
        Of the views.

    Returns
    -------
    (N, P, 2) Tensor of float32
        As `Patches.points`; of patches of background those themselves.
    """
    generator = torch.Generator().manual_seed(seed)
    points, mirror = patches.points.clone(), list(patches.mirror)
    # Folded and channels last, as in use: half the time.
    teacher = network.folded().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for index in track(torch.split(patches.faces, _BATCH), "Asking the teacher"):
        total = torch.zeros(len(index), *points.shape[1:])
        for number in range(_VIEWS):
            noise = torch.randn(len(index), 4, generator=generator) * torch.tensor(_SPREAD)
            flip = torch.full((len(index),), bool(number % 2 and mirror))
            crops, linear, shift = sample_views(patches, index, patches.later[index] + noise, flip, network.config.side)
            with torch.inference_mode():
                found = teacher(crops)["points"]
            found = found[:, mirror] if number % 2 and mirror else found
            total += found @ linear.transpose(1, 2) + shift[:, None]
        points[index] = total / _VIEWS
    return points


def with_teacher(patches: Patches, network: Network, weight: float, seed: int = 0) -> Patches:
    """Patches whose points lie between the annotated and the taught ones.

    Parameters
    ----------
    patches : Patches
    network : Network
        The teacher.
    weight : float
        0 leaves the annotation, 1 takes the teacher's points alone.
    seed : int

    Returns
    -------
    Patches

    Raises
    ------
    ValueError
        If the weight is outside of that range, or the teacher places other points.
    """
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"the teacher's weight is {weight}; expected 0 to 1")
    if point_count(network.config) != patches.points.shape[1]:
        raise ValueError(
            f"the teacher places {point_count(network.config)} points; expected {patches.points.shape[1]}, those that "
            "are learned"
        )
    return replace(patches, points=torch.lerp(patches.points, taught_points(network, patches, seed), weight))
