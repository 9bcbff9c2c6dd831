"""The campaigns of fuzz/, each once with a few inputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"


@pytest.mark.skipif(sys.platform != "linux", reason="the campaigns fork, and limit memory as Linux does")
def test_campaigns_run_find_nothing_and_write_their_page(tmp_path):
    pytest.importorskip("dlib")
    out = tmp_path / "reliability.md"
    command = [sys.executable, str(FUZZ / "run.py"), "--inputs", "100", "--seed", "1", "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    text = out.read_text()
    assert text.startswith("# Reliability\n")
    assert "no faults" in text
    assert str(tmp_path) not in text
    assert text.count("| outcome | inputs |") == 5
