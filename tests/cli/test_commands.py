"""The command line: the program itself, and the commands that need the core alone."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer
from skimage.io import imread

import tcdcn_init
from tcdcn_init._shared.commands import plain_errors, split_names
from tcdcn_init.cli.commands import RecipeName
from tcdcn_init.weights import bundled_file

PROGRAM = Path(sys.executable).parent / "tcdcn-init"
COMMANDS = ("points", "demo", "export", "eval", "train", "calibrate", "report", "make", "paper")


def test_help_is_shown(run):
    everything = run("--help").output
    for command in COMMANDS:
        assert command in everything
        help_text = run(command, "--help")
        assert help_text.exit_code == 0
        assert "--help" in help_text.output


def test_the_version_is_shown(run):
    assert run("--version").output.strip() == tcdcn_init.__version__


def test_the_installed_program_is_this_one():
    result = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True)
    for command in COMMANDS:
        assert command in result.stdout


def test_the_package_is_the_program_as_a_module(tmp_path):
    command = [sys.executable, "-m", "tcdcn_init", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "Usage: tcdcn-init " in result.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("points --backend ", ["auto", "onnx", "torch"]),
        ("points --model tcdcn-r", ["tcdcn-robust"]),
        ("eval --dataset af", ["afw", "afw68"]),
        ("eval --regressor ert5-mtfl,sdm-mtfl-", ["ert5-mtfl,sdm-mtfl-box"]),
        ("eval --starts mean,o", ["mean,oracle"]),
        ("make shapes-m", ["shapes-mtfl"]),
        ("train --points-loss ", ["euclidean", "least-squares"]),
        ("paper run s", ["stopping", "sharing"]),
        ("paper retrain --starts m", ["mean"]),
        ("paper retrain --regressor s", ["sdm"]),
    ],
)
def test_a_shell_completes_values(run, words, offered):
    line = f"tcdcn-init {words}"
    asked = {"_TCDCN_INIT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    assert set(offered) <= set(run(env=asked).output.split())
    assert all(name.startswith(words.rpartition(" ")[2]) for name in run(env=asked).output.split())


def test_recipes_that_train_offers_are_those_that_there_are():
    from tcdcn_init.training.recipes import RECIPES
    from tcdcn_init.training.stages.dense import DENSE_RECIPES
    from tcdcn_init.training.stages.recipes import STAGE_RECIPES

    assert set(get_args(RecipeName)) == {*RECIPES, *STAGE_RECIPES, *DENSE_RECIPES}


def test_experiments_that_are_offered_are_those_that_there_are():
    from tcdcn_init.eval.experiments.variants import EXPERIMENTS
    from tcdcn_init.eval.paper import Experiment

    assert set(Experiment) == set(EXPERIMENTS)


def test_names_are_split_at_commas():
    assert split_names(None) is None
    assert split_names("none") == ()
    assert split_names(" pose, smile,") == ("pose", "smile")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("no such thing"), "error: no such thing"),
        (OSError(errno.ENOSPC, "No space left on device", "o.csv"), "o.csv: make room; what is finished is kept"),
        (PermissionError(errno.EACCES, "Permission denied", "o.csv"), "error: Permission denied: o.csv: mend its"),
        (FileNotFoundError(errno.ENOENT, "No such file", "o.mp4"), "error: o.mp4 does not exist; check its name"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "o.csv"), "o.csv: it is a folder; name a file"),
        (FileNotFoundError("image a.jpg does not exist"), "error: image a.jpg does not exist"),
    ],
)
def test_what_a_user_can_mend_is_said_in_one_line(capsys, error, message):
    with pytest.raises(typer.Exit) as end, plain_errors():
        raise error
    assert end.value.exit_code == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_the_demo_is_drawn(run, tmp_path):
    result = run("demo", "--out", tmp_path / "demo.png")
    assert result.exit_code == 0
    assert str(tmp_path / "demo.png") in result.output
    assert imread(tmp_path / "demo.png").shape[1] > 900


def test_a_model_is_exported_beside_its_weights(run, tmp_path):
    pytest.importorskip("onnxscript")
    shutil.copy(bundled_file("tcdcn-mtfl.safetensors"), tmp_path / "mine.safetensors")
    result = run("export", tmp_path / "mine.safetensors")
    assert result.exit_code == 0, result.output
    assert "largest difference" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.onnx", "mine.safetensors"]
