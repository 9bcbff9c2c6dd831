"""MTFL's layout with all of its traps, drawn small; and the real one where it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from tcdcn_init.datasets import BadRows, hold_out, read_mtfl
from tcdcn_init.geometry import MIRROR, box_from_points, transform_points


@pytest.fixture
def root(make_mtfl, tmp_path) -> Path:
    return make_mtfl(tmp_path)


def test_the_layouts_traps_are_in_the_drawn_files(root):
    training, testing = (root / "training.txt").read_bytes(), (root / "testing.txt").read_bytes()
    assert b"lfw_5590\\face_0000.png" in training
    assert training.splitlines()[1].startswith(b" ")
    assert b"\r\n" in testing
    assert b"\r" not in training


def test_the_traps_of_the_layout_are_read_past(root):
    faces = read_mtfl(root, "training")
    assert [face.name for face in faces] == [
        f"{'lfw_5590' if k < 6 else 'net_7876'}/face_{k:04d}.png" for k in range(12)
    ]
    for face in faces:
        assert face.image == root / face.name
        assert face.image.is_file()
        assert face.points.shape == (5, 2)
        assert face.points.dtype == np.float32
    assert len(read_mtfl(root, "testing")) == 4


def test_pixels_are_counted_from_0(root):
    for face in read_mtfl(root, "training")[2:]:
        picture = imread(face.image).astype(int)
        for x, y in face.points[:2]:  # the pupils are the darkest discs around
            column, row = round(float(x)), round(float(y))
            disc = picture[row - 2 : row + 3, column - 2 : column + 3]
            assert disc.mean() < picture.mean() - 25
        line = (root / "training.txt").read_text().splitlines()[int(face.name[-8:-4])].split()
        np.testing.assert_allclose(face.points[0], [float(line[1]) - 1.0, float(line[6]) - 1.0], atol=1e-4)


def test_labels_become_class_indices(root):
    line = (root / "training.txt").read_text().splitlines()[0]
    path, *numbers = line.split()
    for codes, expected in (
        ("1 1 1 1", {"gender": 0, "smile": 1, "glasses": 1, "pose": 0}),
        ("2 2 2 5", {"gender": 1, "smile": 0, "glasses": 0, "pose": 4}),
    ):
        (root / "training.txt").write_text(" ".join([path, *numbers[:10], codes]))
        [face] = read_mtfl(root, "training")
        assert face.attributes == expected


def test_boxes_come_from_the_file_or_else_from_the_points(root):
    faces = read_mtfl(root, "training")
    assert [face.box_source for face in faces] == ["given", "given", "points", "points"] + ["given"] * 8
    for face in faces[2:4]:
        np.testing.assert_allclose(face.box, box_from_points(face.points))
    (root / "boxes.csv").unlink()
    assert {face.box_source for face in read_mtfl(root, "training")} == {"points"}


def test_that_boxes_are_derived_is_warned_of(root, caplog):
    read_mtfl(root, "training")
    assert "training.txt: 1 of 12 faces are not in " in caplog.text  # one more is there, and blank
    (root / "boxes.csv").unlink()
    read_mtfl(root, "training")
    assert "12 of 12 faces are not in a file of boxes (" in caplog.text
    read_mtfl(root, "testing")
    assert (
        "testing.txt: 4 of 4 faces are not in the boxes of AFLW that come with the package; their boxes" in caplog.text
    )


def test_boxes_of_aflw_come_with_the_package(root, caplog):
    (root / "boxes.csv").unlink()
    (root / "AFLW" / "face_0000.png").rename(root / "AFLW" / "0001-image20056.jpg")
    (root / "testing.txt").write_text(
        (root / "testing.txt").read_text().replace("face_0000.png", "0001-image20056.jpg")
    )
    boxes = {face.name: (face.box_source, face.box.tolist()) for face in read_mtfl(root, "testing")}
    assert boxes["AFLW/0001-image20056.jpg"] == ("given", [15.68, -3.67, 116.05, 127.39])
    assert [source for source, _ in boxes.values()] == ["given", "points", "points", "points"]
    assert "3 of 4 faces" in caplog.text


def test_every_broken_row_is_named_with_file_and_line(root):
    listing = root / "training.txt"
    lines = listing.read_text().splitlines()
    good = lines[0].split()

    def row(path: str = good[0], numbers: list[str] = good[1:11], codes: list[str] = good[11:]) -> str:
        return " ".join([path, *numbers, *codes])

    listing.write_text(
        "\n".join(
            [
                lines[0],
                row(numbers=good[1:10]),
                row(numbers=["x", *good[2:11]]),
                row(numbers=["nan", *good[2:11]]),
                row(codes=["3", "1", "1", "1"]),
                row(codes=["1", "0", "1", "1"]),
                row(codes=["1", "1", "1", "6"]),
                row(path="lfw_5590\\gone.png"),
                row(path="nowhere\\face_0000.png"),
                "",
                lines[5],
            ]
        )
    )
    with pytest.raises(BadRows) as error:
        read_mtfl(root, "training")
    expected = [
        (2, "14 fields; expected 15"),
        (3, "not a number"),
        (4, "not finite"),
        (5, "gender '3'; expected 1 to 2"),
        (6, "smile '0'"),
        (7, "pose '6'; expected 1 to 5"),
        (8, "not there"),
        (9, "not there"),
    ]
    assert len(error.value.rows) == len(expected)
    for message, (line, reason) in zip(error.value.rows, expected, strict=True):
        assert message.startswith(f"training.txt:{line}: ")
        assert reason in message
        assert message in str(error.value)

    kept = read_mtfl(root, "training", skip_bad=True)
    assert [face.name for face in kept] == ["lfw_5590/face_0000.png", "lfw_5590/face_0005.png"]


def test_a_folder_that_is_not_mtfl_is_told_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"training\.txt(.|\n)*download MTFL\.zip"):
        read_mtfl(tmp_path, "training")


# --- the held-out split


def test_held_out_faces_are_a_tenth_and_always_the_same(mtfl_root):
    faces = read_mtfl(mtfl_root, "training")
    kept, held = hold_out(faces)
    assert len(kept) + len(held) == len(faces)
    assert 8 <= len(held) <= 35
    order = np.random.default_rng(0).permutation(len(faces))
    _, again = hold_out([faces[k] for k in order])
    assert {face.name for face in again} == {face.name for face in held}
    # Neither neighbours nor a larger share change a face's side.
    _, some = hold_out(faces[50:])
    assert {face.name for face in some} == {face.name for face in held} & {face.name for face in faces[50:]}
    _, more = hold_out(faces, 0.3)
    assert {face.name for face in held} < {face.name for face in more}


def test_identical_pictures_stay_on_one_side(root):
    faces = read_mtfl(root, "training")
    assert faces[0].image.read_bytes() == faces[1].image.read_bytes()
    for fraction in np.linspace(0.0, 1.0, 21):
        kept, held = hold_out(faces, fraction)
        assert {"lfw_5590/face_0000.png", "lfw_5590/face_0001.png"} & {f.name for f in held} in (
            set(),
            {"lfw_5590/face_0000.png", "lfw_5590/face_0001.png"},
        )
        assert len(kept) + len(held) == 12
    assert hold_out(faces, 0.0)[1] == []
    assert hold_out(faces, 1.0)[0] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((1, "1e39"), "coordinate that is not finite"),
        ((1, "nan"), "coordinate that is not finite"),
        ((0, "../outside.png"), "expected a file below"),
        ((0, "/etc/hosts"), "expected a file below"),
        ((slice(1, 11), ["5"] * 10), "coincide"),
    ],
)
def test_what_no_face_can_be_is_a_broken_row(root, change, reason):
    (root.parent / "outside.png").touch()
    fields = (root / "testing.txt").read_text().splitlines()[0].split()
    fields[change[0]] = change[1]
    (root / "testing.txt").write_text(" ".join(fields) + "\n")
    (root / "boxes.csv").unlink()
    with pytest.raises(BadRows, match=rf"testing\.txt:1: .*{reason}"):
        read_mtfl(root, "testing")


# --- the real data set


@pytest.fixture(scope="module")
def training(data_root):
    return read_mtfl(data_root / "mtfl", "training")


@pytest.fixture(scope="module")
def testing(data_root):
    return read_mtfl(data_root / "mtfl", "testing")


def test_mtfl_has_the_papers_numbers_of_faces(training, testing):
    assert (len(training), len(testing)) == (10_000, 2_995)
    assert sum(face.box_source == "points" for face in training) == 118
    assert sum(face.box_source == "points" for face in testing) == 68
    names = {face.name for face in training} | {face.name for face in testing}
    assert len(names) == 12_995


def test_without_its_file_of_boxes_aflw_is_the_same(data_root, testing, tmp_path, caplog):
    (tmp_path / "testing.txt").write_bytes((data_root / "mtfl" / "testing.txt").read_bytes())
    (tmp_path / "AFLW").mkdir()
    for face in testing:
        (tmp_path / face.name).touch()  # no reader opens them
    again = read_mtfl(tmp_path, "testing")
    assert [(face.name, face.box_source) for face in again] == [(face.name, face.box_source) for face in testing]
    np.testing.assert_array_equal([face.box for face in again], [face.box for face in testing])
    assert caplog.text == ""


def test_the_pose_class_follows_the_nose(training):
    """A head that looks right, as seen, shows its nose right of the middle of its eyes."""
    poses = np.array([face.attributes["pose"] for face in training])
    five = np.stack([face.five for face in training])
    offset = five[:, 2, 0] - five[:, :2, 0].mean(axis=1)
    means = [offset[poses == pose].mean() for pose in range(5)]
    assert means == sorted(means)
    assert means[0] < -3 < 3 < means[4]
    assert abs(means[2]) < 1.5


def test_points_lie_in_given_boxes(training):
    given = [face for face in training if face.box_source == "given"]
    boxes, five = np.stack([f.box for f in given]), np.stack([f.five for f in given])
    middle = five.mean(axis=1)
    assert ((boxes[:, :2] < middle) & (middle < boxes[:, 2:])).all()


def test_mtfl_counts_its_pixels_from_1(training):
    """A predictor made symmetric has no reason to err to one side: the mean of its answers on a crop and on its
    mirror image. With the annotation off by one pixel it does, by one pixel."""
    from tcdcn_init.crops import frames_from_boxes
    from tcdcn_init.network.backends import TorchBackend
    from tcdcn_init.training.data import load_crops

    lfw = [face for face in training if face.name.startswith("lfw_5590/") and face.box_source == "given"]
    _, held = hold_out(lfw[:4000])
    assert len(held) > 300
    backend = TorchBackend("tcdcn-mtfl")
    crops = load_crops(held, backend.config).pixels.numpy()[:, 0]
    answers = backend(crops)["points"]
    mirrored = backend(np.ascontiguousarray(crops[..., ::-1]))["points"][:, list(MIRROR)] * [-1.0, 1.0]
    frames = frames_from_boxes(np.stack([face.box for face in held]), backend.config.view)
    points = transform_points(frames, (answers + mirrored) / 2)
    residual = points - np.stack([face.five for face in held])
    assert abs(float(np.mean(residual[..., 0]))) < 0.35
    # What the test would see, had the reader taken the numbers as they stand.
    assert abs(float(np.mean(residual[..., 0] - 1.0))) > 0.65
