"""What cannot be used costs its own row, and no other."""

from __future__ import annotations

import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from builders import rows_of
from tcdcn_init.datasets import read_boxes
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


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


def test_statuses_tell_faces_images_and_failures_apart(gallery, initializer, tmp_path):
    (tmp_path / "broken.png").write_text("no image")
    images = [gallery / "face00.png", gallery / "face02.jpg", tmp_path / "broken.png"]
    every = {"face00.png": [BOX, BOX + 500], "face02.jpg": [], "broken.png": [BOX]}
    rows = rows_of(write_points(images, tmp_path / "p.json", initializer, boxes=every).out)
    assert [(row["face"], row["status"], row["width"]) for row in rows] == [
        (0, "ok", 96), (1, "failed", 96), (None, "no face", 96), (None, "failed", None),
    ]  # fmt: skip
    assert [bool(row["error"]) for row in rows] == [False, True, False, True]


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
