"""How the bundled SDMs are trained and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.training_starts import recipe_starts
from tcdcn_init.adapters.recipes.about import Figures, recipe_faces, recipe_metadata, summary
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.geometry import MIRROR
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL

__all__ = ["make_sdm", "start_figures"]


def make_sdm(
    root: str | Path | OwnData,
    out: str | Path,
    *,
    starts: Literal["tcdcn", "box", "random"] = "tcdcn",
    model: str | Path = PAPER_MODEL,
    seed: int = 0,
) -> Figures:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path or OwnData
        Folder of MTFL, or a data set of one's own.
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
    faces = recipe_faces(root)
    kept, held_out = faces.kept, faces.held_out
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer)
    sdm = train_sdm(kept, sampler, mirror=MIRROR, seed=seed)
    figures = start_figures(sdm, held_out, initializer)
    recipe = f"make_sdm, starts {starts}" + f", TCDCN {model}" * (starts == "tcdcn")
    about = recipe_metadata(recipe, faces.data, seed, figures, licence=faces.licence, held_out_name=faces.held_out_name)
    sdm.save(out, about)
    return figures


def start_figures(sdm: SDM, faces: Sequence[Face], initializer: Initializer) -> Figures:
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
        Of "box" (the mean shape in the face's box) and "tcdcn" (the mean shape on TCDCN's points): `summary` of the
        result, and "start", the mean error of the start; "tcdcn" has also "points", that of TCDCN's points.
    """
    truth = np.stack([face.points for face in faces])
    found = np.empty(truth.shape)
    starts, ends = np.empty((2, 2, *truth.shape))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        image = read_face_image(face)
        found[number] = initializer.points(image, [face.box])[0]
        starts[:, number] = sdm.starts_from_boxes(face.box), sdm.starts_from_points(found[number])
        ends[:, number] = sdm.fit_from_shapes(image, starts[:, number], on_bad="nan")
    figures = {
        name: {"start": summary(started, truth)["mean"], **summary(ended, truth)}
        for name, started, ended in zip(("box", "tcdcn"), starts, ends, strict=True)
    }
    figures["tcdcn"]["points"] = summary(found, truth)["mean"]
    return figures
