"""Folders of images with 68 points, written small; and the real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.datasets import BadRows, hold_out, hold_out_persons, mtfl_five_from_68, read_ibug68
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.geometry import box_from_points, completed, five_from_68, rotation, transform_points

COLUMNS = [f"{axis}{k}" for k in range(68) for axis in "xy"]
FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])
LEFT_HALF = [*range(9), 17, 19, 21, *range(27, 31), *range(31, 34), *range(36, 42), 48, 51, 57, 62, 66]


def shape() -> np.ndarray:
    """68 points whose five are `FIVE`; the others anywhere."""
    points = np.random.default_rng(0).uniform(1, 90, size=(68, 2)).round(2)
    points[36:42] = FIVE[0] + [[-6, 0], [-2, -2], [2, -2], [6, 0], [2, 2], [-2, 2]]
    points[42:48] = FIVE[1] + [[-6, 0], [-2, -2], [2, -2], [6, 0], [2, 2], [-2, 2]]
    points[[30, 48, 54]] = FIVE[2:]
    return points


def row(name: str, points: np.ndarray) -> str:
    return ",".join([name, *("" if np.isnan(value) else f"{value:g}" for value in points.ravel())])


def write(root: Path, *rows: str, images: tuple[str, ...] = ("train/a.jpg", "train/b.jpg", "test/c.jpg")) -> Path:
    for name in images:
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "images" / name).write_bytes(name.encode())
    (root / "points.csv").write_text("\n".join([",".join(["image", *COLUMNS]), *rows]) + "\n")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    half = np.full((68, 2), np.nan)
    half[LEFT_HALF] = shape()[LEFT_HALF]
    return write(tmp_path, row("train/a.jpg", shape()), row("train/b.jpg", half), row("test/c.jpg", shape()))


def test_parts_points_and_boxes(folder):
    assert [face.name for face in read_ibug68(folder)] == ["train/a.jpg", "train/b.jpg", "test/c.jpg"]
    whole, profile = read_ibug68(folder, "train")
    assert whole.image == folder / "images" / "train" / "a.jpg"
    assert whole.points.dtype == np.float32
    np.testing.assert_allclose(whole.points, mtfl_five_from_68(shape()), atol=1e-4)
    np.testing.assert_allclose(whole.box, box_from_points(mtfl_five_from_68(shape())), atol=1e-3)
    assert (whole.box_source, profile.box_source) == ("points", "points")
    assert np.isnan(profile.points).all(axis=1).tolist() == [False, True, False, False, True]
    np.testing.assert_allclose(profile.box, box_from_points(completed(profile.points)), atol=1e-3)


def test_dense_points_stay_as_they_are(folder):
    whole, profile = read_ibug68(folder, "train", dense=True)
    np.testing.assert_allclose(whole.points, shape(), atol=1e-4)
    assert np.flatnonzero(np.isfinite(profile.points).all(axis=1)).tolist() == LEFT_HALF


def test_the_offsets_are_those_of_the_annotators_and_turn_with_the_face():
    moved = (mtfl_five_from_68(shape()) - FIVE) / 40.0  # in inter-ocular distances of this face
    measured = np.array([[0.5, -1.3], [1.1, -1.7], [0.4, 4.2], [0.3, -1.0], [-2.3, -0.3]]) / 100
    # The unit is the inter-ocular distance of MTFL's mean face of that size: a tenth off here.
    np.testing.assert_allclose(moved, measured, atol=0.004)
    for degrees in (30, 90, 180, -75):
        turn = rotation(degrees, centre=(40, 50))
        turned = mtfl_five_from_68(transform_points(turn, shape()))
        np.testing.assert_allclose(turned, transform_points(turn, mtfl_five_from_68(shape())), atol=1e-9)
    np.testing.assert_allclose(mtfl_five_from_68(3 * shape()), 3 * mtfl_five_from_68(shape()), atol=1e-9)


def test_a_profile_is_converted_as_far_as_it_is_seen():
    half = np.full((68, 2), np.nan)
    half[LEFT_HALF] = shape()[LEFT_HALF]
    points = mtfl_five_from_68(half)
    seen = [0, 2, 3]
    assert np.flatnonzero(np.isfinite(points[:, 0])).tolist() == seen
    assert np.abs(points[seen] - five_from_68(half)[seen]).max() < 2.5


def test_every_broken_row_is_named(tmp_path):
    points = shape()
    one = points.copy()
    one[5, 1] = np.nan
    mouth = points.copy()
    mouth[[48, 54]] = np.nan
    folder = write(
        tmp_path,
        row("train/a.jpg", points),
        row("train/gone.jpg", points),
        row("train/b.jpg", one),
        row("train/b.jpg", mouth),
        "train/b.jpg,1,2",
        row("train/b.jpg", points).replace("30", "x", 1),
        row("test/c.jpg", np.where(points == points[0, 0], np.inf, points)),
    )
    with pytest.raises(BadRows) as error:
        read_ibug68(folder)
    assert [text.split(": ")[0] for text in error.value.rows] == [f"points.csv:{line}" for line in (3, 4, 5, 6, 7, 8)]
    for reason in ("not there", "point 5 with one", r"only the points [0, 1, 2]", "too few", "not a number", "not fin"):
        assert reason in str(error.value)
    assert [face.name for face in read_ibug68(folder, skip_bad=True)] == ["train/a.jpg"]
    with pytest.raises(BadRows, match="no valid face"):
        read_ibug68(folder, "validation")


def test_another_form_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"points\.csv"):
        read_ibug68(tmp_path)
    write(tmp_path)
    (tmp_path / "points.csv").write_text("image,x0,y0\na.jpg,1,2\n")
    with pytest.raises(ValueError, match="expected image, x0, y0"):
        read_ibug68(tmp_path)


def test_half_a_face_that_is_not_a_profile_is_refused():
    with pytest.raises(ValueError, match=r"only the points \[0, 1\]"):
        completed(np.where([[True], [True], [False], [False], [False]], FIVE, np.nan))
    with pytest.raises(ValueError, match="expected"):
        completed(FIVE[:4])


def test_profiles_are_completed_alike_on_both_sides():
    left = np.where(
        [[True], [False], [True], [True], [False]], FIVE + [[10, 0], [0, 0], [20, 0], [10, 0], [0, 0]], np.nan
    )
    right = left[[1, 0, 2, 4, 3]] * [-1, 1]
    np.testing.assert_allclose(completed(right), completed(left)[[1, 0, 2, 4, 3]] * [-1, 1], atol=1e-9)
    assert completed(FIVE).tolist() == FIVE.tolist()
    both = np.stack([left, FIVE])
    np.testing.assert_allclose(completed(both)[0], completed(left))


@pytest.mark.parametrize(
    ("name", "part", "count"),
    [
        ("lfpw", "train", 802),
        ("lfpw", "test", 224),
        ("helen", "train", 870),
        ("helen", "test", 330),
        ("cfp_profile", "train", 1600),
        ("infants", "train", 210),
        ("synthetic", None, 100),
    ],
)
def test_the_real_folders(data_root, name, part, count):
    root = data_root / name
    if not (root / "points.csv").exists():
        pytest.skip(f"{root / 'points.csv'} is not there")
    faces = read_ibug68(root, part)
    assert len(faces) == count
    missing = np.isnan(np.stack([face.points for face in faces])).any(axis=2).sum(axis=1)
    assert set(missing.tolist()) == ({2} if name == "cfp_profile" else {0})
    split = hold_out_persons if name == "cfp_profile" else hold_out
    kept, held = split(faces)
    assert 0.03 * count < len(held) < 0.17 * count
    if name == "cfp_profile":
        assert not {face.name[:9] for face in kept} & {face.name[:9] for face in held}
        assert [face.name for face in read_dataset("cfp-profile-val", root)] == [face.name for face in held]
