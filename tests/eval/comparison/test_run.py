"""`tcdcn-init eval` from the command line to its files."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.io import imsave
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.eval.comparison import run as evaluate
from tcdcn_init.eval.comparison.report import Gallery, Report
from tcdcn_init.weights import bundled_file

pytest.importorskip("matplotlib")

QUICK = ["--regressor", "ert5-mtfl", "--starts", "random-5,tcdcn-nearest", "--noise", "0,.1", "--roll", "none"]


@pytest.fixture(scope="module")
def run():
    """``run("--dataset", ...)`` -> typer's result, which must not be a traceback."""
    threads = torch.get_num_threads()

    def call(*arguments: Any) -> Any:
        result = CliRunner().invoke(app, ["--quiet", "eval", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    yield call
    torch.set_num_threads(threads)


@pytest.fixture
def no_plots(monkeypatch) -> None:
    """As where matplotlib is not installed, for tests that look at no plot: to draw takes longest."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def report_of(folder: Path) -> Report:
    return Report.read(folder / "report.json")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "faces.csv").open() as file:
        return list(csv.DictReader(file))


def test_without_a_data_set_a_portrait_makes_every_output(run, tmp_path) -> None:
    result = run("--out", tmp_path / "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert "One face" in result.output
    assert "| ert5-mtfl | original |" in result.output
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")}
    assert {"report.json", "gallery.json", "faces.csv", "report.html", "plots/ced.svg", "plots/noise.png"} <= found
    assert "eval.journal" not in found
    report = report_of(tmp_path / "out")
    assert (report.dataset.faces, report.dataset.images) == (20, 1)
    assert report.dataset.note.startswith("One face")
    assert "One face" in (tmp_path / "out" / "report.html").read_text()
    assert report.roll is None
    assert report.noise.values == [0, 0.1]
    means = {run.start: run.error.mean for run in report.runs}
    assert means["tcdcn-nearest"] < 0.1 < means["random-5"] * 2
    assert len(report.timings.ms_per_face) == len(report.runs)
    assert len(rows_of(tmp_path / "out")) == 20 * len(report.runs)
    gallery = Gallery.read(tmp_path / "out" / "gallery.json")
    assert gallery.worst[0].image.startswith("data:image/jpeg;base64,")


def test_300w_is_reported_part_by_part_over_eye_centres_and_over_outer_corners(run, make_300w, tmp_path) -> None:
    root = make_300w(tmp_path / "300w", {"lfpw/testset": 2, "helen/testset": 2, "ibug": 2})
    out = tmp_path / "out"
    command = ("--dataset", "300w", "--root", root, "--starts", "random-5,mean", "--noise", "none", "--roll", "none")
    result = run(*command, "--out", out)
    assert result.exit_code == 0, result.output
    assert "common (4 faces) | challenging (2 faces) | full (6 faces)" in result.output
    assert "| TCDCN | – | published | 4.80 | 8.60 | 5.54 |" in result.output
    report = report_of(out)
    assert (report.dataset.boxes, report.dataset.boxes_derived) == ("points", 6)
    for figures in report.runs:
        parts, means = figures.parts, {name: part.centres.mean for name, part in figures.parts.items()}
        assert parts["full"].centres == figures.error
        assert means["full"] == pytest.approx((4 * means["common"] + 2 * means["challenging"]) / 6)
        # The drawn eyes are 0.4 as wide as their distance.
        assert parts["full"].corners.mean == pytest.approx(parts["full"].centres.mean / 1.4, rel=1e-4)
    page = (out / "report.html").read_text()
    assert "By part of the data set" in page
    assert "derived from the annotated points" in page


@pytest.mark.usefixtures("no_plots")
def test_the_same_command_gives_the_same_report_however_many_processes(run, make_mtfl, tmp_path) -> None:
    root = make_mtfl(tmp_path / "mtfl", training=3, testing=20)
    (root / "AFLW" / "face_0005.png").write_bytes(b"no image")
    starts = "random-5,tcdcn-nearest,mean"  # two differences, so that intervals go over processes too
    command = ("--dataset", "aflw", "--root", root, "--seed", 3, "--regressor", "none,ert5-mtfl", "--noise", "0,.1")
    command = (*command, "--roll", "none", "--starts", starts)
    first = run(*command, "--out", tmp_path / "one")
    assert first.exit_code == 0, first.output
    assert "counted as a failure: AFLW/face_0005.png" in first.output
    assert run(*command, "--out", tmp_path / "two", "--jobs", 2).exit_code == 0
    one, two = report_of(tmp_path / "one"), report_of(tmp_path / "two")
    assert dataclasses.replace(one, timings=None) == dataclasses.replace(two, timings=None)
    for name in ("faces.csv", "gallery.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert list(one.dataset.unreadable) == ["AFLW/face_0005.png"]
    assert all(run.error.missing >= 1 for run in one.runs)
    assert one.dataset.boxes_derived == 2
    assert one.runs[2].against.nme.faces == 20
    blank = [row for row in rows_of(tmp_path / "one") if row["name"] == "AFLW/face_0005.png"]
    assert len(blank) == 7  # the points, and three starts original and retrained
    assert all(row["error"] == row["e4"] == "" for row in blank)


MINE = """
import numpy as np

def template(image, boxes):
    corner, size = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    return corner + size * [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]
"""


def test_own_points_beside_tcdcns_in_one_report(run, make_mtfl, tmp_path, monkeypatch) -> None:
    root = make_mtfl(tmp_path / "mtfl", training=3, testing=20)
    (tmp_path / "mine_of_eval.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    points = run_points(root / "AFLW", tmp_path / "theirs.csv", 18)
    command = ("--dataset", "aflw", "--root", root, "--regressor", "none", "--noise", "none", "--roll", "none")
    command = (*command, "--starts", f"tcdcn-nearest,mine_of_eval:template,{points}")
    for folder, jobs in (("one", 1), ("two", 2)):
        result = run(*command, "--out", tmp_path / folder, "--jobs", jobs)
        assert result.exit_code == 0, result.output
    assert "No points of theirs.csv for 2 faces: AFLW/face_0018.png, AFLW/face_0019.png." in result.output
    one, two = report_of(tmp_path / "one"), report_of(tmp_path / "two")
    assert one.runs == two.runs
    assert one.points_alone == two.points_alone
    assert [each.start for each in one.points_alone] == ["tcdcn", "mine_of_eval:template", "theirs.csv"]
    page = (tmp_path / "one" / "report.html").read_text()
    assert "Whose points are better" in page
    assert "Same regressor" not in page
    assert (tmp_path / "one" / "plots" / "ced.svg").exists()


def run_points(images: Path, out: Path, count: int) -> Path:
    """What `tcdcn-init points` writes of so many of the images, in boxes that are all of them."""
    chosen = sorted(images.glob("*.png"))[:count]
    boxes = out.with_name("boxes.csv")
    boxes.write_text("\n".join(["image,left,top,right,bottom", *(f"{path},20,15,75,80" for path in chosen)]))
    command = ["points", *map(str, chosen), "--boxes", str(boxes), "--out", str(out)]
    assert CliRunner().invoke(app, ["--quiet", *command]).exit_code == 0
    return out


@pytest.mark.usefixtures("no_plots")
def test_retrained_regressors_are_measured_beside_the_original_ones_each_once(run, tmp_path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(bundled_file("sdm-mtfl.safetensors"), folder / "sdm@random.safetensors")
    names = "sdm-mtfl,sdm-mtfl-box"  # the two share the retrained one
    command = ("--regressor", names, "--starts", "random-5,mean", "--noise", "none", "--roll", "none")
    result = run("--out", tmp_path / "out", "--retrained", folder, *command)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path / "out")
    runs = {(run.regressor, run.training, run.start): run for run in report.runs}
    assert [key for key in runs if key[1] == "retrained"] == [("sdm-mtfl", "retrained", "random-5")]
    same, other = (runs["sdm-mtfl", training, "random-5"].error for training in ("retrained", "original"))
    assert same == other


@pytest.mark.usefixtures("no_plots")
def test_an_installed_package_says_where_the_retrained_ones_are(run, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("tcdcn_init.eval.retraining.files.REPOSITORY_FILES", tmp_path / "not-in-the-wheel")
    command = ("--regressor", "sdm-mtfl", "--starts", "mean", "--noise", "none", "--roll", "none")
    assert run("--out", tmp_path / "out", *command).exit_code == 0
    assert "eval/retrained/" in caplog.text
    assert "--retrained DIR" in caplog.text
    assert {run.training for run in report_of(tmp_path / "out").runs} == {"original"}


@pytest.mark.usefixtures("no_plots")
def test_an_interrupted_command_goes_on_when_repeated(run, mtfl_root, tmp_path, monkeypatch) -> None:
    command = ("--dataset", "aflw", "--root", mtfl_root, "--out", tmp_path / "out", *QUICK)
    with monkeypatch.context() as patch:

        def interrupted(*args: Any, **kwargs: Any) -> Any:
            raise KeyboardInterrupt

        patch.setattr(evaluate, "report_data", interrupted)
        result = run(*command)
    assert result.exit_code == 130
    assert "run the same command again" in result.output
    assert (tmp_path / "out" / "eval.journal").exists()
    other = run(*command, "--seed", 1)
    assert other.exit_code == 2
    assert "other settings" in other.output
    assert run(*command).exit_code == 0
    assert not (tmp_path / "out" / "eval.journal").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "aflv"), "unknown data set 'aflv'; did you mean aflw"),
        (("--dataset", "aflw", "--root", "nowhere"), "nowhere/testing.txt"),
        (("--dataset", "aflw"), "--root DIR"),
        (("--limit", "5"), "--limit 5 has no meaning without a data set"),
        (("--starts", "randon-5"), "unknown start 'randon-5'; did you mean random-5"),
        (("--starts", "mean,mean"), "start mean is named twice"),
        (("--starts", "none"), "no start is named"),
        (("--regressor", "sdm-mtf"), "unknown regressor 'sdm-mtf'; did you mean sdm-mtfl"),
        (("--regressor", "ert68-300w"), "'ert68-300w' has 68 points, the faces have 5"),
        (("--regressor", "no.dat"), "no.dat"),
        (("--noise", "0,much"), "--noise is '0,much'"),
        (("--noise", "-1"), "noise -1 "),
        (("--roll", "nan"), "roll nan "),
        (("--seed", "-1"), "seed is -1"),
        (("--jobs", "0"), "jobs is 0"),
        (("--model", "tcdcn-mtf"), "did you mean tcdcn-mtfl"),
        (("--retrained", "nowhere", "--regressor", "sdm-mtfl"), "no folder nowhere"),
    ],
)
def test_what_a_user_can_mend_is_said_in_one_line(run, tmp_path, monkeypatch, options, message) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*options)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert message in result.output
    assert not list(tmp_path.rglob("report.json"))


@pytest.mark.usefixtures("no_plots")
def test_a_better_start_shows_on_real_faces(run, data_root, tmp_path) -> None:
    result = run("--dataset", "aflw", "--root", data_root / "mtfl", "--limit", 20, "--out", tmp_path, *QUICK)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    runs = {run.start: run for run in report.runs}
    assert runs["tcdcn-nearest"].start_error.mean < runs["random-5"].start_error.mean / 2
    assert report.dataset.unreadable == {}
    assert set(runs["tcdcn"].poses) <= {"left profile", "left", "frontal", "right", "right profile"}


# --- processes and disks that end before the work does

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from tcdcn_init.cli.app import app
app()
"""


@pytest.mark.usefixtures("no_plots")
def test_a_full_disk_is_said_in_one_line_and_what_is_finished_is_kept(run, mtfl_root, tmp_path) -> None:
    command = ("--dataset", "aflw", "--root", mtfl_root, "--out", tmp_path / "out", *QUICK)
    limited = [sys.executable, "-c", LIMITED, "20000", "--quiet", "eval", *map(str, command)]
    failed = subprocess.run(limited, capture_output=True, text=True)
    assert failed.returncode == 2
    _, line = failed.stderr.splitlines()  # the first: which boxes are derived
    assert line.startswith("error: File too large: ")
    assert "what is finished is kept, run the same command again" in line
    before = (tmp_path / "out" / "eval.journal").read_bytes()
    assert b'"piece"' in before
    assert not list((tmp_path / "out").rglob("*.part"))
    assert run(*command).exit_code == 0
    assert not (tmp_path / "out" / "eval.journal").exists()


@pytest.mark.usefixtures("no_plots")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_killed_worker_ends_the_command_and_the_next_one_goes_on(make_mtfl, run, tmp_path) -> None:
    root = make_mtfl(tmp_path / "mtfl", training=3, testing=40)
    command = ("--dataset", "aflw", "--root", root, "--out", tmp_path / "out", *QUICK)
    program = [sys.executable, "-c", "from tcdcn_init.cli.app import app; app()", "--quiet", "eval", *map(str, command)]
    parent = subprocess.Popen([*program, "--jobs", "2"], stderr=subprocess.PIPE, text=True)
    assert parent.stderr is not None
    children: list[int] = []
    while not children and parent.poll() is None:
        time.sleep(0.01)
        children = workers_of(parent.pid)
    os.kill(children[0], signal.SIGKILL)
    begin = time.monotonic()
    _, line = parent.stderr.read().splitlines()  # the first: which boxes are derived
    assert parent.wait() == 2
    assert time.monotonic() - begin < 60  # of which a start takes the most
    assert "a worker process ended without an answer (SIGKILL" in line
    assert run(*command).exit_code == 0


def workers_of(parent: int) -> list[int]:
    """Processes that multiprocessing started to work, not its tracker of resources."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children = map(int, task.read_text().split())
            found += [each for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]
    return found


def test_data_of_ones_own_with_points_missing_are_measured_and_shown(run, no_plots, tmp_path, draw_face) -> None:
    rng, lines = np.random.default_rng(0), ["image," + ",".join(f"x{k},y{k}" for k in range(5))]
    for number in range(4):
        image, points = draw_face(rng)
        imsave(tmp_path / f"{number}.png", image, check_contrast=False)
        cells = [f"{value:.2f}" for value in points.ravel()]
        cells[2 * number : 2 * number + 2] = ["", ""]
        lines.append(",".join([f"{number}.png", *cells]))
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    options = [
        "--regressor",
        "ert5-mtfl",
        "--starts",
        "random-5,tcdcn-nearest,oracle",
        "--noise",
        "none",
        "--roll",
        "30",
    ]
    result = run("--dataset", "csv", "--root", tmp_path / "mine.csv", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert "no boxes given, 4 derived from the points; 4 of 20 points not annotated" in " ".join(result.output.split())
    report = report_of(tmp_path / "out")
    assert report.dataset.boxes_derived == 4
    assert [each.count for each in report.runs[1].points] == [3, 3, 3, 3, 4]
    assert all(run.error.missing == 0 for run in report.runs)
