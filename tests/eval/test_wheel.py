"""The installed package: nothing that serves the repository alone, and no size that a user minds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_is_small_and_has_no_retrained_regressors(tmp_path):
    source = tmp_path / "source"  # not in the repository, where a build leaves its folders
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a clone of the repository")
    for name in filter(None, tracked.stdout.split("\0")):
        if (
            (REPOSITORY / name).is_file() and name.split("/")[0] in ("tcdcn_init", "adapters", "eval")
        ) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "-q", "-w"]
    built = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    if "No module named pip" in built.stderr or "setuptools" in built.stderr:
        pytest.skip("pip and setuptools are needed to build a wheel")
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 25e6
    names = zipfile.ZipFile(wheel).namelist()
    assert "tcdcn_init/eval/comparison/page.css" in names
    assert not [name for name in names if "retrained/" in name or "@" in name]
