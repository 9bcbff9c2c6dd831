"""Runs over a cluster of this machine: two processes, some of which are killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tcdcn_init.pointfile import find_images, write_points
from tcdcn_init.scale import annotate
from tcdcn_init.scale.cluster import connected

pytest.importorskip("ray", reason='Ray is not installed: pip install ".[ray]"')


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # beside other tests, its processes would wait long at their 15
        with connected("local", 2):
            yield


@pytest.fixture(scope="module")
def table(faces, portrait, tmp_path_factory) -> Path:
    """The faces' files as a parquet of bytes, and a portrait whose face is found."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(portrait[30:230, 120:320]).save(buffer, "PNG")
    content = {path.name: path.read_bytes() for path in sorted(faces.iterdir())} | {"portrait.png": buffer.getvalue()}
    path = tmp_path_factory.mktemp("table") / "faces.parquet"
    columns = {"path": list(content), "bytes": list(content.values())}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


def rows_of(path: Path) -> list[dict[str, object]]:
    """Rows of a file, or of a folder as readers of parquet take it."""
    return pyarrow.parquet.read_table(path).to_pylist()


def workers() -> list[int]:
    """Processes of our own cluster that annotate."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
    found = []
    for pid, name in names.items():
        parent = pid
        while parent not in (0, os.getpid()):
            parent = parents.get(parent, 0)
        if parent and "MapWorker" in name:
            found.append(pid)
    return found


@contextlib.contextmanager
def when(happened: Callable[[], bool], act: Callable[[], bool]) -> Iterator[list[float]]:
    """Act once something has happened, while the block runs; act says whether it could."""
    done: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            if happened() and act():
                done.append(time.monotonic())
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def kill_workers() -> bool:
    found = workers()
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return bool(found)


@pytest.mark.slow
def test_killed_processes_and_an_interruption_leave_every_row_once(
    cluster, faces, boxes, initializer, tmp_path, caplog
):
    write_points(find_images([str(faces)]), tmp_path / "all.parquet", initializer, boxes=boxes)
    out = tmp_path / "out"

    def journaled() -> int:
        with contextlib.suppress(OSError):
            return (out / "_journal").read_text().count('"piece"')
        return 0

    def run():
        return annotate(faces, out, initializer, boxes=boxes, piece=1)

    def interrupt() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return True

    with (
        when(lambda: (out / "part-000000.parquet").exists() or journaled() > 0, kill_workers) as killed,
        when(lambda: journaled() >= 4, interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        run()
    assert killed
    assert 4 <= journaled() < 12
    assert not (out / "_report.json").exists()
    with caplog.at_level("INFO", "tcdcn_init"):
        report = run()
    assert "parts are done already; going on" in caplog.text
    assert sorted(rows_of(out), key=lambda row: (row["image"], row["face"] or 0)) == rows_of(tmp_path / "all.parquet")
    assert (report.parts, report.images, report.faces, report.without_face) == (12, 11, 11, 1)
    assert (report.unreadable, sum(report.confidence)) == (1, 11)
    assert json.loads((out / "_report.json").read_text())["faces"] == 11
    assert "11 faces in 11 images" in (out / "_report.txt").read_text()
    assert sorted(path.name for path in out.iterdir() if path.name.startswith("_")) == ["_report.json", "_report.txt"]
    with pytest.raises(FileExistsError, match="a finished run lies in"):
        run()


@pytest.mark.slow
def test_the_command_annotates_tables_and_draws_a_sample(cluster, table, run, tmp_path):
    found = run(
        "points", table, "--out", tmp_path / "out", "--ray", "local", "--jobs", 2,
        "--review", tmp_path / "page.html", "--sample", 2,
    )  # fmt: skip
    assert found.exit_code == 1, found.output  # one of them is no image
    assert "face07.png" in found.output
    rows = rows_of(tmp_path / "out")
    assert {row["image"] for row in rows} == {f"face{k:02d}.png" for k in range(12)} | {"portrait.png"}
    of_faces = [row["image"] for row in rows if row["status"] == "ok"]
    assert "portrait.png" in of_faces
    assert f"{len(of_faces)} faces in 12 images" in found.output
    some = min(2, len(of_faces))
    assert f"{some} of {len(of_faces)} faces, drawn at random" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_a_data_set_of_ray_is_annotated_once(cluster, table, initializer, make_worker, tmp_path):
    import ray.data

    dataset = ray.data.from_arrow(pyarrow.parquet.read_table(table))
    with pytest.raises(ValueError, match="the cluster has 0 graphics processors"):
        annotate(dataset, tmp_path / "out", initializer, gpus=1)
    out, page = tmp_path / "out", tmp_path / "page.html"
    report = annotate(dataset, out, initializer, piece=4, review=page)
    assert (report.images, report.unreadable) == (12, 1)
    assert "portrait.png" in page.read_text()
    rows = rows_of(out)
    found = "faces by auto, turned copies None"
    # As if it had been interrupted: the report is not there yet, nor one of the parts.
    (out / "_report.json").unlink()
    journal = [json.dumps({"settings": f"; a data set of Ray; of model {make_worker().fingerprint}; {found}"})]
    parts = sorted(out.glob("part-*.parquet"))
    journal += [json.dumps({"piece": _summary(path)}) for path in parts[1:]]
    (out / "_journal").write_text("\n".join(journal) + "\n")
    again = annotate(dataset, out, initializer, piece=13)
    assert again.images == 12
    assert len(rows_of(out)) == len(rows)
    for row in rows:
        assert row in rows_of(out)


def _summary(path: Path):
    from dataclasses import asdict

    from tcdcn_init.scale.report import summary_of

    return asdict(summary_of(path.stem, rows_of(path), 1.0))


# --- refused before anything starts


def test_a_folder_of_other_parts_is_left_alone(faces, initializer, tmp_path):
    (tmp_path / "part-0.parquet").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError, match="of no unfinished run; choose another folder"):
        annotate(faces, tmp_path, initializer, force=True)
    assert (tmp_path / "part-0.parquet").read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs is 0; expected"),
        ({"piece": 0}, "piece is 0; expected"),
        ({"gpus": -1}, "gpus is -1; expected"),
        ({"review": Path("page.html"), "sample": 0}, "sample is 0; expected"),
        ({"review": Path("page.csv")}, "page.csv is no name of a page"),
    ],
)
def test_options_out_of_their_range(faces, initializer, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        annotate(faces, tmp_path / "out", initializer, **options)
    assert not (tmp_path / "out").exists()


def test_drawings_and_other_formats_are_not_for_a_cluster(faces, run, tmp_path):
    for option, value in (("--draw", tmp_path / "drawn"), ("--format", "csv")):
        found = run("points", faces, "--out", tmp_path / "out", "--ray", "local", option, value)
        assert found.exit_code == 2
        assert f"{option} is not for --ray" in found.output
