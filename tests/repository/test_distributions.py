"""What is handed out: a source distribution with everything in it, and a wheel built of it, with nothing too much."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a clone of the repository")
    return [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The source distribution, built of a copy: not in the repository, where a build leaves its folders."""
    if importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("pip and setuptools are needed to build")
    folder = tmp_path_factory.mktemp("build")
    for name in tracked_files():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_bytes((REPOSITORY / name).read_bytes())
    code = "from setuptools import build_meta; build_meta.build_sdist('..')"
    subprocess.run([sys.executable, "-c", code], cwd=folder / "source", capture_output=True, check=True)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(unpacked) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", unpacked, "--no-deps", "--no-build-isolation", "-q", "-w"]
    subprocess.run([*command, unpacked.parent], capture_output=True, check=True)
    [path] = unpacked.parent.glob("*.whl")
    return path


def test_the_source_distribution_is_the_repository(unpacked):
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*")}
    left_out = [name for name in tracked_files() if name not in there and not name.startswith(".ci/")]
    assert left_out == []


def test_the_wheel_is_small_and_has_no_retrained_regressors(wheel):
    assert wheel.stat().st_size < 25e6
    names = zipfile.ZipFile(wheel).namelist()
    others = {
        "tcdcn_init/eval/comparison/page/page.css",
        "tcdcn_init/datasets/published/aflw_boxes.csv",
        "tcdcn_init/py.typed",
    }
    assert {"tcdcn_init/__main__.py", *others} <= set(names)
    assert not [name for name in names if "retrained/" in name or "@" in name]
    assert not [name for name in names if name.startswith(("tests/", "docs/", "adapters/", "eval/"))]


def test_the_licences_of_code_and_weights_are_told_apart(wheel):
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = BytesParser().parsebytes(file.read(name))
        assert metadata["License-Expression"] == "BSD-3-Clause AND LicenseRef-tcdcn-init-weights"
        assert metadata.get_all("License-File") == ["LICENSE", "LICENSE-WEIGHTS.txt"]
        for licence in metadata.get_all("License-File"):
            assert f"{name.removesuffix('METADATA')}licenses/{licence}" in file.namelist()
