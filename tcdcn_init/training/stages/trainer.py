"""Training of one stage, or of dense points: views, loss, epochs, checkpoint."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from tcdcn_init._shared.progress import duration
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.stages import StageConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.stage import Stage
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.stages.views import ViewConfig, stage_views

__all__ = ["StageTrainer", "StageTraining", "fixed_views", "measure", "stage_loss"]

logger = logging.getLogger("tcdcn_init")

T = TypeVar("T")

# Weights in the loss beside the points' euclidean error.
_ERROR, _FACE, _VISIBLE, _TASK, _FIRST, _SCORES = 0.005, 0.02, 0.02, 0.01, 0.3, 0.02

# Standard deviation, in places of the maps, of the likelihood that scores are to have around a point.
_SPREAD = 0.6


@dataclass(frozen=True)
class StageTraining:
    """The recipe of one stage.

    Attributes
    ----------
    network : StageConfig or DenseConfig
    views : ViewConfig
    epochs, batch : int
        An epoch draws as many faces as there are, by their weights.
    learning_rate, weight_decay : float
        Peak of the one-cycle schedule, and AdamW's decay.
    average : float
        Decay per step of the moving average of the weights, which is what is kept.
    background : float
        Crops without a face, as a share of the faces.
    seed : int
    """

    network: StageConfig | DenseConfig = field(default_factory=StageConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    epochs: int = 300
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    average: float = 0.9995
    background: float = 0.08
    seed: int = 0


def stage_loss(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parts of the loss, each weighted.

    Points are learned by the euclidean distance in inter-ocular distances; missing ones and background have no part in
    it. Visibility is learned where it is known.
    """
    known = torch.isfinite(targets["points"]).all(dim=2)
    target = targets["points"].nan_to_num(0.0)
    total = known.sum().clamp(min=1)

    def distance(points: Tensor) -> Tensor:
        return (((points - target) / targets["unit"][:, None, None]).square().sum(dim=2) + 1e-4).sqrt()

    off = distance(outputs["points"])
    parts = {"points": (off * known).sum() / total}
    if "first points" in outputs:
        parts["first points"] = _FIRST * (distance(outputs["first points"]) * known).sum() / total
    if "scores" in outputs:
        likelihood = torch.log_softmax(outputs["scores"], dim=2)
        off_target = -(_around(target, math.isqrt(likelihood.shape[2])) * likelihood).sum(dim=2)
        parts["scores"] = _SCORES * (off_target * known).sum() / total
    expected = outputs["expected_error"]
    parts["expected_error"] = _ERROR * ((expected.log() + off.detach() / expected) * known).sum() / known.sum()
    if "face" in outputs:
        parts["face"] = _FACE * functional.cross_entropy(outputs["face"], targets["face"])
    told = targets["visible"] >= 0
    entropy = functional.binary_cross_entropy_with_logits(
        outputs["visible"], targets["visible"].clamp(min=0).float(), reduction="none"
    )
    parts["visible"] = _VISIBLE * (entropy * told).sum() / told.sum().clamp(min=1)
    for task in ("pose", "gender", "glasses", "smile"):
        if task in outputs:
            labelled = (targets[task] >= 0).sum().clamp(min=1)
            parts[task] = (
                _TASK
                * functional.cross_entropy(outputs[task], targets[task], ignore_index=-1, reduction="sum")
                / labelled
            )
    return parts


def _around(points: Tensor, side: int) -> Tensor:
    """(N, P, side * side): which places of maps lie how near to points in the crop's frame, adding up to 1."""
    at = (torch.arange(side) + 0.5) / side - 0.5
    x, y = (torch.exp(-0.5 * ((points[..., None, k] - at) * (side / _SPREAD)).square()) + 1e-12 for k in (0, 1))
    near = (y[..., :, None] * x[..., None, :]).flatten(2)
    return near / near.sum(dim=2, keepdim=True)


def fixed_views(
    patches: Patches, config: StageTraining, seed: int = 1, hidden: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """One view of every held-out face, as the training ones but undegraded, and with occluders as often as is given."""
    plain = ViewConfig(
        **{**asdict(config.views), "hidden": hidden, "clip": 0.0, "coarse": 0.0, "jpeg": 0.0, "noise": 0.0, "blur": 0.0,
           "brightness": 0.0}
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    index = patches.faces
    return stage_views(patches, index, config.network.view, config.network.side, plain, generator)


def measure(network: Stage | Dense, crops: Tensor, targets: Mapping[str, Tensor]) -> tuple[float, float]:
    """Mean error and failures (above 0.1) over the annotated points, in percent of the inter-ocular distance."""
    with torch.inference_mode():
        points = torch.cat([network(part)["points"] for part in torch.split(crops, 256)])
    off = (points - targets["points"]).norm(dim=2) / targets["unit"][:, None]
    error = off.nanmean(dim=1)
    return float(error.mean()) * 100.0, float((error > 0.1).float().mean()) * 100.0


def _ahead(make: Callable[[int], T], count: int) -> Iterator[T]:
    """What `make` gives of 0, 1, ..., each made by one other thread while its predecessor is in use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(make, 0)
        for number in range(1, count + 1):
            ready = following.result()
            if number < count:
                following = pool.submit(make, number)
            yield ready


def _network(config: StageConfig | DenseConfig) -> Stage | Dense:
    return Dense(config) if isinstance(config, DenseConfig) else Stage(config)


class StageTrainer:
    """One run in a folder: checkpoint.pt and log.jsonl.

    Parameters
    ----------
    config : StageTraining
    patches : Patches
    weights : (N,) Tensor
        How often each patch is drawn; 0 for background.
    validation : mapping of str to Patches
        Held-out faces by set.
    out : pathlib.Path
    begin : dict of str to Tensor, optional
        Weights to begin with; the others are random.
    resume : bool
        Go on from the checkpoint, if there is one.

    Raises
    ------
    FileExistsError
        If the folder holds a run already and `resume` is False.
    ValueError
        If the checkpoint belongs to another recipe, or there are fewer faces than a batch.
    """

    def __init__(
        self,
        config: StageTraining,
        patches: Patches,
        weights: Tensor,
        validation: Mapping[str, Patches],
        out: Path,
        *,
        begin: Mapping[str, Tensor] | None = None,
        resume: bool = False,
    ) -> None:
        self.config, self.patches, self.weights, self.out = config, patches, weights, out
        if len(patches.faces) < config.batch:
            raise ValueError(
                f"{len(patches.faces)} training faces for a batch of {config.batch}; choose a smaller batch"
            )
        self.validation = {name: fixed_views(each, config) for name, each in validation.items()}
        torch.manual_seed(config.seed)
        self.network = _network(config.network)
        if isinstance(self.network, Stage):
            with torch.no_grad():
                self.network.points_bias.copy_(torch.nanmean(patches.points[patches.faces], dim=0).flatten())
        self.network.load_state_dict(self.network.state_dict() | dict(begin or {}))
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.background = round(config.background * len(patches.faces)) if len(patches.background) else 0
        self.steps = (len(patches.faces) + self.background) // config.batch
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=config.epochs * self.steps, pct_start=0.08
        )
        self.averaged = {name: value.clone() for name, value in self._weights().items()}
        self.epoch, self.seconds = 0, 0.0
        out.mkdir(parents=True, exist_ok=True)
        self.checkpoint = out / "checkpoint.pt"
        if self.checkpoint.exists() and not resume:
            raise FileExistsError(f"{out} holds a run already; go on with it (--resume) or choose another folder")
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, weights_only=True)
            if json.loads(state["config"]) != json.loads(json.dumps(asdict(config))):
                raise ValueError(
                    f"{self.checkpoint} was trained with other settings, {state['config']}; "
                    "resume with the same settings, or choose another folder"
                )
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.averaged, self.epoch, self.seconds = state["averaged"], state["epoch"], state["seconds"]

    def run(self) -> Stage | Dense:
        """Train to the end; the averaged network in evaluation mode."""
        while self.epoch < self.config.epochs:
            start = time.monotonic()
            row = self._one_epoch()
            self.epoch += 1
            self.seconds += time.monotonic() - start
            if self.epoch % 5 == 0 or self.epoch == self.config.epochs:
                network = self.averaged_network()
                row |= {name: measure(network, *views) for name, views in self.validation.items()}
            left = self.seconds / self.epoch * (self.config.epochs - self.epoch)
            logger.info("epoch %d of %d: %s; %s left", self.epoch, self.config.epochs, row, duration(left))
            with (self.out / "log.jsonl").open("a") as handle:
                handle.write(json.dumps({"epoch": self.epoch, **row}) + "\n")
            self._save()
        return self.averaged_network()

    def averaged_network(self) -> Stage | Dense:
        """A copy with the averaged weights, in evaluation mode."""
        network = _network(self.config.network)
        network.load_state_dict(self.averaged, strict=False)
        return network.eval()

    def _one_epoch(self) -> dict[str, Any]:
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.epoch)
        faces = torch.multinomial(self.weights, len(self.patches.faces), replacement=True, generator=generator)
        if self.background:
            every = self.patches.background
            faces = torch.cat([faces, every[torch.randperm(len(every), generator=generator)[: self.background]]])
        faces = faces[torch.randperm(len(faces), generator=generator)]
        sums: dict[str, float] = {}

        def views(step: int) -> tuple[Tensor, dict[str, Tensor]]:
            index = faces[step * config.batch : (step + 1) * config.batch]
            return stage_views(self.patches, index, config.network.view, config.network.side, config.views, generator)

        for crops, targets in _ahead(views, self.steps):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                outputs = self.network(crops.to(memory_format=torch.channels_last))
            parts = stage_loss(outputs, targets)
            loss = torch.stack(list(parts.values())).sum()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.scheduler.step()
            self._average()
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        return {name: round(value / self.steps, 5) for name, value in sums.items()}

    def _average(self) -> None:
        steps = self.scheduler.last_epoch
        decay = min(self.config.average, steps / (steps + 10.0))
        current = self._weights()
        names = list(self.averaged)
        torch._foreach_lerp_([self.averaged[n] for n in names], [current[n] for n in names], 1.0 - decay)

    def _weights(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.network.state_dict()
        return {name: value.detach() for name, value in state.items() if value.is_floating_point()}

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": {k: v for k, v in self.scheduler.state_dict().items() if k != "_anneal_func_type"},
            "averaged": self.averaged,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "config": json.dumps(asdict(self.config)),
        }
        temporary = self.checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)
