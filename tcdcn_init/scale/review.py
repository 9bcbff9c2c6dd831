"""The review page of a random sample of a run's faces: each is as likely as any other, few images are read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.images import read_image
from tcdcn_init.pointfile.rows import Row, image_name
from tcdcn_init.pointfile.sample import drawn_numbers, write_sample
from tcdcn_init.pointfile.work import ImageTask
from tcdcn_init.scale.pieces import Piece
from tcdcn_init.scale.report import Summary
from tcdcn_init.scale.tables import tasks_of_table

__all__ = ["write_review_of_pieces", "write_review_of_table"]


def write_review_of_pieces(
    page: Path,
    out: Path,
    parts: Sequence[Summary],
    pieces: Mapping[str, Piece],
    size: int,
    apply_orientation: bool,
) -> None:
    """Write the page of a run whose sources were cut into pieces, by parts' names.

    Parameters
    ----------
    page, out : pathlib.Path
    parts : sequence of Summary
    pieces : mapping of str to Piece
    size : int
        Of the sample.
    apply_orientation : bool
        As for `images.read_image`.
    """
    rows: list[Row] = []
    images: dict[str, ImageTask] = {}
    for part, some in _sampled(out, parts, size).items():
        rows += some
        images |= {image_name(task.path): task for task in pieces[part].tasks({row["image"] for row in some})}
    _write(page, rows, images, parts, apply_orientation)


def write_review_of_table(
    page: Path, out: Path, parts: Sequence[Summary], dataset: Any, size: int, apply_orientation: bool
) -> None:
    """Write the page of a run over a data set of Ray, which is read once more; parameters as above."""
    rows = [row for some in _sampled(out, parts, size).values() for row in some]
    wanted = {row["image"] for row in rows}
    found = dataset.map_batches(partial(_only, names=wanted), batch_format="pyarrow")
    images = {image_name(row["name"]): ImageTask(row["name"], data=row["bytes"]) for row in found.iter_rows()}
    _write(page, rows, images, parts, apply_orientation)


def _only(batch: Any, names: set[str]) -> Any:
    import pyarrow

    tasks = list(tasks_of_table(batch, "the data set", only=names))
    schema = pyarrow.schema([("name", pyarrow.string()), ("bytes", pyarrow.binary())])
    return pyarrow.table([[str(task.path) for task in tasks], [task.data for task in tasks]], schema=schema)


def _sampled(out: Path, parts: Sequence[Summary], size: int) -> dict[str, list[Row]]:
    """Rows of the faces that were drawn, by the parts that they are in; no other part is read."""
    import pyarrow.parquet

    ends = np.cumsum([part.faces for part in parts])
    numbers = drawn_numbers(int(ends[-1]) if len(ends) else 0, size)
    found: dict[str, list[Row]] = {}
    owners = np.searchsorted(ends, numbers, side="right")
    for k in np.unique(owners):
        rows = pyarrow.parquet.read_table(out / f"{parts[k].part}.parquet").to_pylist()
        faces = [row for row in rows if row["status"] == "ok"]
        found[parts[k].part] = [faces[n] for n in numbers[owners == k] - (ends[k] - parts[k].faces)]
    return found


def _write(
    page: Path, rows: Sequence[Row], images: Mapping[str, ImageTask], parts: Sequence[Summary], apply_orientation: bool
) -> None:
    def read(name: str) -> NDArray[Any]:
        if name not in images:
            raise FileNotFoundError("it is not there any more")
        return read_image(images[name].path, content=images[name].data, apply_orientation=apply_orientation)

    faces = sum(part.faces for part in parts)
    write_sample(page, rows, read, f"{len(rows):,} of {faces:,} faces, drawn at random")
