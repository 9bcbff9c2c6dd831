"""How the bundled cascades of regression trees are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.names import unknown_name
from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.ert.arrays import LeafType
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.training import ERTConfig, StartNoise, start_errors, train_ert
from tcdcn_init.adapters.recipes.about import LICENCES, recipe_faces, recipe_metadata
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.geometry import MIRROR_68, invert, median_aspect, transform_points
from tcdcn_init.initializer import Initializer

__all__ = ["RECIPES", "ERTRecipe", "make_ert", "tcdcn_errors", "with_mirrored"]


@dataclass(frozen=True)
class ERTRecipe:
    """A bundled cascade's training.

    Attributes
    ----------
    dataset : str
        Name for `datasets.named.read_dataset`.
    config : ERTConfig
    starts : StartNoise or "tcdcn"
        Spread of the training starts; or the errors of the default model's points on the training faces.
    around : {"box", "points", "both"}
        What they are spread around, see `train_ert`.
    copies : int
        Training images of each face; dlib's oversampling multiplies them.
    side : int
        Side of the box in the training images, pixels.
    leaves : {"float32", "float16", "int8"}
        How increments are stored.
    mirror : bool
        Learn from mirrored images of 68 points too.
    """

    dataset: str
    config: ERTConfig
    starts: StartNoise | Literal["tcdcn"]
    around: Literal["box", "points", "both"]
    copies: int
    side: int
    leaves: LeafType
    mirror: bool = False


RECIPES = {
    "ert5-mtfl": ERTRecipe(
        dataset="mtfl-train",
        config=ERTConfig(
            cascade_depth=10, num_trees_per_cascade_level=300, tree_depth=4, oversampling_amount=4, num_threads=1
        ),
        starts=StartNoise(roll_degrees=8.0, log_scale=0.08, shift=0.05),
        # Its five points tell more of a turned head than a box does: the frames that they give differ from the boxes
        # by more than any noise, so it learns from either.
        around="both",
        copies=1,
        side=128,
        leaves="float16",
    ),
    "ert68-300w": ERTRecipe(
        dataset="300w-train",
        config=ERTConfig(
            cascade_depth=10, num_trees_per_cascade_level=300, tree_depth=4, oversampling_amount=5, num_threads=1
        ),
        starts="tcdcn",
        around="points",
        copies=2,
        side=160,
        leaves="int8",
        mirror=True,
    ),
}


def make_ert(name: str, root: str | Path | OwnData, out: Path, seed: int = 0) -> ERT:
    """Train a bundled cascade again.

    Parameters
    ----------
    name : {"ert5-mtfl", "ert68-300w"}
    root : path or OwnData
        Folder of MTFL, or the one with 300-W's lfpw/ and helen/; or a data set of one's own.
    out : pathlib.Path
        File to write.
    seed : int

    Returns
    -------
    ERT
        As written, its increments rounded as they are stored.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests near ones.
    """
    if name not in RECIPES:
        raise ValueError(unknown_name("recipe", name, RECIPES))
    recipe = RECIPES[name]
    licence = next(text for prefix, text in LICENCES.items() if recipe.dataset.startswith(prefix))
    if isinstance(root, OwnData):
        faces, _, data, licence, _ = recipe_faces(root, 5 if name.startswith("ert5") else 68)
    else:
        faces = read_dataset(recipe.dataset, root)
        data = f"{recipe.dataset}, {len(faces)} faces"
    regressor = train_ert(
        with_mirrored(faces) if recipe.mirror else faces,
        tcdcn_errors(faces) if recipe.starts == "tcdcn" else recipe.starts,
        config=recipe.config,
        around=recipe.around,
        copies=recipe.copies,
        side=recipe.side,
        seed=seed,
    )
    metadata = recipe_metadata(f"make {name}", data, seed, licence=licence)
    regressor.save(out, metadata, leaves=recipe.leaves)
    return ERT.load(out)


def tcdcn_errors(faces: Sequence[Face]) -> NDArray[np.float64]:
    """How the frames that the default model's points give are off from those of the annotated points.

    Parameters
    ----------
    faces : sequence of Face
        With 68 points. That model learned from these too, five points each, and errs a little less on them than on
        others.

    Returns
    -------
    (N, 4) ndarray
        As `start_errors`, of the faces whose points were found.
    """
    initializer = Initializer()
    five = np.stack([face.five for face in faces]).astype(np.float64)
    found = np.stack(
        [
            initializer.points(read_face_image(face), [face.box], on_bad="nan")[0]
            for face in track(faces, "Measuring TCDCN's errors on training faces")
        ]
    )
    boxes = np.stack([face.box for face in faces])
    mean = transform_points(invert(frames_from_boxes(boxes)), five).mean(axis=0)
    seeded = SeededFrames(mean, aspect=median_aspect(boxes))
    there = np.isfinite(found).all(axis=(1, 2))
    return start_errors(seeded.from_points(found[there]), seeded.from_points(five[there]))


def with_mirrored(faces: Sequence[Face]) -> Iterator[tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]]:
    """Each face of 68 points as (image, points, box), and then its mirror image.

    Parameters
    ----------
    faces : sequence of Face
    """
    for face in faces:
        image, points, box = read_face_image(face), face.points.astype(np.float64), face.box
        yield image, points, box
        last = image.shape[1] - 1
        yield (
            image[:, ::-1],
            points[list(MIRROR_68)] * [-1, 1] + [last, 0],
            np.array([last, 0, last, 0]) + box[[2, 1, 0, 3]] * [-1, 1, -1, 1],
        )
