"""Text files and tables as people have them: UTF-8, with or without a byte order mark, from any system."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files.kinds import wrong_kind

__all__ = ["Table", "points_of_cells", "read_table", "read_text"]


def read_text(path: Path) -> str:
    r"""The text of a file, line ends as ``\n``.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    ValueError
        If it is not UTF-8, naming file and line.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        kind = wrong_kind(data) or f"byte 0x{data[error.start]:02x} in line {line} is not UTF-8; save it as UTF-8"
        raise ValueError(f"{path} is not a text file of UTF-8: {kind}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Table:
    """A CSV file with a header.

    Attributes
    ----------
    columns : tuple of str
    rows : list of (str, dict of str to str)
        Where each stands, as "FILE:LINE", and its cells by column; a row that is too short lacks its last columns.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, dict[str, str]]]


def read_table(path: Path) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If it is not UTF-8, or not CSV; with the file's name.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        columns = tuple(name.strip() for name in reader.fieldnames or ())
        reader.fieldnames = list(columns)
        rows = [
            (f"{path.name}:{reader.line_num}", {name: row[name] for name in columns if row[name] is not None})
            for row in reader
        ]
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV after line {reader.line_num}: {error}") from error
    return Table(columns, rows)


def points_of_cells(texts: Sequence[str | None]) -> NDArray[np.float64]:
    """Points of a row's cells, x and y in turn.

    Parameters
    ----------
    texts : sequence of 2 P str or None
        Blank for a point that nobody annotated; None where the row ends too early.

    Returns
    -------
    (P, 2) ndarray of float64
        NaN for blank ones.

    Raises
    ------
    ValueError
        If a cell is missing, is no finite number, or is blank beside one that is not.

    Examples
    --------
    >>> points_of_cells(["1", "2.5", "", " "]).tolist()
    [[1.0, 2.5], [nan, nan]]
    """
    count = len(texts) // 2
    if None in texts:
        raise ValueError(f"has too few cells; expected two for each of {count} points")
    try:
        values = np.array([float(text) if text and text.strip() else np.nan for text in texts]).reshape(count, 2)
    except ValueError as error:
        raise ValueError(f"has a coordinate that is not a number ({error})") from None
    blank = np.isnan(values)
    if np.isinf(values).any():
        raise ValueError("has a coordinate that is not finite")
    if (blank[:, 0] != blank[:, 1]).any():
        raise ValueError(f"has point {int(np.flatnonzero(blank[:, 0] != blank[:, 1])[0])} with one coordinate blank")
    return values
