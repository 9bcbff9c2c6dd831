"""How the bundled shape banks are collected."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tcdcn_init.adapters.recipes.about import recipe_faces
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.shapes import ShapeBank, to_box_units

__all__ = ["collect_shapes"]

_MOST_DENSE = 1000
"""Of 68 points; more would hold hardly more forms."""


def collect_shapes(kind: str, root: str | Path | OwnData) -> ShapeBank:
    """Collect the shapes of a data set's training faces.

    Parameters
    ----------
    kind : {"mtfl", "300w"}
        "mtfl": the five-point shapes of training.txt, without its held-out tenth, that lie in a detector's box.
        "300w": 1,000 of the 68-point shapes of LFPW's and HELEN's training faces without their held-out tenth, spread
        evenly over the list. They have no boxes of their own: these lie in the ones that `geometry.box_from_points`
        derives from them, in which shapes vary less, in place and size, than in any detector's.
    root : path or OwnData
        Folder of MTFL, or the one that holds lfpw/ and helen/; or a data set of one's own, whose five points "mtfl"
        takes, and "300w" all 68.

    Returns
    -------
    ShapeBank

    Raises
    ------
    ValueError
        If the kind is unknown.
    FileNotFoundError
        If the folder is not that data set.
    """
    if kind == "mtfl":
        if isinstance(root, OwnData):
            return ShapeBank.from_faces(recipe_faces(root).kept)
        return ShapeBank.from_faces(read_dataset("mtfl-train", root))
    if kind != "300w":
        raise ValueError(f"kind of shape bank is {kind!r}; expected 'mtfl' or '300w'")
    faces = recipe_faces(root, 68).kept if isinstance(root, OwnData) else read_dataset("300w-train", root)
    chosen = np.linspace(0, len(faces) - 1, min(_MOST_DENSE, len(faces))).round().astype(int)
    points = np.stack([faces[k].points for k in chosen])
    return ShapeBank(to_box_units(points, np.stack([faces[k].box for k in chosen])).astype(np.float32))
