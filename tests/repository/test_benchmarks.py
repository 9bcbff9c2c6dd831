"""Every benchmark runs, with numbers so small that its times mean nothing, and the committed results have its form."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = {
    "ert": ["--repeats", "1", "--faces", "2", "--levels", "1"],
    "initialize": ["--repeats", "1", "--batch", "2", "--rounds", "1", "--data", "MTFL", "--device", "cpu"],
    "points": ["--repeats", "1", "--images", "1", "--width", "400"],
    "scale": ["--repeats", "1", "--images", "4", "--width", "400", "--widths", "400"],
    "seeded": ["--rounds", "1", "--data", "MTFL"],
    "training": ["--steps", "1", "--faces", "16", "--data", "MTFL"],
    "video": ["--frames", "3", "--rounds", "1"],
}


@pytest.fixture
def run(tmp_path, monkeypatch, make_mtfl):
    threads = torch.get_num_threads()
    faces = make_mtfl(tmp_path / "mtfl", training=4, testing=4)
    monkeypatch.syspath_prepend(BENCHMARKS)

    def run_one(name: str) -> dict[str, Any]:
        out = tmp_path / f"{name}.json"
        options = [str(faces) if option == "MTFL" else option for option in TINY[name]]
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *options, "--out", str(out)])
        runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")
        return json.loads(out.read_text())

    yield run_one
    torch.set_num_threads(threads)


def check(document: dict[str, Any]) -> None:
    """What benchmarks/README.md promises of every file."""
    assert document["title"]
    assert document["command"].startswith("python benchmarks/")
    assert {"processor", "cores", "system", "python", "versions"} <= document["hardware"].keys()
    assert document["hardware"]["cores"] >= 1
    assert {"tcdcn-init", "numpy", "torch"} <= document["hardware"]["versions"].keys()
    assert document["seconds"]
    for name, timing in document["seconds"].items():
        assert timing["median"] > 0, name
        assert timing["iqr"] >= 0, name
    assert document["ratios"].keys() <= document["seconds"].keys()


def check_real_faces(faces: dict[str, Any]) -> None:
    """Of initialize.json alone: what a user's faces cost."""
    assert sum(faces["passes"]["share"].values()) == pytest.approx(1)
    assert 1 <= faces["passes"]["mean"] <= 4
    assert faces["ratios"]["dlib, 68 points"] == 1
    whole = {"onnx, whole answers", "onnx, whole answers with 68 points"}
    assert faces["ms"].keys() == faces["ratios"].keys() == {"onnx", "torch", "dlib, 68 points"} | whole


def test_every_benchmark_is_here():
    scripts = {path.stem for path in BENCHMARKS.glob("*.py")} - {"common"}
    assert scripts == TINY.keys()
    assert scripts == {path.stem for path in BENCHMARKS.glob("*.json")}


@pytest.mark.parametrize("name", TINY)
def test_it_runs(name, run):
    if name != "training":
        pytest.importorskip("dlib")
    if name == "scale":
        pytest.importorskip("ray", reason='Ray is not installed: pip install ".[ray]"')
    document = run(name)
    check(document)
    if name == "initialize":
        assert document["real_faces"]["faces"] == 4
        check_real_faces(document["real_faces"])


@pytest.mark.parametrize("name", TINY)
def test_the_committed_result_has_the_same_form(name):
    document = json.loads((BENCHMARKS / f"{name}.json").read_text())
    check(document)
    if name == "initialize":
        check_real_faces(document["real_faces"])
