"""What each part of the fine stage's recipe brings: short trainings without it, measured on held-out faces."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init.datasets.base import Face
from tcdcn_init.initializer import Initializer
from tcdcn_init.training.stages.data import blended, hidden_flags, stage_patches, training_sets
from tcdcn_init.training.stages.recipes import FINE_SPAN, TwoStageRecipe, taught
from tcdcn_init.training.stages.trainer import StageTrainer, fixed_views, measure

__all__ = ["VARIANTS", "Variant", "run_ablation"]

logger = logging.getLogger("tcdcn_init")


@dataclass(frozen=True)
class Variant:
    """A recipe without one of its parts.

    Attributes
    ----------
    title : str
        As tables call it.
    others : bool
        Whether faces of other sets than MTFL are learned.
    occluders : bool
    teacher : bool
        Whether MTFL's points are moved half-way to a teacher's.
    """

    title: str
    others: bool = True
    occluders: bool = True
    teacher: bool = True


VARIANTS = {
    "whole": Variant("the whole recipe"),
    "mtfl-only": Variant("MTFL alone", others=False),
    "no-occluders": Variant("without occluders", occluders=False),
    "no-teacher": Variant("without the teacher", teacher=False),
}


def run_ablation(
    root: Path, out: Path, recipe: TwoStageRecipe, *, epochs: int = 25, seed: int = 0, command: str = ""
) -> Path:
    """Train the fine stage by each of `VARIANTS` and measure all on the same held-out views.

    A variant that is measured is not trained again, one that was interrupted goes on.

    Parameters
    ----------
    root : pathlib.Path
        As for `recipes.train_two_stages`.
    out : pathlib.Path
        Folder: a run for each variant, and ablation.json.
    recipe : TwoStageRecipe
        Its fine stage is trained.
    epochs : int
        Of each.
    seed : int
    command : str
        What is written down as the way to do it again.

    Returns
    -------
    pathlib.Path
        out/ablation.json.
    """
    target = out / "ablation.json"
    results: dict[str, dict[str, tuple[float, float]]] = {}
    if target.exists():
        results = json.loads(target.read_text(encoding="utf-8"))["results"]
    sets, flags = training_sets(root), hidden_flags(root)
    held = {
        name: stage_patches({name: faces}, recipe.fine.network, FINE_SPAN, aligned=True, flags=flags)[0]
        for name, (_, faces) in sets.items()
        if faces
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, variant in VARIANTS.items():
        if name in results:
            continue
        logger.info("%s", variant.title)
        training = {key: kept for key, (kept, _) in sets.items() if variant.others or key == "mtfl"}
        if variant.teacher:
            training["mtfl"] = blended(training["mtfl"], _answers(out, sets, recipe.teacher), recipe.teacher_weight)
        views = recipe.fine.views if variant.occluders else replace(recipe.fine.views, hidden=0.0)
        config = replace(recipe.fine, views=views, epochs=epochs, seed=seed, average=0.998)
        patches, weights = stage_patches(training, config.network, FINE_SPAN, aligned=True, background=1, flags=flags)
        trainer = StageTrainer(config, patches, weights, held, out / name, resume=True)
        network = trainer.run()
        results[name] = {key: measure(network, *some) for key, some in trainer.validation.items()}
        results[name]["mtfl, parts hidden"] = measure(network, *fixed_views(held["mtfl"], recipe.fine, hidden=1.0))
        with replacing(target) as part:
            content = {"command": command, "epochs": epochs, "seed": seed, "results": results}
            part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return target


def _answers(out: Path, sets: Mapping[str, tuple[list[Face], list[Face]]], teacher: str) -> NDArray[np.float64]:
    """The teacher's answers to MTFL's training faces, asked for once."""
    file = out / f"{teacher}.npy"
    if not file.exists():
        points = taught(sets["mtfl"][0], Initializer(teacher, mirror=True))
        with replacing(file) as part, part.open("wb") as handle:
            np.save(handle, points)
    return np.asarray(np.load(file))
