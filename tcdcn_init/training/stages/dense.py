"""The recipe of dense points: what `tcdcn-init train --model tcdcn-68` runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from tcdcn_init._shared.progress import track
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.mtfl import hold_out, read_mtfl
from tcdcn_init.geometry import MIRROR, MIRROR_68, interocular, rotation, transform_points
from tcdcn_init.network.backends import TorchBackend
from tcdcn_init.network.model_file import load_model, save_network
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.network.stage_config import StageConfig
from tcdcn_init.passes.dense import dense_points
from tcdcn_init.training.stages.data import WEIGHTS, stage_patches, training_sets
from tcdcn_init.training.stages.recipes import FINE_SPAN, LICENCE
from tcdcn_init.training.stages.trainer import StageTrainer, StageTraining, measure
from tcdcn_init.training.stages.views import ViewConfig
from tcdcn_init.weights import find_model

__all__ = ["DENSE_RECIPES", "DenseRecipe", "labelled", "train_dense"]

logger = logging.getLogger("tcdcn_init")

# What is taken over of the fine stage: the trunk, and how places weigh what they see; not what they say of five points.
_TAKEN = ("trunk.", "votes.inner.", "votes.whole.")

_NETWORK = StageConfig(side=96, view=1.25, feature=128, points=68, tasks=(), face=False)

_SEEDS = 4  # that the first network sees each face of MTFL from, and as many in its mirror image


@dataclass(frozen=True)
class DenseRecipe:
    """How a dense network is trained: on annotated faces, and then on as many more that it has labelled itself.

    Attributes
    ----------
    first : StageTraining
        On the sets of 68 points.
    second : StageTraining
        On these, and on MTFL's faces with the first network's mean answers from several seeds.
    begin : str
        Bundled two-stage model whose fine stage's trunk both begin with.
    often : mapping of str to float
        How often each set's faces are drawn in the second training, relatively.
    """

    first: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=_NETWORK,
            views=ViewConfig(scale=0.04, shift=0.025, wild=0.1, hidden=0.3),
            epochs=200,
            batch=48,
            learning_rate=1.5e-3,
            average=0.998,
            background=0.0,
        )
    )
    second: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=_NETWORK,
            views=ViewConfig(roll=8.0, scale=0.07, shift=0.04, brightness=0.7, blur=0.2, noise=0.05),
            epochs=40,
            batch=64,
            learning_rate=1.5e-3,
            weight_decay=5e-2,
            average=0.999,
            background=0.0,
        )
    )
    begin: str = "tcdcn-two-stage"
    often: Mapping[str, float] = field(
        default_factory=lambda: {
            "mtfl": 0.35, "lfpw": 3.0, "helen": 3.0, "cfp_profile": 0.5, "infants": 2.0, "synthetic": 2.0
        }
    )  # fmt: skip


DENSE_RECIPES = {"tcdcn-68": DenseRecipe()}


def train_dense(
    root: Path, out: Path, recipe: DenseRecipe, *, epochs: int | None, seed: int | None, resume: bool = False
) -> Path:
    """Train on the sets of 68 points and write model.safetensors.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds any of lfpw/, helen/, cfp_profile/, infants/, synthetic/; and mtfl/, without which there is no
        second training.
    out : pathlib.Path
        Folder for the model, and for first/ and second/ with their checkpoints and logs.
    recipe : DenseRecipe
    epochs, seed : int or None
        Instead of the recipe's.
    resume : bool
        Go on from the checkpoints in `out`.

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
    training = {key: kept for key, (kept, _) in sets.items()}
    held = {
        key: stage_patches({key: faces}, _NETWORK, FINE_SPAN, aligned=True)[0]
        for key, (_, faces) in sets.items()
        if faces
    }
    counts = ", ".join(f"{key} {len(kept)} ({len(some)} held out)" for key, (kept, some) in sets.items())
    begin = _begun(recipe.begin)
    target = out / "model.safetensors"
    for name in ("first", "second"):
        given: StageTraining = getattr(recipe, name)
        if epochs is not None:
            given = replace(given, epochs=epochs)
        if seed is not None:
            given = replace(given, seed=seed)
        if name == "second":
            if not (root / "mtfl").exists():
                logger.info("%s holds no mtfl/: the first training is all", root)
                break
            training["mtfl"] = labelled(hold_out(read_mtfl(root / "mtfl", "training"))[0], target)
            counts += f", mtfl {len(training['mtfl'])} labelled by the first network"
        often = recipe.often if name == "second" else WEIGHTS
        patches, weights = stage_patches(training, given.network, FINE_SPAN, aligned=True, often=often)
        trainer = StageTrainer(given, patches, weights, held, out / name, begin=begin, resume=resume)
        network = trainer.run()
        figures = {key: measure(network, *views) for key, views in trainer.validation.items()}
        save_network(
            target,
            network,
            {
                "data": f"faces of {counts}",
                "recipe": f"begun with {recipe.begin}, {name} training, seed {given.seed}, {given.epochs} epochs",
                "licence": LICENCE,
                "figures": json.dumps(figures),
                "mean_shape": json.dumps(np.mean(boxed, axis=0).round(4).tolist()),
            },
        )
    return target


def labelled(faces: Sequence[Face], model: Path, seed: int = 0) -> list[Face]:
    """Faces of five points with the 68 that a dense network says of them, the mean over seeds and mirror images.

    Parameters
    ----------
    faces : sequence of Face
    model : pathlib.Path
        The network's .safetensors file.
    seed : int
        Of the seeds: the annotated points, and such that are turned, scaled and moved a little.

    Returns
    -------
    list of Face
        Without attributes.
    """
    ask = TorchBackend(model)
    config = ask.config
    assert isinstance(config, StageConfig)
    rng = np.random.default_rng(seed)
    result = []
    for face in track(faces, "Labelling faces"):
        image, five = read_face_image(face), face.points.astype(np.float64)
        middle, distance = five.mean(axis=0), interocular(five)
        seeds = [five]
        for _ in range(_SEEDS - 1):
            moved = (five - middle) * np.exp(0.04 * rng.standard_normal()) + middle
            moved = transform_points(rotation(4.0 * rng.standard_normal(), middle), moved)
            seeds.append(moved + 0.04 * distance * rng.standard_normal(2))
        given, width = np.stack(seeds), image.shape[1] - 1
        mirrored = given[:, list(MIRROR)] * [-1, 1] + [width, 0]
        ours = dense_points(ask, config, [image] * _SEEDS, given).points
        turned = np.ascontiguousarray(image[:, ::-1])
        theirs = dense_points(ask, config, [turned] * _SEEDS, mirrored).points[:, list(MIRROR_68)] * [-1, 1] + [
            width,
            0,
        ]
        points = np.concatenate([ours, theirs]).mean(axis=0).astype(np.float32)
        result.append(replace(face, points=points, attributes={}))
    return result


def _begun(name: str) -> dict[str, Tensor]:
    network, _ = load_model(find_model(name, ".safetensors"))
    assert isinstance(network, TwoStage)
    return {key: value for key, value in network.fine.state_dict().items() if key.startswith(_TAKEN)}
