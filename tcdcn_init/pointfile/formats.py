"""Files of rows: CSV, JSON and Parquet, all with the same columns, and all of them in every row."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init._shared.files import replacing
from tcdcn_init.pointfile.rows import Column

__all__ = ["OUTPUT_SUFFIXES", "check_output", "write_rows"]

OUTPUT_SUFFIXES = (".csv", ".json", ".parquet")


def check_output(path: Path) -> None:
    """Raise what `write_rows` would raise in the end, before any work.

    Raises
    ------
    ValueError
        If the suffix is unknown, or a folder has this name.
    ImportError
        If .parquet is asked for without pyarrow.
    """
    if path.suffix not in OUTPUT_SUFFIXES:
        raise ValueError(f"output {path} has suffix {path.suffix!r}; expected one of {', '.join(OUTPUT_SUFFIXES)}")
    if path.is_dir():
        raise ValueError(f"output {path} is a folder; expected the name of a file in it")
    if path.suffix == ".parquet":
        _pyarrow()


def write_rows(path: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a file, which appears whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        .csv (UTF-8), .json or .parquet.
    columns : sequence of Column
    rows : sequence of mapping
        By column; what is missing is blank or null.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    write = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}[path.suffix]
    with replacing(path) as part:
        write(part, columns, rows)


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
