"""Recipes of two-stage models by name: what `tcdcn-init train --model NAME` runs for them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.geometry import box_square
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config.own_points import OwnPoints
from tcdcn_init.network.config.stages import COARSE, FINE, StageConfig, TwoStageConfig
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.training.faces import TrainingFaces, labelled_tasks
from tcdcn_init.training.stages.data import OWN, blended, hidden_flags, stage_patches, training_sets
from tcdcn_init.training.stages.trainer import StageTrainer, StageTraining, measure
from tcdcn_init.training.stages.views import ViewConfig

__all__ = [
    "COARSE_SPAN",
    "FINE_SPAN",
    "LICENCE",
    "STAGE_RECIPES",
    "StageFaces",
    "TwoStageRecipe",
    "changed",
    "fitted_stages",
    "taught",
    "train_two_stages",
    "with_epochs",
]

logger = logging.getLogger("tcdcn_init")

LICENCE = (
    "weights trained on research data (MTFL, 300-W's LFPW and HELEN, CFP) and non-commercial data (FaceSynthetics): "
    "non-commercial research use; code BSD-3-Clause; data not included"
)


@dataclass(frozen=True)
class TwoStageRecipe:
    """How both stages are trained.

    Attributes
    ----------
    coarse, fine : StageTraining
    teacher : str
        Bundled model whose answers, the mean over boxes and mirror images, are mixed into MTFL's annotated points.
    teacher_weight : float
        Their share in the fine stage's targets; the coarse stage needs none.
    """

    coarse: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=COARSE,
            views=ViewConfig(
                roll=15.0, scale=0.1, shift=0.08, wild=0.35, wild_spread=3.5, circle=0.45, styles=0.4,
                clip=0.05, blur=0.1, coarse=0.1, jpeg=0.02, noise=0.02, hidden=0.4,
            ),
            epochs=400,
            background=0.2,
        )
    )  # fmt: skip
    fine: StageTraining = field(
        default_factory=lambda: StageTraining(
            network=FINE,
            views=ViewConfig(roll=5.0, scale=0.06, shift=0.035, wild=0.2, hidden=0.55),
            epochs=600,
        )
    )
    teacher: str = "tcdcn-robust"
    teacher_weight: float = 0.5


STAGE_RECIPES = {"tcdcn-two-stage": TwoStageRecipe()}

_BOXES = 4  # that the teacher sees each face in
_BOX_NOISE = 0.06
# Sides of patches in views: room for the views' spread.
COARSE_SPAN, FINE_SPAN = 2.4, 1.5


def taught(faces: Sequence[Face], teacher: Initializer, seed: int = 0) -> NDArray[np.float64]:
    """A teacher's mean answer to each face in its own box and in three near it.

    Parameters
    ----------
    faces : sequence of Face
    teacher : Initializer
    seed : int
        Of the boxes.

    Returns
    -------
    (N, 5, 2) ndarray
    """
    rng = np.random.default_rng(seed)
    points = []
    for face in track(faces, "Asking the teacher"):
        move = _BOX_NOISE * rng.standard_normal((_BOXES, 3))
        move[0] = 0.0
        centre, side = box_square(face.box)
        half = np.exp(move[:, 2:]) * (face.box[2:] - face.box[:2]) / 2
        middle = centre + move[:, :2] * side
        points.append(
            teacher.points(read_face_image(face), np.concatenate([middle - half, middle + half], axis=1)).mean(axis=0)
        )
    return np.stack(points)


@dataclass(frozen=True)
class StageFaces:
    """Faces to train both stages on.

    Attributes
    ----------
    sets : mapping of str to (list of Face, list of Face)
        By name, those to train on and those that are held out.
    flags : mapping of str to (5,) ndarray of bool
        Which points are hidden, as `data.hidden_flags` has them.
    about, licence : str
        What a model file says.
    own : OwnPoints, optional
        Points to learn instead of the five.
    """

    sets: Mapping[str, tuple[list[Face], list[Face]]]
    flags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    about: str = ""
    licence: str = LICENCE
    own: OwnPoints | None = None

    @classmethod
    def read(cls, root: Path) -> StageFaces:
        """The sets that the bundled model is trained on.

        Parameters
        ----------
        root : pathlib.Path
            Folder that holds mtfl/, and any of lfpw/ (with its flags in lfpw29/), helen/, cfp_profile/, infants/,
            synthetic/.
        """
        sets = training_sets(root)
        counts = ", ".join(f"{key} {len(kept)} ({len(held)} held out)" for key, (kept, held) in sets.items())
        return cls(sets, hidden_flags(root), f"faces of {counts}")

    @classmethod
    def of(cls, faces: TrainingFaces) -> StageFaces:
        """A data set of one's own."""
        return cls({OWN: (faces.kept, faces.held_out)}, {}, faces.about, faces.licence, faces.own)


# Of the fine stage's crop: how much wider it is than points that reach to the side of their box.
_ROOM = 1.4


def fitted_stages(recipe: TwoStageRecipe, faces: TrainingFaces, asked: Collection[str] | None = None) -> TwoStageRecipe:
    """A recipe fitted to a data set of one's own: its points, the tasks that it has labels for, and its size.

    Parameters
    ----------
    recipe : TwoStageRecipe
    faces : TrainingFaces
    asked : collection of str, optional
        As for `training.faces.fitted`.
    """
    tasks = labelled_tasks(faces, _network(recipe.fine).tasks, asked)
    batch = min(recipe.fine.batch, recipe.coarse.batch, len(faces.kept))

    def fit(stage: StageTraining) -> StageTraining:
        network, views = replace(_network(stage), tasks=tasks), stage.views
        if faces.own is not None:
            # Boxes of face detectors are none of theirs, and their points may reach to the side of their box.
            views = replace(views, styles=0.0)
            view = max(network.view, 2.0 * _ROOM * float(np.abs(faces.own.shape).max()))
            network = replace(network, points=faces.own.count, view=round(view, 3))
        return replace(stage, network=network, views=views, batch=batch)

    return replace(recipe, coarse=fit(recipe.coarse), fine=fit(recipe.fine))


def _network(stage: StageTraining) -> StageConfig:
    assert isinstance(stage.network, StageConfig)  # the other kind is of dense points
    return stage.network


def train_two_stages(faces: StageFaces, out: Path, recipe: TwoStageRecipe, name: str, *, resume: bool = False) -> Path:
    """Train both stages and write model.safetensors.

    Parameters
    ----------
    faces : StageFaces
    out : pathlib.Path
        Folder for the model, and for coarse/ and fine/ with their checkpoints and logs.
    recipe : TwoStageRecipe
    name : str
        Recipe's name, for the model's metadata.
    resume : bool
        Go on from the checkpoints in `out`.

    Returns
    -------
    pathlib.Path
        out/model.safetensors.

    Raises
    ------
    BadRows, FileNotFoundError, FileExistsError
        Before training, when the data or the folder do not fit.
    """
    sets, flags, own = faces.sets, faces.flags, faces.own
    network = TwoStage(TwoStageConfig(_network(recipe.coarse), _network(recipe.fine), own))
    figures: dict[str, dict[str, tuple[float, float]]] = {}
    for stage in ("coarse", "fine"):
        config, aligned = getattr(recipe, stage), stage == "fine"
        span = FINE_SPAN if aligned else COARSE_SPAN
        training = {key: kept for key, (kept, _) in sets.items()}
        if aligned and recipe.teacher_weight and "mtfl" in sets:
            answers = taught(training["mtfl"], Initializer(recipe.teacher, mirror=True))
            training["mtfl"] = blended(training["mtfl"], answers, recipe.teacher_weight)
        patches, weights = stage_patches(
            training, config.network, span, aligned=aligned, background=2 - aligned, flags=flags, own=own
        )
        held = {
            key: stage_patches({key: held_out}, config.network, span, aligned=aligned, flags=flags, own=own)[0]
            for key, (_, held_out) in sets.items()
            if held_out
        }
        trainer = StageTrainer(config, patches, weights, held, out / stage, resume=resume)
        trained = trainer.run()
        getattr(network, stage).load_state_dict(trained.state_dict())
        figures[stage] = {key: measure(trained, *views) for key, views in trainer.validation.items()}
    target = out / "model.safetensors"
    taught_by = f", points half-way to those of {recipe.teacher}" if recipe.teacher_weight and "mtfl" in sets else ""
    save_network(
        target,
        network.eval(),
        {
            "data": faces.about,
            "recipe": f"{name}, seed {recipe.fine.seed}, {recipe.coarse.epochs} and {recipe.fine.epochs} epochs"
            + taught_by,
            "licence": faces.licence,
            "figures": json.dumps(figures),
        },
    )
    return target


def changed(training: StageTraining, epochs: int | None, seed: int | None) -> StageTraining:
    """One network's recipe with its epochs or seed changed; None leaves them as they are."""
    training = training if epochs is None else replace(training, epochs=epochs)
    return training if seed is None else replace(training, seed=seed)


def with_epochs(recipe: TwoStageRecipe, epochs: int | None, seed: int | None) -> TwoStageRecipe:
    """The recipe with both stages' epochs or seed changed; None leaves them as they are."""
    return replace(recipe, coarse=changed(recipe.coarse, epochs, seed), fine=changed(recipe.fine, epochs, seed))
