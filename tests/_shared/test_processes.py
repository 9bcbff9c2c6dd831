"""Work over processes: the same results in the same order, and a clear end within seconds whatever dies."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init._shared.processes import WorkerDied, as_finished, over_processes


class Squares:
    """Squares numbers; refuses 13, and kills its own process at 99."""

    def __init__(self, ballast: np.ndarray | None = None, *, dies: bool = False) -> None:
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, number: int) -> int:
        if number == 13:
            raise ValueError("13 is refused")
        if number == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


def test_results_come_in_order_however_many_processes():
    numbers = list(range(10))
    assert [list(over_processes(Squares, numbers, jobs)) for jobs in (1, 2)] == [[k * k for k in numbers]] * 2


def test_an_error_of_a_worker_is_the_callers():
    with pytest.raises(ValueError, match="13 is refused"):
        list(over_processes(Squares, [1, 13], 2))


def test_there_must_be_a_process():
    with pytest.raises(ValueError, match="jobs is 0"):
        list(over_processes(Squares, [1], 0))


@pytest.mark.parametrize("ballast", [0, 1_000_000], ids=["small", "more than a pipe holds"])
def test_a_worker_that_dies_at_its_start_ends_the_work(ballast):
    make = functools.partial(Squares, np.zeros(ballast), dies=True)
    with pytest.raises(WorkerDied, match=r"SIGKILL, out of memory\?.*fewer --jobs"):
        list(over_processes(make, [1, 2], 2))


def test_what_is_finished_before_a_worker_dies_is_handed_over():
    found = {}
    with pytest.raises(WorkerDied, match="run the same command again"):
        for number, value in as_finished(Squares, [1, 2, 3, 4, 99], 2):
            found[number] = value  # noqa: PERF403 - what came before the error counts
    # The other worker may have had the last of them in hand.
    assert len(found) >= 3
    assert all(value == (number + 1) ** 2 for number, value in found.items())


CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # programs started in the background ignore it
sys.path.insert(0, {folder!r})
from tcdcn_init._shared.processes import over_processes
import waiting
if __name__ == "__main__":
    list(over_processes(waiting.Waits, range(4), 2))
"""
WAITS = """
import os, time
class Waits:
    def __call__(self, item):
        os.write(1, b"at work\\n")  # at once: the other worker writes there too
        time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(how, tmp_path: Path):
    (tmp_path / "waiting.py").write_text(WAITS)
    (tmp_path / "parent.py").write_text(CHILD.format(folder=str(tmp_path)))
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    for _ in range(2):  # both work
        assert parent.stdout.readline() == "at work\n"
    parent.send_signal(how)
    parent.wait(20)
    # Until the workers let go of it, whoever reads the output waits.
    begin = time.monotonic()
    assert parent.stdout.read() == ""
    assert time.monotonic() - begin < 20
