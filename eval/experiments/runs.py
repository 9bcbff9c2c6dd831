"""Running an experiment: every variant and seed a resumable training, measured once, kept as a small file.

Every variant sees the same faces in the same order and the same views, whatever its tasks: labels of tasks that it
does not learn still decide how often a pose is shown.
"""

from __future__ import annotations

import functools
import json
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init._shared.exclusive import alone_in
from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets import Face
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.measuring.answers import View, ask_initializer, fixed
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.metrics import NO_POSE, point_errors
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import NetworkConfig
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.tcdcn import Network
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.data import Crops, load_crops, load_patches
from tcdcn_init.training.trainer import Trainer, TrainingConfig

__all__ = ["HARD", "UNIT", "ExperimentData", "head_correlation", "measure", "run_variants"]

logger = logging.getLogger("tcdcn_init")

T = TypeVar("T")

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

    def patches(self, config: TrainingConfig) -> Patches:
        """Training faces for a recipe, labelled for every task."""
        network = _every_task(config.network)
        key = ("patches", network.side, network.view, config.augmentation.margin(), "face" in network.outputs)
        return self._once(key, lambda: load_patches(self.training, network, config.augmentation))

    def crops(self, name: str, network: NetworkConfig) -> Crops:
        """Fixed crops of a data set, or of "probe": the trained faces that early stopping measures."""
        faces = self.training[::9] if name == "probe" else self.faces[name]
        key = (name, network.side, network.view, "face" in network.outputs)
        return self._once(key, lambda: load_crops(faces, _every_task(network), f"Decoding {name}"))

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept


def _every_task(network: NetworkConfig) -> NetworkConfig:
    return replace(network, tasks=tuple(TASKS))


def run_variants(
    variants: Mapping[str, TrainingConfig],
    data: ExperimentData,
    out: Path,
    seeds: Sequence[int],
    *,
    hard: bool = False,
) -> None:
    """Train and measure what is missing; the first seed of all variants comes first.

    Parameters
    ----------
    variants : mapping of str to TrainingConfig
        From `experiments.plan`.
    data : ExperimentData
    out : pathlib.Path
        Gets runs/VARIANT-seedN, a `Trainer`'s folder that an interrupted run goes on from, and
        results/VARIANT-seedN.json, which is all that reports need; results/faces.json says of which image and pose
        class each measured face is.
    seeds : sequence of int
    hard : bool
        Also measure in the views of `HARD`.

    Raises
    ------
    ValueError
        If results in `out` are of other settings or other faces.
    BlockingIOError
        If another process is at work in `out`.
    """
    with alone_in(out):
        results = out / "results"
        results.mkdir(parents=True, exist_ok=True)
        faces = {**data.faces, **(dict.fromkeys(HARD, data.hard) if hard else {})}
        _keep_faces(results / "faces.json", faces)
        for seed in seeds:
            for variant, config in variants.items():
                name = f"{variant}-seed{seed}"
                path, wanted = results / f"{name}.json", _as_json(replace(config, seed=seed))
                if path.exists():
                    kept = json.loads(path.read_text())
                    if kept["config"] != wanted:
                        raise ValueError(f"{path} is of other settings; repeat those, or choose another folder")
                    if set(faces) <= set(kept["datasets"]):
                        logger.info("%s is finished", name)
                        continue
                logger.info("%s begins", name)
                result = _run(replace(config, seed=seed), data, out / "runs" / name, hard=hard)
                text = json.dumps({"variant": variant, "seed": seed, "config": wanted, **result}, separators=(",", ":"))
                write_text(path, text + "\n")


def _run(config: TrainingConfig, data: ExperimentData, folder: Path, *, hard: bool) -> dict[str, Any]:
    crops = {name: data.crops(name, config.network) for name in ("probe", *data.faces)}
    resume = (folder / "checkpoint.pt").exists()
    trainer = Trainer(config, data.patches(config), crops["probe"], crops["mtfl-val"], folder, resume=resume)
    network = trainer.run()
    measured = {name: measure(network, crops[name]) for name in data.faces}
    if hard:
        model = folder / "model.safetensors"
        save_network(model, network, {"recipe": f"an experiment's, seed {config.seed}"})
        answers, _ = ask_initializer(data.hard, functools.partial(Initializer, model, backend="torch"), HARD)
        measured |= {kind: _summary(found.errors) for kind, found in answers.items()}
    keys = ("points", "nme", "failure", *config.network.tasks)
    return {
        "stopped": trainer.stopped,
        "history": {
            side: {key: [round(row[side][key], 5) for row in trainer.history] for key in keys}
            for side in ("train", "validation")
        },
        "seconds": round(trainer.seconds, 1),
        "threads": torch.get_num_threads(),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "datasets": measured,
        "correlation": head_correlation(network),
    }


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
    result = {**_summary(errors), "poses": {}, "accuracy": {}}
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


def _summary(errors: NDArray[np.float64]) -> dict[str, Any]:
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


def _as_json(config: TrainingConfig) -> Any:
    return json.loads(json.dumps(asdict(config)))


def _keep_faces(path: Path, datasets: Mapping[str, Sequence[Face]]) -> None:
    """Write which face is of which image; or make sure that results so far are of the same faces."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    for name, faces in datasets.items():
        images = {image: number for number, image in enumerate(dict.fromkeys(face.image for face in faces))}
        entry = {
            "names": zlib.crc32("\n".join(face.name for face in faces).encode()),
            "boxes_derived": sum(face.box_source == "points" for face in faces),
            "images": [images[face.image] for face in faces],
        }
        if kept.setdefault(name, entry) != entry:
            raise ValueError(f"{path} is of other faces of {name}; choose another folder for these")
    write_text(path, json.dumps(kept, separators=(",", ":")) + "\n")
