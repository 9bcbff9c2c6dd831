"""The command line, end to end: folders of pictures to points, a data set to a model."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from skimage.io import imread, imsave
from typer.testing import CliRunner

import tcdcn_init
from tcdcn_init._shared.commands import split_names
from tcdcn_init.cli import app
from tcdcn_init.initializer import Initializer
from tcdcn_init.training import trainer as training
from tcdcn_init.training.trainer import TrainingConfig
from tcdcn_init.weights import load_network

PROGRAM = Path(sys.executable).parent / "tcdcn-init"
COMMANDS = ("demo", "points", "train", "export", "figures", "limits")


@pytest.fixture(scope="module")
def run():
    """``run("points", path, ...)`` -> typer's result, which must not be a traceback."""
    threads = torch.get_num_threads()

    def call(*arguments: Any) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    yield call
    torch.set_num_threads(threads)


@pytest.fixture
def gallery(draw_face, portrait, tmp_path) -> Path:
    """A portrait, two drawn faces and a broken file, with a box file for the first three."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    imsave(folder / "portrait.png", portrait)
    rng = np.random.default_rng(0)
    for name in ("one.png", "sub/two.jpg"):
        imsave(folder / name, draw_face(rng)[0], check_contrast=False)
    (folder / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "boxes.csv").write_text(
        "image,left,top,right,bottom,score\n"
        "portrait.png,176,56,272,176,0.9\none.png,20,12,75,82,0.9\none.png,22,12,77,82,0.8\n"
        "sub/two.jpg,20,12,75,82,0.9\nbroken.jpg,1,2,3,4,0.1\n"
    )
    return folder


# --- the program


def test_help_and_version_are_shown(run):
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


def test_names_are_split_at_commas():
    assert split_names(None) is None
    assert split_names("none") == ()
    assert split_names(" pose, smile,") == ("pose", "smile")


# --- points


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_points_of_a_folder_with_a_broken_file(run, gallery, tmp_path, suffix):
    out = tmp_path / f"points{suffix}"
    result = run("points", gallery, "--out", out, "--boxes", tmp_path / "boxes.csv", "--draw", tmp_path / "drawn")
    assert result.exit_code == 1
    assert "4 faces in 3 images" in result.output
    assert "not used" in result.output
    assert "broken.jpg" in result.output
    assert out.is_file()
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == 3
    assert not (tmp_path / f"points{suffix}.journal").exists()


def test_points_are_those_of_the_initializer(run, gallery, tmp_path):
    out = tmp_path / "points.csv"
    result = run("points", gallery / "portrait.png", "--out", out, "--boxes", tmp_path / "boxes.csv", "--passes", 2)
    assert result.exit_code == 0
    [row] = csv.DictReader(out.open())
    [face] = Initializer(backend="auto", passes=2)(imread(gallery / "portrait.png"), [(176, 56, 272, 176)])
    found = [[float(row[f"x{k}"]), float(row[f"y{k}"])] for k in range(5)]
    np.testing.assert_allclose(found, face.points, atol=2e-3)


def test_patterns_may_be_given_and_faces_are_detected(run, gallery, tmp_path):
    result = run("points", gallery / "port*.png", "--out", tmp_path / "points.json", "--backend", "torch")
    assert result.exit_code == 0
    assert "1 faces in 1 images" in result.output
    [row] = json.loads((tmp_path / "points.json").read_text())
    assert row["image"] == str(gallery / "portrait.png")


def test_an_output_is_replaced_only_by_force(run, gallery, tmp_path):
    out = tmp_path / "points.csv"
    out.write_text("precious")
    command = ("points", gallery / "one.png", "--out", out, "--boxes", tmp_path / "boxes.csv")
    refused = run(*command)
    assert refused.exit_code == 2
    assert "exists already" in refused.output
    assert out.read_text() == "precious"
    assert run(*command, "--force").exit_code == 0
    assert out.read_text().startswith("image,face,")


def test_an_interrupted_run_is_finished_by_the_same_command(run, gallery, tmp_path, monkeypatch):
    out = tmp_path / "points.csv"
    command = ("points", gallery, "--out", out, "--boxes", tmp_path / "boxes.csv")
    with monkeypatch.context() as patch:
        batch = Initializer.batch

        def interrupted(self: Initializer, images: Any, *args: Any, **kwargs: Any) -> Any:
            if len(images) > 1:
                raise KeyboardInterrupt
            return batch(self, images, *args, **kwargs)

        patch.setattr(Initializer, "batch", interrupted)
        result = run(*command)
    assert result.exit_code == 130
    assert "run the same command again" in result.output
    other = run(*command, "--passes", 2)
    assert other.exit_code == 2
    assert "other settings" in other.output
    assert "4 faces in 3 images" in run(*command).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere/*.png", "--out", "p.csv"), "matches no image"),
        (("PICTURE", "--out", "p.txt"), "suffix '.txt'"),
        (("PICTURE", "--out", "p.csv", "--model", "tcdcn-mtf"), "did you mean tcdcn-mtfl"),
        (("PICTURE", "--out", "p.csv", "--backend", "jax"), "unknown backend 'jax'"),
        (("PICTURE", "--out", "p.csv", "--boxes", "no.csv"), "box file no.csv does not exist"),
    ],
)
def test_what_a_user_can_mend_is_said_in_one_line(run, gallery, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run("points", *(str(gallery / "one.png") if a == "PICTURE" else a for a in arguments))
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert message in result.output
    assert "Traceback" not in result.output


# --- demo, figures


def test_the_demo_is_drawn(run, tmp_path):
    result = run("demo", "--out", tmp_path / "demo.png")
    assert result.exit_code == 0
    assert str(tmp_path / "demo.png") in result.output
    assert imread(tmp_path / "demo.png").shape[1] > 900


def test_figures_without_a_data_set_say_what_to_name(run):
    result = run("figures")
    assert result.exit_code == 2
    assert "--mtfl" in result.output


# --- train, in one process and in two

TRAIN = ["--model", "tcdcn-quick", "--epochs", "3", "--batch", "40", "--seed", "3", "--threads", "1"]
TRAIN += ["--stop-window", "2", "--learn-lambdas"]


@pytest.fixture(scope="module")
def trained(run, mtfl_root, tmp_path_factory) -> Path:
    """Folder of a run over the drawn faces."""
    out = tmp_path_factory.mktemp("trained")
    result = run("train", "--data", mtfl_root, "--out", out, *TRAIN)
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
    picture, points = draw_face(np.random.default_rng(5))
    found = Initializer(trained / "model.safetensors").points(picture, [(20, 12, 75, 82)])[0]
    assert np.abs(found - points).max() < 20


def test_an_interrupted_training_is_resumed_to_the_same_weights(run, trained, mtfl_root, tmp_path, monkeypatch):
    command = ("train", "--data", mtfl_root, "--out", tmp_path / "run", *TRAIN)
    with monkeypatch.context() as patch:
        judge = training.Trainer._judge

        def interrupted(self: training.Trainer, *args: Any) -> None:
            if self.epoch == 2:
                raise KeyboardInterrupt
            judge(self, *args)

        patch.setattr(training.Trainer, "_judge", interrupted)
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


def test_two_processes_train_as_one_does(trained, mtfl_root, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*launcher, PROGRAM, "train", "--data", mtfl_root, "--out", tmp_path / "two", *TRAIN]
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
    (root / "lfw_5590" / "face_0010.png").write_bytes(b"not a picture")
    command = ("train", "--data", root, "--out", tmp_path / "out", "--epochs", 1, "--batch", 16, "--tasks", "smile")
    result = run(*command)
    assert result.exit_code == 2
    for expected in ("training.txt:5: ", "training.txt:8: ", "pose '9'", "9 fields", "--skip-bad"):
        assert expected in result.output
    assert not (tmp_path / "out").exists()
    listing.write_text("\n".join(line for k, line in enumerate(lines) if k not in (4, 7)))
    result = run(*command)
    assert result.exit_code == 2
    assert "face_0010.png cannot be read as a picture" in result.output
    assert not (tmp_path / "out").exists()
    listing.write_text("\n".join(lines))
    result = run(*command, "--skip-bad")
    assert result.exit_code == 0
    network, metadata = load_network(tmp_path / "out" / "model.safetensors")
    assert network.config.tasks == ("smile",)
    assert ", 5" in metadata["data"]


def test_options_reach_the_recipe(run, mtfl_root, tmp_path, monkeypatch):
    seen: dict[str, Any] = {}

    def instead(root: Path, out: Path, config: TrainingConfig, name: str, **options: Any) -> Path:
        seen.update(config=config, name=name, **options)
        return out

    monkeypatch.setattr("tcdcn_init.training.recipes.train_on_mtfl", instead)
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
    assert (seen["weights"], seen["teacher"]) == (tmp_path / "begin.safetensors", tmp_path / "teacher.safetensors")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "tcdcn-quik"), "did you mean tcdcn-quick"),
        (("--tasks", "age"), "unknown task 'age'"),
        (("--epochs", "0"), "epochs is 0"),
        (("--points-loss", "l1"), "points loss 'l1'"),
        (("--batch", "5000"), "for a batch of 5000; choose a smaller batch"),
        (("--resume", "--batch", "40"), "nothing to resume"),
    ],
)
def test_bad_training_options_are_said_in_one_line(run, mtfl_root, tmp_path, options, message):
    result = run("train", "--data", mtfl_root, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_mtfl_is_told_so(run, tmp_path):
    result = run("train", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "training.txt" in result.output
    assert "MTFL.zip" in result.output
