"""`tcdcn-init train`, end to end: one process and two, interrupted and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from skimage.io import imread

from tcdcn_init.initializer import Initializer
from tcdcn_init.network.model_file import load_network
from tcdcn_init.training import trainer as training
from tcdcn_init.training.trainer import TrainingConfig

PROGRAM = Path(sys.executable).parent / "tcdcn-init"
TRAIN = ["--model", "tcdcn-quick", "--epochs", "3", "--batch", "20", "--seed", "3", "--threads", "1"]
TRAIN += ["--stop-window", "2", "--learn-lambdas"]


@pytest.fixture(scope="module")
def faces(make_mtfl, tmp_path_factory) -> Path:
    """90 drawn faces to train on, and their held-out ones."""
    return make_mtfl(tmp_path_factory.mktemp("faces"), training=100)


@pytest.fixture(scope="module")
def trained(run, faces, tmp_path_factory) -> Path:
    """Folder of a run over the drawn faces."""
    out = tmp_path_factory.mktemp("trained")
    result = run("train", "--data", faces, "--out", out, *TRAIN)
    assert result.exit_code == 0, result.output
    return out


def test_training_leaves_a_model_a_log_and_curves(trained, run, draw_face):
    assert sorted(path.name for path in trained.iterdir()) == [
        "checkpoint.pt",
        "curves.png",
        "log.csv",
        "log.json",
        "model.safetensors",
    ]
    log = json.loads((trained / "log.json").read_text())
    assert len(log["history"]) == 3
    assert log["config"]["seed"] == 3
    network, metadata = load_network(trained / "model.safetensors")
    assert network.config.tasks == ("pose", "gender", "glasses", "smile")
    assert metadata["recipe"] == "tcdcn-quick, seed 3, 3 epochs"
    assert "research" in metadata["licence"]
    assert json.loads(metadata["figures"])["mtfl-val"] == log["history"][-1]["validation"]
    assert imread(trained / "curves.png").shape[1] > 1000
    image, points = draw_face(np.random.default_rng(5))
    found = Initializer(trained / "model.safetensors").points(image, [(20, 12, 75, 82)])[0]
    assert np.abs(found - points).max() < 20


def test_an_interrupted_training_is_resumed_to_the_same_weights(run, trained, faces, tmp_path, monkeypatch):
    command = ("train", "--data", faces, "--out", tmp_path / "run", *TRAIN)
    with monkeypatch.context() as patch:
        views, batches = training.random_views, iter(range(100))

        def interrupted(*args: Any) -> Any:
            if next(batches) == 6:  # in the second epoch, of four batches each
                raise KeyboardInterrupt
            return views(*args)

        patch.setattr(training, "random_views", interrupted)
        assert run(*command).exit_code == 130
    again = run(*command)
    assert again.exit_code == 2
    assert "--resume" in again.output
    other = run(*command, "--resume", "--epochs", 4)
    assert other.exit_code == 2
    assert "was trained with epochs = 3, not 4" in other.output
    assert run(*command, "--resume").exit_code == 0
    first, second = (load_file(folder / "model.safetensors") for folder in (trained, tmp_path / "run"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_processes_train_as_one_does(trained, faces, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*launcher, PROGRAM, "train", "--data", faces, "--out", tmp_path / "two", *TRAIN]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    alone, together = (
        json.loads((folder / "log.json").read_text())["history"] for folder in (trained, tmp_path / "two")
    )
    assert len(together) == len(alone) == 3
    for ours, theirs in zip(alone, together, strict=True):
        # Sums in another order differ in the last bit, and every step of Adam multiplies what differs: so it does
        # when a single process starts from weights changed by one part in ten million.
        tolerance = 1e-5 if ours["epoch"] == 1 else 0.02
        for name, value in ours["augmented"].items():
            assert theirs["augmented"][name] == pytest.approx(value, rel=tolerance), (ours["epoch"], name)
        for task, value in ours["lambdas"].items():
            assert theirs["lambdas"][task] == pytest.approx(value, rel=tolerance), (ours["epoch"], task)
        for side in ("train", "validation"):
            assert theirs[side]["points"] == pytest.approx(ours[side]["points"], rel=max(tolerance, 1e-3))
    assert (tmp_path / "two" / "model.safetensors").is_file()


def test_broken_rows_stop_training_before_it_begins(run, make_mtfl, tmp_path):
    root = make_mtfl(tmp_path / "mtfl", training=60)
    listing = root / "training.txt"
    lines = listing.read_text().splitlines()
    lines[4] = lines[4].rsplit(" ", 1)[0] + " 9"
    lines[7] = " ".join(lines[7].split()[:9])
    listing.write_text("\n".join(lines))
    (root / "lfw_5590" / "face_0010.png").write_bytes(b"not an image")
    command = ("train", "--data", root, "--out", tmp_path / "out", "--epochs", 1, "--batch", 16, "--tasks", "smile")
    result = run(*command)
    assert result.exit_code == 2
    for expected in ("training.txt:5: ", "training.txt:8: ", "pose '9'", "9 fields", "--skip-bad"):
        assert expected in result.output
    assert not (tmp_path / "out").exists()
    listing.write_text("\n".join(line for k, line in enumerate(lines) if k not in (4, 7)))
    result = run(*command)
    assert result.exit_code == 2
    assert "face_0010.png cannot be read as an image" in result.output
    assert not (tmp_path / "out").exists()
    listing.write_text("\n".join(lines))
    result = run(*command, "--skip-bad")
    assert result.exit_code == 0
    network, metadata = load_network(tmp_path / "out" / "model.safetensors")
    assert network.config.tasks == ("smile",)
    assert ", 5" in metadata["data"]


def test_options_reach_the_recipe(run, mtfl_root, tmp_path, monkeypatch):
    seen: dict[str, Any] = {}

    def instead(data: Any, out: Path, config: TrainingConfig, name: str, **options: Any) -> Path:
        seen.update(config=config, name=name, **options)
        return out

    monkeypatch.setattr("tcdcn_init.training.recipes.train_network", instead)
    options = (
        "--tasks",
        "none",
        "--points-loss",
        "least-squares",
        "--learn-lambdas",
        "--stop-epsilon",
        "7",
        "--skip-bad",
        "--weights",
        tmp_path / "begin.safetensors",
        "--teacher",
        tmp_path / "teacher.safetensors",
    )
    assert run("train", "--data", mtfl_root, "--out", tmp_path, "--model", "tcdcn-unshared", *options).exit_code == 0
    config = seen["config"]
    assert config.network.tasks == ()
    assert not config.network.shared_filters
    assert (config.objective.points, config.objective.learned) == ("least-squares", True)
    assert config.stop_epsilon == 7.0
    assert (seen["name"], seen["skip_bad"], seen["resume"]) == ("tcdcn-unshared", True, False)
    assert (seen["weights"], seen["teacher"]) == (
        str(tmp_path / "begin.safetensors"),
        str(tmp_path / "teacher.safetensors"),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "tcdcn-quik"), "'tcdcn-quik' is not one of"),
        (("--tasks", "age"), "unknown task 'age'"),
        (("--epochs", "0"), "epochs is 0"),
        (("--points-loss", "l1"), "'l1' is not one of"),
        (("--batch", "5000"), "for a batch of 5000; choose a smaller batch"),
        (("--resume", "--batch", "40"), "nothing to resume"),
    ],
)
def test_bad_training_options_are_told(run, mtfl_root, tmp_path, options, message):
    result = run("train", "--data", mtfl_root, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_mtfl_is_told_so(run, tmp_path):
    result = run("train", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "training.txt" in result.output
    assert "MTFL.zip" in result.output


def test_what_cannot_begin_is_said_before_any_face_is_read(run, faces, trained, tmp_path):
    nothing = run("train", "--data", faces, "--out", tmp_path / "none", *TRAIN, "--resume")
    assert nothing.exit_code == 2
    assert "nothing to resume" in nothing.output
    again = run("train", "--data", faces, "--out", trained, *TRAIN)
    assert "holds a run already; go on with it (--resume)" in again.output
    assert "Decoding" not in nothing.output + again.output


def test_data_that_are_not_there_or_of_no_known_form_are_told_apart(run, tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("image,left,top\na.jpg,1,2\n")
    for data, message in (
        (tmp_path / "nowhere", "nowhere does not exist; expected MTFL's folder, or data of your own"),
        (table, "of CSV, the columns image, x0, y0, x1, y1, ... are expected"),
    ):
        result = run("train", "--data", data, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert message in " ".join(result.output.split())
