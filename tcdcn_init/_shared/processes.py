"""Work over processes of our own: a worker that dies ends the work within seconds, and a parent that dies its workers.

The standard pools do neither: one that loses a worker at its start waits for ever (the start-up data lie in a pipe that
nobody reads), and workers whose parent was killed stay.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

__all__ = ["WorkerDied", "as_finished", "over_processes"]

T = TypeVar("T")
R = TypeVar("R")


class WorkerDied(ChildProcessError):
    """A worker process ended without an answer."""


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection


def over_processes(make_worker: Callable[[], Callable[[T], R]], items: Sequence[T], jobs: int) -> Iterator[R]:
    """What a worker makes of each item, in order; parameters and errors as for `as_finished`.

    Examples
    --------
    >>> list(over_processes(lambda: str, [1, 2], jobs=1))
    ['1', '2']
    """
    early: dict[int, R] = {}
    wanted = 0
    for number, result in as_finished(make_worker, items, jobs):
        early[number] = result
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1


def as_finished(make_worker: Callable[[], Callable[[T], R]], items: Sequence[T], jobs: int) -> Iterator[tuple[int, R]]:
    """What a worker makes of each item, as soon as it is there; in this process for one job.

    Parameters
    ----------
    make_worker : callable
        Makes the worker, once in every process. With more than one job it and the items must be importable from
        another process.
    items : sequence
    jobs : int

    Yields
    ------
    number : int
        The item's.
    result
        However many processes there are, PyTorch has one thread in each: the results do not depend on them.

    Raises
    ------
    ValueError
        If `jobs` is below 1.
    WorkerDied
        If a process ends before its work is done; the others are ended too.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; expected a number of processes, 1 or more")
    if jobs == 1 or len(items) < 2:
        yield from enumerate(_in_this_process(make_worker, items))
        return
    workers: list[_Worker] = []
    try:
        # In the list as soon as it runs: whatever happens to the next one, it is ended.
        workers.extend(_start(make_worker) for _ in range(min(jobs, len(items))))
        yield from _shared_out(workers, items)
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()


def _in_this_process(make_worker: Callable[[], Callable[[T], R]], items: Sequence[T]) -> Iterator[R]:
    worker = make_worker()
    for item in items:
        with _one_thread():  # not over the whole loop: between two results the thread count is the caller's
            result = worker(item)
        yield result


def _start(make_worker: Callable[[], Any]) -> _Worker:
    # Spawned, since a forked PyTorch may hang. The start-up data are but a pipe's number; whatever is large goes
    # through that pipe, which breaks, where the standard one would block, when nobody is left to read.
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    _send(worker, make_worker)
    return worker


def _shared_out(workers: Sequence[_Worker], items: Sequence[T]) -> Iterator[tuple[int, Any]]:
    """Each item goes to whoever is free."""
    waiting = iter(enumerate(items))
    busy: dict[Connection, tuple[_Worker, int]] = {}

    def give_work(worker: _Worker) -> None:
        number, item = next(waiting, (-1, None))
        if number >= 0:
            _send(worker, (item,))
            busy[worker.pipe] = worker, number

    for worker in workers:
        give_work(worker)
    while busy:
        for ready in connection.wait(list(busy)):
            assert isinstance(ready, Connection)
            worker, number = busy.pop(ready)
            yield number, _answer(worker)  # before more work, so that it is kept should the worker be gone
            give_work(worker)


def _send(worker: _Worker, message: Any) -> None:
    try:
        worker.pipe.send(message)
    except OSError as error:  # a broken pipe: there is no reader any more
        raise _died(worker) from error


def _answer(worker: _Worker) -> Any:
    try:
        failed, answer = worker.pipe.recv()
    except (EOFError, OSError) as error:
        raise _died(worker) from error
    if failed:
        raise answer
    return answer


def _died(worker: _Worker) -> WorkerDied:
    worker.process.join(5)
    code = worker.process.exitcode
    how = f"exit code {code}"
    if code is not None and code < 0:
        how = signal.Signals(-code).name + (", out of memory?" if -code == signal.SIGKILL else "")
    return WorkerDied(
        f"a worker process ended without an answer ({how}); what is finished is kept: run the same command again, "
        "with fewer --jobs if memory is short"
    )


def _serve(pipe: Connection) -> None:
    """What a worker process does: make the worker, then answer items until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = pipe.recv()()
        while True:
            (item,) = pipe.recv()
            with _one_thread():
                answer = worker(item)
            pipe.send((False, answer))
    except EOFError:  # the parent is gone
        return
    except Exception as error:
        _send_error(pipe, error)


def _send_error(pipe: Connection, error: Exception) -> None:
    with contextlib.suppress(OSError):
        try:
            pipe.send((True, error))
        except Exception:  # it cannot be pickled
            pipe.send((True, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    """Whatever the worker is doing, it ends when its parent has."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch, where a worker uses it, on one thread, so that the number of processes changes no result."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 1
    if before == 1:
        yield
        return
    assert torch is not None
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
