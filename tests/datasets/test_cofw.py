"""COFW in its authors' MATLAB layout and LFPW in its scheme, both written small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tcdcn_init.datasets import BadRows
from tcdcn_init.datasets.published.cofw import read_cofw, read_lfpw29
from tcdcn_init.geometry import MIRROR_29, box_from_points
from tcdcn_init.images import read_image


@pytest.fixture(scope="module")
def drawn(draw_29):
    rng = np.random.default_rng(0)
    return [draw_29(rng) for _ in range(4)]


def write_cofw(root: Path, part: str, drawn, boxes: np.ndarray, *, colour: bool = False) -> None:
    """As MATLAB 7.3 writes ``phisTr`` (N x 87), ``IsTr`` (cells) and ``bboxesTr`` (N x 4): HDF5, all transposed."""
    h5py = pytest.importorskip("h5py")
    end = "Tr" if part == "train" else "T"
    with h5py.File(root / f"COFW_{part}{'_color' * colour}.mat", "w", userblock_size=512) as file:
        phis = [[*(points + 1).T.ravel(), *hidden.astype(float)] for _, points, hidden in drawn]
        file[f"phis{end}"] = np.array(phis).T
        file[f"bboxes{end}"] = boxes.T
        cells = []
        for k, (image, *_) in enumerate(drawn):
            pixels = np.stack([image, image // 2, 255 - image], axis=-1) if colour else image
            file[f"#refs#/{k}"] = pixels.T
            cells.append(file[f"#refs#/{k}"].ref)
        file[f"Is{end}"] = np.array([cells], dtype=h5py.ref_dtype)


def test_cofw_is_read_as_matlab_wrote_it(drawn, tmp_path) -> None:
    boxes = np.array([[11.0, 6.0, 60.0, 70.0], [12, 7, 60, 70], [13, 8, 60, 70], [14, 9, 60, 70]])  # left, top, size
    write_cofw(tmp_path, "train", drawn, boxes)
    write_cofw(tmp_path, "test", drawn[:1], boxes[:1], colour=True)
    faces = read_cofw(tmp_path, "train")
    assert [face.name for face in faces] == [f"train/{k:04d}.png" for k in (1, 2, 3, 4)]
    for face, (image, points, hidden), (left, top, width, height) in zip(faces, drawn, boxes, strict=True):
        np.testing.assert_allclose(face.points, points, atol=1e-4)
        np.testing.assert_array_equal(face.hidden, hidden)
        np.testing.assert_array_equal(read_image(face.image), image)
        assert face.box.tolist() == [left - 1, top - 1, left + width - 1, top + height - 1]
        assert face.box_source == "given"
        np.testing.assert_allclose(face.five, points[[16, 17, 20, 22, 23]], atol=1e-4)
    [face] = read_cofw(tmp_path, "test")
    assert read_image(face.image).shape == (90, 100, 3)
    np.testing.assert_array_equal(read_image(face.image)[..., 0], drawn[0][0])
    before = face.image.stat().st_mtime_ns
    assert read_cofw(tmp_path, "test")[0].image.stat().st_mtime_ns == before  # images are written once


def test_what_is_not_cofw_is_refused(drawn, tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    with pytest.raises(FileNotFoundError, match=r"vision\.caltech\.edu"):
        read_cofw(tmp_path, "train")
    (tmp_path / "COFW_train.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(ValueError, match="MATLAB 7"):
        read_cofw(tmp_path, "train")
    with h5py.File(tmp_path / "COFW_train.mat", "w") as file:
        file["phisTr"] = np.zeros((87, 1))
    with pytest.raises(ValueError, match="no variable IsTr, bboxesTr"):
        read_cofw(tmp_path, "train")
    boxes = np.array([[11.0, 6.0, 60.0, 70.0], [12, 7, 0, 70]])
    write_cofw(tmp_path, "test", drawn[:2], boxes)
    with pytest.raises(BadRows, match=r"face 2 box .* no area"):
        read_cofw(tmp_path, "test")


def write_lfpw29(root: Path, drawn) -> Path:
    columns = ["image", *(f"{axis}{k}" for k in range(29) for axis in "xy"), *(f"hidden{k}" for k in range(29))]
    rows = [",".join(columns)]
    for k, (image, points, hidden) in enumerate(drawn):
        name = f"{'test' if k == 0 else 'train'}/{k}.png"
        path = root / "lfpw" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        rows.append(",".join([name, *(f"{v:.3f}" for v in points.ravel()), *map(str, 2 * hidden.astype(int))]))
    (root / "lfpw29").mkdir()
    (root / "lfpw29" / "points.csv").write_text("\n".join(rows) + "\n")
    return root / "lfpw29"


def test_lfpw_s_29_points_are_read_with_their_flags(drawn, tmp_path) -> None:
    root = write_lfpw29(tmp_path, drawn)
    assert [face.name for face in read_lfpw29(root, "train")] == ["train/1.png", "train/2.png", "train/3.png"]
    [face] = read_lfpw29(root, "test")
    np.testing.assert_allclose(face.points, drawn[0][1], atol=1e-3)
    np.testing.assert_array_equal(face.hidden, drawn[0][2])
    np.testing.assert_allclose(face.box, box_from_points(face.five), atol=1e-3)
    text = (root / "points.csv").read_text()
    (root / "points.csv").write_text(text.replace("train/2.png", "train/gone.png"))
    with pytest.raises(BadRows, match=r"train/gone\.png"):
        read_lfpw29(root, "train")
    (root / "points.csv").write_text("image,x0,y0\n")
    with pytest.raises(ValueError, match="expected image, x0, y0"):
        read_lfpw29(root, "train")


def test_the_real_29_points(data_root) -> None:
    if not (data_root / "lfpw29" / "points.csv").exists():
        pytest.skip(f"{data_root / 'lfpw29'} is not there")
    train, test = (read_lfpw29(data_root / "lfpw29", part) for part in ("train", "test"))
    assert (len(train), len(test)) == (600, 152)
    points = np.stack([face.points - face.five.mean(axis=0) for face in train])
    mean = points.mean(axis=0)
    assert [MIRROR_29[k] for k in MIRROR_29] == list(range(29))
    size = np.linalg.norm(mean[17] - mean[16])
    assert np.abs(mean[list(MIRROR_29)] * [-1, 1] - mean).max() < 0.1 * size
