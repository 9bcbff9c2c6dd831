"""One process to a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcdcn_init._shared.files.exclusive import alone_in

HOLDER = """
import sys, time
from pathlib import Path
from tcdcn_init._shared.files.exclusive import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that is at work in a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "out"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_of_the_first(holder, tmp_path):
    with pytest.raises(BlockingIOError, match=f"process {holder.pid} is writing .*out"), alone_in(tmp_path / "out"):
        pass


def test_a_process_that_was_killed_keeps_nobody_out(holder, tmp_path):
    holder.kill()
    holder.wait()
    with alone_in(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_after_an_error_the_folder_is_free(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"), alone_in(tmp_path):
            raise ValueError("mine")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names alone
