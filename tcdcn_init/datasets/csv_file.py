"""Shapes in a CSV file: one row a face, columns image, x0, y0, x1, y1, ... and optionally a box."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.geometry import as_box

_BOX = ("left", "top", "right", "bottom")


def read_csv(
    path: str | Path, images: str | Path | None = None, *, first_pixel: float = 0.0, skip_bad: bool = False
) -> list[Face]:
    """Read annotated faces from a CSV file.

    Parameters
    ----------
    path : path
        CSV with a header: image, x0, y0, x1, y1, ... in pixels, and optionally left, top, right, bottom; a blank box
        is derived from the points (5 or 68 of them).
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
    there = {entry.name for entry in folder.iterdir()}
    faces: list[Face] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    with file.open(newline="") as handle:
        reader = csv.DictReader(handle)
        columns = reader.fieldnames or []
        count = sum(1 for name in columns if name[:1] == "x" and name[1:].isdigit())
        wanted = [f"{axis}{k}" for k in range(count) for axis in "xy"]
        if count not in (5, 68) or not {"image", *wanted} <= set(columns):
            raise ValueError(f"{file} has columns {columns[:6]}...; expected image, x0, y0, ... for 5 or 68 points")
        for row in reader:
            name = row["image"]
            try:
                points = np.array([row[key] for key in wanted], dtype=np.float64).reshape(count, 2)
                box = None
                if all((row.get(key) or "").strip() for key in _BOX):
                    box = as_box([float(row[key]) for key in _BOX])
                if not np.isfinite(points).all():
                    raise ValueError("has a number that is not finite")
                if name not in there and not (folder / name).exists():
                    raise ValueError(f"names an image that is not there: {folder / name}")
            except (TypeError, ValueError) as error:
                bad.append(f"{file.name}:{reader.line_num}: {name} {error}")
                continue
            points -= first_pixel
            if box is not None:
                box -= first_pixel
            seen[name] = seen.get(name, 0) + 1
            unique = name if seen[name] == 1 else f"{name}#{seen[name]}"
            faces.append(face_with_box(unique, folder / name, points.astype(np.float32), box))
    return finish(faces, bad, skip_bad)
