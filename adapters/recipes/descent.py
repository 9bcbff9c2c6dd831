"""How the bundled SDMs are trained and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.training_starts import recipe_starts
from tcdcn_init.adapters.recipes.about import recipe_metadata, training_data
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.datasets.base import read_picture
from tcdcn_init.geometry import MIRROR, interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL


def make_sdm(
    root: str | Path,
    out: str | Path,
    *,
    starts: Literal["tcdcn", "box", "random"] = "tcdcn",
    model: str | Path = PAPER_MODEL,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        File to write (.safetensors).
    starts : {"tcdcn", "box", "random"}
        What it will start from: the mean shape on TCDCN's points, whose errors are measured on the held-out faces; the
        mean shape in a detector's box; other faces' shapes in the box.
    model : str or path
        The TCDCN model.
    seed : int

    Returns
    -------
    dict
        `start_figures` of the held-out faces, for both kinds of start.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    """
    kept, held_out = hold_out(read_mtfl(root, "training"))
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer)
    sdm = train_sdm(kept, sampler, mirror=MIRROR, seed=seed)
    figures = start_figures(sdm, held_out, initializer)
    data = training_data(root, len(kept), len(held_out))
    sdm.save(out, recipe_metadata("make_sdm", data, starts, seed, model, figures))
    return figures


def start_figures(sdm: SDM, faces: Sequence[Face], initializer: Initializer) -> dict[str, dict[str, float]]:
    """Errors of a five-point cascade on annotated faces, from both kinds of start.

    Parameters
    ----------
    sdm : SDM
    faces : sequence of Face
    initializer : Initializer
        Finds the points of the seeded starts.

    Returns
    -------
    dict
        Of "box" (the mean shape in the face's box) and "tcdcn" (the mean shape on TCDCN's points): "start" and
        "mean", the mean error of the start and of the result, "median", and "failures", the share of faces above 10 %;
        all in % of the inter-ocular distance or of the faces. "tcdcn" has also "points", the error of TCDCN's points.
        A start that cannot be used counts as an error of 100 %.
    """
    truth = np.stack([face.points for face in faces])[:, None]
    starts, ends = np.empty((2, len(faces), 2, 5, 2))
    found = np.empty((len(faces), 1, 5, 2))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        picture = read_picture(face)
        found[number] = initializer.points(picture, [face.box])
        starts[number] = [sdm.starts_from_boxes(face.box), sdm.starts_from_points(found[number, 0])]
        ends[number] = sdm.fit_from_shapes(picture, starts[number], on_bad="nan")
    eyes = interocular(truth)[..., None]
    started, ended, points = (
        100 * np.nan_to_num((np.linalg.norm(shapes - truth, axis=-1) / eyes).mean(axis=-1), nan=1.0)
        for shapes in (starts, ends, found)
    )
    figures = {
        name: {
            "start": float(started[:, k].mean()),
            "mean": float(ended[:, k].mean()),
            "median": float(np.median(ended[:, k])),
            "failures": float(100 * (ended[:, k] > 10).mean()),
        }
        for k, name in enumerate(("box", "tcdcn"))
    }
    figures["tcdcn"]["points"] = float(points.mean())
    return figures
