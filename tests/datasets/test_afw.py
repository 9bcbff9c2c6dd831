"""AFW's nested MATLAB file, written small by scipy; and the real one where it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from skimage.io import imread, imsave

from tcdcn_init.datasets import BadRows, read_afw, read_afw68
from tcdcn_init.geometry import box_from_points

SIX = np.array([[30.0, 40.0], [70.0, 41.0], [51.0, 60.0], [36.0, 80.0], [50.5, 82.0], [65.0, 81.0]])
BOX = np.array([[10.0, 12.0], [90.0, 98.0]])


def cells(*items: np.ndarray) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):
        array[k] = item
    return array


def write_68(path: Path, five: np.ndarray) -> np.ndarray:
    """A 68-point file (1-based) whose five points are the given ones."""
    shape = np.tile(five.mean(axis=0), (68, 1))
    shape[36:42], shape[42:48] = five[0], five[1]
    shape[30], shape[48], shape[54] = five[2], five[3], five[4]
    rows = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in shape)
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return shape


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "pts68").mkdir()
    for name in ("one.jpg", "three.jpg"):
        imsave(tmp_path / "images" / name, np.zeros((20, 20), dtype=np.uint8), check_contrast=False)
    hidden = SIX + 200
    hidden[1] = np.nan
    anno = np.empty((2, 4), dtype=object)
    anno[0] = ["one.jpg", BOX, np.array([30.0, 0.0, -5.0]), SIX]
    anno[1] = [
        "three.jpg",
        cells(BOX + 100, BOX + 200, BOX + 130),
        cells(np.array([[-75.0, 0, 0]]), np.array([[0.0, 0, 0]]), np.array([[15.0, 0, 0]])),
        cells(SIX + 100, hidden, SIX + 130),
    ]
    savemat(tmp_path / "anno2.mat", {"anno": anno})
    return tmp_path


def test_one_face_or_several_are_read(root):
    faces = read_afw(root)
    assert [face.name for face in faces] == ["one.jpg#1", "three.jpg#1", "three.jpg#3"]
    five = SIX[[0, 1, 2, 3, 5]]
    for face, shift in zip(faces, (0, 100, 130), strict=True):
        np.testing.assert_allclose(face.points, five + shift)
        np.testing.assert_allclose(face.box, np.array([10, 12, 90, 98]) + shift)
        assert face.box_source == "given"
        assert face.image == root / "images" / face.name.split("#")[0]
        assert face.image.is_file()


@pytest.mark.parametrize(
    ("yaw", "pose"), [(-90, 0), (-60, 0), (-45, 1), (-30, 1), (-15, 2), (0, 2), (15, 2), (30, 3), (45, 3), (60, 4)]
)
def test_the_pose_class_follows_the_yaw(root, yaw, pose):
    anno = np.empty((1, 4), dtype=object)
    anno[0] = ["one.jpg", BOX, np.array([float(yaw), 0.0, 0.0]), SIX]
    savemat(root / "anno2.mat", {"anno": anno})
    [face] = read_afw(root)
    assert face.attributes == {"pose": pose}


def test_68_points_take_the_nearest_box_around_them(root):
    five = SIX[[0, 1, 2, 3, 5]]
    expected = write_68(root / "pts68" / "three_2.pts", five + 128)  # inside of two boxes, nearer to the third
    write_68(root / "pts68" / "one_1.pts", five + 500)  # inside of none
    alone, crowd = read_afw68(root)
    assert (alone.name, crowd.name) == ("one_1.pts", "three_2.pts")
    assert (alone.image.name, crowd.image.name) == ("one.jpg", "three.jpg")
    np.testing.assert_allclose(crowd.points, expected, atol=1e-3)
    np.testing.assert_allclose(crowd.five, five + 128, atol=1e-3)
    assert (alone.box_source, crowd.box_source) == ("points", "given")
    np.testing.assert_allclose(crowd.box, np.array([10, 12, 90, 98]) + 130)
    np.testing.assert_allclose(alone.box, box_from_points(five + 500), atol=1e-3)


def test_what_is_missing_is_named(root, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match=r"anno2\.mat(.|\n)*images(.|\n)*research data"):
        read_afw(empty)
    (root / "images" / "one.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"one\.jpg"):
        read_afw(root)
    with pytest.raises(BadRows, match="no valid face"):
        read_afw68(root)


def test_a_face_without_a_visible_point_is_no_test_face(root):
    assert "three.jpg#2" not in {face.name for face in read_afw(root)}


def one_face(root, name="one.jpg", box=BOX, pose=None, points=SIX):
    anno = np.empty((1, 4), dtype=object)
    anno[0] = [name, box, np.zeros((1, 3)) if pose is None else pose, points]
    savemat(root / "anno2.mat", {"anno": anno})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"box": np.full((2, 2), np.nan)}, "is not finite"),
        ({"box": np.full((2, 2), np.inf)}, "is not finite"),
        ({"box": BOX[::-1]}, "has no area"),
        ({"box": BOX[:, :1]}, "not four numbers"),
        ({"box": "a box"}, "text 'a box'"),
        ({"pose": np.full((1, 3), np.nan)}, "expected a yaw"),
        ({"pose": cells(np.zeros(3), np.zeros(3))}, "1 boxes, 2 poses and 1 shapes"),
        ({"points": SIX[:5]}, "expected six"),
        ({"points": np.full((6, 2), np.inf)}, "expected six"),
        ({"points": np.full((6, 2), 1e39)}, "not finite"),
        ({"name": ""}, "expected a file below"),
        ({"name": "../one.jpg"}, "expected a file below"),
        ({"name": np.zeros(0)}, "no file name"),
    ],
)
def test_what_no_face_can_be_is_a_broken_row(root, changes, reason):
    one_face(root, **changes)
    with pytest.raises(BadRows, match=rf"anno2\.mat.*{reason}"):
        read_afw(root)


@pytest.mark.parametrize("value", [np.zeros((2, 2)), cells("a"), "text"])
def test_another_table_is_refused(root, value):
    savemat(root / "anno2.mat", {"anno": value})
    with pytest.raises(ValueError, match=r"anno2\.mat holds no table"):
        read_afw(root)


def test_an_image_in_two_rows_keeps_all_its_faces(root):
    anno = np.empty((2, 4), dtype=object)
    for k in range(2):
        anno[k] = ["one.jpg", BOX + k, np.zeros((1, 3)), SIX + k]
    savemat(root / "anno2.mat", {"anno": anno})
    assert [face.name for face in read_afw(root)] == ["one.jpg#1", "one.jpg#2"]


# --- the real data set


@pytest.fixture(scope="module")
def faces(data_root):
    return read_afw(data_root / "afw")


def test_afw_has_the_papers_number_of_faces(faces, data_root):
    assert len(faces) == 377
    assert {face.box_source for face in faces} == {"given"}
    assert len({face.name for face in faces}) == 377
    dense = read_afw68(data_root / "afw")
    assert len(dense) == 337
    assert {face.points.shape for face in dense} == {(68, 2)}
    assert sum(face.box_source == "given" for face in dense) > 320


def test_afws_pose_class_follows_the_nose(faces):
    poses = np.array([face.attributes["pose"] for face in faces])
    five = np.stack([face.five for face in faces])
    size = np.stack([face.box[2] - face.box[0] for face in faces])
    offset = (five[:, 2, 0] - five[:, :2, 0].mean(axis=1)) / size
    means = [offset[poses == pose].mean() for pose in range(5) if (poses == pose).any()]
    assert means == sorted(means)


def test_points_lie_inside_of_their_pictures(faces):
    for face in faces[:40]:
        height, width = imread(face.image).shape[:2]
        assert (face.points >= -0.5).all()
        assert (face.points <= [width, height]).all()
