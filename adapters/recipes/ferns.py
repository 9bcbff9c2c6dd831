"""How the bundled RCPR is trained and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.training_starts import recipe_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR, STARTS
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.adapters.recipes.about import Figures, recipe_faces, recipe_metadata, summary
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.geometry import MIRROR
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL

__all__ = ["TRAINING_STARTS", "make_rcpr", "start_figures"]

TRAINING_STARTS = 20
"""Starts of a training face, RCPR's number."""


def make_rcpr(
    root: str | Path | OwnData,
    out: str | Path,
    *,
    starts: Literal["random", "box", "tcdcn"] = "random",
    model: str | Path = PAPER_MODEL,
    config: RCPRConfig | None = None,
    seed: int = 0,
) -> Figures:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path or OwnData
        Folder of MTFL, or a data set of one's own.
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
        `start_figures` of the held-out faces.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    """
    faces = recipe_faces(root)
    kept, held_out = faces.kept, faces.held_out
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer, TRAINING_STARTS)
    rcpr = train_rcpr(kept, sampler, config=config, mirror=MIRROR, seed=seed)
    figures = start_figures(rcpr, held_out, initializer)
    recipe = f"make_rcpr, starts {starts}" + f", TCDCN {model}" * (starts == "tcdcn")
    about = recipe_metadata(recipe, faces.data, seed, figures, licence=faces.licence, held_out_name=faces.held_out_name)
    rcpr.save(out, about)
    return figures


def start_figures(rcpr: RCPR, faces: Sequence[Face], initializer: Initializer) -> Figures:
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
        `summary` of the results from "random-1" and "random-5" (training shapes drawn for the face, the median of the
        results), "restarts" (the same five with smart restarts) and "tcdcn" (the five shapes nearest to TCDCN's
        points).
    """
    truth = np.stack([face.points for face in faces])
    count = min(STARTS, len(rcpr.shapes))
    ends = np.empty((4, *truth.shape))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        image = read_face_image(face)

        def redraw(_: NDArray[np.intp], attempt: int, face: Face = face, number: int = number) -> NDArray[np.float64]:
            return rcpr.random_starts([face.box], count, seed=(number, attempt))

        starts = rcpr.random_starts([face.box], count, seed=(number, 0))
        five = initializer.points(image, [face.box])
        ends[:, number] = np.concatenate(
            [
                rcpr.fit_from_shapes(image, starts[:, :1], on_bad="nan"),
                rcpr.fit_from_shapes(image, starts, on_bad="nan"),
                rcpr.fit_from_shapes(image, starts, redraw=redraw, on_bad="nan"),
                rcpr.fit_from_points(image, five, on_bad="nan"),
            ]
        )
    names = ("random-1", "random-5", "restarts", "tcdcn")
    return {name: summary(shapes, truth) for name, shapes in zip(names, ends, strict=True)}
