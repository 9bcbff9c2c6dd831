"""Shapes in a CSV file: one row a face, columns image, x0, y0, x1, y1, ..., optionally a box, labels and a group."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.datasets.boxes import BOX_COLUMNS
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.datasets.formats.text import points_of_cells, read_table
from tcdcn_init.tasks import TASKS

__all__ = ["read_csv"]


def read_csv(
    path: str | Path,
    images: str | Path | None = None,
    *,
    first_pixel: float = 0.0,
    group: str | None = None,
    skip_bad: bool = False,
) -> list[Face]:
    """Read annotated faces from a CSV file.

    Parameters
    ----------
    path : path
        CSV in UTF-8 with a header: image, x0, y0, x1, y1, ... in pixels, blank for a point that nobody annotated; and
        optionally left, top, right, bottom, a blank box being derived from the points (`base.suggested_box`), and pose,
        gender, glasses, smile, each blank, a class's name or its number from 0 (`tasks.TASKS`).
    images : path, optional
        Folder that the image column is relative to; default: images/ beside the file.
    first_pixel : float
        Coordinate of the centre of the first pixel in this file; 1 for annotations that were made with MATLAB.
        It is subtracted, from boxes too.
    group : str, optional
        Column that says which faces belong together, such as the person (`Face.group`).
    skip_bad : bool
        Leave broken rows out instead of stopping.

    Returns
    -------
    list of Face

    Raises
    ------
    FileNotFoundError
        If the file or the folder is missing.
    ValueError
        If the file has other columns.
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
    if count < 2 or not {"image", *wanted} <= set(table.columns):
        raise ValueError(f"{file} has columns {table.columns[:6]}...; expected image, x0, y0, x1, y1, ...")
    if group is not None and group not in table.columns:
        others = [name for name in table.columns if name not in wanted]
        raise ValueError(f"{file} has no column {group!r} to hold out by; beside points it has {', '.join(others)}")
    there = ImageFolder(folder)
    faces: list[Face] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    for place, row in table.rows:
        name = row.get("image", "")
        try:
            image = there.existing(name)
            number = seen[name] = seen.get(name, 0) + 1
            unique = name if number == 1 else f"{name}#{number}"
            points = points_of_cells([row.get(column) for column in wanted]) - first_pixel
            box, labels = _box(row, first_pixel), _labels(row)
            owner = None if group is None else _owner(row, group)
            faces.append(face_with_box(unique, image, points, box, labels, missing=True, group=owner))
        except ValueError as error:
            bad.append(f"{place}: {name} {error}")
    return finish(faces, bad, file, skip_bad=skip_bad)


def _box(row: Mapping[str, str], first_pixel: float) -> NDArray[np.float64] | None:
    """A row's box; None of a blank one."""
    if not any(row.get(name, "").strip() for name in BOX_COLUMNS):
        return None
    try:
        return np.array([row.get(name, "") for name in BOX_COLUMNS], dtype=np.float64) - first_pixel
    except ValueError as error:
        raise ValueError(f"has a box that is not four numbers ({error}); expected {', '.join(BOX_COLUMNS)}") from None


def _labels(row: Mapping[str, str]) -> dict[str, int]:
    """A row's class of each task that it has one of."""
    labels = {}
    for task, classes in TASKS.items():
        text = row.get(task, "").strip().lower()
        known = {**{str(k): k for k in range(len(classes))}, **{name: k for k, name in enumerate(classes)}}
        if text and text not in known:
            raise ValueError(
                f"has {task} {text!r}; expected {', '.join(classes)}, their number from 0, or a blank cell"
            )
        if text:
            labels[task] = known[text]
    return labels


def _owner(row: Mapping[str, str], group: str) -> str:
    text = row.get(group, "").strip()
    if not text:
        raise ValueError(f"has a blank {group}, the column to hold out by; expected whom it belongs to")
    return text
