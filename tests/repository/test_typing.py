"""What type checkers are shown is what happens."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_typed_program_runs():
    runpy.run_path(str(Path(__file__).with_name("typing_usage.py")), run_name="__main__")
