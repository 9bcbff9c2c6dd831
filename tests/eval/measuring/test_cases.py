"""Data sets as the protocol takes them: whose boxes, how many faces, and what is said to who has none."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.measuring.builtin import PORTRAIT_POINTS, builtin_case
from tcdcn_init.eval.measuring.cases import image_names, read_case
from tcdcn_init.geometry import box_from_points
from tcdcn_init.images import read_image


def test_a_data_set_keeps_its_boxes_unless_others_are_asked_for(mtfl_root, tmp_path) -> None:
    given = read_case("aflw", mtfl_root)
    assert [face.name for face in given.faces] == [face.name for face in read_dataset("aflw", mtfl_root)]
    assert (given.name, given.title, given.boxes) == ("aflw", "AFLW", "given")
    derived = read_case("aflw", mtfl_root, boxes="points", limit=3)
    assert derived.boxes == "points"
    assert len(derived.faces) == 3
    for face in derived.faces:
        assert face.box_source == "points"
        np.testing.assert_array_equal(face.box, box_from_points(face.points))


def test_boxes_may_come_from_a_file(mtfl_root, tmp_path) -> None:
    faces = read_case("aflw", mtfl_root).faces
    name, middle = faces[1].name, faces[1].points.mean(axis=0)
    rows = [middle - 30, middle + 30, middle - 29, middle + 33, middle + 40, middle + 60]
    boxes = np.concatenate(rows).reshape(3, 4)
    lines = [f"{name},{','.join(map(str, box))}" for box in boxes[[1, 0, 2]]]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["image,left,top,right,bottom", *lines]) + "\n")
    case = read_case("aflw", mtfl_root, boxes=str(file))
    np.testing.assert_allclose(case.faces[1].box, boxes[0])  # nearest of those that hold the face
    assert [face.box_source for face in case.faces[:3]] == ["points", "given", "points"]
    assert "mine.csv" in case.note
    file.write_text("image,left,top,right,bottom\nanother.png,1,2,3,4\n")
    with pytest.raises(ValueError, match="no box for any of 8 faces"):
        read_case("aflw", mtfl_root, boxes=str(file))


def test_who_has_no_data_is_told_what_was_looked_for_and_how_to_get_it(make_mtfl, tmp_path) -> None:
    for name in ("aflw", "mtfl-val", "afw", "afw68"):
        with pytest.raises(FileNotFoundError, match="research data") as failure:
            read_case(name, tmp_path / "nothing")
        assert str(tmp_path / "nothing") in str(failure.value)
    with pytest.raises(ValueError, match=r"--root DIR.*MTFL.zip"):
        read_case("aflw", None)
    with pytest.raises(ValueError, match="did you mean aflw or afw"):
        read_case("aflv", tmp_path)
    with pytest.raises(ValueError, match="limit is 0"):
        read_case("aflw", make_mtfl(tmp_path / "mtfl", training=3, testing=6), limit=0)
    (tmp_path / "mtfl" / "AFLW" / "face_0002.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"AFLW in .* is not whole: 1 rows .*face_0002.png.*\n.*MTFL.zip"):
        read_case("aflw", tmp_path / "mtfl")


def test_a_set_without_boxes_says_that_they_are_derived_and_keeps_its_parts_apart(make_300w, tmp_path) -> None:
    root = make_300w(tmp_path, {"lfpw/testset": 2, "helen/testset": 2, "ibug": 2})
    case = read_case("300w", root)
    assert case.boxes == "points"
    assert "all are derived from the annotated points" in case.note
    assert case.groups == {"common": [0, 1, 2, 3], "challenging": [4, 5], "full": [0, 1, 2, 3, 4, 5]}
    assert read_case("300w", root, limit=3).groups == {"common": [0, 1], "challenging": [2], "full": [0, 1, 2]}
    assert read_case("lfpw", root / "lfpw").groups == {}


def test_images_are_named_alike_wherever_the_data_lies(mtfl_root, tmp_path) -> None:
    aflw = read_case("aflw", mtfl_root).faces
    assert image_names(aflw)[:2] == ["face_0000.png", "face_0001.png"]
    both = [*aflw[:1], read_case("mtfl-val", mtfl_root).faces[0]]
    assert image_names(both)[0] == "AFLW/face_0000.png"


def test_the_portrait_is_one_face_and_says_so(tmp_path, portrait, portrait_points) -> None:
    case = builtin_case(tmp_path)
    assert case.note.startswith("One face")
    assert len({face.image for face in case.faces}) == 1
    np.testing.assert_array_equal(read_image(case.faces[0].image), portrait)
    np.testing.assert_allclose(PORTRAIT_POINTS, portrait_points)
    boxes = np.stack([face.box for face in case.faces])
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    np.testing.assert_array_equal(boxes, np.stack([face.box for face in builtin_case(tmp_path).faces]))


def test_data_of_ones_own_are_read_as_the_same_faces(mtfl_root, tmp_path) -> None:
    aflw = read_case("aflw", mtfl_root)
    head = ["image", *(f"{axis}{k}" for k in range(5) for axis in "xy"), "left", "top", "right", "bottom", "pose"]
    rows = [
        [face.name, *face.points.ravel().tolist(), *(face.box if face.box_source == "given" else [""] * 4),
         face.attributes["pose"]]
        for face in aflw.faces
    ]  # fmt: skip
    rows[1][5:7] = "", ""
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in [head, *rows]) + "\n")
    case = read_case("csv", file, images=mtfl_root)
    assert (case.title, case.regressors) == ("mine.csv", aflw.regressors)
    assert case.note.startswith(f"{len(rows)} faces in {len(rows)} images; ")
    assert "1 of 40 points not annotated; labels: pose of 8" in case.note
    for k, (own, known) in enumerate(zip(case.faces, aflw.faces, strict=True)):
        assert own.image == known.image
        assert own.attributes == {"pose": known.attributes["pose"]}
        assert own.box_source == known.box_source
        np.testing.assert_allclose(own.box, known.box, atol=2 if k == 1 else 1e-3)
    derived = read_case("csv", file, images=mtfl_root, boxes="points", limit=3)
    assert {face.box_source for face in derived.faces} == {"points"}
    assert "All boxes are derived" in derived.note
    with pytest.raises(ValueError, match="data set 'csv' needs its file or folder"):
        read_case("csv", None)
    with pytest.raises(ValueError, match="aflw is read as its authors lay it out"):
        read_case("aflw", mtfl_root, images=mtfl_root)
    for row in rows:
        row[5:7] = "", ""
    file.write_text("\n".join(",".join(map(str, row)) for row in [head, *rows]) + "\n")
    with pytest.raises(ValueError, match="nose is annotated in none of 8 faces"):
        read_case("csv", file, images=mtfl_root)
