"""Copies of the images with their points drawn in."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.io import imread

from builders import rows_of
from tcdcn_init.pointfile import find_images, write_points

BOX = np.array([20.0, 12.0, 75.0, 82.0])


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
