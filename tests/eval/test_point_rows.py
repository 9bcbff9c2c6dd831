"""Rows of a points file, found again for the faces of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from builders import FIVE
from tcdcn_init.datasets.base import BadRows, Face
from tcdcn_init.eval.point_rows import read_point_rows

HEAD = "image," + ",".join(f"{axis}{k}" for k in range(5) for axis in "xy")


def face(name: str, image: str, shift: float = 0.0) -> Face:
    points = (FIVE + [shift, 0]).astype(np.float32)
    return Face(name, Path(image), points, np.array([20.0 + shift, 20, 80 + shift, 90]))


def line(image: str, points: np.ndarray) -> str:
    return ",".join([image, *(f"{value:.3f}" for value in points.ravel())])


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Sequence[str], Sequence[Face]], dict[str, np.ndarray]]:
    """``read(lines, faces)`` -> the points that a file of these lines has of the faces."""

    def call(lines: Sequence[str], faces: Sequence[Face]) -> dict[str, np.ndarray]:
        path = tmp_path / "points.csv"
        path.write_text("\n".join([HEAD, *lines]) + "\n")
        return read_point_rows(path, faces)

    return call


@pytest.mark.parametrize("text", ["a.jpg", "AFLW/a.jpg", "AFLW\\a.jpg", "/elsewhere/AFLW/a.jpg", "/data/AFLW/a.jpg"])
def test_an_image_is_known_by_the_end_of_its_path(read, text) -> None:
    found = read([line(text, FIVE), line("b.jpg", FIVE)], [face("AFLW/a.jpg", "/data/AFLW/a.jpg")])
    np.testing.assert_allclose(found["AFLW/a.jpg"], FIVE)


def test_of_images_of_one_name_the_one_is_meant_that_agrees_furthest(read) -> None:
    faces = [face("x/a.jpg", "/data/x/a.jpg"), face("y/a.jpg", "/data/y/a.jpg")]
    found = read([line("y/a.jpg", FIVE + 1), line("old/x/a.jpg", FIVE + 2)], faces)
    assert {name: round(points[0, 0]) for name, points in found.items()} == {"x/a.jpg": 32, "y/a.jpg": 31}
    with pytest.raises(BadRows, match=r"points.csv:2: a.jpg may be /data/x/a.jpg or .*; expected more of its path"):
        read([line("a.jpg", FIVE)], faces)


def test_rows_of_one_image_go_to_the_faces_whose_boxes_they_are_in(read) -> None:
    faces = [face("a.jpg#1", "a.jpg"), face("a.jpg#2", "a.jpg", 40.0), face("a.jpg#3", "a.jpg", 400.0)]
    far, second, worse, first = (FIVE + [shift, 0] for shift in (900, 42, 55, 3))
    found = read([line("a.jpg", points) for points in (far, second, worse, first)], faces)
    assert {name: round(points[0, 0]) for name, points in found.items()} == {"a.jpg#1": 33, "a.jpg#2": 72}


def test_a_row_may_name_the_face_itself(read) -> None:
    faces = [face("a.jpg#1", "a.jpg"), face("a.jpg#2", "a.jpg", 10.0)]
    lines = [line("a.jpg#2", FIVE + 500), line("a.jpg", FIVE + 12)]
    assert {name: round(points[0, 0]) for name, points in read(lines, faces).items()} == {"a.jpg#1": 42, "a.jpg#2": 530}
    with pytest.raises(BadRows, match=r"a.jpg#2 is a second row of this face"):
        read([lines[0], lines[0]], faces)


def test_blank_rows_say_that_nothing_was_found(read) -> None:
    faces = [face("a.jpg", "a.jpg"), face("b.jpg", "b.jpg")]
    assert list(read(["a.jpg" + "," * 10, line("b.jpg", FIVE)], faces)) == ["b.jpg"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.jpg,1,2,3"], "points.csv:2: a.jpg has too few cells; expected two for each of 5 points"),
        (["a.jpg,x,2,3,4,5,6,7,8,9,10"], "points.csv:2: a.jpg has a coordinate that is not a number"),
        (
            ["b.jpg" + ",5" * 10],
            "has no points of any of 1 faces; expected .* such as 'a.jpg'",
        ),
    ],
)
def test_other_rows_are_named(read, lines, message) -> None:
    with pytest.raises(ValueError, match=message):
        read(lines, [face("a.jpg", "a.jpg")])


def test_another_file_is_told_so(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.csv does not exist; expected a CSV with columns image, x0"):
        read_point_rows(tmp_path / "none.csv", [face("a.jpg", "a.jpg")])
    (tmp_path / "boxes.csv").write_text("image,left,top\na.jpg,1,2\n")
    with pytest.raises(ValueError, match=r"has columns image, left, top, ...; expected image, x0, y0"):
        read_point_rows(tmp_path / "boxes.csv", [face("a.jpg", "a.jpg")])
