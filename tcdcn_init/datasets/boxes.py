"""Face boxes from a CSV file, any number per image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.datasets.base import BadRows
from tcdcn_init.datasets.formats.text import read_table
from tcdcn_init.geometry import as_box

__all__ = ["BOX_COLUMNS", "nearest_box", "read_boxes"]

BOX_COLUMNS = ("left", "top", "right", "bottom")


def read_boxes(path: str | Path, *, check: bool = True) -> dict[str, list[NDArray[np.float64]]]:
    """Boxes by image name, in the file's order.

    Parameters
    ----------
    path : path
        CSV with the columns image, left, top, right, bottom in pixels (more are ignored), in UTF-8; a row whose four
        numbers are blank says that the image has no box.
    check : bool
        Refuse a file with a row that is no box. False takes the numbers as they stand, NaN for what is none, for
        callers who tell the bad boxes apart themselves.

    Returns
    -------
    dict of str to list of (4,) ndarray
        Names with forward slashes.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is not UTF-8, or a column is missing.
    BadRows
        Naming every row that is neither a box nor blank.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"box file {file} does not exist, or is a folder; expected a CSV with columns image, "
            f"{', '.join(BOX_COLUMNS)}"
        )
    table = read_table(file)
    missing = {"image", *BOX_COLUMNS} - set(table.columns)
    if missing:
        if not table.columns:
            raise ValueError(f"{file} is empty; expected a first line with image, {', '.join(BOX_COLUMNS)}")
        raise ValueError(f"{file} has no column {', '.join(sorted(missing))}; expected image, {', '.join(BOX_COLUMNS)}")
    boxes: dict[str, list[NDArray[np.float64]]] = {}
    bad = []
    for place, row in table.rows:
        texts = [row.get(name, "").strip() for name in BOX_COLUMNS]
        entry = boxes.setdefault(row.get("image", "").replace("\\", "/"), [])
        if not any(texts):
            continue
        try:
            entry.append(as_box([float(text) for text in texts]) if check else np.array([_number(t) for t in texts]))
        except ValueError as error:
            bad.append(f"{place}: {row.get('image', '')}: {error}")
    if bad:
        raise BadRows(bad)
    return boxes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def nearest_box(points: ArrayLike, boxes: Iterable[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Of the boxes that hold the middle of a face's points, the one whose own middle is nearest to it.

    Parameters
    ----------
    points : (P, 2) array_like
    boxes : iterable of (4,) ndarray

    Returns
    -------
    (4,) ndarray or None
        None if no box holds it.

    Examples
    --------
    >>> nearest_box([[4, 4], [6, 6]], [np.array([0, 0, 10, 20]), np.array([1, 1, 9, 9])])
    array([1, 1, 9, 9])
    """
    middle = np.asarray(points, dtype=np.float64).mean(axis=0)
    inside = [box for box in boxes if (box[:2] <= middle).all() and (middle <= box[2:]).all()]
    return min(inside, key=lambda box: float(np.hypot(*((box[:2] + box[2:]) / 2 - middle))), default=None)
