"""A run over a cluster: what it is cut into, what is done already, and what it found.

The output is a folder of parts. A journal in it, which this process alone writes, names the finished ones; a part that
is not in it is made again, to the same content under the same name. So whatever ends, a worker, a machine or this
process, each image's rows are there once.
"""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.extras import require
from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.progress import progress
from tcdcn_init.detection.detectors import Detector
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile.sample import check_sample
from tcdcn_init.pointfile.work import Worker
from tcdcn_init.scale.annotator import UNFINISHED, PieceAnnotator, TableAnnotator, name_hashes
from tcdcn_init.scale.cluster import connected, on_actors, worker_count
from tcdcn_init.scale.pieces import Boxes, Piece, cut, digest_of
from tcdcn_init.scale.report import RunReport, Summary
from tcdcn_init.scale.review import write_review_of_pieces, write_review_of_table

__all__ = ["REPORT", "annotate"]

logger = logging.getLogger("tcdcn_init")

REPORT = "_report.json"
"""In the output of a run that is finished; `_report.txt` lies beside it."""

JOURNAL = "_journal"
"""In the output of a run that is not."""

PIECE = 1000
"""Images that a part has, roughly: some minutes of work for one core, which is what a lost machine loses."""


def annotate(
    source: Any,
    out: str | Path,
    initializer: Initializer | None = None,
    *,
    address: str = "local",
    jobs: int | None = None,
    gpus: float = 0.0,
    boxes: Boxes | None = None,
    detector: Detector = "auto",
    turned: bool | None = None,
    attributes: bool = False,
    apply_orientation: bool = True,
    piece: int = PIECE,
    review: str | Path | None = None,
    sample: int = 200,
    settings: str = "",
    force: bool = False,
) -> RunReport:
    """Initialize every face of many images into a folder of parquet files, over the processes of a Ray cluster.

    What is given again goes on where it was interrupted. A process or machine that is lost costs no more than the
    pieces that it was at, and an image that ends its process is left out after two of them, with a row that says so.

    Parameters
    ----------
    source : str, path, sequence of them, or ray.data.Dataset
        Files, folders (searched wholly), patterns and lists of images, of tars with images in them, such as
        WebDataset's, and of parquet files with a column of images' bytes. All machines must find them under the same
        names. Or a data set of Ray, read from wherever Ray reads, with a column of bytes and one of names, which must
        be unique (`tables.columns_of_images`).
    out : str or path
        A folder that all machines share. It comes to hold a .parquet file a piece with the rows of
        `pointfile.write_points`, of images without faces and of failures too, and the report as _report.json and
        _report.txt, which readers of such folders leave out.
    initializer : Initializer, optional
        Copied into every process. Default: that of `initialize`.
    address : str
        Of the cluster, as for ``ray.init``; "local" starts one on this machine, and ends it afterwards. If the program
        is connected already, that cluster is used.
    jobs : int, optional
        Processes, each with one core and one thread. Default: as many as the cluster has cores.
    gpus : float
        Graphics processors that each process takes, such as 1, or 0.25 for four to one; the network then runs on it, in
        PyTorch. Detecting faces and reading images do not.
    boxes, detector, turned, attributes, apply_orientation
        As for `pointfile.write_points`; boxes are for images that are files of their own.
    piece : int
        Images that a part has at most, roughly; a tar is one piece.
    review : str or path, optional
        .html: a page to look through a random sample of the faces.
    sample : int
        Faces on it.
    settings : str
        What decides the results, for a reader of the journal; model and sources are compared in any case.
    force : bool
        Replace a finished run in `out`.

    Returns
    -------
    RunReport

    Raises
    ------
    FileExistsError
        If a finished run lies in `out`, or files named as parts that are of none.
    FileNotFoundError
        If a source matches nothing, or a part is not seen from here.
    ValueError
        If an option is out of its range, the cluster lacks graphics processors, or an unfinished run of other sources,
        model or options lies in `out`.
    ImportError
        If ray or pyarrow is not installed.
    OSError
        If something cannot be written, or the cluster cannot be reached.

    Examples
    --------
    >>> from tcdcn_init.scale import annotate
    >>> report = annotate("photos", "points", jobs=4)  # doctest: +SKIP
    >>> print(report.text())  # doctest: +SKIP
    """
    require("ray", "annotation over several machines", "ray")
    require("pyarrow", "annotation over several machines", "ray")
    out, start = Path(out).resolve(), time.monotonic()
    _check(jobs, gpus, piece)
    _check_room(out, force)
    page = None if review is None else Path(review)
    check_sample(None if page is None else sample, page)
    initializer = Initializer() if initializer is None else initializer
    make_worker = partial(
        _worker,
        initializer,
        attributes=attributes,
        apply_orientation=apply_orientation,
        detector=detector if boxes is None else None,
        turned=turned,
    )
    own = make_worker()  # what it answers is a part of the settings
    make_worker = partial(make_worker, gpus=gpus)
    work: _Pieces | _Table
    if hasattr(source, "map_batches"):
        if boxes is not None:
            raise ValueError("boxes are for images that are files of their own, and the source is a data set of Ray")
        work = _Table(source, out, piece)
    else:
        patterns = [source] if isinstance(source, str | Path) else source
        work = _Pieces(cut([str(pattern) for pattern in patterns], piece, out, boxes), out)
    found = f"faces by {getattr(detector, '__name__', detector)}, turned copies {turned}"
    identity = f"{settings}; {work.identity}; of model {own.fingerprint}; {found}" + "; with attributes" * attributes
    identity += "; as stored" * (not apply_orientation)
    if force:
        _remove_finished(out)
    with Journal(out / JOURNAL, identity) as journal, connected(address, jobs):
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
        done = {entry["part"]: Summary(**entry) for entry in journal.pieces if _part(out, entry["part"]).exists()}
        for stray in set(out.glob("part-*.parquet")) - {_part(out, name) for name in done}:
            stray.unlink()  # moved there, and not in the journal yet, when the process before was ended
        if done:
            logger.info("%d parts are done already; going on", len(done))
        faces = 0
        with progress("Annotating", work.total(done), "pieces") as advance:
            for line in work.run(make_worker, done, worker_count(jobs, gpus), gpus):
                summary = Summary(**json.loads(line))
                if not _part(out, summary.part).exists():
                    raise FileNotFoundError(
                        f"{_part(out, summary.part)} was written by another machine, and is not seen from here; the "
                        "output must be a folder that all machines share"
                    )
                done[summary.part] = summary
                journal.append(asdict(summary))
                faces += summary.faces
                advance(note=f"{faces:,} faces")
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
        whole = [done[name] for name in sorted(done)]
        if page is not None:
            work.review(page, whole, sample, apply_orientation)
        report = RunReport.of(whole, out, time.monotonic() - start, page)
        report.write(out / REPORT, out / "_report.txt")
        journal.remove()
    return report


def _check(jobs: int | None, gpus: float, piece: int) -> None:
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs is {jobs}; expected a number of processes, 1 or more")
    if piece < 1:
        raise ValueError(f"piece is {piece}; expected a number of images, 1 or more")
    if gpus < 0:
        raise ValueError(f"gpus is {gpus}; expected graphics processors a process, 0 or more")


def _check_room(out: Path, force: bool) -> None:
    """Refuse a folder with parts that are of a finished run, or of none."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"output {out} is a file; expected a folder for the parts")
    is_finished = (out / REPORT).exists()
    if is_finished and not force:
        raise FileExistsError(f"a finished run lies in {out}; choose another folder, or replace it with --force")
    stranger = next(out.glob("part-*.parquet"), None)
    if stranger is not None and not is_finished and not (out / JOURNAL).exists():
        raise FileExistsError(
            f"{stranger} is there already, and of no unfinished run; choose another folder, or remove what lies here"
        )


def _remove_finished(out: Path) -> None:
    if (out / REPORT).exists():
        for path in (*out.glob("part-*.parquet"), out / REPORT):  # the report last: until then they are a run's
            path.unlink()


def _part(out: Path, name: str) -> Path:
    return out / f"{name}.parquet"


def _worker(initializer: Initializer, gpus: float = 0.0, **options: Any) -> Worker:
    if gpus:
        names = ("backend", "passes", "mirror", "dense")
        same = {name: getattr(initializer, name) for name in names}
        initializer = Initializer(initializer.model, **same, device="cuda")
    return Worker(initializer, crops=False, **options)


class _Pieces:
    """Sources that were cut: which parts they become is known beforehand."""

    def __init__(self, pieces: Sequence[Piece], out: Path) -> None:
        self._pieces = {f"part-{number:06d}": piece for number, piece in enumerate(pieces)}
        self._out = out
        is_absolute = all(piece.source.is_absolute() for piece in pieces)
        self._folder = None if is_absolute else Path.cwd()
        self.identity = f"content of sources {digest_of(pieces)}"

    def total(self, done: Mapping[str, Summary]) -> int | None:
        return len(self._pieces.keys() - done.keys())

    def run(
        self, make_worker: Callable[[], Worker], done: Mapping[str, Summary], jobs: int, gpus: float
    ) -> Iterator[str]:
        import ray.data

        todo = [
            {"part": name, "piece": pickle.dumps(piece)} for name, piece in self._pieces.items() if name not in done
        ]
        if not todo:
            return
        # A block is what a process is given, and does again if another is lost: one piece, unless these are very many.
        blocks = ray.data.from_items(todo, override_num_blocks=min(len(todo), 20_000))
        arguments, needed = (make_worker, self._out, self._folder), min(jobs, len(todo))
        yield from on_actors(blocks, PieceAnnotator, arguments, size=1, jobs=(needed, needed), gpus=gpus)

    def review(self, page: Path, parts: Sequence[Summary], sample: int, apply_orientation: bool) -> None:
        write_review_of_pieces(page, self._out, parts, self._pieces, sample, apply_orientation)


class _Table:
    """A data set of Ray: which images go together may differ from run to run, so that names say what is done."""

    def __init__(self, dataset: Any, out: Path, size: int) -> None:
        self._dataset, self._out, self._size = dataset, out, size
        self.identity = "a data set of Ray"

    def total(self, done: Mapping[str, Summary]) -> int | None:
        return None

    def run(
        self, make_worker: Callable[[], Worker], done: Mapping[str, Summary], jobs: int, gpus: float
    ) -> Iterator[str]:
        arguments = (make_worker, self._out, self._hashes(done))
        # From one process on: reading needs some too.
        yield from on_actors(
            self._dataset, TableAnnotator, arguments, size=self._size, jobs=(1, jobs), gpus=gpus, batch_format="pyarrow"
        )  # fmt: skip

    def _hashes(self, done: Mapping[str, Summary]) -> NDArray[np.uint64]:
        import pyarrow.parquet

        names = [
            name_hashes(pyarrow.parquet.read_table(_part(self._out, part), columns=["image"])["image"].to_pylist())
            for part in done
        ]
        return np.unique(np.concatenate([np.empty(0, np.uint64), *names]))

    def review(self, page: Path, parts: Sequence[Summary], sample: int, apply_orientation: bool) -> None:
        write_review_of_table(page, self._out, parts, self._dataset, sample, apply_orientation)
