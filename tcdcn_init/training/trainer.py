"""The training loop: epochs, checkpoints, resume, one process or several.

Data come from `data`, their order from `sampling`, views from `augmentation`, the loss from `objective`, errors from
`measuring`, the verdict on each auxiliary task from `early_stopping`; this module runs the loop.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from tcdcn_init._shared.progress import duration
from tcdcn_init.network.config import NetworkConfig, ResidualConfig, TCDCNConfig, config_to_dict
from tcdcn_init.network.tcdcn import Network, make_network
from tcdcn_init.training.augmentation import AugmentationConfig, Patches, random_views
from tcdcn_init.training.data import Crops
from tcdcn_init.training.early_stopping import TaskwiseEarlyStopping
from tcdcn_init.training.measuring import measure
from tcdcn_init.training.objective import MultiTaskObjective, ObjectiveConfig
from tcdcn_init.training.runs.checkpoint import CHECKPOINT, check_begun, read_checkpoint, write_checkpoint
from tcdcn_init.training.runs.log import write_log
from tcdcn_init.training.runs.workers import Workers
from tcdcn_init.training.sampling import epoch_order

__all__ = ["Trainer", "TrainingConfig"]

logger = logging.getLogger("tcdcn_init")


@dataclass(frozen=True)
class TrainingConfig:
    """A whole recipe; two runs with equal recipes, data and thread count give equal weights.

    Attributes
    ----------
    network, objective, augmentation
        See their classes.
    epochs : int
    epoch_views : int
        Faces that an epoch shows, one after the other, again from the first on where there are fewer; 0: each once.
    batch : int
        Global batch, shared by all processes.
    learning_rate : float
        Peak of the one-cycle schedule (a tenth of the steps up, then down along a cosine).
    weight_decay : float
        Decoupled (AdamW).
    pose_balance : float
        0 shows every training face once an epoch; above, faces are drawn with a weight of their pose class's share to
        the power of minus this, so that the rare profiles are seen more often. 1 shows all classes equally often.
    average : float
        Decay per step of the exponential moving average of the weights, which is what gets validated and saved;
        0 takes the last weights.
    stop_window : int
        k of task-wise early stopping, in epochs; 0 turns it off.
    stop_epsilon : float
        Its threshold.
    stop_together : bool
        The first task that stops takes all others with it: what task-wise stopping is compared to.
    fade_tasks : bool
        The weight of every auxiliary task falls along a line to 0 at the end of training.
    keep_best : bool
        `Trainer.run` returns the weights of the epoch whose mean error on the held-out faces is least, instead of the
        last ones.
    teacher : float
        Share of a teacher's points in those that are learned (`distillation.with_teacher`).
    refine : int
        Epochs in which a residual network's correction around each point is learned, after everything else and beside
        nothing else (`refinement.fit_refinement`); 0: it gets none.
    background : float
        Crops without a face, as a share of the faces, where the network tells them apart.
    precision : {"float32", "bfloat16"}
        Of the convolutions in training; bfloat16 halves their time on processors that have it.
    seed : int
    """

    network: NetworkConfig = field(default_factory=TCDCNConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    epochs: int = 80
    epoch_views: int = 0
    batch: int = 256
    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    pose_balance: float = 0.3
    average: float = 0.999
    stop_window: int = 10
    stop_epsilon: float = 60.0
    stop_together: bool = False
    fade_tasks: bool = False
    keep_best: bool = False
    teacher: float = 0.0
    refine: int = 0
    background: float = 0.15
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if self.epoch_views and self.epoch_views < self.batch:
            raise ValueError(f"epoch_views is {self.epoch_views}; expected 0, or at least a batch of {self.batch}")
        if self.refine and not isinstance(self.network, ResidualConfig):
            raise ValueError(f"refine is {self.refine}; expected 0 for a network that is not residual")
        if not 0.0 <= self.average < 1.0:
            raise ValueError(f"average is {self.average}; expected 0 to below 1")
        if not 0.0 <= self.teacher <= 1.0:
            raise ValueError(f"teacher is {self.teacher}; expected the weight of its points, 0 to 1")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; expected 'float32' or 'bfloat16'")


class Trainer:
    """One training run in a folder.

    Parameters
    ----------
    config : TrainingConfig
    patches : augmentation.Patches
        Training faces.
    probe, validation : data.Crops
        Fixed crops of some training faces, and of the held-out faces: the two error histories of early stopping.
    out : path
        Folder for checkpoint.pt, log.csv, log.json and curves.png.
    resume : bool
        Go on from the folder's checkpoint, to the same result as without the interruption.
    begin_at : Network, optional
        Its weights are where training begins, instead of random ones; of other points or tasks all but their heads.

    Raises
    ------
    FileExistsError
        If the folder holds a run already and `resume` is False.
    FileNotFoundError
        If there is nothing to resume.
    ValueError
        If the checkpoint belongs to another recipe, or `begin_at` is another network than the recipe's; the message
        names the setting.
    """

    def __init__(
        self,
        config: TrainingConfig,
        patches: Patches,
        probe: Crops,
        validation: Crops,
        out: str | Path,
        *,
        resume: bool = False,
        begin_at: Network | None = None,
    ) -> None:
        self.config, self.patches, self.probe, self.validation = config, patches, probe, validation
        self.out = Path(out)
        self.workers = Workers.join()
        self.share = self.workers.share(config.batch)
        if len(patches) < config.batch:
            raise ValueError(f"{len(patches)} training faces for a batch of {config.batch}; choose a smaller batch")
        faces = patches.faces
        self.background = min(round(config.background * len(faces)), len(patches.background))
        self.steps = (config.epoch_views or len(faces) + self.background) // config.batch
        torch.manual_seed(config.seed)
        self.network = make_network(config.network)
        with torch.no_grad():
            # The points' head starts at the mean shape: the first epochs need not find it.
            self.network.points_bias.copy_(patches.points[faces].nanmean(dim=0).flatten())
        if begin_at is not None:
            self._begin_at(begin_at)
        self.objective = MultiTaskObjective(config.objective, config.network.tasks)
        # PyTorch's pooling is several times faster on channels-last maps.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = {name: value.clone() for name, value in self._weights().items()}
        self.best = self.averaged
        self.optimizer = torch.optim.AdamW(
            [*self.network.parameters(), *self.objective.parameters()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        # A tenth of 10 steps is one step up, whose length OneCycleLR divides by as 1 - 1.
        total = config.epochs * self.steps
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=total, pct_start=0.2 if total == 10 else 0.1
        )
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.stopped: dict[str, int] = {}
        self.seconds = 0.0
        checkpoint = self.out / CHECKPOINT
        check_begun(checkpoint, resume)
        if resume:
            self._restore(checkpoint)
        self.model: torch.nn.Module = self.network
        if self.workers.world > 1:
            self.model = DistributedDataParallel(self.network)

    def run(self) -> Network:
        """Train to the end.

        Returns
        -------
        Network
            With the averaged weights of the last epoch or, as `TrainingConfig.keep_best` says, of the best one; in
            evaluation mode.

        Raises
        ------
        KeyboardInterrupt
            Passed on; everything up to the last whole epoch is in the checkpoint.
        ValueError
            If the loss is no longer finite; likewise.
        """
        while self.epoch < self.config.epochs:
            start = time.monotonic()
            errors = self._one_epoch()
            self.epoch += 1
            self._judge(errors, start)
            if self.workers.rank == 0:
                self._save()
        return self._network(self.best if self.config.keep_best else self.averaged)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, whose mean error on the held-out faces is least; 0 before the first has ended."""
        errors = [row["validation"]["nme"] for row in self.history]
        return 1 + errors.index(min(errors)) if errors else 0

    def averaged_network(self) -> Network:
        """A copy of the network with the averaged weights."""
        return self._network(self.averaged)

    def _network(self, weights: dict[str, Tensor]) -> Network:
        network = make_network(self.config.network)
        network.load_state_dict(weights, strict=False)  # without counters of batches
        return network.eval()

    def _begin_at(self, network: Network) -> None:
        ours, theirs = (config_to_dict(config) for config in (self.config.network, network.config))
        heads = ("own", "tasks")
        for key in sorted({*ours, *theirs} - {*heads}):
            if ours.get(key) != theirs.get(key):
                raise ValueError(
                    f"training cannot begin at weights of a network with {key} = {theirs.get(key)}; "
                    f"the recipe's has {ours.get(key)}: choose weights of the same network"
                )
        # Heads of other points or tasks begin as they are.
        other = (
            ("heads.points.", "heads.expected_error.", "refinement.") if ours.get("own") != theirs.get("own") else ()
        )
        state = self.network.state_dict()
        for name, value in network.state_dict().items():
            if name in state and not name.startswith(other):
                state[name] = value
        self.network.load_state_dict(state)

    def active_tasks(self) -> list[str]:
        """Tasks that still learn."""
        return [task for task in self.config.network.tasks if task not in self.stopped]

    def _one_epoch(self) -> dict[str, float]:
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.epoch)
        order = torch.empty(0, dtype=torch.int64)
        while len(order) < self.steps * config.batch:
            once = epoch_order(self.patches, config.pose_balance, self.background, generator)
            order = torch.cat([order, once])
        active = self.active_tasks()
        strength = 1.0 - self.epoch / config.epochs if config.fade_tasks else 1.0
        sums: dict[str, float] = {}
        for step in range(self.steps):
            index = order[step * config.batch : (step + 1) * config.batch]
            crops, targets = random_views(
                self.patches,
                index,
                config.network.view,
                config.network.side,
                config.augmentation,
                generator,
                self.share,
            )
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.precision == "bfloat16"):
                outputs = self.model(crops)
            parts = self.objective(outputs, targets)
            loss = self.objective.total(parts, active, strength)
            if not math.isfinite(loss.item()):
                raise ValueError(
                    f"epoch {self.epoch + 1}: the loss is {loss.item()}; the epochs before it are kept: "
                    "lower the learning rate, or begin at other weights"
                )
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._share_objective_gradient()
            self.optimizer.step()
            self.scheduler.step()
            self._average()
            for name, value in {**parts, "loss": loss}.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        means = torch.tensor([sums[name] / self.steps for name in sums], dtype=torch.float64)
        if self.workers.world > 1:
            distributed.all_reduce(means)
            means /= self.workers.world
        return dict(zip(sums, means.tolist(), strict=True))

    def _share_objective_gradient(self) -> None:
        # The learned coefficients live outside the network that DistributedDataParallel wraps.
        if self.workers.world > 1:
            for parameter in self.objective.parameters():
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad.div_(self.workers.world)

    def _average(self) -> None:
        # A long memory of the random first steps would only delay: the decay grows into its value.
        steps = self.scheduler.last_epoch
        decay = min(self.config.average, steps / (steps + 10.0)) if self.config.average else 0.0
        current = self._weights()
        names = list(self.averaged)
        torch._foreach_lerp_([self.averaged[n] for n in names], [current[n] for n in names], 1.0 - decay)

    def _weights(self) -> dict[str, Tensor]:
        """What is averaged: parameters, and the statistics of normalisations."""
        state: dict[str, Tensor] = self.network.state_dict()
        return {name: value.detach() for name, value in state.items() if value.is_floating_point()}

    def _judge(self, augmented: dict[str, float], start: float) -> None:
        config = self.config
        network = self.averaged_network()
        train, validation = (measure(network, crops, self.objective) for crops in (self.probe, self.validation))
        lambdas = self.objective.lambdas()
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "learning_rate": self.scheduler.get_last_lr()[0],
            "augmented": augmented,
            "train": train,
            "validation": validation,
            "lambdas": lambdas,
            "stopped": {},
        }
        self.history.append(row)
        if config.keep_best and self.best_epoch == self.epoch:
            self.best = {name: value.clone() for name, value in self.averaged.items()}
        if config.stop_window:
            criterion = TaskwiseEarlyStopping(config.stop_window, config.stop_epsilon)
            for task in self.active_tasks():
                trained, held_out = ([entry[side][task] for entry in self.history] for side in ("train", "validation"))
                verdict = criterion(trained, held_out, importance=lambdas[task])
                if verdict.stop:
                    self.stopped[task] = self.epoch
                    row["stopped"][task] = dataclasses.asdict(verdict)
                    logger.info(
                        "epoch %d: task %s stops: trend %.3g x generalisation %.3g exceeds %g",
                        self.epoch, task, verdict.trend, verdict.generalisation, config.stop_epsilon,
                    )  # fmt: skip
            if config.stop_together and self.stopped:
                self.stopped.update(dict.fromkeys(self.active_tasks(), self.epoch))
        row["seconds"] = time.monotonic() - start
        self.seconds += row["seconds"]
        left = self.seconds / self.epoch * (config.epochs - self.epoch)
        if self.workers.rank == 0:
            logger.info(
                "epoch %d of %d: loss %.4f, validation error %.2f %%, failures %.1f %%; %s left",
                self.epoch, config.epochs, augmented["loss"], validation["nme"], validation["failure"], duration(left),
            )  # fmt: skip

    def _save(self) -> None:
        state = {
            "config": dataclasses.asdict(self.config),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "history": self.history,
            "stopped": self.stopped,
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "averaged": self.averaged,
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": {
                key: value for key, value in self.scheduler.state_dict().items() if key != "_anneal_func_type"
            },
        }
        write_checkpoint(self.out / CHECKPOINT, state)
        write_log(self.out, dataclasses.asdict(self.config), self.history, self.stopped)

    def _restore(self, checkpoint: Path) -> None:
        state = read_checkpoint(checkpoint)
        ours = json.loads(json.dumps(dataclasses.asdict(self.config)))
        theirs = state["config"]
        for key in ours:
            if theirs.get(key) != ours[key]:
                raise ValueError(
                    f"{checkpoint} was trained with {key} = {theirs.get(key)}, not {ours[key]}; "
                    "resume with the same settings, or choose another folder"
                )
        try:
            self.network.load_state_dict(state["network"])
            self.objective.load_state_dict(state["objective"])
            if {n: v.shape for n, v in state["averaged"].items()} != {n: v.shape for n, v in self.averaged.items()}:
                raise ValueError("its averaged weights are of another network")
            self.averaged, self.best = state["averaged"], state["best"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
        except (AttributeError, KeyError, RecursionError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{checkpoint} is damaged ({error}); delete it and start without --resume") from error
        self.epoch, self.seconds, self.stopped = state["epoch"], state["seconds"], state["stopped"]
        self.history = state["history"]
