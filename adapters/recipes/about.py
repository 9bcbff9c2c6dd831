"""Metadata of files that recipes make, and the figures in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tcdcn_init.confidence import FAILURE
from tcdcn_init.geometry import interocular
from tcdcn_init.weights import LICENCE

__all__ = ["LICENCES", "Figures", "mtfl_data", "recipe_metadata", "summary"]

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


def mtfl_data(root: str | Path, kept: int, held_out: int) -> str:
    """The data of a regressor trained on MTFL's training.txt, for its metadata."""
    digest = hashlib.sha256((Path(root) / "training.txt").read_bytes()).hexdigest()
    return f"MTFL training.txt (sha256 {digest[:16]}), {kept} faces, {held_out} held out"


def recipe_metadata(
    recipe: str, data: str, seed: int, figures: Figures | None = None, *, licence: str = LICENCE
) -> dict[str, str]:
    """The metadata of a recipe's cascade, for its `save`.

    Parameters
    ----------
    recipe : str
        The command or function, and its arguments but the seed.
    data : str
    seed : int
    figures : mapping, optional
        Errors on the held-out tenth of MTFL's training.txt, by start.
    licence : str
        Of the weights.

    Examples
    --------
    >>> sorted(recipe_metadata("make sdm-mtfl", "MTFL", 0))
    ['data', 'licence', 'recipe']
    """
    metadata = {"data": data, "recipe": f"{recipe}, seed {seed}", "licence": licence}
    return metadata if figures is None else {**metadata, "figures": json.dumps({"mtfl-val": figures})}
