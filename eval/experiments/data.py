"""What the experiments train on and measure on: variants of recipes, and faces decoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init.datasets import Face
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.network.config import NetworkConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.data import Crops, load_crops, load_patches
from tcdcn_init.training.trainer import TrainingConfig

__all__ = ["ExperimentData", "Variant"]

T = TypeVar("T")

PROBE = 500
"""Trained faces that early stopping measures, at most, where a variant is trained on a number of faces."""


@dataclass(frozen=True)
class Variant:
    """What is trained.

    Attributes
    ----------
    config : TrainingConfig
        Its seed is replaced by the run's.
    faces : int or None
        Training faces, drawn by the run's seed; those of a smaller number are among those of a larger one. None: all.
    """

    config: TrainingConfig
    faces: int | None = None


class ExperimentData:
    """Faces to train and to measure on, decoded once and kept for all runs.

    Parameters
    ----------
    root : path
        Folder of MTFL, whose training.txt is trained on but for its held-out tenth.
    afw : path, optional
        Folder of AFW.
    """

    def __init__(self, root: str | Path, afw: str | Path | None = None) -> None:
        self.training = read_dataset("mtfl-train", root)
        self.faces: dict[str, list[Face]] = {name: read_dataset(name, root) for name in ("mtfl-val", "aflw")}
        if afw is not None:
            self.faces["afw"] = read_dataset("afw", afw)
        self.hard = self.faces["mtfl-val"][::2]
        self._kept: dict[tuple[Any, ...], Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}  # another process decodes for itself

    def patches(self, variant: Variant, seed: int = 0) -> Patches:
        """Training faces of a variant, labelled for every task.

        Raises
        ------
        ValueError
            If there are not as many.
        """
        network, views = _every_task(variant.config.network), variant.config.augmentation
        key = ("patches", network.side, network.view, views.margin(), "face" in network.outputs)
        every = self._once(key, lambda: load_patches(self.training, network, views))
        if variant.faces is None:
            return every
        chosen = torch.from_numpy(self._drawn(variant.faces, seed))
        return replace(
            every,
            pixels=every.pixels[chosen],
            points=every.points[chosen],
            unit=every.unit[chosen],
            labels={task: labels[chosen] for task, labels in every.labels.items()},
            later=every.later[chosen],
        )

    def probe(self, variant: Variant, seed: int = 0) -> Crops:
        """Fixed crops of some of the faces that a variant is trained on: the training side of early stopping."""
        network, faces = variant.config.network, self.training[::9]
        if variant.faces is not None:
            faces = [self.training[k] for k in self._drawn(variant.faces, seed)[:PROBE]]
        return self._crops(f"probe of {len(faces)}, {seed}", faces, network)

    def crops(self, name: str, network: NetworkConfig) -> Crops:
        """Fixed crops of a data set."""
        return self._crops(name, self.faces[name], network)

    def _drawn(self, count: int, seed: int) -> NDArray[np.int64]:
        if count > len(self.training):
            raise ValueError(f"{count} training faces are asked for; there are {len(self.training)}")
        return np.random.default_rng(seed).permutation(len(self.training))[:count]

    def _crops(self, name: str, faces: Sequence[Face], network: NetworkConfig) -> Crops:
        key = (name, network.side, network.view, "face" in network.outputs)
        return self._once(key, lambda: load_crops(faces, _every_task(network), f"Decoding {name}"))

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept


def _every_task(network: NetworkConfig) -> NetworkConfig:
    return replace(network, tasks=tuple(TASKS))
