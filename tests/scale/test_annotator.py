"""Parts of rows, as a process of a cluster makes them: in this process, without Ray."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from tcdcn_init.pointfile import find_images, write_points
from tcdcn_init.pointfile.rows import image_name
from tcdcn_init.scale.annotator import UNFINISHED, PieceAnnotator, TableAnnotator, name_hashes
from tcdcn_init.scale.pieces import Tar, cut


def rows_of(path):
    return pyarrow.parquet.read_table(path).to_pylist()


@pytest.fixture
def annotate(make_worker, tmp_path):
    """``annotate(piece)`` -> its summary and rows; the part is in tmp_path/out."""
    (tmp_path / "out").mkdir()
    annotator = PieceAnnotator(make_worker, tmp_path / "out")

    def call(piece, part="part-000000"):
        [summary] = annotator({"part": [part], "piece": [pickle.dumps(piece)]})["summary"]
        return json.loads(summary), rows_of(tmp_path / "out" / f"{part}.parquet")

    return call


def test_a_part_holds_the_rows_of_points(faces, boxes, initializer, annotate, tmp_path):
    write_points(find_images([str(faces)]), tmp_path / "all.parquet", initializer, boxes=boxes)
    [piece] = cut([str(faces)], 100, tmp_path, boxes)
    summary, rows = annotate(piece)
    assert rows == rows_of(tmp_path / "all.parquet")
    assert pyarrow.parquet.read_schema(tmp_path / "out" / "part-000000.parquet") == pyarrow.parquet.read_schema(
        tmp_path / "all.parquet"
    )
    assert (summary["images"], summary["faces"], summary["without_face"]) == (11, 11, 1)
    assert (summary["unreadable"], summary["unused"], sum(summary["confidence"])) == (1, 0, 11)
    [(name, why)] = summary["failures"]
    assert name.endswith("face07.png")
    assert "cannot be read as an image" in why
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_file()] == ["part-000000.parquet"]
    assert not list((tmp_path / "out" / UNFINISHED).iterdir())


def test_a_tar_that_ends_too_early_has_rows_for_what_came_before_and_one_for_itself(faces, annotate, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(faces.iterdir())[:4]:
            tar.add(path, path.name)
    path = tmp_path / "faces.tar"
    whole = buffer.getvalue()
    second = whole.index(b"face01.png")
    for end in (
        second - 512,
        second + 100,
        second + 600,
        second + 5000,
    ):  # before a header, in it, behind, in the image
        path.write_bytes(whole[:end])
        summary, rows = annotate(Tar(path))
        assert [row["image"] for row in rows] == [f"{path}/face00.png", str(path)], end
        assert [row["status"] == "failed" for row in rows] == [False, True]
        assert summary["unreadable"] == 1


def test_an_image_that_ends_processes_is_left_out_after_the_second(faces, boxes, make_worker, annotate, tmp_path):
    [piece] = cut([str(faces)], 100, tmp_path, boxes)
    deadly = str(faces / "face05.png")
    # The first process ends while it works on all, the next two at the image by itself.
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                _run_and_die(make_worker, tmp_path / "out", piece, deadly)
            finally:
                os._exit(1)  # it was to end before
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    summary, rows = annotate(piece)
    assert [row["image"] for row in rows if row["status"] == "ok"].count(deadly) == 0
    [row] = [row for row in rows if row["image"] == deadly]
    assert "two processes ended while they worked on it" in row["error"]
    assert (summary["faces"], summary["unreadable"]) == (10, 2)
    assert not list((tmp_path / "out" / UNFINISHED).iterdir())


def _run_and_die(make_worker, out, piece, deadly):
    """Annotate by a worker that ends this process at an image."""
    worker = make_worker()

    class Deadly:
        points, tasks = worker.points, worker.tasks

        def __call__(self, tasks):
            def watched():
                for task in tasks:
                    if image_name(task.path) == deadly:
                        os._exit(9)
                    yield task

            return worker(watched())

    PieceAnnotator(Deadly, out).annotate("part-000000", piece.source, piece.tasks())


def test_images_of_a_data_set_that_have_rows_are_not_done_again(faces, make_worker, tmp_path):
    content = {path.name: path.read_bytes() for path in sorted(faces.iterdir())[:4]}
    table = pyarrow.table({"path": list(content), "bytes": list(content.values())})
    (tmp_path / "out").mkdir()

    def annotate(done, batch):
        annotator = TableAnnotator(make_worker, tmp_path / "out", np.sort(name_hashes(done)))
        return [json.loads(text) for text in annotator(batch)["summary"].to_pylist()]

    [first] = annotate([], table.slice(0, 2))
    assert annotate([], table.slice(0, 2))[0]["part"] == first["part"]
    [second] = annotate(["face00.png", "face01.png"], table)
    assert annotate(list(content), table) == []
    names = [
        [row["image"] for row in rows_of(tmp_path / "out" / f"{summary['part']}.parquet")]
        for summary in (first, second)
    ]
    assert names == [["face00.png", "face01.png"], ["face02.png", "face03.png"]]
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 2
