"""Tables with a column of images' bytes: of parquet files, and of Ray's data sets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tcdcn_init.pointfile.rows import image_name
from tcdcn_init.pointfile.work import ImageTask

__all__ = ["columns_of_images", "rows_by_group", "tasks_of_table"]

BYTES = ("bytes", "image", "image.bytes", "jpg", "jpeg", "png", "webp", "content")
NAMES = ("image", "path", "image.path", "file_name", "filename", "name", "key", "__key__", "id", "url")
"""Columns that hold images and their names, in a table that has several of bytes or texts; the first one counts."""


def columns_of_images(schema: Any, where: str) -> tuple[str, str | None]:
    """Which column of a table holds images, and which their names.

    Parameters
    ----------
    schema : pyarrow.Schema
        With structs laid flat, as `pyarrow.Table.flatten` does: ``image.bytes`` of a Hugging Face data set.
    where : str
        The table's name for an error.

    Returns
    -------
    bytes, name : str
        None where no column has names.

    Raises
    ------
    ValueError
        If none, or none of several, is plainly the images'.

    Examples
    --------
    >>> import pyarrow
    >>> columns_of_images(pyarrow.schema([("bytes", pyarrow.binary()), ("path", pyarrow.string())]), "faces.parquet")
    ('bytes', 'path')
    """
    import pyarrow.types as types

    def named(wanted: tuple[str, ...], kinds: list[str]) -> str | None:
        return next((name for name in wanted if name in kinds), None)

    of_bytes = [field.name for field in schema if types.is_binary(field.type) or types.is_large_binary(field.type)]
    of_text = [field.name for field in schema if types.is_string(field.type) or types.is_large_string(field.type)]
    column = of_bytes[0] if len(of_bytes) == 1 else named(BYTES, of_bytes)
    if column is None:
        raise ValueError(
            f"{where} has columns {', '.join(schema.names)}, of which {', '.join(of_bytes) or 'none'} hold bytes; "
            f"expected one with encoded images, the only one of bytes or named {', '.join(BYTES)}"
        )
    return column, named(NAMES, of_text)


def tasks_of_table(table: Any, where: str, first: int = 0, only: Collection[str] | None = None) -> Iterator[ImageTask]:
    """The images of a table.

    Parameters
    ----------
    table : pyarrow.Table
    where : str
        Its name.
    first : int
        Number of its first row. An image without a name is called by the table and its row: ``faces.parquet/17``.
    only : collection of str, optional
        As for `pieces.Piece.tasks`.
    """
    table = _flat(table)
    column, names = columns_of_images(table.schema, where)
    for k in range(table.num_rows):
        own = None if names is None else table[names][k].as_py()
        name = f"{where}/{first + k}" if own is None else own
        if only is None or image_name(name) in only:
            yield ImageTask(name, data=table[column][k].as_py() or b"")


def _flat(table: Any) -> Any:
    import pyarrow.types as types

    return table.flatten() if any(types.is_struct(field.type) for field in table.schema) else table


def rows_by_group(path: Path, size: int) -> Iterator[tuple[int, int]]:
    """Runs of a parquet file's row groups with some `size` rows each: first group, and the one after the last.

    Yields
    ------
    start, stop : int
        One of a file that cannot be read: reading it again will tell why.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(path)
    except (OSError, pyarrow.ArrowException):
        yield 0, 1
        return
    start = rows = 0
    for k in range(metadata.num_row_groups):
        rows += metadata.row_group(k).num_rows
        if rows >= size or k == metadata.num_row_groups - 1:
            yield start, k + 1
            start, rows = k + 1, 0
