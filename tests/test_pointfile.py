"""Points of whole folders: what is found, what is written, what survives an interruption."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import tifffile
from skimage.io import imread, imsave

from tcdcn_init import pointfile
from tcdcn_init.datasets import read_boxes
from tcdcn_init.detection import detect_boxes
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


@pytest.fixture(scope="module")
def initializer() -> Initializer:
    return Initializer()


@pytest.fixture(scope="module")
def gallery(draw_face, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures in two folders: more than one batch."""
    root = tmp_path_factory.mktemp("gallery")
    (root / "sub").mkdir()
    rng = np.random.default_rng(0)
    for k in range(20):
        picture, _ = draw_face(rng)
        imsave(
            root / ("sub" if k % 2 else "") / f"face{k:02d}.{'jpg' if k % 3 else 'png'}", picture, check_contrast=False
        )
    return root


@pytest.fixture(scope="module")
def boxes(gallery) -> dict[str, list[np.ndarray]]:
    """One box a picture; two for the first, none for the second."""
    every = {path.name: [BOX + k % 3] for k, path in enumerate(find_images([str(gallery)]))}
    every["face00.png"] = [BOX, BOX + 2]
    every["face02.jpg"] = []
    return every


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of any output, as JSON has them."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    rows = []
    for row in csv.DictReader(path.open(newline="")):
        texts = {"image", "error"}
        rows.append({k: (v or None) if k in texts else float(v) if v else None for k, v in row.items()})
    return rows


def given(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


# --- finding pictures


def test_folders_patterns_and_files_are_found_once_and_in_order(gallery):
    every = find_images([str(gallery)])
    assert len(every) == 20
    assert every == sorted(every)
    (gallery / "notes.txt").write_text("no picture")
    try:
        assert find_images([str(gallery)]) == every
        assert find_images([str(gallery / "sub" / "*.jpg")]) == [
            p for p in every if p.parts[-2] == "sub" and p.suffix == ".jpg"
        ]
        assert set(find_images([str(gallery / "**" / "*.png")])) == {p for p in every if p.suffix == ".png"}
        assert find_images([str(every[3]), str(gallery)]) == [every[3], *(p for p in every if p != every[3])]
    finally:
        (gallery / "notes.txt").unlink()


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path):
    path = tmp_path / "face[1].png"
    path.touch()
    assert find_images([str(path)]) == [path]


def test_a_pattern_without_a_picture_is_named(tmp_path):
    for pattern in (str(tmp_path), str(tmp_path / "gone.png"), str(tmp_path / "*.jpg")):
        with pytest.raises(FileNotFoundError, match="matches no picture"):
            find_images([pattern])


# --- writing


def test_points_are_those_of_the_initializer(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    report = write_points(images, tmp_path / "new" / "points.json", initializer, boxes=boxes)
    assert (report.images, report.faces, report.unreadable) == (20, 20, {})
    assert report.out == tmp_path / "new" / "points.json"
    rows = rows_of(report.out)
    expected = [(str(path), k, box) for path in images for k, box in enumerate(boxes[path.name])]
    assert [(row["image"], row["face"]) for row in rows] == [(image, k) for image, k, _ in expected]
    for row, (image, _, box) in list(zip(rows, expected, strict=True))[::4]:
        [face] = initializer(imread(image), [box])
        np.testing.assert_allclose([[row[f"x{k}"], row[f"y{k}"]] for k in range(5)], face.points, atol=2e-3)
        np.testing.assert_allclose([row[side] for side in ("left", "top", "right", "bottom")], box)
        assert row["roll"] == pytest.approx(face.roll, abs=0.01)
        assert row["confidence"] == pytest.approx(face.confidence, abs=1e-4)
        assert row["expected error 2"] == pytest.approx(face.expected_error[2], abs=1e-4)
        assert row["smile yes"] == pytest.approx(face.attributes["smile"]["yes"], abs=1e-4)
        assert row["error"] is None


def test_all_formats_hold_the_same(gallery, boxes, initializer, tmp_path):
    shutil.copytree(gallery, tmp_path / "in")
    (tmp_path / "in" / "zz.png").write_text("no picture")
    images = find_images([str(tmp_path / "in")])
    outputs = []
    for suffix in (".json", ".csv", ".parquet"):
        write_points(images, tmp_path / f"points{suffix}", initializer, boxes=boxes)
        outputs.append(given(rows_of(tmp_path / f"points{suffix}")))
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(outputs[0]) == 21
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "points.csv", "points.json", "points.parquet"]


def test_pictures_that_cannot_be_read_are_listed_and_lose_no_other(gallery, boxes, initializer, tmp_path):
    broken = {
        "empty.png": b"",
        "text.jpg": b"not a picture",
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


@pytest.mark.parametrize("content", [b"", b"not a picture", b"II*\x00\x08\x00\x00\x00\xff\xff"])
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
def test_whatever_a_decoder_raises_is_a_picture_that_cannot_be_read(gallery, boxes, initializer, tmp_path, kind):
    path = tmp_path / kind
    path.write_bytes(decompression_bomb() if kind == "bomb.png" else damaged_tiff(tmp_path))
    images = [path, *find_images([str(gallery)])[:1]]
    report = write_points(images, tmp_path / "points.csv", initializer, boxes={**boxes, kind: [BOX]})
    assert list(report.unreadable) == [str(path)]
    assert report.images == 1


def test_a_bad_box_loses_no_other_face_of_its_picture(gallery, initializer, tmp_path):
    path = find_images([str(gallery)])[0]
    every = {path.name: [BOX, BOX + 500, BOX + 1]}
    rows = rows_of(write_points([path], tmp_path / "points.json", initializer, boxes=every).out)
    assert [row["face"] for row in rows] == [0, 1, 2]
    assert [bool(row.get("error")) for row in rows] == [False, True, False]
    assert rows[1]["error"].startswith("face 1: its box")


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
    assert (report.images, report.faces) == (2, 1)
    [row] = rows_of(report.out)
    np.testing.assert_allclose(
        [row[side] for side in ("left", "top", "right", "bottom")], detect_boxes(portrait)[0], atol=1e-3
    )


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
    assert "no entry in the box file" in report.unreadable[str(second)]


def test_a_dense_shape_may_be_written_instead(gallery, boxes, initializer, tmp_path):
    def dense(picture: np.ndarray, five: np.ndarray) -> np.ndarray:
        return np.linspace(five[0], five[1], 7)

    path = find_images([str(gallery)])[4]
    report = write_points([path], tmp_path / "points.json", initializer, boxes=boxes, dense=dense)
    [row] = rows_of(report.out)
    assert "x6" in row
    assert "x7" not in row


def test_pictures_are_drawn(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])[:4]
    write_points(images, tmp_path / "points.csv", initializer, boxes=boxes, draw=tmp_path / "drawn")
    drawn = sorted((tmp_path / "drawn").iterdir())
    assert len(drawn) == 4
    for path, source in zip(drawn, images, strict=True):
        assert path.name.endswith(source.with_suffix(".png").name)
        picture = imread(path)
        assert picture.shape == (96, 96, 3)
        coloured = np.ptp(picture.astype(int), axis=2).max() > 100
        assert coloured == bool(boxes[source.name])


# --- interruptions


class Interrupted(Initializer):
    """Ctrl-C comes at the second batch."""

    calls = 0

    def batch(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().batch(*args, **kwargs)


class Counting(Initializer):
    """Counts the pictures that it sees."""

    seen = 0

    def batch(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen += len(images)
        return super().batch(images, *args, **kwargs)


@pytest.mark.parametrize("cut", [0, 30])
def test_an_interrupted_run_goes_on_where_it_stopped(gallery, boxes, initializer, tmp_path, cut):
    images = find_images([str(gallery)])
    whole = write_points(images, tmp_path / "whole.csv", initializer, boxes=boxes, settings="same").out
    out = tmp_path / "points.csv"
    with pytest.raises(KeyboardInterrupt):
        write_points(images, out, Interrupted(), boxes=boxes, settings="same")
    assert not out.exists()
    journal = tmp_path / "points.csv.journal"
    assert len(journal.read_text().splitlines()) == 1 + pointfile._BATCH
    if cut:  # as a power cut leaves it: the last line is not whole
        journal.write_bytes(journal.read_bytes()[:-cut])
    counting = Counting()
    report = write_points(images, out, counting, boxes=boxes, settings="same")
    assert counting.seen == 20 - pointfile._BATCH + bool(cut)
    assert (report.images, report.faces) == (20, 20)
    assert out.read_text() == whole.read_text()
    assert not journal.exists()


def test_a_journal_of_other_settings_is_not_gone_on_with(gallery, boxes, initializer, tmp_path):
    images = find_images([str(gallery)])
    out = tmp_path / "points.csv"
    with pytest.raises(KeyboardInterrupt):
        write_points(images, out, Interrupted(), boxes=boxes, settings="passes 1")
    with pytest.raises(ValueError, match=r"other settings \(passes 1, now passes 2\).*delete the journal"):
        write_points(images, out, initializer, boxes=boxes, settings="passes 2")
    out.with_name("points.csv.journal").write_text("garbage\n")
    with pytest.raises(ValueError, match=r"other settings \(unknown"):
        write_points(images, out, initializer, boxes=boxes, settings="passes 2")


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
