"""The recipe of dense points: what `tcdcn-init train --model tcdcn-68` runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.model_file import load_model, save_network
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.training.stages.data import stage_patches, training_sets
from tcdcn_init.training.stages.recipes import LICENCE
from tcdcn_init.training.stages.trainer import StageTrainer, StageTraining, measure
from tcdcn_init.training.stages.views import ViewConfig
from tcdcn_init.weights import find_model

__all__ = ["DENSE_RECIPES", "DenseRecipe", "train_dense"]

# Side of patches in views.
_SPAN = 1.4


@dataclass(frozen=True)
class DenseRecipe:
    """How a dense network is trained.

    Attributes
    ----------
    training : StageTraining
    begin : str
        Bundled two-stage model whose fine stage's trunk it begins with.
    """

    training: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=DenseConfig(),
            views=ViewConfig(roll=5.0, hidden=0.3),
            epochs=45,
            batch=64,
            average=0.998,
            background=0.0,
        )
    )
    begin: str = "tcdcn-two-stage"


DENSE_RECIPES = {"tcdcn-68": DenseRecipe()}


def train_dense(
    root: Path, out: Path, recipe: DenseRecipe, *, epochs: int | None, seed: int | None, resume: bool = False
) -> Path:
    """Train on the sets of 68 points and write model.safetensors.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds any of lfpw/, helen/, cfp_profile/, infants/, synthetic/.
    out : pathlib.Path
        Folder for the model, checkpoint and log.
    recipe : DenseRecipe
    epochs, seed : int or None
        Instead of the recipe's.
    resume : bool
        Go on from the checkpoint in `out`.

    Returns
    -------
    pathlib.Path
        out/model.safetensors.

    Raises
    ------
    BadRows, FileNotFoundError, FileExistsError, ValueError
        Before training, when the data or the folder do not fit.
    """
    training = recipe.training
    if epochs is not None:
        training = replace(training, epochs=epochs)
    if seed is not None:
        training = replace(training, seed=seed)
    sets = training_sets(root, dense=True)
    boxed = [
        (face.points - face.box[:2]) / (face.box[2:] - face.box[:2])
        for kept, _ in sets.values()
        for face in kept
        if np.isfinite(face.points).all()
    ]
    if not boxed:
        raise FileNotFoundError(
            f"{root} holds no faces with 68 points; expected a folder with any of lfpw/, helen/, cfp_profile/, "
            "infants/, synthetic/, each with points.csv and images/"
        )
    patches, weights = stage_patches(
        {key: kept for key, (kept, _) in sets.items()}, training.network, _SPAN, aligned=True
    )
    held = {
        key: stage_patches({key: faces}, training.network, _SPAN, aligned=True)[0]
        for key, (_, faces) in sets.items()
        if faces
    }
    trainer = StageTrainer(training, patches, weights, held, out, begin=_begun(recipe.begin), resume=resume)
    network = trainer.run()
    assert isinstance(network, Dense)
    target = out / "model.safetensors"
    counts = ", ".join(f"{key} {len(kept)} ({len(some)} held out)" for key, (kept, some) in sets.items())
    figures = {key: measure(network, *views) for key, views in trainer.validation.items()}
    save_network(
        target,
        network,
        {
            "data": f"faces of {counts}",
            "recipe": f"begun with {recipe.begin}, seed {training.seed}, {training.epochs} epochs",
            "licence": LICENCE,
            "figures": json.dumps(figures),
            "mean_shape": json.dumps(np.mean(boxed, axis=0).round(4).tolist()),
        },
    )
    return target


def _begun(name: str) -> dict[str, Tensor]:
    network, _ = load_model(find_model(name, ".safetensors"))
    assert isinstance(network, TwoStage)
    return {key: value for key, value in network.fine.state_dict().items() if key.startswith("trunk.")}
