"""Data sets of one's own: every form alike, what is missing named by row, and a split that keeps persons together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from tcdcn_init import labelling
from tcdcn_init.datasets.base import BadRows
from tcdcn_init.datasets.own import OwnData, kind_of, summary
from tcdcn_init.geometry import box_around, box_from_points, parse_layout

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float64)
BOX = np.array([20.0, 20.0, 80.0, 95.0])
NUMBERS = ",".join(f"{value:g}" for value in FIVE.ravel())


def columns(count: int) -> str:
    return "image," + ",".join(f"x{k},y{k}" for k in range(count))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six different images."""
    for k in range(6):
        imsave(tmp_path / f"{k}.png", np.full((100, 100), 20 * k, dtype=np.uint8), check_contrast=False)
    return tmp_path


def table(folder: Path, *lines: str, count: int = 5, more: str = "") -> Path:
    file = folder / "mine.csv"
    file.write_text("\n".join([columns(count) + more, *lines]) + "\n")
    return file


def labelled(points: np.ndarray) -> list[labelling.LabelledImage]:
    return [
        labelling.LabelledImage(
            f"{k}.png", 100, 100, [labelling.LabelledFace(BOX, points, np.ones(len(points), dtype=bool))]
        )
        for k in range(3)
    ]


WRITERS: dict[str, tuple[str, Callable[..., None]]] = {
    "imglab": ("a.xml", labelling.write_imglab),
    "coco": ("a.json", labelling.write_coco),
    "cvat": ("a.xml", labelling.write_cvat),
    "label-studio": ("a.json", labelling.write_label_studio),
}


@pytest.mark.parametrize("count", [5, 7])
@pytest.mark.parametrize("kind", WRITERS)
def test_every_form_is_recognised_and_gives_the_same_faces(photos, kind, count):
    points = np.concatenate([FIVE, [[20, 90], [80, 90]]])[:count]
    name, write = WRITERS[kind]
    write(photos / name, labelled(points))
    assert kind_of(photos / name) == kind_of(photos) == kind
    for path in (photos / name, photos):
        faces = OwnData(path, points=None if count == 5 else count).read()
        assert [face.name for face in faces] == ["0.png", "1.png", "2.png"]
        np.testing.assert_allclose(faces[0].points, points, atol=1e-2)
        np.testing.assert_allclose(faces[0].box, BOX, atol=1e-2)
        assert faces[0].box_source == "given"


def test_csv_and_pts_are_recognised_and_mtfl_is_neither(photos, mtfl_root):
    file = table(photos, f"0.png,{NUMBERS}")
    assert kind_of(file) == kind_of(photos) == "csv"
    file.unlink()
    labelling.write_pts(photos, labelled(FIVE))
    assert kind_of(photos) == "pts"
    np.testing.assert_allclose(OwnData(photos).read()[2].points, FIVE, atol=1e-3)
    assert kind_of(mtfl_root) is None
    (photos / "boxes.csv").write_text("image,left,top,right,bottom\n")
    assert kind_of(photos / "boxes.csv") is None
    with pytest.raises(ValueError, match="of no form that is known here"):
        OwnData(photos / "boxes.csv").read()
    with pytest.raises(FileNotFoundError, match="nothing"):
        OwnData(photos / "nothing").read()


def test_labels_boxes_and_points_may_be_there_for_some_faces_and_are_counted(photos):
    file = table(
        photos,
        f"0.png,{NUMBERS},20,20,80,95,left,1,",
        f"1.png,{NUMBERS.replace('50,60', ',')},,,,,,,male",
        more=",left,top,right,bottom,pose,smile,gender",
    )
    given, derived = OwnData(file).read()
    assert given.attributes == {"pose": 1, "smile": 1}
    assert derived.attributes == {"gender": 0}
    assert (given.box_source, derived.box_source) == ("given", "points")
    assert np.isnan(derived.points[2]).all()
    assert np.isfinite(np.delete(derived.points, 2, axis=0)).all()
    assert np.abs(derived.box - box_from_points(FIVE)).max() < 2
    assert summary([given, derived]) == (
        "2 faces in 2 images; 1 boxes given, 1 derived from the points; 1 of 10 points not annotated; "
        "labels: pose of 1, gender of 1, smile of 1"
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"0.png,{NUMBERS},sideways,", "has pose 'sideways'; expected left profile, left, frontal"),
        (f"0.png,{NUMBERS},,", "has a blank person"),
        (f"0.png,{NUMBERS.replace('70,40', '70,')},,a", "point 1 with one coordinate blank"),
        ("0.png,1,2,,,,,,,,,,a", "has 1 of 5 points; expected at least two"),
        ("0.png,1,2", "has too few cells"),
        (f"9.png,{NUMBERS},,a", "an image that is not there"),
    ],
)
def test_what_a_row_lacks_is_named(photos, line, reason):
    file = table(photos, f"1.png,{NUMBERS},,b", line, more=",pose,person")
    with pytest.raises(BadRows, match=rf"mine\.csv:3: .*{reason}"):
        OwnData(file, hold_out_by="person").read()
    assert len(OwnData(file, hold_out_by="person").read(skip_bad=True)) == 1


def test_points_in_mirrored_order_are_named(photos):
    swapped = ",".join(f"{value:g}" for value in FIVE[[1, 0, 2, 4, 3]].ravel())
    with pytest.raises(BadRows, match=r"1\.png the points are in mirrored order"):
        OwnData(table(photos, f"0.png,{NUMBERS}", f"1.png,{swapped}")).read()


def test_another_layout_needs_to_be_named_once(photos):
    seven = np.array([[25, 40], [35, 40], [65, 40], [75, 40], [50, 60], [35, 80], [65, 80]])
    file = table(photos, "0.png," + ",".join(map(str, seven.ravel())), count=7)
    with pytest.raises(BadRows, match=r"0\.png has 7 points, among which the five .*--layout .*--points 7"):
        OwnData(file).read()
    layout = parse_layout("left eye=0+1, right eye=2-3, nose=4, left-mouth-corner=5, right_mouth_corner=6")
    [face] = OwnData(file, layout=layout).read()
    assert face.points.tolist() == FIVE.tolist()
    np.testing.assert_allclose(face.box, box_from_points(FIVE))
    [whole] = OwnData(file, points=7, layout=layout).read()
    assert whole.points.tolist() == seven.tolist()
    assert whole.unit == 40.0
    np.testing.assert_allclose(whole.box, box_from_points(FIVE))
    eyes = {name: layout[name] for name in ("left eye", "right eye")}
    [by_eyes] = OwnData(file, points=7, layout=eyes).read()
    assert by_eyes.unit == 40.0
    np.testing.assert_allclose(by_eyes.box, box_around(seven))
    with pytest.raises(BadRows, match="the layout names the eyes alone"):
        OwnData(file, layout=eyes).read()
    with pytest.raises(BadRows, match="has 7 points, and the layout names number 7 as nose"):
        OwnData(file, layout={**layout, "nose": (7,)}).read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left eye=0", "lacks right eye, nose"),
        ("left eye=0, right eye=1, left eye=2", "says 'left eye=2'"),
        ("left eye=a", "says 'left eye=a'"),
        ("ear=1", "says 'ear=1'; expected NAME=NUMBERS"),
        ("left eye=5-3, right eye=1", "a range of no point"),
        ("", "lacks left eye"),
    ],
)
def test_a_layout_that_is_not_understood_is_told(text, message):
    with pytest.raises(ValueError, match=message):
        parse_layout(text)


def test_points_of_ones_own_have_a_unit_and_a_box(photos):
    file = table(photos, "0.png,10,10,50,10,50,90", "1.png,10,10,,,50,90", count=3)
    whole, half = OwnData(file, points=3).read()
    np.testing.assert_allclose(whole.box, [10, 10, 50, 90])
    assert whole.unit == pytest.approx(np.sqrt(40 * 80))
    assert half.unit == pytest.approx(np.sqrt(40 * 80))
    with pytest.raises(BadRows, match=r"0\.png has 3 points; expected 4"):
        OwnData(file, points=4).read()
    with pytest.raises(ValueError, match="points is 1"):
        OwnData(file, points=1)


def test_persons_and_folders_are_held_out_together(photos):
    lines = [f"{k % 6}.png,{NUMBERS},{'abc'[k % 3]}" for k in range(12)]
    data = OwnData(table(photos, *lines, more=",person"), hold_out_by="person")
    faces = data.read()
    kept, held = data.split(faces)
    assert len(kept) + len(held) == 12
    assert kept
    assert held
    assert not {face.group for face in kept} & {face.group for face in held}
    by_image = OwnData(data.path)
    kept, held = by_image.split(by_image.read())
    assert held
    assert not {face.image for face in kept} & {face.image for face in held}
    with pytest.raises(ValueError, match=r"all 12 faces are of one folder; expected two"):
        OwnData(data.path, hold_out_by="folder").split(faces)
    with pytest.raises(ValueError, match=r"no column 'people' to hold out by; beside points it has image, person"):
        OwnData(data.path, hold_out_by="people").read()


def test_only_csv_has_columns_to_hold_out_by(photos):
    labelling.write_coco(photos / "a.json", labelled(FIVE))
    with pytest.raises(ValueError, match=r"has no column 'person', only CSV has|no column 'person' to hold out by"):
        OwnData(photos / "a.json", hold_out_by="person").read()
    for k in range(3):
        (photos / str(k)).mkdir()
        (photos / f"{k}.png").rename(photos / str(k) / f"{k}.png")
    document = json.loads((photos / "a.json").read_text())
    for entry in document["images"]:
        entry["file_name"] = f"{entry['file_name'][0]}/{entry['file_name']}"
    (photos / "a.json").write_text(json.dumps(document))
    data = OwnData(photos / "a.json", hold_out_by="folder")
    kept, held = data.split(data.read())
    assert len(kept) + len(held) == 3
    assert held


def test_a_point_without_a_label_is_missing(photos):
    points = FIVE.copy()
    points[1] = np.nan
    for kind in ("coco", "label-studio"):
        name, write = WRITERS[kind]
        write(photos / name, labelled(points))
        face = OwnData(photos / name).read()[0]
        np.testing.assert_allclose(face.points, points, atol=1e-2)
        assert face.unit == pytest.approx(40, rel=0.1)
        (photos / name).unlink()
