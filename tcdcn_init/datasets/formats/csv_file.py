"""Shapes in a CSV file: one row a face, columns image, x0, y0, x1, y1, ... and optionally a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.datasets.boxes import BOX_COLUMNS
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.datasets.formats.text import read_table

__all__ = ["read_csv"]


def read_csv(
    path: str | Path, images: str | Path | None = None, *, first_pixel: float = 0.0, skip_bad: bool = False
) -> list[Face]:
    """Read annotated faces from a CSV file.

    Parameters
    ----------
    path : path
        CSV in UTF-8 with a header: image, x0, y0, x1, y1, ... in pixels, and optionally left, top, right, bottom; a
        blank box is derived from the points (5 or 68 of them).
    images : path, optional
        Folder that the image column is relative to; default: images/ beside the file.
    first_pixel : float
        Coordinate of the centre of the first pixel in this file; 1 for annotations that were made with MATLAB.
        It is subtracted, from boxes too.
    skip_bad : bool
        Leave broken rows out instead of stopping.

    Returns
    -------
    list of Face

    Raises
    ------
    FileNotFoundError
        If the file or the folder is missing.
    BadRows
        Naming file, line and reason of every broken row.
    """
    file = Path(path)
    folder = Path(images) if images is not None else file.parent / "images"
    require(
        [file, folder], "the CSV data set", "Pass a CSV with columns image, x0, y0, ... and the folder of its images."
    )
    table = read_table(file)
    count = sum(1 for name in table.columns if name[:1] == "x" and name[1:].isdigit())
    wanted = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    if count not in (5, 68) or not {"image", *wanted} <= set(table.columns):
        raise ValueError(f"{file} has columns {table.columns[:6]}...; expected image, x0, y0, ... for 5 or 68 points")
    there = ImageFolder(folder)
    faces: list[Face] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    for place, row in table.rows:
        name = row["image"]
        try:
            image = there.existing(name)
            number = seen[name] = seen.get(name, 0) + 1
            unique = name if number == 1 else f"{name}#{number}"
            faces.append(face_with_box(unique, image, _points(row, wanted) - first_pixel, _box(row, first_pixel)))
        except ValueError as error:
            bad.append(f"{place}: {name} {error}")
    return finish(faces, bad, file, skip_bad=skip_bad)


def _points(row: Mapping[str, str], columns: Sequence[str]) -> NDArray[np.float64]:
    return np.array([row[name] for name in columns], dtype=np.float64).reshape(-1, 2)


def _box(row: Mapping[str, str], first_pixel: float) -> NDArray[np.float64] | None:
    """A row's box; None of a blank one."""
    if not all(row.get(name, "").strip() for name in BOX_COLUMNS):
        return None
    return np.array([row[name] for name in BOX_COLUMNS], dtype=np.float64) - first_pixel
