"""What runs in every process of the cluster: one worker that turns pieces into files of rows.

A part is written under another name and moved when it is whole, and the same images always become a part of the same
name: a process that ends, and another one that does its piece again, leave each row once.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.pointfile.formats import write_rows
from tcdcn_init.pointfile.rows import Row, columns_of, failed_row, image_name
from tcdcn_init.pointfile.work import ImageTask, Worker
from tcdcn_init.scale.attempts import Attempts
from tcdcn_init.scale.pieces import Piece
from tcdcn_init.scale.report import Summary, summary_of
from tcdcn_init.scale.tables import tasks_of_table

__all__ = ["UNFINISHED", "Annotator", "PieceAnnotator", "TableAnnotator", "name_hashes"]

UNFINISHED = "_unfinished"
"""Folder in the output that is there while a run is; readers of parquet leave such names out."""

_DEADLY = "two processes ended while they worked on it; look at it by itself: tcdcn-init points {}"


class Annotator:
    """Makes parts.

    Parameters
    ----------
    make_worker : callable
        Makes the worker, here, once.
    out : pathlib.Path
        Folder of the parts, the same one on all machines.
    folder : pathlib.Path, optional
        That sources' names are of: this process comes to work in it.

    Raises
    ------
    OSError
        If the folder is not there.
    """

    def __init__(self, make_worker: Callable[[], Worker], out: Path, folder: Path | None = None) -> None:
        if folder is not None:
            os.chdir(folder)
        self._worker, self._out = make_worker(), out
        self._columns = columns_of(self._worker.points, self._worker.tasks)

    def annotate(self, part: str, source: Path | str, tasks: Iterable[ImageTask]) -> Summary:
        """Write the part of some images.

        Parameters
        ----------
        part : str
            Its name, without suffix.
        source : path or str
            What a failure to read the images themselves is told of.
        tasks : iterable of ImageTask
            Read as they are needed. What reading them raises becomes a row, behind those of the images before.

        Returns
        -------
        Summary

        Raises
        ------
        OSError
            If the part cannot be written.
        """
        start = time.monotonic()
        attempts = Attempts(self._out / UNFINISHED / f"{part}.json")
        broken: list[Row] = []
        whole = _until_broken(tasks, source, broken)
        if attempts.is_first:
            rows = [row for result in self._worker(whole) for row in result.rows]
        else:
            rows = list(self._one_by_one(source, whole, attempts))
        rows += broken
        # Of this process alone: a machine that was lost, and is not, may still be writing its own.
        whose = f"{part}-{socket.gethostname()}-{os.getpid()}"
        written = self._out / UNFINISHED / f"{whose}.parquet"
        write_rows(written, self._columns, rows, "parquet")
        written.replace(self._out / f"{part}.parquet")
        attempts.end()
        return summary_of(part, rows, time.monotonic() - start)

    def _one_by_one(self, source: Path | str, tasks: Iterator[ImageTask], attempts: Attempts) -> Iterator[Row]:
        if attempts.is_deadly(""):
            yield failed_row(source, None, _DEADLY.format(source))
            return
        attempts.at("")
        for task in tasks:
            name = image_name(task.path)
            if attempts.is_deadly(name):
                yield failed_row(task.path, None, _DEADLY.format(name))
                continue
            attempts.at(name)
            for result in self._worker([task]):
                yield from result.rows
            attempts.at("")


def _until_broken(tasks: Iterable[ImageTask], source: Path | str, broken: list[Row]) -> Iterator[ImageTask]:
    try:
        yield from tasks
    except Exception as error:  # of tarfile, pyarrow, codecs and file systems
        broken.append(failed_row(source, None, error))


class PieceAnnotator(Annotator):
    """Takes a batch of pieces as Ray Data hands them out: columns ``part`` and ``piece``, the latter pickled."""

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
        """Summaries of the parts, as JSON."""
        found = []
        for part, pickled in zip(batch["part"], batch["piece"], strict=True):
            piece: Piece = pickle.loads(pickled)
            found.append(json.dumps(asdict(self.annotate(str(part), piece.source, piece.tasks()))))
        return {"summary": found}


class TableAnnotator(Annotator):
    """Takes a batch of a Ray data set's rows, as a pyarrow Table with images' bytes and names.

    Parameters
    ----------
    make_worker, out
        As of `Annotator`.
    done : ndarray of uint64
        `name_hashes`, sorted, of images that have rows already.
    """

    def __init__(self, make_worker: Callable[[], Worker], out: Path, done: NDArray[np.uint64]) -> None:
        super().__init__(make_worker, out)
        self._done = done

    def __call__(self, batch: Any) -> Any:
        """A table of the summary of the part, as JSON; an empty one where all images are done."""
        import pyarrow

        tasks = list(tasks_of_table(batch, "the data set"))
        names = [image_name(task.path) for task in tasks]
        hashes = name_hashes(names)
        new = ~np.isin(hashes, self._done)
        tasks = [task for task, is_new in zip(tasks, new, strict=True) if is_new]
        found = []
        if tasks:
            part = f"part-{hashlib.sha256(hashes[new].tobytes()).hexdigest()[:16]}"
            found.append(json.dumps(asdict(self.annotate(part, "the data set", tasks))))
        return pyarrow.table({"summary": pyarrow.array(found, pyarrow.string())})


def name_hashes(names: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits of each name, so that the names of a hundred million images take less than a gigabyte.

    Examples
    --------
    >>> name_hashes(["a.jpg", "b.jpg"]).dtype
    dtype('uint64')
    """
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, dtype=np.uint64)
