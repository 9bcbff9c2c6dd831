"""300-W in both layouts, written small: the same faces, whatever parts are there."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tcdcn_init.datasets import BadRows
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.datasets.published.w300 import groups_300w, read_300w, read_300w_part
from tcdcn_init.geometry import MIRROR_68, box_from_points, five_from_68
from tcdcn_init.images import read_image
from tcdcn_init.shapes import ShapeBank

COMMON = {"lfpw/trainset": 2, "lfpw/testset": 3, "helen/trainset": 1, "helen/testset": 2}
ALL = {**COMMON, "ibug": 2, "afw": 1, "300W/01_Indoor": 2, "300W/02_Outdoor": 1}


def test_both_layouts_give_the_same_faces(make_300w, tmp_path) -> None:
    given, shared = make_300w(tmp_path / "a", COMMON), make_300w(tmp_path / "b", COMMON, shared=True)
    for name in ("300w-common", "300w"):
        pairs = list(zip(read_dataset(name, given), read_dataset(name, shared), strict=True))
        assert len(pairs) == 5
        for one, other in pairs:
            np.testing.assert_allclose(one.points, other.points, atol=2e-3)
            np.testing.assert_allclose(one.box, box_from_points(five_from_68(one.points)), atol=1e-3)
            np.testing.assert_array_equal(read_image(one.image), read_image(other.image))
            assert one.box_source == other.box_source == "points"
    assert pairs[0][0].name == "lfpw/testset/0.pts"
    assert pairs[0][1].name == "lfpw/test/0.jpg"
    training = [read_300w(root, ("lfpw-train", "helen-train")) for root in (given, shared)]
    assert [face.image.stem for face in training[0]] == [face.image.stem for face in training[1]] == ["0", "1", "0"]
    for root in (given, shared):
        assert len(read_dataset("lfpw", root / "lfpw")) == 3
        assert len(read_dataset("helen", root / "helen")) == 2
        assert len(read_dataset("300w-train", root)) <= 3


def test_groups_are_those_of_publications_as_far_as_they_are_there(make_300w, tmp_path) -> None:
    root = make_300w(tmp_path, ALL)
    faces = read_300w(root)  # AFW and the training parts are not for testing
    sizes = {name: len(rows) for name, rows in groups_300w(faces).items()}
    assert sizes == {"common": 5, "challenging": 2, "full": 7, "indoor": 2, "outdoor": 1, "300-W test": 3}
    assert [faces[k].name.split("/")[0] for k in groups_300w(faces)["300-W test"]] == ["01_Indoor"] * 2 + ["02_Outdoor"]
    assert len(read_300w(root, ["afw"])) == 1
    shutil.rmtree(root / "helen" / "testset")
    shutil.rmtree(root / "300W")
    sizes = {name: len(rows) for name, rows in groups_300w(read_300w(root)).items()}
    assert sizes == {"LFPW": 3, "challenging": 2}
    with pytest.raises(FileNotFoundError, match=r"helen: .* in testset/"):
        read_dataset("300w-common", root)


def test_what_is_not_300w_is_refused_by_name(make_300w, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)lfpw.*ibug\.doc\.ic\.ac\.uk"):
        read_300w(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected points\.csv"):
        read_300w_part(tmp_path, "test")
    with pytest.raises(ValueError, match="did you mean indoor"):
        read_300w(tmp_path, ["indor"])
    root = make_300w(tmp_path, {"lfpw/testset": 2}, shared=True)
    text = (root / "lfpw" / "points.csv").read_text()
    first = text.splitlines()[1].split(",")
    (root / "lfpw" / "points.csv").write_text(text.replace(",".join(first), ",".join([*first[:-2], "", ""])))
    with pytest.raises(BadRows, match=r"test/0.jpg .* expected all 68"):
        read_300w(root)


def test_mirrored_68_points_are_again_a_face() -> None:
    mean = ShapeBank.load("shapes-300w").mean
    mirrored = mean[list(MIRROR_68)] * [-1, 1]
    assert [MIRROR_68[k] for k in MIRROR_68] == list(range(68))
    shift = (mirrored - mean).mean(axis=0)
    assert np.abs(mirrored - mean - shift).max() < 0.05  # box sides: left out is the mean pose alone


def test_the_real_sets(data_root) -> None:
    if not (data_root / "helen" / "points.csv").exists():
        pytest.skip(f"{data_root / 'helen'} is not there")
    faces = read_dataset("300w", data_root)
    assert {name: len(rows) for name, rows in groups_300w(faces).items()} == {"common": 554}
