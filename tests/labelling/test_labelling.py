"""Labelling tools' formats: read back as they were written, read by the tools' own readers, broken files named."""

from __future__ import annotations

import json
from pathlib import Path

import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcdcn_init import datasets, labelling
from tcdcn_init.datasets import BadRows, read_pts_folder
from tcdcn_init.images import read_image

FORMATS = {
    "imglab": (labelling.write_imglab, labelling.parse_imglab, datasets.read_imglab, "faces.xml"),
    "coco": (labelling.write_coco, labelling.parse_coco, datasets.read_coco, "coco.json"),
    "cvat": (labelling.write_cvat, labelling.parse_cvat, datasets.read_cvat, "cvat.xml"),
    "label-studio": (
        labelling.write_label_studio, labelling.parse_label_studio, datasets.read_label_studio, "tasks.json",
    ),
}  # fmt: skip
FIVE = np.array([[30.25, 40], [70, 40.5], [50, 60], [35, 80], [65.125, 80]])


def face(points=FIVE, visible=None, confidence=0.75):
    box = np.concatenate([points.min(axis=0) - 20, points.max(axis=0) + 20])
    shown = np.ones(len(points), dtype=bool) if visible is None else np.asarray(visible)
    return labelling.LabelledFace(box, points, shown, confidence)


def images():
    hidden = [True, False, True, True, False]
    return [
        labelling.LabelledImage("a b.jpg", 120, 110, [face(), face(FIVE + 15, hidden)]),
        labelling.LabelledImage("sub/ü&'\".png", 300, 200, [face(FIVE * 1.5, confidence=float("nan"))]),
        labelling.LabelledImage("none.png", 10, 20),
    ]


def write_images(folder: Path) -> None:
    from PIL import Image

    for image in images():
        path = folder / image.name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (image.width, image.height)).save(path)


coordinates = st.floats(-40, 400, allow_nan=False).map(lambda value: round(value, 3))
faces = st.builds(
    lambda points, visible, confidence: face(np.array(points) + np.arange(10).reshape(5, 2), visible, confidence),
    st.lists(st.tuples(coordinates, coordinates), min_size=5, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.one_of(st.just(float("nan")), st.floats(0, 1).map(lambda value: round(value, 4))),
)
# XML has no place for control characters, and names of images have none.
names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(lambda n: "\\" not in n)
image_lists = st.lists(
    st.builds(labelling.LabelledImage, names, st.integers(1, 5000), st.integers(1, 5000), st.lists(faces, max_size=3)),
    max_size=3,
    unique_by=lambda image: image.name,
)


@pytest.mark.parametrize("name", FORMATS)
@given(given_images=image_lists)
@settings(max_examples=15, deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory, name, given_images):
    write, parse, _, file = FORMATS[name]
    path = tmp_path_factory.getbasetemp() / file
    write(path, given_images)
    found, bad = parse(path)
    assert bad == []
    assert [image.name for image in found] == [image.name for image in given_images]
    for image, wanted in zip(found, given_images, strict=True):
        assert len(image.faces) == len(wanted.faces)
        for ours, theirs in zip(image.faces, wanted.faces, strict=True):
            near = 0.5001 if name == "imglab" else 2e-3  # whole pixels; three decimals
            np.testing.assert_allclose(ours.points, theirs.points, atol=near)
            np.testing.assert_allclose(ours.box, theirs.box, atol=near)
            if name != "imglab":
                np.testing.assert_array_equal(ours.visible, theirs.visible)
                np.testing.assert_allclose(ours.confidence, theirs.confidence, atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_read_as_faces(tmp_path, name):
    write, _, read, file = FORMATS[name]
    write_images(tmp_path)
    write(tmp_path / file, images())
    found = read(tmp_path / file)
    assert [each.name for each in found] == ["a b.jpg", "a b.jpg#2", "sub/ü&'\".png"]
    assert found[2].image == tmp_path / "sub/ü&'\".png"
    np.testing.assert_allclose(found[1].points, FIVE + 15, atol=0.51)
    assert {each.box_source for each in found} == {"given"}


def test_images_may_lie_elsewhere_below_a_named_folder(tmp_path):
    write_images(tmp_path)
    (tmp_path / "labels").mkdir()
    for name in ("../a b.jpg", "a b.jpg"):  # as seen from the file, and from the folder
        labelling.write_imglab(tmp_path / "labels/x.xml", [labelling.LabelledImage(name, 120, 110, [face()])])
        assert datasets.read_imglab(tmp_path / "labels/x.xml", tmp_path)[0].image == tmp_path / "a b.jpg"
        with pytest.raises(BadRows, match=r"x\.xml:5 names .*images="):
            datasets.read_imglab(tmp_path / "labels/x.xml")


# --- the tools' own readers


def test_dlib_trains_on_imglab_s_file(tmp_path):
    from skimage.data import astronaut
    from skimage.io import imsave

    imsave(tmp_path / "a.png", astronaut(), check_contrast=False)
    points = np.array([[205.4, 112], [243, 112], [224, 134], [208, 158], [240.6, 158]])
    labelled = [face(points), face(points + 4)]
    labelling.write_imglab(tmp_path / "faces.xml", [labelling.LabelledImage("a.png", 512, 512, labelled)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 1, 2, 2
    options.feature_pool_size, options.num_test_splits, options.oversampling_amount = 20, 5, 1
    dlib.train_shape_predictor(str(tmp_path / "faces.xml"), str(tmp_path / "x.dat"), options)
    error = dlib.test_shape_predictor(str(tmp_path / "faces.xml"), str(tmp_path / "x.dat"))
    assert error < 4  # pixels: a tree of two faces, in the order of the parts
    predictor = dlib.shape_predictor(str(tmp_path / "x.dat"))
    shape = predictor(read_image(tmp_path / "a.png"), dlib.rectangle(*map(int, np.rint(labelled[0].box))))
    np.testing.assert_allclose([(p.x, p.y) for p in shape.parts()], points, atol=6)


def test_pycocotools_reads_coco_s_file(tmp_path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    labelling.write_coco(tmp_path / "coco.json", images())
    coco = coco_module.COCO(str(tmp_path / "coco.json"))
    [category] = coco.loadCats(coco.getCatIds())
    assert (category["name"], category["keypoints"][0]) == ("face", "left eye")
    assert [entry["file_name"] for entry in coco.loadImgs(coco.getImgIds())] == [image.name for image in images()]
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert [each["num_keypoints"] for each in annotations] == [5, 5]
    assert annotations[1]["keypoints"][2::3] == [2, 1, 2, 2, 1]
    np.testing.assert_allclose(np.reshape(annotations[0]["keypoints"], (5, 3))[:, :2], FIVE)
    # Its own evaluation of what is found: the file's annotations as detections of themselves.
    evaluation = pytest.importorskip("pycocotools.cocoeval").COCOeval(coco, coco.loadRes(annotations), "keypoints")
    evaluation.params.kpt_oks_sigmas, evaluation.params.imgIds = np.full(5, 0.05), [1]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_datumaro_reads_cvat_s_file(tmp_path):
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    (tmp_path / "images").mkdir()  # where it looks for them
    write_images(tmp_path / "images")
    labelling.write_cvat(tmp_path / "annotations.xml", images()[:1])
    [item] = datumaro.Dataset.import_from(str(tmp_path), "cvat")
    by_kind = {kind: [each for each in item.annotations if each.type.name == kind] for kind in ("bbox", "points")}
    assert [len(found) for found in by_kind.values()] == [2, 2]
    np.testing.assert_allclose(np.reshape(by_kind["points"][0].points, (5, 2)), FIVE + 0.5, atol=1e-2)
    assert by_kind["points"][1].attributes["hidden"] == "1 4"
    assert [each.group for each in item.annotations] == [1, 1, 2, 2]


def test_label_studio_accepts_its_tasks(tmp_path):
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is not installed")
    labelling.write_label_studio(tmp_path / "tasks.json", images())
    config = interface.LabelInterface(labelling.label_config(5))
    config.validate()
    for task in json.loads((tmp_path / "tasks.json").read_text()):
        predictions = task.pop("predictions")  # its check of both at once calls itself wrongly
        assert config.validate_task(task)
        assert all(config.validate_prediction(prediction) for prediction in predictions)
        for region in predictions[0]["result"]:
            region["to_name"] = "else"
            assert not config.validate_prediction(predictions[0])


# --- .pts


def test_pts_are_written_for_every_face_and_read_again(tmp_path):
    (tmp_path / "photos").mkdir()
    write_images(tmp_path / "photos")
    twins = labelling.LabelledImage("a b.png", 120, 110, [face(FIVE + 3)])
    (tmp_path / "photos/a b.png").write_bytes((tmp_path / "photos/none.png").read_bytes())
    labelling.write_pts(tmp_path / "out", [*images(), twins])
    found = {each.name: each for each in read_pts_folder(tmp_path / "out", tmp_path / "photos")}
    assert set(found) == {"a b.jpg.pts", "a b.jpg.2.pts", "a b.png.pts", "sub/ü&'\".pts"}
    assert found["a b.jpg.2.pts"].image.name == "a b.jpg"
    assert found["a b.png.pts"].image.name == "a b.png"
    np.testing.assert_allclose(found["a b.jpg.2.pts"].points, FIVE + 15, atol=1e-3)


# --- broken files

IMGLAB = "<dataset><images>{}</images></dataset>"
BOX = "<box top='1' left='1' width='9' height='9'/>"
BROKEN = {
    "imglab": [
        (IMGLAB.format("<image file='a.jpg'>\n<box top='1' left='x' width='9' height='9'/></image>"),
         r"faces\.xml:2: <box> has 'x' as left; expected a finite number"),
        (IMGLAB.format(f"<image file='a.jpg'>\n{BOX}</image>"),
         r"faces\.xml:2: a\.jpg has 0 of 0 points; expected at least two"),
        (IMGLAB.format(f"\n<image file='../../etc/passwd'>{BOX}</image>"), r"faces\.xml:2 names"),
    ],
    "coco": [
        ('{"images": [{"id": 1}], "annotations": []}', r"images\[0\] has no id or file_name"),
        ('{"images": [], "annotations": [{"image_id": 3, "keypoints": [1, 2, 2]}]}',
         r"annotations\[0\] is of no image"),
        ('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "keypoints": [1, 2]}]}',
         r"annotations\[0\] has keypoints that are no list of x, y, v"),
        ('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "keypoints": [1, "x", 2]}]}',
         r"annotations\[0\]\.keypoints is \[1, 'x', 2\]; expected finite numbers"),
        ('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "keypoints": '
         '[1,2,2, 3,4,0, 5,6,0, 7,8,0, 9,9,0]}]}', r"annotations\[0\]: a\.jpg has 1 of 5 points; expected at"),
    ],
    "cvat": [
        ("<annotations><image name='a.jpg'>\n<points points='1,2;3'/></image></annotations>",
         r"cvat\.xml:2: <points> has the points '1,2;3'; expected x,y;x,y"),
        ("<annotations><image name='a.jpg'><points points='1,2;3,4'>\n<attribute name='hidden'>7</attribute></points>"
         "</image></annotations>", "hidden point '7'; expected numbers from 0 to 1"),
    ],
    "label-studio": [
        ('[{"data": {}}]', r"task 0 has no data\.image"),
        ('[{"data": {"image": "a.jpg"}, "annotations": [{"result": 3}]}]', "task 0 has annotations without a result"),
        ('[{"data": {"image": "a.jpg"}, "annotations": [{"result": [{"type": "keypointlabels", "original_width": 9, '
         '"original_height": 9, "value": {"x": 1, "y": 2, "keypointlabels": ["ear"]}}]}]}]',
         "has points labelled ear; expected left eye"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), [(name, *each) for name, all in BROKEN.items() for each in all])
def test_every_broken_row_is_named(tmp_path, name, text, message):
    _, _, read, file = FORMATS[name]
    (tmp_path / file).write_text(text)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(BadRows, match=message):
        read(tmp_path / file)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", ["", "<a", "<a/>", "[1", "{}", "3", "<!DOCTYPE a [<!ENTITY b 'c'>]><dataset/>"])
def test_what_is_no_such_file_is_refused_by_name(tmp_path, name, text):
    _, _, read, file = FORMATS[name]
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=file):
        read(tmp_path / file)


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="looked for"):
        FORMATS[name][2](tmp_path / "nothing.xml")
