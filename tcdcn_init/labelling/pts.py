"""iBUG's .pts, a file a face, in the folders that the images have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tcdcn_init.labelling.records import LabelledImage

__all__ = ["pts_name", "write_pts"]

_FIRST_PIXEL = 1.0
"""iBUG's files were written by MATLAB, whose first pixel is this."""


def pts_name(image: str, face: int, *, with_suffix: bool = False) -> str:
    """A face's file: the image's name with .pts, with a number where it holds several faces.

    Parameters
    ----------
    image : str
    face : int
        From 0.
    with_suffix : bool
        Keep the image's own suffix, for images whose names differ in it alone.

    Examples
    --------
    >>> pts_name("in/a.jpg", 0), pts_name("in/a.jpg", 1), pts_name("in/a.jpg", 0, with_suffix=True)
    ('in/a.pts', 'in/a.2.pts', 'in/a.jpg.pts')
    """
    path = PurePosixPath(image)
    stem = path if with_suffix else path.with_suffix("")
    return f"{stem}{f'.{face + 1}' if face else ''}.pts"


def write_pts(folder: Path, images: Sequence[LabelledImage]) -> None:
    """Write each face's points below a folder, in the images' own folders; nothing says which are hidden.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is not there. Names that lead out of it are taken without what leads out.
    images : sequence of LabelledImage
        Every face with all its points.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = ["/".join(part for part in PurePosixPath(image.name).parts if part not in ("..", "/")) for image in images]
    stems = Counter(
        pts_name(name, k) for name, image in zip(names, images, strict=True) for k in range(len(image.faces))
    )
    for name, image in zip(names, images, strict=True):
        shared = any(stems[pts_name(name, k)] > 1 for k in range(len(image.faces)))
        for k, face in enumerate(image.faces):
            if not np.isfinite(face.points).all():
                raise ValueError(f"face {k} of {image.name} lacks a point; .pts has no place for that")
            target = folder / pts_name(name, k, with_suffix=shared)
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = [f"{x:.3f} {y:.3f}" for x, y in face.points + _FIRST_PIXEL]
            text = "\n".join(["version: 1", f"n_points: {len(rows)}", "{", *rows, "}"])
            target.write_text(text + "\n", encoding="utf-8")
