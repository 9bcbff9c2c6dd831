"""Face boxes from a CSV file, any number per image."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import BadRows
from tcdcn_init.geometry import as_box

_COLUMNS = ("left", "top", "right", "bottom")


def read_boxes(path: str | Path) -> dict[str, list[NDArray[np.float64]]]:
    """Boxes by image name, in the file's order.

    Parameters
    ----------
    path : path
        CSV with the columns image, left, top, right, bottom in pixels (more are ignored); a row whose four numbers
        are blank says that the image has no box.

    Returns
    -------
    dict of str to list of (4,) ndarray
        Names with forward slashes.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If a column is missing.
    BadRows
        Naming every row that is neither a box nor blank.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(
            f"box file {file} does not exist; expected a CSV with columns image, {', '.join(_COLUMNS)}"
        )
    boxes: dict[str, list[NDArray[np.float64]]] = {}
    bad = []
    with file.open(newline="") as handle:
        reader = csv.DictReader(handle)
        missing = {"image", *_COLUMNS} - set(reader.fieldnames or [])
        if missing:
            raise ValueError(
                f"{file} has no column {', '.join(sorted(missing))}; expected image, {', '.join(_COLUMNS)}"
            )
        for row in reader:
            texts = [(row[key] or "").strip() for key in _COLUMNS]
            entry = boxes.setdefault((row["image"] or "").replace("\\", "/"), [])
            if not any(texts):
                continue
            try:
                entry.append(as_box([float(text) for text in texts]))
            except ValueError as error:
                bad.append(f"{file.name}:{reader.line_num}: {row['image']}: {error}")
    if bad:
        raise BadRows(bad)
    return boxes
