"""Files of rows: tables (CSV, JSON, Parquet), all columns in every row, and what labelling tools read."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init import labelling
from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.names import unknown_name
from tcdcn_init.pointfile.rows import Column

__all__ = ["FORMATS", "TABLES", "check_output", "format_of", "write_rows"]

FORMATS = ("csv", "json", "parquet", "imglab", "coco", "cvat", "label-studio", "pts")
"""What the points of a run are written as."""

TABLES = ("csv", "json", "parquet")
"""Those that have a place for every row."""

_BY_SUFFIX = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".xml": "imglab", ".coco.json": "coco"}


def format_of(path: Path, among: Sequence[str] = FORMATS) -> str:
    """The format that an output's name stands for.

    Parameters
    ----------
    path : pathlib.Path
        .csv, .json, .parquet or .xml (imglab's); coco.json or NAME.coco.json is COCO's.
    among : sequence of str
        Of `FORMATS`.

    Raises
    ------
    ValueError
        If it stands for none.

    Examples
    --------
    >>> format_of(Path("faces.xml")), format_of(Path("coco.json")), format_of(Path("faces.json"))
    ('imglab', 'coco', 'json')
    """
    suffix = ".coco.json" if path.name == "coco.json" or path.name.endswith(".coco.json") else path.suffix
    known = {each: format for each, format in _BY_SUFFIX.items() if format in among}
    if suffix not in known:
        by_name = f", or a format by name: --format {', '.join(FORMATS)}" if among == FORMATS else ""
        raise ValueError(f"output {path} has suffix {suffix!r}; expected one of {', '.join(known)}{by_name}")
    return known[suffix]


def check_output(path: Path, format: str | None = None, among: Sequence[str] = FORMATS) -> None:
    """Raise what `write_rows` would raise in the end, before any work; parameters as there and of `format_of`.

    Raises
    ------
    ValueError
        If the suffix or format is unknown, or a folder has this name, or for .pts a file.
    ImportError
        If .parquet is asked for without pyarrow.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(unknown_name("format", format, FORMATS))
    if format != "pts" and path.is_dir():
        raise ValueError(f"output {path} is a folder; expected the name of a file in it")
    format = format or format_of(path, among)
    if format == "pts" and path.exists() and not path.is_dir():
        raise ValueError(f"output {path} is a file; expected the name of a folder for the .pts files")
    if format == "parquet":
        _pyarrow()


def write_rows(
    path: Path,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    format: str | None,
    *,
    turned: bool = True,
) -> None:
    """Write rows to a file, which appears whole or not at all; as .pts to a folder.

    Parameters
    ----------
    path : pathlib.Path
    columns : sequence of Column
    rows : sequence of mapping
        By column; what is missing is blank or null. A format of a labelling tool has no place for images that could not
        be read.
    format : str or None
        One of `FORMATS`; None: by the name (`format_of`).
    turned : bool
        Whether the rows are of images as EXIF turns them: labelling tools get points of the pixels that they show.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    format = format or format_of(path)
    if format == "pts":
        labelling.write_pts(path, _images(format, rows, Path(), turned))
        return
    with replacing(path) as part:
        if format in _TABLES:
            _TABLES[format](part, columns, rows)
        else:
            _LABELLING[format](part, _images(format, rows, path.parent, turned))


def _images(
    format: str, rows: Sequence[Mapping[str, Any]], folder: Path, turned: bool
) -> list[labelling.LabelledImage]:
    return labelling.in_frame_of(format, labelling.images_of_rows(rows, folder), turned=turned)


def _write_csv(path: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column.name for column in columns])
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    whole = [{column.name: row.get(column.name) for column in columns} for row in rows]
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f'.parquet needs pyarrow: pip install "tcdcn-init[parquet]", or choose .csv or .json ({error})'
        ) from error
    return pyarrow


def _write_parquet(path: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    pyarrow = _pyarrow()
    kinds = {"text": pyarrow.string(), "whole": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
    table = pyarrow.table({column.name: [row.get(column.name) for row in rows] for column in columns}, schema=schema)
    pyarrow.parquet.write_table(table, path)


_TABLES = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}

_LABELLING = {
    "imglab": labelling.write_imglab,
    "coco": labelling.write_coco,
    "cvat": labelling.write_cvat,
    "label-studio": labelling.write_label_studio,
}
