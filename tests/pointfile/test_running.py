"""Points of whole folders: what is written, and what survives an interruption."""

from __future__ import annotations

import csv
import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from skimage.io import imread, imsave

from builders import rows_of
from tcdcn_init.datasets import read_boxes
from tcdcn_init.detection import detect_boxes
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


def given(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


# --- writing


def test_points_are_those_of_the_initializer(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    report = write_points(images, tmp_path / "new" / "points.json", initializer, boxes=boxes)
    assert (report.images, report.faces, report.unreadable) == (20, 20, {})
    assert report.out == tmp_path / "new" / "points.json"
    rows = [row for row in rows_of(report.out) if row["face"] is not None]
    expected = [(str(path), k, box) for path in images for k, box in enumerate(boxes[path.name])]
    assert [(row["image"], row["face"]) for row in rows] == [(image, k) for image, k, _ in expected]
    for row, (image, _, box) in list(zip(rows, expected, strict=True))[::4]:
        [face] = initializer(imread(image), [box])
        np.testing.assert_allclose([[row[f"x{k}"], row[f"y{k}"]] for k in range(5)], face.points, atol=2e-3)
        np.testing.assert_allclose([row[side] for side in ("left", "top", "right", "bottom")], box)
        assert row["roll"] == pytest.approx(face.roll, abs=0.01)
        assert row["confidence"] == pytest.approx(face.confidence, abs=1e-4)
        assert row["expected_error2"] == pytest.approx(face.expected_error[2], abs=1e-4)
        assert row["visible2"] == (pytest.approx(face.visible[2], abs=1e-4) if np.isfinite(face.visible[2]) else None)
        assert (row["width"], row["height"], row["status"], row["error"]) == (96, 96, "ok", None)
        assert not any(name.startswith(("smile", "gender")) for name in row)


def test_all_formats_hold_the_same(gallery, boxes, initializer, tmp_path):
    shutil.copytree(gallery, tmp_path / "in")
    (tmp_path / "in" / "zz.png").write_text("no image")
    images = find_images([str(tmp_path / "in")])
    outputs = []
    for suffix in (".json", ".csv", ".parquet"):
        write_points(images, tmp_path / f"points{suffix}", initializer, boxes=boxes)
        outputs.append(given(rows_of(tmp_path / f"points{suffix}")))
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(outputs[0]) == 22
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "points.csv", "points.json", "points.parquet"]


def test_without_boxes_faces_are_detected(portrait, initializer, tmp_path):
    imsave(tmp_path / "portrait.png", portrait)
    imsave(tmp_path / "wall.png", np.full((90, 90), 128, dtype=np.uint8), check_contrast=False)
    report = write_points(find_images([str(tmp_path)]), tmp_path / "points.json", initializer)
    assert (report.images, report.faces, report.without_face) == (2, 1, (str(tmp_path / "wall.png"),))
    row, without = rows_of(report.out)
    said = {"image": str(tmp_path / "wall.png"), "width": 90, "height": 90, "orientation": 1, "status": "no face"}
    assert without == {**dict.fromkeys(row), **said}
    np.testing.assert_allclose(
        [row[side] for side in ("left", "top", "right", "bottom")], detect_boxes(portrait)[0], atol=1e-3
    )


MY_DETECTOR = """
asked = []

def detect(image):
    asked.append(image.shape)
    if len(image) < 100:
        raise KeyError("too small for me")
    return [[170, 70, 275, 205], [600, 600, 700, 700]]
"""


@pytest.mark.parametrize("by_name", [True, False])
def test_a_detector_of_ones_own_is_asked_once_an_image(portrait, initializer, tmp_path, monkeypatch, by_name):
    (tmp_path / "my_detector.py").write_text(MY_DETECTOR)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_detector", raising=False)
    module = importlib.import_module("my_detector")
    for name, pixels in (("a", portrait), ("b", portrait[:90, :90]), ("c", portrait)):
        imsave(tmp_path / f"{name}.png", pixels)
    detector = "my_detector:detect" if by_name else module.detect
    report = write_points(find_images([str(tmp_path)]), tmp_path / "p.json", initializer, detector=detector)
    assert [(Path(row["image"]).name, row["status"]) for row in rows_of(report.out)] == [
        ("a.png", "ok"), ("a.png", "failed"), ("b.png", "failed"), ("c.png", "ok"), ("c.png", "failed"),
    ]  # fmt: skip
    assert "too small for me" in report.unreadable[str(tmp_path / "b.png")]
    assert "outside of the image" in report.unreadable[str(tmp_path / "a.png")]
    assert len(module.asked) == 3


@pytest.mark.parametrize(("turned", "times"), [(None, 1), (False, 1), (True, 4)])
def test_turned_copies_are_searched_where_that_is_asked_for(portrait, initializer, tmp_path, turned, times):
    asked = []

    def mine(image: np.ndarray) -> list[np.ndarray]:
        asked.append(image)
        return [(170, 70, 275, 205)]

    imsave(tmp_path / "a.png", portrait)
    report = write_points([tmp_path / "a.png"], tmp_path / "p.csv", initializer, detector=mine, turned=turned)
    assert (report.faces, len(asked)) == (1, times)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_detector_that_is_not_there_is_one_error_before_any_work(gallery, initializer, tmp_path, jobs):
    images = find_images([str(gallery)])
    with pytest.raises(ValueError, match="unknown detector 'opencv'; expected one of"):
        write_points(images, tmp_path / "p.csv", initializer, detector="opencv", jobs=jobs)
    with pytest.raises(ImportError, match="detector 'no_such_module:detect' cannot be imported"):
        write_points(images, tmp_path / "p.csv", initializer, detector="no_such_module:detect", jobs=jobs)
    assert list(tmp_path.iterdir()) == []


def test_boxes_are_found_by_path_name_or_ending(gallery, initializer, tmp_path):
    first, second = (path for path in find_images([str(gallery)]) if path.name in ("face00.png", "face01.jpg"))
    for keys in (
        (first.as_posix(), second.as_posix()),
        (first.name, second.name),
        (f"{first.parent.name}/{first.name}", f"sub/{second.name}"),
    ):
        every = dict(zip(keys, ([BOX], [BOX + 1]), strict=True))
        report = write_points([first, second], tmp_path / "points.json", initializer, boxes=every)
        assert report.faces == 2
        report.out.unlink()
    report = write_points([first, second], tmp_path / "points.json", initializer, boxes={first.name: [BOX]})
    assert report.faces == 1
    assert "no row of the box file" in report.unreadable[str(second)]


def test_dense_points_are_those_of_the_initializer(gallery, boxes, dense_initializer, tmp_path):
    paths = find_images([str(gallery)])[3:5]
    out = write_points(paths, tmp_path / "points.json", dense_initializer, boxes=boxes).out
    for path, row in zip(paths, rows_of(out), strict=True):
        [face] = dense_initializer(imread(path), boxes[path.name])
        assert "x68" not in row
        np.testing.assert_allclose([[row[f"x{k}"], row[f"y{k}"]] for k in range(68)], face.dense, atol=2e-3)
        for name, values in (("expected_error", face.dense_expected_error), ("visible", face.dense_visible)):
            np.testing.assert_allclose([row[f"{name}{k}"] for k in range(68)], values, atol=1e-4)


def test_attributes_are_written_when_they_are_asked_for(gallery, boxes, initializer, tmp_path):
    path = gallery / "face00.png"
    out = write_points([path], tmp_path / "p.json", initializer, boxes=boxes, attributes=True).out
    [face] = initializer(imread(path), [boxes[path.name][0]])
    row = rows_of(out)[0]
    assert row["smile_yes"] == pytest.approx(face.attributes["smile"]["yes"], abs=1e-4)
    assert row["pose_left_profile"] == pytest.approx(face.attributes["pose"]["left profile"], abs=1e-4)


# --- refusals


def test_an_unknown_suffix_is_refused_before_any_work(gallery, initializer, tmp_path):
    with pytest.raises(ValueError, match=r"suffix '\.xlsx'; expected one of \.csv, \.json, \.parquet"):
        write_points(find_images([str(gallery)]), tmp_path / "points.xlsx", initializer)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_says_which_extra(gallery, initializer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "tcdcn-init\[parquet\]"'):
        write_points(find_images([str(gallery)]), tmp_path / "points.parquet", initializer)


def test_a_box_file_of_the_commands_layout_fits(gallery, initializer, tmp_path):
    (tmp_path / "boxes.csv").write_text("image,left,top,right,bottom\nface00.png,20,12,75,82\nsub\\face01.jpg,,,,\n")
    images = [path for path in find_images([str(gallery)]) if path.name in ("face00.png", "face01.jpg")]
    report = write_points(images, tmp_path / "p.json", initializer, boxes=read_boxes(tmp_path / "boxes.csv"))
    assert (report.images, report.faces, report.unreadable) == (2, 1, {})


# --- names


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_names_of_all_kinds_come_back(gallery, initializer, tmp_path, suffix):
    names = ["caf\udce9.png", "ф.png", "=1+1.png", 'a"b,c\n.png', "😀.png", " .png"]
    for name in names:
        shutil.copy(gallery / "face00.png", tmp_path / name)
    images = find_images([str(tmp_path)])
    out = write_points(images, tmp_path / f"p{suffix}", initializer, boxes={name: [BOX] for name in names}).out
    assert [Path(row["image"]).name for row in rows_of(out)] == sorted(
        "caf\\xe9.png" if name == names[0] else name for name in names
    )
    again = {Path(row["image"]).name: [BOX] for row in rows_of(out)}
    assert write_points(images, out, initializer, boxes=again).faces == len(names)


def test_no_cell_is_a_formula(gallery, initializer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(gallery / "face00.png", "=cmd|x!A1.png")
    Path("@gone.png").write_text("no image")
    report = write_points(
        [Path("=cmd|x!A1.png"), Path("@gone.png")], Path("p.csv"), initializer, boxes={"=cmd|x!A1.png": [BOX]}
    )
    assert report.faces == 1
    for row in csv.reader(report.out.open(newline="")):
        assert not any(cell[:1] in ("=", "@") for cell in row)


# --- no face


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_all_columns_are_there_without_a_single_face(gallery, boxes, initializer, tmp_path, suffix):
    with_face = write_points([gallery / "face00.png"], tmp_path / f"a{suffix}", initializer, boxes=boxes).out
    report = write_points([gallery / "face02.jpg"], tmp_path / f"b{suffix}", initializer, boxes={"face02.jpg": []})
    assert (report.images, report.faces, report.without_face) == (1, 0, (str(gallery / "face02.jpg"),))
    [row] = rows_of(report.out)
    assert list(row) == list(rows_of(with_face)[0])
    said = {"image": str(gallery / "face02.jpg"), "width": 96, "height": 96, "orientation": 1, "status": "no face"}
    assert given([row]) == [said]
    if suffix == ".parquet":
        assert pyarrow.parquet.read_schema(report.out).equals(pyarrow.parquet.read_schema(with_face))


def test_a_cameras_orientation_is_applied_unless_it_is_not_wanted(portrait, initializer, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(portrait).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif)
    upright = write_points([tmp_path / "a.png"], tmp_path / "p.json", initializer)
    assert upright.faces == 1
    assert (rows_of(upright.out)[0]["width"], rows_of(upright.out)[0]["height"]) == (512, 512)
    [face] = initializer(portrait)
    np.testing.assert_allclose(rows_of(upright.out)[0]["x0"], face.points[0, 0], atol=0.1)
    stored = write_points([tmp_path / "a.png"], tmp_path / "q.json", initializer, apply_orientation=False)
    assert abs(rows_of(stored.out)[0]["x0"] - face.points[0, 0]) > 50
