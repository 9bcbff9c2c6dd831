"""Points of a run in the formats of labelling tools, read back as faces."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tcdcn_init import datasets
from tcdcn_init.geometry import MIRROR
from tcdcn_init.images import is_mirrored, points_as_stored, read_image
from tcdcn_init.images.orientation import stored
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images, write_points
from tcdcn_init.pointfile.formats import TABLES, check_output, format_of

READERS = {
    "imglab": datasets.read_imglab,
    "coco": datasets.read_coco,
    "cvat": datasets.read_cvat,
    "label-studio": datasets.read_label_studio,
    "pts": datasets.read_pts_folder,
}


@pytest.mark.parametrize("format", READERS)
def test_a_run_s_points_are_read_back_as_faces(gallery, boxes, initializer, tmp_path, format):
    images, broken = find_images([str(gallery)])[:3], tmp_path / "broken.png"
    broken.write_text("no image")
    given = {**boxes, broken.name: [boxes["face00.png"][0]]}
    out = tmp_path / "labels" / "out"
    report = write_points([*images, broken], out, initializer, boxes=given, format=format)
    assert (report.images, report.faces, list(report.unreadable)) == (3, 3, [str(broken)])
    # Files of .pts lie in the images' own folders, as far as these do not lead out of it, below the output.
    found = READERS[format](next(out.rglob(gallery.name)) if format == "pts" else out, gallery)
    wanted = [(path.name, answer) for path in images for answer in initializer(read_image(path), boxes[path.name])]
    assert [face.image.name for face in found] == [name for name, _ in wanted]
    for face, (_, answer) in zip(found, wanted, strict=True):
        # Files of .pts come in the order of their names: of two boxes around one face the other's first.
        np.testing.assert_allclose(face.five, answer.points, atol=1.5 if format == "pts" else 0.51)


def test_dense_shapes_have_their_format_too(gallery, boxes, dense_initializer, tmp_path):
    image = find_images([str(gallery)])[1]
    box = boxes["face00.png"][0]
    write_points([image], tmp_path / "coco.json", dense_initializer, boxes={image.name: [box]})
    [face] = datasets.read_coco(tmp_path / "coco.json", gallery)
    [keypoints] = [each["keypoints"] for each in json.loads((tmp_path / "coco.json").read_text())["annotations"]]
    visible = dense_initializer(read_image(image), [box])[0].dense_visible
    assert keypoints[2::3] == [2 if value >= 0.5 else 1 for value in visible]
    assert face.points.shape == (68, 2)
    assert face.image == image


def test_tools_that_turn_photographs_as_exif_says_get_other_points_than_those_that_do_not(portrait, tmp_path):
    upright = portrait[20:220, 130:290]  # higher than wide: what is exchanged shows
    box = [40.0, 40.0, 150.0, 180.0]
    initializer = Initializer()
    [face] = initializer(upright, [box])
    for orientation in (6, 3, 5):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.png"
        Image.fromarray(stored(upright, orientation)).save(path, exif=exif)
        expected = points_as_stored(face.points, orientation, (160, 200))
        if is_mirrored(orientation):
            expected = expected[list(MIRROR)]
        for format, read in READERS.items():
            out = tmp_path / format / str(orientation)
            out.parent.mkdir(exist_ok=True)
            write_points([path], out, initializer, boxes={path.name: [box]}, format=format)
            # What the tool shows its points on, read without the knowledge of this package.
            shown = {"coco": _coco, "cvat": _cvat, "imglab": _imglab}.get(format)
            if shown is not None:
                np.testing.assert_allclose(
                    shown(out), expected if format == "imglab" else face.points, atol=0.51, err_msg=format
                )
            # And back: a face's points are of the pixels as they are stored.
            [again] = read(next(out.rglob("*.pts")).parent if format == "pts" else out, tmp_path)
            np.testing.assert_allclose(again.five, expected, atol=0.51, err_msg=f"{format} {orientation}")


def test_tools_get_their_own_pixels_points_from_boxes_of_the_stored_ones_too(portrait, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored(portrait, 6)).save(tmp_path / "a.png", exif=exif)
    [face] = Initializer()(portrait, [(170, 70, 275, 205)])
    lying = {"a.png": [(70, 511 - 275, 205, 511 - 170)]}
    write_points([tmp_path / "a.png"], tmp_path / "coco.json", Initializer(), boxes=lying, apply_orientation=False)
    np.testing.assert_allclose(_coco(tmp_path / "coco.json"), face.points, atol=3.0)


def _coco(path):
    [face] = json.loads(path.read_text())["annotations"]
    return np.reshape(face["keypoints"], (5, 3))[:, :2]


def _cvat(path):
    [points] = ElementTree.parse(path).iter("points")
    return np.array([pair.split(",") for pair in points.get("points").split(";")], dtype=float) - 0.5


def _imglab(path):
    return np.array([(part.get("x"), part.get("y")) for part in ElementTree.parse(path).iter("part")], dtype=float)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.csv", "csv"), ("a.b.json", "json"), ("a.coco.json", "coco"), ("coco.json", "coco"), ("a.xml", "imglab")],
)
def test_a_name_stands_for_a_format(name, format):
    assert format_of(Path("out") / name) == format


def test_what_cannot_be_written_is_said_first(tmp_path):
    with pytest.raises(ValueError, match=r"suffix '\.txt'; expected one of \.csv.*--format csv, json"):
        check_output(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="unknown format 'cocoa'; did you mean coco"):
        check_output(tmp_path / "a.json", "cocoa")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"is a file; expected the name of a folder for the \.pts files"):
        check_output(tmp_path / "file", "pts")
    with pytest.raises(ValueError, match="is a folder; expected the name of a file in it"):
        check_output(tmp_path, "coco")


def test_what_has_no_place_for_tables_is_refused_where_only_these_are_written(tmp_path):
    check_output(tmp_path / "v.csv", among=TABLES)
    for name in ("v.xml", "coco.json", "v.txt"):
        with pytest.raises(ValueError, match=r"expected one of \.csv, \.json, \.parquet$"):
            check_output(tmp_path / name, among=TABLES)
