"""Text files and tables from any system."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tcdcn_init.datasets import read_boxes, read_csv, read_mtfl, read_pts
from tcdcn_init.datasets.formats.text import read_table, read_text


@pytest.mark.parametrize("data", ["é\nb\n".encode(), "\ufeffé\r\nb\r".encode(), "é\rb\n".encode()])
def test_marks_and_line_ends_of_all_systems_are_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert read_text(tmp_path / "a.txt") == "é\nb\n"


def test_other_encodings_are_refused_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(ValueError, match=r"a\.txt .*0xe9 in line 2 is not UTF-8; save it as UTF-8"):
        read_text(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"one", mtime=0))
    with pytest.raises(ValueError, match=r"a\.txt .*gzip; unpack it first"):
        read_text(tmp_path / "a.txt")


def test_every_reader_says_so(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    readers = {
        "testing.txt": lambda: read_mtfl(tmp_path, "testing"),
        "boxes.csv": lambda: read_boxes(tmp_path / "boxes.csv"),
        "a.pts": lambda: read_pts(tmp_path / "a.pts"),
        "c.csv": lambda: read_csv(tmp_path / "c.csv"),
    }
    for name in ("testing.txt", "a.pts", "c.csv", "boxes.csv"):
        (tmp_path / name).write_bytes(b"image,left,top,right,bottom\ncaf\xe9.jpg,1,2,3,4\n")
        with pytest.raises(ValueError, match=rf"{name} .*line 2 is not UTF-8"):
            readers[name]()


def test_a_spreadsheets_box_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("\ufeffimage, left,top,right,bottom\r\nф.jpg,1,2,3,4\r\n", encoding="utf-8")
    assert {name: boxes[0].tolist() for name, boxes in read_boxes(tmp_path / "b.csv").items()} == {
        "ф.jpg": [1, 2, 3, 4]
    }


def test_rows_that_csv_cannot_hold_are_refused_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,x\na," + "1" * 200_000 + "\n")
    with pytest.raises(ValueError, match=r"a\.csv cannot be read as CSV after line 1"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text('image,x\n"a\nb",1,more\nc\n')
    assert read_table(tmp_path / "a.csv").rows == [
        ("a.csv:3", {"image": "a\nb", "x": "1"}),
        ("a.csv:4", {"image": "c"}),
    ]
