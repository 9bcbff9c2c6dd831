"""Points of whole folders: what is written, and what survives an interruption."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import tifffile
from PIL import Image
from skimage.io import imread, imsave

from tcdcn_init.datasets import read_boxes
from tcdcn_init.detection import detect_boxes
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of any output, as JSON has them."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    rows = []
    for row in csv.DictReader(path.open(newline="")):
        texts = {"image", "status", "error"}
        rows.append({k: (v or None) if k in texts else float(v) if v else None for k, v in row.items()})
    return rows


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


def test_images_that_cannot_be_read_are_listed_and_lose_no_other(gallery, boxes, initializer, tmp_path):
    broken = {
        "empty.png": b"",
        "text.jpg": b"not a image",
        "half.png": (gallery / "face00.png").read_bytes()[:600],
        "cut.png": (gallery / "face00.png").read_bytes()[:40],
        "text.bmp": b"BM and nothing more",
        "text.webp": b"RIFF....WEBP",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    images = [*find_images([str(gallery)])[:3], *sorted(tmp_path.iterdir()), *find_images([str(gallery)])[3:6]]
    images.append(tmp_path / "gone.png")
    every = {**boxes, **{name: [BOX] for name in [*broken, "gone.png"]}}
    report = write_points(images, tmp_path / "points.csv", initializer, boxes=every)
    assert sorted(Path(path).name for path in report.unreadable) == sorted([*broken, "gone.png"])
    assert all(report.unreadable.values())
    assert (report.images, report.faces) == (6, 6)
    rows = rows_of(report.out)
    assert {row["image"]: row["error"] for row in rows if row["error"]} == dict(report.unreadable)
    assert sum(row["x0"] is not None for row in rows) == 6


@pytest.mark.parametrize("content", [b"", b"not a image", b"II*\x00\x08\x00\x00\x00\xff\xff"])
def test_a_broken_tiff_is_listed_like_any_other(gallery, boxes, initializer, tmp_path, content):
    path = tmp_path / "broken.tif"
    path.write_bytes(content)
    report = write_points(
        [path, *find_images([str(gallery)])[:1]],
        tmp_path / "points.csv",
        initializer,
        boxes={**boxes, path.name: [BOX]},
    )
    assert list(report.unreadable) == [str(path)]
    assert report.images == 1


def decompression_bomb() -> bytes:
    """A PNG of a few bytes that claims to be 20,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def damaged_tiff(folder: Path) -> bytes:
    """A compressed TIFF whose pixel data has been overwritten."""
    path = folder / "whole.tiff"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8), compression="zlib")
    content = path.read_bytes()
    path.unlink()
    return content[:-2000] + bytes(1900) + content[-100:]


@pytest.mark.parametrize("kind", ["bomb.png", "damaged.tif"])
def test_whatever_a_decoder_raises_is_a_image_that_cannot_be_read(gallery, boxes, initializer, tmp_path, kind):
    path = tmp_path / kind
    path.write_bytes(decompression_bomb() if kind == "bomb.png" else damaged_tiff(tmp_path))
    images = [path, *find_images([str(gallery)])[:1]]
    report = write_points(images, tmp_path / "points.csv", initializer, boxes={**boxes, kind: [BOX]})
    assert list(report.unreadable) == [str(path)]
    assert report.images == 1


def test_a_bad_box_loses_no_other_face_of_its_image(gallery, initializer, tmp_path):
    path = find_images([str(gallery)])[0]
    every = {path.name: [BOX, BOX + 500, BOX + 1]}
    rows = rows_of(write_points([path], tmp_path / "points.json", initializer, boxes=every).out)
    assert [row["face"] for row in rows] == [0, 1, 2]
    assert [bool(row["error"]) for row in rows] == [False, True, False]
    assert "outside of the image" in rows[1]["error"]


def test_a_bad_box_is_named_and_counted(gallery, initializer, tmp_path):
    path = find_images([str(gallery)])[0]
    every = {path.name: [BOX, BOX + 500, BOX + 600, BOX + 1]}
    report = write_points([path], tmp_path / "points.json", initializer, boxes=every)
    assert (report.images, report.faces) == (1, 2)
    assert "[520.0, 512.0, 575.0, 582.0]" in rows_of(report.out)[1]["error"]


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


def test_images_are_drawn(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])[:4]
    write_points(images, tmp_path / "points.csv", initializer, boxes=boxes, draw=tmp_path / "drawn")
    drawn = sorted(path for path in (tmp_path / "drawn").rglob("*") if path.is_file())
    assert [path.name for path in drawn] == [
        source.name if source.suffix == ".jpg" else source.name + ".jpg" for source in images
    ]
    for path, source in zip(drawn, images, strict=True):
        image = imread(path)
        assert image.shape == (96, 96, 3)
        coloured = np.ptp(image.astype(int), axis=2).max() > 100  # the drawn faces are grey
        assert coloured == bool(boxes[source.name])


def test_no_drawing_takes_the_place_of_another(gallery, initializer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["in/x.png", "in/x.jpg", "in/a_b/c.png", "in/a/b_c.png", "in/caf\udce9.png", "../outside.png"]
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(gallery / "face00.png", name)
    boxes = {name: [BOX] for name in names}
    write_points(list(map(Path, names)), Path("p.csv"), initializer, boxes=boxes, draw=Path("drawn"))
    assert len([path for path in Path("drawn").rglob("*") if path.is_file()]) == len(names)
    Path("../outside.png").unlink()


def test_drawings_keep_the_folders_below_the_last_shared_one_and_the_size(portrait, gallery, initializer, tmp_path):
    for name in ("photos/2019/a.jpg", "photos/2020/b/a.webp"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray(portrait[:90, :160]).save(tmp_path / name)
    images = find_images([str(tmp_path / "photos")])
    boxes = {path.name: [] for path in images}
    write_points(images, tmp_path / "p.csv", initializer, boxes=boxes, draw=tmp_path / "drawn")
    for name in ("2019/a.jpg", "2020/b/a.webp.jpg"):
        with Image.open(tmp_path / "drawn" / name) as drawing:
            assert (drawing.format, drawing.size) == ("JPEG", (160, 90))


def test_a_drawing_whose_name_is_anothers_costs_a_row(gallery, initializer, tmp_path):
    for name in ("a.png", "a.png.jpg"):
        shutil.copy(gallery / "face00.png", tmp_path / name)
    images = [tmp_path / "a.png", tmp_path / "a.png.jpg"]
    boxes = {path.name: [BOX] for path in images}
    report = write_points(images, tmp_path / "p.json", initializer, boxes=boxes, draw=tmp_path / "drawn")
    assert [row["status"] for row in rows_of(report.out)] == ["ok", "ok", "not drawn"]
    assert "is the drawing of" in rows_of(report.out)[2]["error"]


def test_images_that_all_lie_among_the_drawings_are_refused(gallery, initializer, tmp_path):
    shutil.copy(gallery / "face00.png", tmp_path)
    with pytest.raises(ValueError, match="all images lie in the folder of the drawings"):
        write_points([tmp_path / "face00.png"], tmp_path / "p.csv", initializer, draw=tmp_path)


def test_drawings_of_an_earlier_run_are_no_images_of_the_next(gallery, initializer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(gallery / "face00.png", "a.png")
    for _ in range(2):
        report = write_points(
            find_images(["."]), Path("p.csv"), initializer, boxes={"a.png": [BOX]}, draw=Path("drawn")
        )
        assert (report.images, report.faces) == (1, 1)


def test_attributes_are_written_when_they_are_asked_for(gallery, boxes, initializer, tmp_path):
    path = gallery / "face00.png"
    out = write_points([path], tmp_path / "p.json", initializer, boxes=boxes, attributes=True).out
    [face] = initializer(imread(path), [boxes[path.name][0]])
    row = rows_of(out)[0]
    assert row["smile_yes"] == pytest.approx(face.attributes["smile"]["yes"], abs=1e-4)
    assert row["pose_left_profile"] == pytest.approx(face.attributes["pose"]["left profile"], abs=1e-4)


def test_statuses_tell_faces_images_and_failures_apart(gallery, initializer, tmp_path):
    (tmp_path / "broken.png").write_text("no image")
    images = [gallery / "face00.png", gallery / "face02.jpg", tmp_path / "broken.png"]
    every = {"face00.png": [BOX, BOX + 500], "face02.jpg": [], "broken.png": [BOX]}
    rows = rows_of(write_points(images, tmp_path / "p.json", initializer, boxes=every).out)
    assert [(row["face"], row["status"], row["width"]) for row in rows] == [
        (0, "ok", 96), (1, "failed", 96), (None, "no face", 96), (None, "failed", None),
    ]  # fmt: skip
    assert [bool(row["error"]) for row in rows] == [False, True, False, True]


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


# --- one bad thing costs one row


def test_bad_rows_of_a_box_file_cost_their_own_faces_only(gallery, initializer, tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "image,left,top,right,bottom\nface00.png,20,12,75,82\nface00.png,x,12,75,82\nface00.png,75,12,20,82\n"
    )
    path = gallery / "face00.png"
    boxes = read_boxes(tmp_path / "boxes.csv", check=False)
    rows = rows_of(write_points([path], tmp_path / "p.json", initializer, boxes=boxes).out)
    assert [row["error"] is None for row in rows] == [True, False, False]
    assert "not finite" in rows[1]["error"]
    assert "no area" in rows[2]["error"]


def test_a_name_that_fits_two_images_is_an_error_of_both(gallery, initializer, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(gallery / "face00.png", tmp_path / folder)
    images = find_images([str(tmp_path)])
    report = write_points(images, tmp_path / "p.csv", initializer, boxes={"face00.png": [BOX]})
    assert report.faces == 0
    for path, reason in report.unreadable.items():
        assert "'face00.png' of the box file may be" in reason
        assert path in reason


def test_what_fails_at_one_face_or_image_loses_no_other(gallery, boxes, initializer, tmp_path):
    class Moody(Initializer):
        """Fails at images with a dark corner, and with them the whole batch; without points at others."""

        def batch(self, images: Any, *args: Any, **kwargs: Any) -> Any:
            if any(image[0, 0] == 0 for image in images):
                raise IndexError("index 7 is out of bounds")
            found = super().batch(images, *args, **kwargs)
            return [
                faces if image[0, 1] else [replace(face, points=face.points * np.nan) for face in faces]
                for image, faces in zip(images, found, strict=True)
            ]

    images = []
    for k, corner in enumerate([(9, 9), (0, 9), (9, 0), (9, 9)]):
        image = imread(gallery / "face00.png")
        image[0, :2] = corner
        imsave(tmp_path / f"{k}.png", image, check_contrast=False)
        images.append(tmp_path / f"{k}.png")
    every = {path.name: [BOX] for path in images}
    report = write_points(images, tmp_path / "p.csv", Moody(), boxes=every)
    assert report.faces == 2
    assert sorted(Path(path).name for path in report.unreadable) == ["1.png", "2.png"]
    assert report.unreadable[str(images[1])] == "cannot be used: index 7 is out of bounds"
    assert "not finite" in report.unreadable[str(images[2])]


def test_a_drawing_that_cannot_have_its_name_costs_its_own_row(gallery, initializer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a" * 250 + ".png", "b.png"]
    for name in names:
        shutil.copy(gallery / "face00.png", name)
    boxes = {name: [BOX] for name in names}
    report = write_points(list(map(Path, names)), Path("p.csv"), initializer, boxes=boxes, draw=Path("drawn"))
    assert report.faces == 2
    assert list(report.unreadable) == names[:1]
    assert "not drawn" in report.unreadable[names[0]]


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
