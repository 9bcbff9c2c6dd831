"""Running an experiment: every variant and seed a resumable training, measured once, kept as a small file.

Every variant sees the same faces in the same order and the same views, whatever its tasks: labels of tasks that it
does not learn still decide how often a pose is shown.
"""

from __future__ import annotations

import functools
import json
import logging
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init._shared.exclusive import alone_in
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import track
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

__all__ = ["HARD", "UNIT", "ExperimentData", "Variant", "head_correlation", "measure", "run_variants"]

logger = logging.getLogger("tcdcn_init")

T = TypeVar("T")

PROBE = 500
"""Trained faces that early stopping measures, at most, where a variant is trained on a number of faces."""

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


def run_variants(
    variants: Mapping[str, Variant],
    data: ExperimentData,
    out: Path,
    seeds: Sequence[int],
    *,
    hard: Collection[str] = (),
    jobs: int = 1,
    most: int | None = None,
) -> None:
    """Train and measure what is missing; the first seed of all variants comes first.

    Parameters
    ----------
    variants : mapping of str to Variant
        From `experiments.plan`.
    data : ExperimentData
    out : pathlib.Path
        Gets runs/VARIANT-seedN, a `Trainer`'s folder that an interrupted run goes on from, and
        results/VARIANT-seedN.json, which is all that reports need; results/faces.json says of which image and pose
        class each measured face is.
    seeds : sequence of int
    hard : collection of str
        Variants that are measured in the views of `HARD` too.
    jobs : int
        Processes, each of which decodes the faces for itself.
    most : int, optional
        Trainings after which to stop; the rest is for another call.

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
        views = dict.fromkeys(HARD, data.hard) if set(hard) & set(variants) else {}
        _keep_faces(results / "faces.json", {**data.faces, **views})
        wanted = [_Wanted(name, seed, variant, name in hard) for seed in seeds for name, variant in variants.items()]
        missing = [run for run in wanted if not run.is_in(results, data)]
        logger.info("%d runs, %d of them finished", len(wanted), len(wanted) - len(missing))
        missing = missing[:most]
        make_worker = functools.partial(_worker, data, out / "runs")
        finished = as_finished(make_worker, missing, jobs)
        for number, result in track(finished, "Training", total=len(missing)):
            run = missing[number]
            text = json.dumps({**run.header(), **result}, separators=(",", ":"))
            write_text(results / f"{run.name}.json", text + "\n")
            logger.info("%s is finished", run.name)


@dataclass(frozen=True)
class _Wanted:
    variant: str
    seed: int
    what: Variant
    hard: bool

    @property
    def name(self) -> str:
        return f"{self.variant}-seed{self.seed}"

    def header(self) -> dict[str, Any]:
        config = _as_json(replace(self.what.config, seed=self.seed))
        return {"variant": self.variant, "seed": self.seed, "faces": self.what.faces, "config": config}

    def is_in(self, results: Path, data: ExperimentData) -> bool:
        """Whether it is finished; an error where other settings are."""
        path = results / f"{self.name}.json"
        if not path.exists():
            return False
        kept = json.loads(path.read_text())
        # Settings that came after a run was kept are at their defaults in it.
        settings = {**_as_json(TrainingConfig()), **kept["config"]}
        if {"faces": None, **kept, "config": settings} != {**kept, **self.header()}:
            raise ValueError(f"{path} is of other settings; repeat those, or choose another folder")
        return {*data.faces, *(HARD if self.hard else ())} <= set(kept["datasets"])


def _worker(data: ExperimentData, folder: Path) -> Callable[[_Wanted], dict[str, Any]]:
    return functools.partial(_run, data, folder)


def _run(data: ExperimentData, folder: Path, run: _Wanted) -> dict[str, Any]:
    folder = folder / run.name
    config = replace(run.what.config, seed=run.seed)
    crops = {name: data.crops(name, config.network) for name in data.faces}
    resume = (folder / "checkpoint.pt").exists()
    patches, probe = data.patches(run.what, run.seed), data.probe(run.what, run.seed)
    decoded = time.process_time()
    trainer = Trainer(config, patches, probe, crops["mtfl-val"], folder, resume=resume)
    network = trainer.run()
    measured = {name: measure(network, crops[name]) for name in data.faces}
    if run.hard:
        model = folder / "model.safetensors"
        save_network(model, network, {"recipe": f"an experiment's, seed {config.seed}"})
        answers, _ = ask_initializer(data.hard, functools.partial(Initializer, model, backend="torch"), HARD)
        measured |= {kind: _summary(found.errors) for kind, found in answers.items()}
    keys = ("points", "nme", "failure", *config.network.tasks)
    return {
        "stopped": trainer.stopped,
        "best_epoch": trainer.best_epoch,
        "lambdas": {task: round(value, 5) for task, value in trainer.history[-1]["lambdas"].items()},
        "history": {
            side: {key: [round(row[side][key], 5) for row in trainer.history] for key in keys}
            for side in ("train", "validation")
        },
        "seconds": round(trainer.seconds, 1),
        "processor_seconds": None if resume else round(time.process_time() - decoded, 1),
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
