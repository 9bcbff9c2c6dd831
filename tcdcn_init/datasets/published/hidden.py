"""Which of the five points of a face are hidden, from LFPW's 29 or iBUG's 68 flagged points."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import BadRows, require

__all__ = ["read_hidden"]

# The flagged points that stand for each of the five, by the number of points in the file. Of LFPW's 29, in COFW's
# order: pupils, nose tip, mouth corners.
_POINTS = {
    29: ([16], [17], [20], [22], [23]),
    68: (list(range(36, 42)), list(range(42, 48)), [30], [48], [54]),
}


def read_hidden(root: str | Path, *, dense: bool = False) -> dict[str, NDArray[np.bool_]]:
    """Read which points are hidden, by hair, glasses, a hand or the head itself.

    Parameters
    ----------
    root : path
        Folder with points.csv: a column image, and hidden0, hidden1, ... for 29 or 68 points, 0 for visible ones. An
        eye of six points is hidden where more than half of them are.
    dense : bool
        All points of the file instead of five.

    Returns
    -------
    dict of str to (5,) ndarray of bool, or of as many as the file has
        By the image's name.

    Raises
    ------
    FileNotFoundError
        If there is no points.csv.
    ValueError
        If it has no such columns.
    BadRows
        Naming file, line and reason of every row whose flags are no numbers.
    """
    file = Path(root) / "points.csv"
    require(
        [file], "a folder of points with flags", "Pass a folder with points.csv, columns image, hidden0, hidden1, ..."
    )
    result: dict[str, NDArray[np.bool_]] = {}
    bad: list[str] = []
    with file.open(newline="") as handle:
        reader = csv.DictReader(handle)
        columns = reader.fieldnames or []
        count = sum(1 for name in columns if name.startswith("hidden"))
        if count not in _POINTS or "image" not in columns:
            raise ValueError(f"{file} has {count} columns of flags; expected image, hidden0, ... for 29 or 68 points")
        for row in reader:
            try:
                flags = np.array([float(row[f"hidden{k}"]) for k in range(count)]) > 0
            except (TypeError, ValueError) as error:
                bad.append(f"{file.name}:{reader.line_num}: {row['image']} has a flag that is not a number ({error})")
                continue
            result[row["image"]] = flags if dense else np.array([flags[some].mean() > 0.5 for some in _POINTS[count]])
    if bad:
        raise BadRows(bad)
    return result
