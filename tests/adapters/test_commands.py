"""The commands of the adapters: points of folders of images, bundled files made anew."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread, imsave

from tcdcn_init.initializer import Initializer


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
    assert len(list((tmp_path / "drawn").rglob("*.jpg"))) == 3
    assert not (tmp_path / f"points{suffix}.journal").exists()


def test_a_report_counts_faces_and_failures_and_draws_the_confidences(run, gallery, tmp_path):
    report = tmp_path / "report.txt"
    command = ("points", gallery, "--out", tmp_path / "points.csv", "--boxes", tmp_path / "boxes.csv")
    assert f"how sure they are: {report}" in run(*command, "--report", report).output
    lines = report.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"4 faces in 3 images -> {tmp_path / 'points.csv'} (1 part)"
    assert "unreadable: 1 images; not used: 0 faces" in lines
    counts = [int(line.split()[4]) for line in lines if line.startswith("  0.")]
    assert (len(counts), sum(counts)) == (10, 4)
    assert "exists already" in run(*command[:2], "--out", tmp_path / "other.csv", "--report", report).output
    refused = run(*command[:2], "--out", tmp_path / "folder", "--ray", "local", "--report", tmp_path / "other.txt")
    assert "--report is not for --ray" in refused.output


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


def test_a_detector_of_the_working_folder_is_found_by_its_name(run, gallery, tmp_path, monkeypatch):
    (tmp_path / "mine_of_here.py").write_text("def detect(image):\n    return [(170, 70, 275, 205)]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    command = ("points", gallery / "portrait.png", "--detector", "mine_of_here:detect")
    assert "1 faces in 1 images" in run(*command, "--no-turned", "--out", "points.json").output
    [row] = json.loads(Path("points.json").read_text())
    assert (row["left"], row["bottom"]) == (170, 205)
    refused = run(*command, "--out", "other.json", "--boxes", "boxes.csv")
    assert refused.exit_code == 2
    assert "leave out --detector and --turned" in refused.output


def test_processes_a_review_and_a_list_of_images(run, gallery, tmp_path):
    names, boxes, page = tmp_path / "names.txt", tmp_path / "boxes.csv", tmp_path / "review.html"
    names.write_text("".join(f"{gallery / name}\n" for name in ("one.png", "gone.png", "sub/two.jpg")))
    outs = [tmp_path / "one.csv", tmp_path / "two.csv"]
    command = ("points", names, "--boxes", boxes, "--dense", "--review", page, "--out")
    for jobs, out in enumerate(outs, start=1):
        result = run(*command, out, "--jobs", jobs, "--force")
        assert result.exit_code == 1
        assert "3 faces in 2 images" in result.output
        assert f"open {page}" in result.output
        assert "gone.png" in result.output
    assert outs[0].read_text() == outs[1].read_text()
    refused = run(*command, tmp_path / "three.csv")
    assert refused.exit_code == 2
    assert "review.html exists already" in refused.output


def test_an_output_is_replaced_only_by_force(run, gallery, tmp_path):
    out = tmp_path / "points.csv"
    out.write_text("precious")
    command = ("points", gallery / "one.png", "--out", out, "--boxes", tmp_path / "boxes.csv")
    refused = run(*command)
    assert refused.exit_code == 2
    assert "exists already" in refused.output
    assert out.read_text() == "precious"
    folder = run("points", gallery / "one.png", "--out", tmp_path)
    assert "is a folder; expected the name of a file in it" in " ".join(folder.output.split())
    assert run(*command, "--force").exit_code == 0
    assert out.read_text().startswith("image,width,height,orientation,face,status,")


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
        (("PICTURE", "--out", "p.csv", "--backend", "jax"), "'jax' is not one of"),
        (("PICTURE", "--out", "p.csv", "--boxes", "no.csv"), "box file no.csv does not exist"),
    ],
)
def test_what_a_user_can_mend_is_said_in_one_line(run, gallery, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run("points", *(str(gallery / "one.png") if a == "PICTURE" else a for a in arguments))
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


# --- make


def test_an_unknown_file_to_make_is_refused_with_those_that_there_are(run, tmp_path):
    result = run("make", "sdm-mtf", "--data", tmp_path, "--out", tmp_path / "sdm.safetensors")
    assert result.exit_code == 2
    assert "'sdm-mtf' is not one of" in result.output
    assert "'sdm-mtfl'" in result.output
