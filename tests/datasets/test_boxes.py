"""CSV files of face boxes."""

from __future__ import annotations

import pytest

from tcdcn_init.datasets import BadRows, read_boxes


def test_boxes_come_by_image_in_the_files_order(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_bytes(
        b"score,image,left,top,right,bottom\r\n"
        b"0.9,a.jpg,1,2,3,4.5\r\n"
        b"0.8,sub\\b.jpg, 10 ,20,30,40\r\n"
        b"0.7,a.jpg,5,6,7,8\r\n"
        b",none.jpg,,,,\r\n"
    )
    boxes = read_boxes(file)
    assert {name: [box.tolist() for box in found] for name, found in boxes.items()} == {
        "a.jpg": [[1, 2, 3, 4.5], [5, 6, 7, 8]],
        "sub/b.jpg": [[10, 20, 30, 40]],
        "none.jpg": [],
    }


def test_every_bad_row_is_named(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text("image,left,top,right,bottom\na,1,2,3,4\nb,1,2,x,4\nc,1,2,,4\nd,5,2,1,4\ne,1,2,nan,4\nf,1,2\n")
    with pytest.raises(BadRows) as error:
        read_boxes(file)
    assert [row.split(": ")[0] for row in error.value.rows] == [f"boxes.csv:{line}" for line in (3, 4, 5, 6, 7)]
    assert "no area" in error.value.rows[2]


def test_a_missing_file_or_column_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.csv does not exist.*image, left, top, right, bottom"):
        read_boxes(tmp_path / "no.csv")
    (tmp_path / "bad.csv").write_text("image,left,top,right\n")
    with pytest.raises(ValueError, match="has no column bottom"):
        read_boxes(tmp_path / "bad.csv")


def test_an_empty_file_is_told_so(tmp_path):
    (tmp_path / "boxes.csv").write_text("")
    with pytest.raises(ValueError, match=r"boxes\.csv is empty; expected a first line with image, left, top"):
        read_boxes(tmp_path / "boxes.csv")
