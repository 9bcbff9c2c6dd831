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
from typing import Any

import torch

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import track
from tcdcn_init.datasets import Face
from tcdcn_init.eval.experiments.data import ExperimentData, Variant
from tcdcn_init.eval.experiments.measures import HARD, head_correlation, measure, summary
from tcdcn_init.eval.measuring.answers import ask_initializer
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.model_file import save_network
from tcdcn_init.training.trainer import Trainer, TrainingConfig

__all__ = ["run_variants"]

logger = logging.getLogger("tcdcn_init")


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
        defaults = _as_json(TrainingConfig(network=type(self.what.config.network)()))
        settings = _completed(kept["config"], defaults)
        if {"faces": None, **kept, "config": settings} != {**kept, **self.header()}:
            raise ValueError(f"{path} is of other settings; repeat those, or choose another folder")
        return {*data.faces, *(HARD if self.hard else ())} <= set(kept["datasets"])


def _completed(kept: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the defaults of those that are missing, also of settings within settings."""
    filled = {
        key: _completed(kept[key], value) if key in kept and isinstance(value, dict) else kept.get(key, value)
        for key, value in defaults.items()
    }
    return {**kept, **filled}


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
        measured |= {kind: summary(found.errors) for kind, found in answers.items()}
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
        "trained_on": len(patches.faces),
        "threads": torch.get_num_threads(),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "datasets": measured,
        "correlation": head_correlation(network),
    }


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
