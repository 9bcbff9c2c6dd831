"""The case that needs no data set: scikit-image's portrait in boxes that are a little off.

It shows what a report looks like and that everything is installed. It is one face: its figures say nothing of faces.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.cases import FIVE_POINT_REGRESSORS, Case
from tcdcn_init.eval.perturbation import face_rng, noisy_box

__all__ = ["PORTRAIT_BOX", "PORTRAIT_POINTS", "builtin_case"]

PORTRAIT_POINTS = ((202.7, 100.4), (246.7, 102.8), (224.8, 125.6), (203.5, 140.2), (243.1, 141.6))
"""Of `skimage.data.astronaut`, in the order of `geometry.FIVE_POINTS`, placed by hand; to about a pixel."""

PORTRAIT_BOX = (176.0, 56.0, 272.0, 176.0)
"""Around her face, in the style of the boxes that the bundled models were trained on."""

_BOXES = 20
_NOISE = 0.1
_NOTE = (
    "One face: scikit-image's portrait of Eileen Collins (NASA, public domain) in 20 boxes with noise of 0.1, not "
    "20 faces. The figures show what the report looks like; they say nothing of other faces, and there are no "
    "intervals, which would need other images. Curves show the same boxes with further noise, or rotated with the "
    "head. For figures: --dataset aflw --root MTFL."
)


def builtin_case(folder: Path) -> Case:
    """The portrait in a fixed grid of boxes.

    Parameters
    ----------
    folder : pathlib.Path
        Where the image is written to.

    Returns
    -------
    Case
        Five-point faces, all of the same image.
    """
    from skimage.data import astronaut
    from skimage.io import imsave

    image = folder / "portrait.png"
    imsave(image, astronaut(), check_contrast=False)
    names = [f"portrait.png, box {k}" for k in range(1, _BOXES + 1)]
    faces = [
        Face(
            name,
            image,
            np.array(PORTRAIT_POINTS, dtype=np.float32),
            noisy_box(PORTRAIT_BOX, _NOISE, face_rng(0, name, "portrait")),
            "given",
            {"pose": 2},
        )
        for name in names
    ]
    return Case("portrait", "scikit-image's portrait", faces, "given", FIVE_POINT_REGRESSORS, _NOTE)
