"""Runs that are interrupted, killed, short of room or two at a time: what is finished is kept, nothing is mixed."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread, imsave

from tcdcn_init._shared.processes import WorkerDied
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


class Interrupted(Initializer):
    """Ctrl-C comes at the second batch of images."""

    batches = 0

    def batch(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        self.batches += len(images) > 1
        if self.batches == 2:
            raise KeyboardInterrupt
        return super().batch(images, *args, **kwargs)


class Dying(Initializer):
    """Kills its process, if that is a worker, at its third group of images."""

    groups = 0

    def batch(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        self.groups += len(images) > 1
        if self.groups == 3 and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch(images, *args, **kwargs)


class Counting(Initializer):
    """Counts the images of the gallery that it is given."""

    seen = 0

    def batch(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen += sum(image.shape[0] == 96 for image in images)
        return super().batch(images, *args, **kwargs)


def interrupt(images: list[Path], out: Path, **options: Any) -> Path:
    """A run that stops at its second batch; its journal."""
    with pytest.raises(KeyboardInterrupt):
        write_points(images, out, Interrupted(), **options)
    assert not out.exists()
    return out.with_name(out.name + ".journal")


@pytest.fixture
def copied(gallery: Path, tmp_path: Path) -> list[Path]:
    """The gallery's images where they may be changed."""
    shutil.copytree(gallery, tmp_path / "in")
    return find_images([str(tmp_path / "in")])


@pytest.mark.parametrize("cut", [0, 30])
def test_an_interrupted_run_goes_on_where_it_stopped(gallery, boxes, initializer, tmp_path, cut):
    images = find_images([str(gallery)])
    whole = write_points(images, tmp_path / "whole.csv", initializer, boxes=boxes, settings="same").out
    out = tmp_path / "points.csv"
    journal = interrupt(images, out, boxes=boxes, settings="same")
    finished = sum(str(path) in journal.read_text() for path in images)
    assert 0 < finished < 20
    if cut:  # as a power cut leaves it: the last line is not whole
        journal.write_bytes(journal.read_bytes()[:-cut])
    counting = Counting()
    report = write_points(images, out, counting, boxes=boxes, settings="same")
    assert counting.seen <= 20 - finished + 1
    assert (report.images, report.faces) == (20, 20)
    assert out.read_text() == whole.read_text()
    assert not journal.exists()


def test_a_journal_of_other_settings_is_not_gone_on_with(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    out = tmp_path / "points.csv"
    journal = interrupt(images, out, boxes=boxes, settings="passes 1")
    with pytest.raises(ValueError, match=r"other settings \(passes 1.*now passes 2.*delete the journal"):
        write_points(images, out, initializer, boxes=boxes, settings="passes 2")
    journal.write_text("garbage\n")
    with pytest.raises(ValueError, match=r"other settings \(unknown"):
        write_points(images, out, initializer, boxes=boxes, settings="passes 2")


def test_boxes_of_other_content_are_other_settings(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    interrupt(images, tmp_path / "p.csv", boxes=boxes)
    with pytest.raises(ValueError, match="other settings"):
        write_points(images, tmp_path / "p.csv", initializer, boxes={**boxes, "face07.jpg": [BOX + 1e-9]})


def test_another_model_under_the_same_name_is_other_settings(gallery, boxes, tmp_path):
    images = find_images([str(gallery)])
    interrupt(images, tmp_path / "p.csv", boxes=boxes)
    for other in (Initializer("tcdcn-mtfl"), Initializer(mirror=True)):
        with pytest.raises(ValueError, match="other settings"):
            write_points(images, tmp_path / "p.csv", other, boxes=boxes)


def test_an_image_that_changed_meanwhile_is_done_anew(copied, boxes, initializer, tmp_path):
    interrupt(copied, tmp_path / "p.csv", boxes=boxes)
    before = copied[0].stat()
    imsave(copied[0], imread(copied[5]), check_contrast=False)
    os.utime(copied[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    resumed = write_points(copied, tmp_path / "p.csv", initializer, boxes=boxes).out.read_text()
    assert resumed == write_points(copied, tmp_path / "q.csv", initializer, boxes=boxes).out.read_text()


def test_a_drawing_that_is_gone_is_drawn_anew(copied, boxes, initializer, tmp_path):
    drawn = tmp_path / "drawn"
    interrupt(copied, tmp_path / "p.csv", boxes=boxes, draw=drawn)
    first = next(path for path in drawn.rglob("*.jpg"))
    content = first.read_bytes()
    first.unlink()
    write_points(copied, tmp_path / "p.csv", initializer, boxes=boxes, draw=drawn)
    assert first.read_bytes() == content
    assert len(list(drawn.rglob("*.jpg"))) == 20
    assert not list(drawn.rglob("*.part"))


def test_a_review_holds_the_faces_that_were_done_before_it_was_asked_for(copied, boxes, initializer, tmp_path):
    interrupt(copied, tmp_path / "p.csv", boxes=boxes)
    page = tmp_path / "review.html"
    write_points(copied, tmp_path / "p.csv", initializer, boxes=boxes, review=page)
    data = json.loads(page.read_text(encoding="utf-8").split('id="data"')[1].split(">", 1)[1].split("</script>")[0])
    assert [face[:2] for face in data["faces"]] == [[str(p), k] for p in copied for k in range(len(boxes[p.name]))]
    assert data["others"] == [[str(path), "no face"] for path in copied if not boxes[path.name]]


# --- the command, as processes

COMMAND = [sys.executable, "-c", "from tcdcn_init.cli.app import app; app()", "points"]


@pytest.fixture
def folder(gallery: Path, tmp_path: Path) -> Path:
    """A folder with in/, its box file, and nothing else."""
    shutil.copytree(gallery, tmp_path / "in")
    rows = "".join(f"{path.name},20,12,75,82\n" for path in find_images([str(tmp_path / "in")]))
    (tmp_path / "boxes.csv").write_text("\ufeffimage,left,top,right,bottom\n" + rows, encoding="utf-8")
    return tmp_path


def command(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "in", "--boxes", "boxes.csv", "--out", "o.csv", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before,
    )  # fmt: skip


def test_a_killed_command_goes_on_and_its_drawings_are_whole(folder):
    with command(folder, "--draw", "drawn") as process:
        while not list((folder / "drawn").rglob("*.jpg")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    with command(folder, "--draw", "drawn") as process:
        out, error = process.communicate()
    assert (process.returncode, out) == (0, "20 faces in 20 images -> o.csv\n"), error
    drawings = [path for path in (folder / "drawn").rglob("*") if path.is_file()]
    assert [imread(path).shape for path in drawings if path.suffix == ".jpg"] == [(96, 96, 3)] * 20
    assert sorted(path.name for path in folder.iterdir()) == ["boxes.csv", "drawn", "in", "o.csv"]


def test_a_worker_that_is_killed_loses_nothing_that_was_finished(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    options: Any = {"boxes": boxes, "draw": tmp_path / "drawn", "jobs": 2}
    with pytest.raises(WorkerDied, match="run the same command again"):
        write_points(images, tmp_path / "p.csv", Dying(), **options)
    assert (tmp_path / "p.csv.journal").read_text().count('"piece"') > 0
    resumed = write_points(images, tmp_path / "p.csv", initializer, **options).out.read_text()
    assert resumed == write_points(images, tmp_path / "q.csv", initializer, boxes=boxes).out.read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_two_commands_with_one_output_exclude_each_other(folder):
    processes = [command(folder) for _ in range(2)]
    ends = [(process.communicate(), process.returncode) for process in processes]
    codes = sorted(code for _, code in ends)
    assert codes in ([0, 2], [0, 0])  # the second may have come when the first was done
    for (out, error), code in ends:
        if code == 0:
            assert "20 faces in 20 images" in out
        else:
            assert error.count("\n") == 1
            assert "is writing o.csv.journal" in error or "exists already" in error
    assert len((folder / "o.csv").read_text().splitlines()) == 21
    assert not (folder / "o.csv.journal").exists()


def test_a_full_disk_is_one_line_that_names_the_file_and_loses_nothing(folder):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    with command(folder, before=limit) as process:
        _, error = process.communicate()
    assert process.returncode == 2
    assert error.splitlines()[-1].startswith("error: File too large: o.csv.journal: ")
    assert "Traceback" not in error
    assert sorted(path.name for path in folder.iterdir()) == ["boxes.csv", "in", "o.csv.journal"]
    with command(folder) as process:
        out, error = process.communicate()
    assert (process.returncode, out) == (0, "20 faces in 20 images -> o.csv\n")
    assert "images are done already" in error


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("folder.csv", "folder.csv is a folder"),
        ("journal.csv", "journal.csv.journal"),
        ("boxes.csv/o.csv", "boxes.csv"),
    ],
)
def test_what_stands_in_the_way_is_named_in_one_line(folder, out, named):
    (folder / "folder.csv").mkdir()
    (folder / "journal.csv.journal").mkdir()
    with command(folder, "--out", out, "--force") as process:
        _, error = process.communicate()
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert named in error
    assert not list(folder.rglob("*.part"))
