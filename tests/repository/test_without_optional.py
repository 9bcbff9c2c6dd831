"""A plain `pip install .`, without PyTorch and the other extras, does what a user does; what is missing is told."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tcdcn_init.adapters.base import available_regressors


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """What without_optional.py printed."""
    script = Path(__file__).with_name("without_optional.py")
    command = [sys.executable, script, tmp_path_factory.mktemp("walk")]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_nothing_that_is_optional_was_loaded(walked):
    assert walked["loaded"] == []


def test_faces_are_initialized_and_aligned(walked):
    assert walked["initialize"] == [5, 2]
    assert walked["align"] == [112, 112, 3]


def test_every_bundled_regressor_fits(walked):
    assert walked["regressors"] == dict.fromkeys(available_regressors(), True)


@pytest.mark.parametrize("command", ["points", "demo", "eval"])
def test_commands_end_well(walked, command):
    assert walked[command]["code"] == 0, walked[command]


def test_dense_points_are_written(walked):
    header, row = walked["rows"]
    assert len(header.split(",")) == len(row.split(",")) > 2 * 68


def test_eval_leaves_out_plots_alone(walked):
    assert {"report.html", "report.md", "report.json", "faces.csv"} <= set(walked["written"])
    assert "plots" not in walked["written"]


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("torch backend", "torch"),
        ("own model", "torch"),
        ("train", "train"),
        ("export", "export"),
        ("calibrate", "train"),
        ("paper run", "train"),
        ("paper cascaded-cnn", "train"),
    ],
)
def test_what_needs_pytorch_says_so_in_one_line(walked, command, extra):
    found = walked[command]
    assert found["code"] == 2, found
    assert re.fullmatch(rf'error: [^\n]* needs torch: pip install "tcdcn-init\[{extra}\]"\n', found["said"]), found


def test_a_program_that_trains_is_told_too(walked):
    assert walked["import of training"] == 'training needs torch: pip install "tcdcn-init[train]"'


def test_nothing_but_extras_requires_pytorch():
    required = importlib.metadata.requires("tcdcn-init") or []
    base = {re.split(r"[<>=; ]", line)[0] for line in required if "extra ==" not in line}
    assert "onnxruntime" in base
    assert base.isdisjoint({"torch", "onnx", "onnxscript", "dlib-bin", "matplotlib", "pyarrow"})
