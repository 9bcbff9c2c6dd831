"""iBUG's .pts files."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.datasets import BadRows, read_pts, read_pts_folder

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float64)


def pts(points: np.ndarray, ending: str = "\n") -> str:
    rows = [f"{x:.3f} {y:.3f}" for x, y in points]
    return ending.join(["version: 1", f"n_points:  {len(points)}", "{", *rows, "}", ""])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_points_are_read_and_counted_from_0(tmp_path, ending):
    file = tmp_path / "a.pts"
    file.write_bytes(pts(FIVE + 1, ending).encode())
    assert read_pts(file).tolist() == FIVE.tolist()
    assert read_pts(file).dtype == np.float32
    assert read_pts(file, one_based=False).tolist() == (FIVE + 1).tolist()


@pytest.mark.parametrize(
    "text",
    ["", "1 2\n3 4\n", "{\n1 2\n", "{\n1 2\n3\n}\n", "{\n1 2 3\n}\n", "{\n1 x\n}\n", "{\n1 nan\n}\n", "{\n}\n"],
)
def test_what_is_no_pts_file_is_refused_by_name(tmp_path, text):
    file = tmp_path / "a.pts"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"a\.pts.*'x y' rows between braces"):
        read_pts(file)


def test_a_folder_is_read_wholly_and_sorted(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b", "a", "sub/c"):
        (tmp_path / f"{name}.pts").write_text(pts(FIVE + 1))
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "picture-alone.jpg").touch()
    faces = read_pts_folder(tmp_path)
    assert [face.name for face in faces] == ["a.pts", "b.pts", "sub/c.pts"]
    assert faces[2].image == tmp_path / "sub" / "c.png"
    assert {face.box_source for face in faces} == {"points"}
    assert faces[0].points.tolist() == FIVE.tolist()
    assert read_pts_folder(tmp_path, one_based=False)[0].points.tolist() == (FIVE + 1).tolist()


def test_every_broken_file_is_named(tmp_path):
    for name, text in (("bad", "nothing"), ("good", pts(FIVE)), ("alone", pts(FIVE))):
        (tmp_path / f"{name}.pts").write_text(text)
    for name in ("bad", "good"):
        (tmp_path / f"{name}.jpg").touch()
    with pytest.raises(BadRows) as error:
        read_pts_folder(tmp_path)
    alone, bad = error.value.rows
    assert "alone.pts has no image beside it" in alone
    assert "bad.pts is not a .pts file" in bad
    assert [face.name for face in read_pts_folder(tmp_path, skip_bad=True)] == ["good.pts"]


def test_points_among_which_the_five_are_unknown_have_the_box_around_them(tmp_path):
    (tmp_path / "three.pts").write_text(pts(FIVE[:3]))
    (tmp_path / "three.jpg").touch()
    [face] = read_pts_folder(tmp_path)
    assert len(face.points) == 3
    np.testing.assert_allclose(face.box, [*face.points.min(axis=0), *face.points.max(axis=0)])
    (tmp_path / "three.pts").write_text(pts(FIVE[:1]))
    with pytest.raises(BadRows, match=r"three\.pts has 1 of 1 points; expected at least two"):
        read_pts_folder(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_pts_folder(tmp_path / "nowhere")


def test_files_made_by_hand_are_read(tmp_path):
    for text in ("{ \n1 2\n3 4\n} \n", " {\n\n1 2\n\n3 4\n}", "version: 1\nn_points : 2\n{\n1\t2\n3 4\n}\n"):
        (tmp_path / "a.pts").write_text(text)
        assert read_pts(tmp_path / "a.pts").tolist() == [[0, 1], [2, 3]]


def test_a_file_with_fewer_points_than_it_says_is_refused(tmp_path):
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 68\n{\n1 2\n3 4\n}\n")
    with pytest.raises(ValueError, match="holds 2 points, but says n_points: 68"):
        read_pts(tmp_path / "a.pts")


def test_suffixes_of_cameras_are_found(tmp_path):
    (tmp_path / "a.pts").write_text(pts(FIVE))
    (tmp_path / "a.JPG").touch()
    assert read_pts_folder(tmp_path)[0].image.name == "a.JPG"


@pytest.mark.parametrize("number", ["inf", "1e39", "-1e39", "nan"])
def test_numbers_that_no_point_can_have_are_refused(tmp_path, number):
    (tmp_path / "a.pts").write_text(f"{{\n1 {number}\n}}\n")
    with pytest.raises(ValueError, match=r"a\.pts has a coordinate that is not finite"):
        read_pts(tmp_path / "a.pts")
