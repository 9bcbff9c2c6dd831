"""Training of the cascade of 23 networks, one file each: what is finished is not trained again."""

from __future__ import annotations

import functools
import json
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from tcdcn_init._shared.files import replacing
from tcdcn_init.datasets import Face
from tcdcn_init.eval.cascaded_cnn.network import (
    AUGMENTATION,
    CHIP,
    CROP,
    HALVES,
    LEVEL1,
    PATCH,
    SHIFTS,
    SIDE,
    SPAN,
    VIEW,
    CascadedCNN,
    PointNet,
    make_net,
    refinement_names,
    sample,
)
from tcdcn_init.geometry import MIRROR
from tcdcn_init.training.augmentation import Patches, random_views
from tcdcn_init.training.data import load_patches

__all__ = ["Batch", "CascadeTraining", "patches_around", "train_cascade"]

logger = logging.getLogger("tcdcn_init")

Batch: TypeAlias = Callable[[Tensor, torch.Generator], dict[str, tuple[Tensor, Tensor, Tensor]]]
"""What each network sees and what it should answer, of a batch of faces."""


@dataclass(frozen=True)
class CascadeTraining:
    """How the cascade is trained.

    Attributes
    ----------
    epochs, small_epochs : int
        Of level 1, and of the small networks of levels 2 and 3.
    batch : int
    learning_rate : float
        Peak of the one-cycle schedule. With TCDCN's 6e-3, 200 steps on 600 faces leave a tenth more error on held-out
        faces.
    weight_decay : float
    seed : int
    """

    epochs: int = 25
    small_epochs: int = 12
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    seed: int = 0


def train_cascade(faces: Sequence[Face], folder: Path, config: CascadeTraining) -> CascadedCNN:
    """Train what is not yet trained, in the order of the cascade.

    Level 1 learns from random views (`augmentation.random_views`); levels 2 and 3 from patches around annotated points
    shifted at random, uniformly up to `network.SHIFTS`, and their mirror images. No network needs another's
    answers.

    Parameters
    ----------
    faces : sequence of Face
        Five points each; decoded once, and only if something is left to train.
    folder : pathlib.Path
        For NAME.safetensors of each network.
    config : CascadeTraining

    Returns
    -------
    CascadedCNN

    Raises
    ------
    ValueError
        If the folder holds networks of other settings.
    """
    digest = zlib.crc32(np.stack([face.five for face in faces]).tobytes())
    settings = json.dumps({**asdict(config), "faces": len(faces), "annotation": digest})
    folder.mkdir(parents=True, exist_ok=True)
    patches = functools.cache(lambda: load_patches(faces, CROP, AUGMENTATION))
    groups: list[tuple[Sequence[str], int, int]] = [(list(LEVEL1), 1, 0)]
    groups += [(refinement_names(level, point), level, point) for level in (2, 3) for point in range(5)]
    nets: dict[str, PointNet] = {}
    for names, level, point in groups:
        waiting = {}
        for name in names:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed + zlib.crc32(name.encode()))
                nets[name] = make_net(name)
            if not _restored(nets[name], _file(folder, name), settings):
                waiting[name] = nets[name]
        if waiting:
            make = _views(patches()) if level == 1 else patches_around(patches(), level, point)
            _train(waiting, patches(), make, config, config.epochs if level == 1 else config.small_epochs)
        for name, net in waiting.items():
            _keep(net, _file(folder, name), settings)
    return CascadedCNN(nets)


def _views(patches: Patches) -> Batch:
    def batch(index: Tensor, generator: torch.Generator) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        crops, targets = random_views(patches, index, VIEW, SIDE, AUGMENTATION, generator)
        points, unit = targets["points"], targets["unit"]
        return {name: (crops[:, :, rows], points[:, list(known)], unit) for name, (rows, known) in LEVEL1.items()}

    return batch


def patches_around(patches: Patches, level: int, point: int) -> Batch:
    """Batches of training patches around one point, shifted at random.

    They are cut out of windows just large enough, which hold less than whole chips.

    Parameters
    ----------
    patches : augmentation.Patches
        Chips of the training faces.
    level : int
        2 or 3.
    point : int

    Returns
    -------
    callable
        Of the faces' rows and a generator: for each of the level's two networks, (N, 1, PATCH, PATCH) patches, the
        (N, 1, 2) shift that leads back to the point, in sides of the patch, and the unit of errors, 1.
    """
    shift = SHIFTS[level - 2] / VIEW
    pitch = SPAN / CHIP
    reach = int((max(HALVES[level - 2]) / VIEW + shift) / pitch) + 2
    pixels, offsets = [], []
    for which in (point, MIRROR[point]):
        at = patches.points[:, which] / pitch + (CHIP - 1) / 2
        middle = at.round().long()
        steps = torch.arange(-reach, reach + 1)
        columns, rows = ((middle[:, axis, None] + steps).clamp(0, CHIP - 1) for axis in (0, 1))
        pixels.append(patches.pixels[torch.arange(len(patches))[:, None, None], rows[:, :, None], columns[:, None]])
        offsets.append((at - middle) * pitch)
    # The mirror partner's, turned around, show this point as well.
    every = torch.cat([pixels[0], pixels[1].flip(2)])
    offset = torch.cat([offsets[0], offsets[1] * torch.tensor([-1.0, 1.0])])
    span = (2 * reach + 1) * pitch
    names = refinement_names(level, point)

    def batch(index: Tensor, generator: torch.Generator) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        mirrored = torch.rand(len(index), generator=generator) < 0.5
        moved = shift * (2.0 * torch.rand(len(index), 2, generator=generator) - 1.0)
        index = index + len(patches) * mirrored
        chips, centres = every[index].float() / 255.0, (offset[index] + moved)[:, None]
        given = {}
        for name, half in zip(names, HALVES[level - 2], strict=True):
            side = 2.0 * half / VIEW
            seen = sample(chips, span, centres, side, PATCH)
            given[name] = seen, -moved[:, None] / side, torch.ones(len(index))
        return given

    return batch


def _train(nets: Mapping[str, PointNet], patches: Patches, make: Batch, config: CascadeTraining, epochs: int) -> None:
    """Train networks side by side on the same batches."""
    faces, names = len(patches), list(nets)
    mean = patches.points.mean(dim=0)
    for name, net in nets.items():
        with torch.no_grad():
            net.head.weight *= 0.1
            net.head.bias.copy_(mean[list(LEVEL1[name][1])].flatten() if name in LEVEL1 else torch.zeros(2))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    per_epoch = max(1, faces // config.batch)
    optimizer = torch.optim.AdamW(
        [parameter for net in nets.values() for parameter in net.parameters()],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=epochs * per_epoch + 1, pct_start=0.1
    )
    generator = torch.Generator().manual_seed(config.seed + zlib.crc32(names[0].encode()))
    for epoch in range(epochs):
        order = torch.randperm(faces, generator=generator)
        sums = dict.fromkeys(names, 0.0)
        for step in range(per_epoch):
            given = make(order[step * config.batch : (step + 1) * config.batch], generator)
            losses = {}
            for name in names:
                crops, target, unit = given[name]
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    found = nets[name](crops.contiguous(memory_format=torch.channels_last))
                distance = ((found.float() - target).square().sum(dim=2) + 1e-10).sqrt()
                losses[name] = (distance / unit[:, None]).mean()
                sums[name] += float(losses[name].detach())
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        losses_by_name = ", ".join(f"{name} {total / per_epoch:.4f}" for name, total in sums.items())
        logger.info("epoch %d of %d: mean distance %s", epoch + 1, epochs, losses_by_name)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.safetensors"


def _keep(net: PointNet, path: Path, settings: str) -> None:
    from safetensors.torch import save_file

    with replacing(path) as part:
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, part, {"settings": settings})


def _restored(net: PointNet, path: Path, settings: str) -> bool:
    """Load a finished network, where there is one."""
    from safetensors import safe_open

    if not path.exists():
        return False
    with safe_open(path, framework="pt") as file:
        theirs = (file.metadata() or {}).get("settings")
        if theirs != settings:
            raise ValueError(
                f"{path} was trained with {theirs}, not {settings}; repeat those settings, or choose another folder"
            )
        net.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - not a dict
    return True
