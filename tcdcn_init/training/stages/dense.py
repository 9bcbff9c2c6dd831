"""The recipe of dense points: what `tcdcn-init train --model tcdcn-68` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.array_file import read_arrays
from tcdcn_init._shared.offers import load_offer
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.published.mtfl import hold_out, read_mtfl
from tcdcn_init.network.backends import TorchBackend
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.model_file import load_model, save_network
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.stages.data import TAUGHT, WEIGHTS, stage_patches, training_sets
from tcdcn_init.training.stages.recipes import LICENCE, changed
from tcdcn_init.training.stages.teaching import agreed_points, with_agreed_points
from tcdcn_init.training.stages.trainer import StageTrainer, StageTraining, measure
from tcdcn_init.training.stages.views import ViewConfig
from tcdcn_init.weights import find_model

__all__ = ["DENSE_RECIPES", "DenseRecipe", "train_dense"]

# Side of patches in views.
_SPAN = 1.4

# How often faces are drawn when those with agreed points are among them.
_TAUGHT_WEIGHTS = {**WEIGHTS, "cfp_profile": 0.4, TAUGHT: 0.3}


def _taught(epochs: int) -> StageTraining:
    views = ViewConfig(roll=6.0, scale=0.06, shift=0.035, hidden=0.35)
    return StageTraining(network=DenseConfig(), views=views, epochs=epochs, batch=64, background=0.0)


@dataclass(frozen=True)
class DenseRecipe:
    """How a dense network is trained: on annotated faces, then beside them on MTFL's, with points that are agreed on.

    Attributes
    ----------
    annotated : StageTraining
        The first phase.
    taught : tuple of StageTraining
        Those after it, each a training from the beginning.
    begin : str
        Bundled two-stage model whose fine stage's trunk every phase begins with.
    teacher : str
        Regressor, by its entry point's name, that the network of the phase before has to agree with
        (`teaching.agreed_points`).
    """

    annotated: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=DenseConfig(),
            views=ViewConfig(roll=5.0, hidden=0.3),
            epochs=45,
            batch=64,
            average=0.998,
            background=0.0,
        )
    )
    taught: tuple[StageTraining, ...] = field(default_factory=lambda: (_taught(60), _taught(80)))
    begin: str = "tcdcn-two-stage"
    teacher: str = "ert68-300w"


DENSE_RECIPES = {"tcdcn-68": DenseRecipe()}

Sets = Mapping[str, tuple[list[Face], list[Face]]]


def train_dense(
    root: Path, out: Path, recipe: DenseRecipe, *, epochs: int | None, seed: int | None, resume: bool = False
) -> Path:
    """Train on the sets of 68 points, and with mtfl/ beside them on its faces too, and write model.safetensors.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds any of lfpw/, helen/, cfp_profile/, infants/, synthetic/, and mtfl/.
    out : pathlib.Path
        Folder for the model, and for each phase's (annotated/, taught-1/, ...), with checkpoint and log.
    recipe : DenseRecipe
    epochs, seed : int or None
        Instead of the recipe's, in every phase.
    resume : bool
        Go on from what there is in `out`.

    Returns
    -------
    pathlib.Path
        out/model.safetensors.

    Raises
    ------
    BadRows, FileNotFoundError, FileExistsError, ValueError
        Before training, when the data or the folder do not fit.
    """
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
    mean_shape = json.dumps(np.mean(boxed, axis=0).round(4).tolist())
    fives = hold_out(read_mtfl(root / "mtfl", "training"))[0] if (root / "mtfl").exists() else []
    phases = {"annotated": recipe.annotated}
    if fives:
        phases |= {f"taught-{number}": each for number, each in enumerate(recipe.taught, 1)}
    target = Path()
    for name, phase in phases.items():
        given: Sets = sets
        if name != "annotated":
            points = _agreed(fives, target, recipe.teacher, out / name / "agreed.npz")
            given = {**sets, TAUGHT: (with_agreed_points(fives, points), [])}
        target = (out if name == list(phases)[-1] else out / name) / "model.safetensors"
        training = changed(phase, epochs, seed)
        trainer = _trainer(training, given, recipe.begin, out / name, resume=resume)
        network = trainer.run()
        assert isinstance(network, Dense)
        counts = ", ".join(f"{key} {len(kept)} ({len(some)} held out)" for key, (kept, some) in given.items())
        agreed = f"; {TAUGHT}: of MTFL, where the phase before and {recipe.teacher} agree" if TAUGHT in given else ""
        figures = {key: measure(network, *views) for key, views in trainer.validation.items()}
        save_network(
            target,
            network,
            {
                "data": f"faces of {counts}{agreed}",
                "recipe": f"{name}, begun with {recipe.begin}, seed {training.seed}, {training.epochs} epochs",
                "licence": LICENCE,
                "figures": json.dumps(figures),
                "mean_shape": mean_shape,
            },
        )
    return target


def _trainer(training: StageTraining, sets: Sets, begin: str, out: Path, *, resume: bool) -> StageTrainer:
    weights_of = _TAUGHT_WEIGHTS if TAUGHT in sets else WEIGHTS

    def patches(some: Mapping[str, list[Face]]) -> tuple[Patches, Tensor]:
        return stage_patches(some, training.network, _SPAN, aligned=True, weights_of=weights_of)

    held = {key: patches({key: faces})[0] for key, (_, faces) in sets.items() if faces}
    everything, weights = patches({key: kept for key, (kept, _) in sets.items()})
    return StageTrainer(training, everything, weights, held, out, begin=_begun(begin), resume=resume)


def _agreed(faces: list[Face], model: Path, teacher: str, file: Path) -> NDArray[np.float32]:
    """`agreed_points`, kept in a file for a run that goes on."""
    if file.exists():
        points = read_arrays(file, ["points"], most_bytes=2**30)["points"]
        if points.shape == (len(faces), 68, 2):
            return points.astype(np.float32)
        raise ValueError(f"{file} has points of shape {points.shape}, expected those of {len(faces)} faces; remove it")
    regressor = load_offer("regressor", "tcdcn_init.regressors", teacher).thing()
    points = agreed_points(faces, TorchBackend(model), regressor)
    with replacing(file) as part, part.open("wb") as handle:
        np.savez_compressed(handle, points=points)
    return points


def _begun(name: str) -> dict[str, Tensor]:
    network, _ = load_model(find_model(name, ".safetensors"))
    assert isinstance(network, TwoStage)
    return {key: value for key, value in network.fine.state_dict().items() if key.startswith("trunk.")}
