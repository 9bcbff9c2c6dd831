"""How the bundled RCPR is trained and measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.training_starts import recipe_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR, STARTS
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.adapters.recipes.about import recipe_metadata, training_data
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.datasets.base import read_picture
from tcdcn_init.geometry import MIRROR, interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL

TRAINING_STARTS = 20
"""Starts of a training face, RCPR's number."""


def make_rcpr(
    root: str | Path,
    out: str | Path,
    *,
    starts: Literal["random", "box", "tcdcn"] = "random",
    model: str | Path = PAPER_MODEL,
    config: RCPRConfig | None = None,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        File to write (.safetensors).
    starts : {"random", "box", "tcdcn"}
        What it will start from: other faces' shapes in a detector's box, the mean shape there, or the mean shape on
        TCDCN's points, whose errors are measured on the held-out faces.
    model : str or path
        The TCDCN model.
    config : RCPRConfig, optional
    seed : int

    Returns
    -------
    dict
        `median_figures` of the held-out faces.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    """
    kept, held_out = hold_out(read_mtfl(root, "training"))
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer, TRAINING_STARTS)
    rcpr = train_rcpr(kept, sampler, config=config, mirror=MIRROR, seed=seed)
    figures = median_figures(rcpr, held_out, initializer)
    data = training_data(root, len(kept), len(held_out))
    rcpr.save(out, recipe_metadata("make_rcpr", data, starts, seed, model, figures))
    return figures


def median_figures(rcpr: RCPR, faces: Sequence[Face], initializer: Initializer) -> dict[str, dict[str, float]]:
    """Errors of a five-point cascade on annotated faces, from several kinds of start.

    Parameters
    ----------
    rcpr : RCPR
    faces : sequence of Face
    initializer : Initializer
        Finds the points of the seeded start.

    Returns
    -------
    dict
        Of "random-1" and "random-5" (training shapes drawn for the face, the median of the results), "restarts" (the
        same five with smart restarts) and "tcdcn" (the five shapes nearest to TCDCN's points): "mean", "median" and
        "failures" (above 10 %) of the error, in % of the inter-ocular distance or of the faces. A face that cannot be
        fitted counts as an error of 100 %.
    """
    truth = np.stack([face.points for face in faces])
    count = min(STARTS, len(rcpr.shapes))
    ends = np.empty((4, *truth.shape))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        picture = read_picture(face)
        starts = rcpr.random_starts([face.box], count, seed=(number, 0))
        ends[0, number] = rcpr.fit_from_shapes(picture, starts[:, 0], on_bad="nan")[0]
        ends[1, number] = rcpr.fit_from_shapes(picture, starts, on_bad="nan")[0]
        redraw = partial(_redrawn, rcpr, face, number, count)
        ends[2, number] = rcpr.fit_from_shapes(picture, starts, redraw=redraw, on_bad="nan")[0]
        ends[3, number] = rcpr.fit_from_points(picture, initializer.points(picture, [face.box]), on_bad="nan")[0]
    errors = 100 * np.nan_to_num((np.linalg.norm(ends - truth, axis=-1)).mean(axis=-1) / interocular(truth), nan=1.0)
    return {
        name: {
            "mean": float(error.mean()),
            "median": float(np.median(error)),
            "failures": float(100 * (error > 10).mean()),
        }
        for name, error in zip(("random-1", "random-5", "restarts", "tcdcn"), errors, strict=True)
    }


def _redrawn(
    rcpr: RCPR, face: Face, number: int, count: int, faces: NDArray[np.intp], attempt: int
) -> NDArray[np.float64]:
    """New starts of a single face, by its number and the attempt's."""
    return rcpr.random_starts([face.box], count, seed=(number, attempt))
