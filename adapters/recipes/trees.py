"""How the bundled cascades of regression trees are trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.adapters.ert.arrays import LeafType
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.training import ERTConfig, StartNoise, train_ert
from tcdcn_init.adapters.recipes.about import YTF68_LICENCE, recipe_metadata
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.weights import LICENCE

__all__ = ["RECIPES", "ERTRecipe", "make_ert"]


@dataclass(frozen=True)
class ERTRecipe:
    """A bundled cascade's training.

    Attributes
    ----------
    dataset : str
        Name for `datasets.named.read_dataset`.
    config : ERTConfig
    starts : StartNoise
        Spread of the training starts.
    around : {"box", "points", "both"}
        What they are spread around, see `train_ert`.
    copies : int
        Training images of each face; dlib's oversampling multiplies them.
    side : int
        Side of the box in the training images, pixels.
    leaves : {"float32", "float16", "int8"}
        How increments are stored.
    """

    dataset: str
    config: ERTConfig
    starts: StartNoise
    around: Literal["box", "points", "both"]
    copies: int
    side: int
    leaves: LeafType


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
    "ert68-ytf": ERTRecipe(
        dataset="ytf68-train",
        config=ERTConfig(
            cascade_depth=10, num_trees_per_cascade_level=300, tree_depth=4, oversampling_amount=4, num_threads=1
        ),
        starts=StartNoise(roll_degrees=6.0, log_scale=0.06, shift=0.04),
        around="box",
        copies=2,
        side=192,
        leaves="int8",
    ),
}


def make_ert(name: str, root: str | Path, out: Path, seed: int = 0) -> ERT:
    """Train a bundled cascade again.

    Parameters
    ----------
    name : {"ert5-mtfl", "ert68-ytf"}
    root : path
        Folder of MTFL, or of ytf68.
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
    faces = read_dataset(recipe.dataset, root)
    regressor = train_ert(
        faces,
        recipe.starts,
        config=recipe.config,
        around=recipe.around,
        copies=recipe.copies,
        side=recipe.side,
        seed=seed,
    )
    licence = LICENCE if recipe.dataset.startswith("mtfl") else YTF68_LICENCE
    metadata = recipe_metadata(f"make {name}", f"{recipe.dataset}, {len(faces)} faces", seed, licence=licence)
    regressor.save(out, metadata, leaves=recipe.leaves)
    return ERT.load(out)
