"""The one loop of all measurements: read an image, make copies of its faces, and have them scored.

What scores is the measurement's own: it asks an initializer (`answers`), perhaps a regressor, and keeps what it needs
of each copy. This module adds what they all want alike: every image is decoded once, memory is bounded, a face that
cannot be read spoils no other, an interrupted run goes on from its journal, and processes change no number.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import track
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import Condition, Copy, make_copy, read_images

__all__ = ["Measured", "Record", "Scorer", "Shown", "faces_digest", "measure"]

T = TypeVar("T")

Record: TypeAlias = dict[str, Any]
"""What is kept of one copy; JSON can hold it."""

Scorer: TypeAlias = Callable[[Sequence[Copy]], list[Record]]
"""Gives a record for each copy."""

_GROUP = 32  # faces worked on together, which bounds the memory that their images take
_AT_ONCE = 64  # copies scored at once, which bounds the memory that rotated images take


class Shown(NamedTuple):
    """A face, and how it is shown.

    Attributes
    ----------
    face : Face
    conditions : tuple of Condition
    faces_in_image : (M, 4) ndarray or None
        Boxes of all faces of its image, which "background" keeps away from; None: the face's own.
    """

    face: Face
    conditions: tuple[Condition, ...]
    faces_in_image: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Measured:
    """What was kept of all copies.

    Attributes
    ----------
    records : list of list of dict or None
        For each face, for each of its conditions; None where there is no copy (`copies.make_copy`).
    unreadable : dict of str to str
        Name of a face -> why there is no image.
    seconds : float
        Processor time of all processes: what else runs beside hardly matters.
    """

    records: list[list[Record | None]]
    unreadable: dict[str, str]
    seconds: float


def measure(
    shown: Sequence[Shown],
    make_scorer: Callable[[], Scorer],
    *,
    seed: int = 0,
    jobs: int = 1,
    journal: Path | None = None,
    identity: str = "",
    label: str = "Measuring",
) -> Measured:
    """Score copies of faces.

    Parameters
    ----------
    shown : sequence of Shown
    make_scorer : callable
        Makes the scorer, once in every process.
    seed : int
        Of the copies.
    jobs : int
        Processes. With more than one, what the scorer is made of must be importable from another process.
    journal : pathlib.Path, optional
        File for finished groups of faces: the same call goes on from it after an interruption. Left in place.
    identity : str
        What decides the records besides the faces and their conditions, such as a model's `fingerprint`: a journal of
        anything else is refused.
    label : str
        Of the progress bar.

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        If there is no face, or the journal is of other settings.
    BlockingIOError
        If another process has the journal open.
    processes.WorkerDied
        If a process ends before its work is done.
    """
    if not shown:
        raise ValueError("there is no face to measure on; expected at least one")
    groups = list(_parts(shown, _GROUP))
    with contextlib.nullcontext() if journal is None else Journal(journal, _settings(shown, seed, identity)) as book:
        done = {} if book is None else {piece["group"]: piece for piece in book.pieces}
        waiting = [number for number in range(len(groups)) if number not in done]
        make_worker = functools.partial(_GroupWorker, make_scorer, seed)
        results = as_finished(make_worker, [groups[number] for number in waiting], jobs)
        for place, piece in track(results, label, total=len(waiting)):
            number = waiting[place]
            done[number] = {"group": number, **piece}
            if book is not None:
                book.append(done[number])
    pieces = [done[number] for number in range(len(groups))]
    return Measured(
        records=[records for piece in pieces for records in piece["records"]],
        unreadable={name: reason for piece in pieces for name, reason in piece["unreadable"].items()},
        seconds=round(sum(piece["seconds"] for piece in pieces), 1),
    )


def _settings(shown: Sequence[Shown], seed: int, identity: str) -> str:
    """All that decides the records."""
    conditions = hashlib.sha256(repr([each.conditions for each in shown]).encode()).hexdigest()[:16]
    faces = faces_digest([each.face for each in shown])
    return f"{identity} seed {seed} faces {len(shown)}, {faces} conditions {conditions}"


def faces_digest(faces: Sequence[Face]) -> str:
    """A hash of what faces are said to be, and of the size and time of their image files."""
    digest = hashlib.sha256()
    for face in faces:
        digest.update(face.name.encode(errors="surrogateescape") + face.points.tobytes() + face.box.tobytes())
        if face.image.exists():
            about = face.image.stat()
            digest.update(f"{about.st_size} {about.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


class _GroupWorker:
    """Shows groups of faces, with everything loaded."""

    def __init__(self, make_scorer: Callable[[], Scorer], seed: int) -> None:
        self.score, self.seed = make_scorer(), seed

    def __call__(self, group: list[Shown]) -> dict[str, Any]:
        begin = time.process_time()
        images, unreadable = read_images(shown.face for shown in group)
        records: list[list[Record | None]] = [[None] * len(shown.conditions) for shown in group]
        asked = [(k, c) for k, shown in enumerate(group) for c in range(len(shown.conditions))]
        for part in _parts(asked, _AT_ONCE):
            copies: dict[tuple[int, int], Copy] = {}
            for k, c in part:
                face, conditions, others = group[k]
                copy = make_copy(face, images.get(face.image), conditions[c], self.seed, others)
                if copy is not None:
                    copies[k, c] = copy
            if copies:
                for (k, c), record in zip(copies, self.score(list(copies.values())), strict=True):
                    records[k][c] = record
        return {"records": records, "unreadable": unreadable, "seconds": time.process_time() - begin}


def _parts(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for first in range(0, len(items), size):
        yield list(items[first : first + size])
