"""Metadata of files that recipes make, and the figures in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.datasets.own import summary as summary_of_faces
from tcdcn_init.datasets.published.mtfl import hold_out, read_mtfl
from tcdcn_init.geometry import FIVE_POINTS, interocular
from tcdcn_init.weights import LICENCE, OWN_LICENCE

__all__ = ["LICENCES", "Figures", "RecipeFaces", "recipe_faces", "recipe_metadata", "summary"]

LICENCES = {
    "mtfl": LICENCE,
    "300w": LICENCE.replace("MTFL", "300-W's LFPW and HELEN"),
}
"""Of weights, by what the name of their training set begins with."""

Figures: TypeAlias = dict[str, dict[str, float]]
"""By start, then by name; all in % of the inter-ocular distance or of the faces."""


def summary(shapes: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """Errors of shapes, a missing one counted as an error of 100 %.

    Parameters
    ----------
    shapes, truth : (N, 5, 2) array_like

    Returns
    -------
    dict
        "mean" and "median" of the error, in % of the inter-ocular distance, and "failures", % of the faces whose error
        is above 10 %.

    Examples
    --------
    >>> truth = np.array([[[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]]] * 2)
    >>> summary(truth + [[[0, 2]], [[0, 8]]], truth)
    {'mean': 12.5, 'median': 12.5, 'failures': 50.0}
    """
    found, true = np.asarray(shapes, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    errors = np.linalg.norm(found - true, axis=-1).mean(axis=-1) / interocular(true)
    errors = 100 * np.nan_to_num(errors, nan=1.0)
    return {
        "mean": float(errors.mean()),
        "median": float(np.median(errors)),
        "failures": float(100 * (errors > 100 * FAILURE).mean()),
    }


class RecipeFaces(NamedTuple):
    """Faces to train a regressor on, and what its file says of them.

    Attributes
    ----------
    kept, held_out : list of Face
        All points of each are annotated.
    data, licence : str
    held_out_name : str
        Of the figures.
    """

    kept: list[Face]
    held_out: list[Face]
    data: str
    licence: str = LICENCE
    held_out_name: str = "mtfl-val"


def recipe_faces(data: str | Path | OwnData, points: int = 5) -> RecipeFaces:
    """Read faces to train a regressor on: MTFL's training.txt, or a data set of one's own.

    Parameters
    ----------
    data : path or OwnData
    points : int
        5, or 68, of one's own data: faces with fewer annotated are left out, since a cascade moves whole shapes.

    Raises
    ------
    FileNotFoundError, BadRows, ValueError
        If the data set is not there, or its rows are broken, or none has all points.
    """
    if not isinstance(data, OwnData):
        kept, held_out = hold_out(read_mtfl(data, "training"))
        digest = hashlib.sha256((Path(data) / "training.txt").read_bytes()).hexdigest()[:16]
        about = f"MTFL training.txt (sha256 {digest}), {len(kept)} faces, {len(held_out)} held out"
        return RecipeFaces(kept, held_out, about)
    read = data.read()
    if points == len(FIVE_POINTS):
        read = [replace(face, points=face.five) for face in read]
    whole = [face for face in read if len(face.points) == points and np.isfinite(face.points).all()]
    if not whole:
        raise ValueError(
            f"none of the {len(read)} faces of {data.path} has all {points} points; expected some that have"
        )
    kept, held_out = data.split(whole)
    left_out = f", {len(read) - len(whole)} without all points left out" if len(whole) < len(read) else ""
    about = f"{data.path.name}: {summary_of_faces(whole)}; {len(held_out)} held out{left_out}"
    return RecipeFaces(kept, held_out, about, OWN_LICENCE, "held out")


def recipe_metadata(
    recipe: str,
    data: str,
    seed: int,
    figures: Figures | None = None,
    *,
    licence: str = LICENCE,
    held_out_name: str = "mtfl-val",
) -> dict[str, str]:
    """The metadata of a recipe's cascade, for its `save`.

    Parameters
    ----------
    recipe : str
        The command or function, and its arguments but the seed.
    data : str
    seed : int
    figures : mapping, optional
        Errors on the held-out faces, by start.
    licence : str
        Of the weights.
    held_out_name : str
        Of the held-out faces: MTFL's, unless it says otherwise.

    Examples
    --------
    >>> sorted(recipe_metadata("make sdm-mtfl", "MTFL", 0))
    ['data', 'licence', 'recipe']
    """
    metadata = {"data": data, "recipe": f"{recipe}, seed {seed}", "licence": licence}
    return metadata if figures is None else {**metadata, "figures": json.dumps({held_out_name: figures})}
