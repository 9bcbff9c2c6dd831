"""Long measurements: faces in groups, over processes, with a journal that an interrupted run goes on from.

However many processes there are, the groups are the same and PyTorch has one thread in each: the numbers do not
depend on them.
"""

from __future__ import annotations

import contextlib
import hashlib
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tcdcn_init._shared.journal import Journal
from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.base import ShapeRegressor, batched
from tcdcn_init.initializer import Initializer

# Faces worked on together, which bounds the memory that their pictures take.
_GROUP = 32

T = TypeVar("T")
R = TypeVar("R")


def check_jobs(jobs: int) -> None:
    """Raise a ValueError unless `jobs` is a number of processes."""
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; expected a number of processes, 1 or more")


def measure_groups(
    items: Sequence[T],
    make_worker: Callable[[], Callable[[list[T]], dict[str, Any]]],
    *,
    jobs: int = 1,
    journal: Path | None = None,
    told: str = "",
    title: str = "Measuring",
) -> list[dict[str, Any]]:
    """Work on items in groups.

    Parameters
    ----------
    items : sequence
        Faces, or what stands for them.
    make_worker : callable
        Makes what measures a group, once in every process; its results can be written as JSON.
    jobs : int
        Processes. With more than one, `make_worker` and the items must be importable from another process.
    journal : pathlib.Path, optional
        File for finished groups: the same call goes on from it after an interruption. Left in place.
    told : str
        All that decides the results: a journal of anything else is refused.
    title : str
        Shown beside the progress.

    Returns
    -------
    list of dict
        Of each group, in order.

    Raises
    ------
    ValueError
        If `jobs` is below 1, or the journal is of other settings.

    Examples
    --------
    >>> measure_groups([1, 2, 3], lambda: lambda group: {"sum": sum(group)})
    [{'group': 0, 'sum': 6}]
    """
    check_jobs(jobs)
    groups = [list(items[first : first + _GROUP]) for first in range(0, len(items), _GROUP)]
    done: dict[int, dict[str, Any]] = {}
    with contextlib.nullcontext() if journal is None else Journal(journal, told) as book:
        if book is not None:
            done = {piece["group"]: piece for piece in book.pieces}
        todo = [number for number in range(len(groups)) if number not in done]
        results = over_processes(make_worker, [groups[number] for number in todo], jobs)
        for number, piece in track(zip(todo, results, strict=True), title, total=len(todo)):
            done[number] = {"group": number, **piece}
            if book is not None:
                book.append(done[number])
    return [done[number] for number in range(len(groups))]


def over_processes(make_worker: Callable[[], Callable[[T], R]], items: Sequence[T], jobs: int) -> Iterator[R]:
    """What a worker makes of each item, in order; in this process for one job.

    Parameters
    ----------
    make_worker : callable
        Makes the worker, once in every process.
    items : sequence
    jobs : int

    Yields
    ------
    The results.
    """
    if jobs == 1 or len(items) < 2:
        with _one_thread():
            worker = make_worker()
            yield from map(worker, items)
        return
    spawn = get_context("spawn")  # a forked PyTorch may hang
    with ProcessPoolExecutor(min(jobs, len(items)), spawn, _start_process, (make_worker,)) as pool:
        yield from pool.map(_in_process, items)


def fingerprint(initializer: Callable[[], Initializer], regressors: Iterable[Callable[[], ShapeRegressor]]) -> str:
    """A hash of what initializer and regressors answer on one picture: files may change under their names.

    Parameters
    ----------
    initializer : callable
        Makes the initializer.
    regressors : iterable of callable
        Each makes a regressor.
    """
    picture = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
    box = np.array([30.0, 30.0, 90.0, 90.0])
    digest = hashlib.sha256(initializer().points([picture], [[box]], on_bad="nan").tobytes())
    for make in regressors:
        digest.update(batched(make()).fit_from_boxes([picture], [box], on_bad="nan").tobytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch on one thread, as in each of several processes, so that their number changes no result."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_worker: Callable[[Any], Any]


def _start_process(make_worker: Callable[[], Callable[[Any], Any]]) -> None:
    import torch

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once, without a traceback
    torch.set_num_threads(1)
    _worker = make_worker()


def _in_process(item: Any) -> Any:
    return _worker(item)
