"""Shapes in CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import BadRows, read_csv
from tcdcn_init.geometry import box_from_points

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float64)
HEADER = "image," + ",".join(f"x{k},y{k}" for k in range(5))
NUMBERS = ",".join(f"{value:g}" for value in FIVE.ravel())


def write(folder: Path, *lines: str) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        (folder / "images" / name).touch()
    file = folder / "points.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_points_and_boxes_are_read(tmp_path):
    file = write(tmp_path, HEADER + ",left,top,right,bottom", f"a.png,{NUMBERS},1,2,90,99.5", f"b.png,{NUMBERS},,,,")
    given, derived = read_csv(file)
    assert given.points.tolist() == FIVE.tolist()
    assert given.box.tolist() == [1, 2, 90, 99.5]
    assert given.image == tmp_path / "images" / "a.png"
    np.testing.assert_allclose(derived.box, box_from_points(FIVE))
    assert (given.box_source, derived.box_source) == ("given", "points")


def test_68_points_columns_in_any_order_and_another_folder(tmp_path):
    file = write(tmp_path)
    columns = [f"{axis}{k}" for axis in "yx" for k in range(68)] + ["image"]
    values = {f"{axis}{k}": 10 * k + (axis == "y") for axis in "xy" for k in range(68)}
    file.write_text(",".join(columns) + "\n" + ",".join(str(values.get(c, "a.png")) for c in columns) + "\n")
    [face] = read_csv(file, tmp_path / "images")
    assert face.points[3].tolist() == [30, 31]
    assert face.points.shape == (68, 2)
    assert face.box_source == "points"


def test_every_broken_row_is_named(tmp_path):
    file = write(
        tmp_path,
        HEADER,
        f"a.png,{NUMBERS}",
        f"gone.png,{NUMBERS}",
        "a.png,1,2",
        f"a.png,x{NUMBERS}",
        f"a.png,{NUMBERS.replace('70', 'inf')}",
        f"b.png,{NUMBERS}",
    )
    with pytest.raises(BadRows) as error:
        read_csv(file)
    assert [row.split(": ")[0] for row in error.value.rows] == [f"points.csv:{line}" for line in (3, 4, 5, 6)]
    assert [face.name for face in read_csv(file, skip_bad=True)] == ["a.png", "b.png"]


def test_a_box_without_area_is_a_broken_row(tmp_path):
    file = write(tmp_path, HEADER + ",left,top,right,bottom", f"a.png,{NUMBERS},90,2,1,99")
    with pytest.raises(BadRows, match="no area"):
        read_csv(file)


def test_two_faces_of_one_picture_have_two_names(tmp_path):
    file = write(tmp_path, HEADER, f"a.png,{NUMBERS}", f"a.png,{NUMBERS}")
    first, second = read_csv(file)
    assert first.image == second.image
    assert first.name != second.name


@pytest.mark.parametrize("header", ["image,x0,y0", "name," + HEADER[6:], HEADER.replace("y3", "z3"), ""])
def test_other_columns_are_refused(tmp_path, header):
    with pytest.raises(ValueError, match="expected image, x0, y0"):
        read_csv(write(tmp_path, header))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.csv(.|\n)*images"):
        read_csv(tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"../a.png,{NUMBERS}", "expected a file below"),
        (f",{NUMBERS}", "expected a file below"),
        (f"a.png,{NUMBERS.replace('70', '1e39')}", "not finite"),
        (f"a.png,{','.join(['5'] * 10)}", "coincide"),
    ],
)
def test_what_no_face_can_be_is_a_broken_row(tmp_path, row, reason):
    (tmp_path / "a.png").touch()
    with pytest.raises(BadRows, match=rf"points\.csv:2: .*{reason}"):
        read_csv(write(tmp_path, HEADER, row))
