"""Text files and tables as people have them: UTF-8, with or without a byte order mark, from any system."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from tcdcn_init._shared.kinds import wrong_kind

__all__ = ["Table", "read_table", "read_text"]


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
        Where each stands, as "FILE:LINE", and its cells by column; blank where the row is too short.
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
        rows = [(f"{path.name}:{reader.line_num}", {name: row[name] or "" for name in columns}) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV after line {reader.line_num}: {error}") from error
    return Table(columns, rows)
