"""Starts from points of somebody else's: of a function, of a package, of a file."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from builders import FIVE, install
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy
from tcdcn_init.eval.other_points import ENTRY_POINT_GROUP, any_start, available_starts, start_name
from tcdcn_init.shapes import ShapeBank

BOX = np.array([20.0, 20.0, 80.0, 90.0])
BANK = ShapeBank(np.random.default_rng(0).random((6, 5, 2)))
DENSE = ShapeBank(np.random.default_rng(0).random((6, 68, 2)))
FACES = [Face("a.jpg", Path("a.jpg"), FIVE.astype(np.float32), BOX)]
FACES_68 = [Face("a.jpg", Path("a.jpg"), np.zeros((68, 2), np.float32), BOX)]
MODULE = """
import numpy as np

def five(image, boxes):
    image[:] = 0  # as who draws on what he is given
    return np.zeros((len(boxes), 5, 2)) + boxes[:, None, :2] + [[0, 0], [20, 0], [10, 10], [2, 20], [18, 20]]

def dense(image, boxes):
    return np.arange(136.0).reshape(1, 68, 2)

def flat(image, boxes):
    return [1, 2]

def three(image, boxes):
    return np.zeros((1, 3, 2))

def moody(image, boxes):
    if image.shape[0] < 500:
        raise KeyError("no such face")
    return np.zeros((1, 5, 2))

number = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "my_points.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_points", None)


def copies(*names: str, condition: Condition = OWN_BOX) -> list[Copy]:
    image = np.full((100, 100), 200, dtype=np.uint8)
    return [Copy(name, condition, image, FIVE, BOX + k) for k, name in enumerate(names)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_five_points_of_a_function_carry_the_nearest_shapes() -> None:
    start = any_start("my_points:five", BANK, FACES)
    assert (start.name, start.points, start.count) == ("my_points:five", "other", 5)
    shown = copies("a", "b")
    points = start.other(shown)
    assert points.shape == (2, 5, 2)
    assert points[:, 0].tolist() == [[20, 20], [21, 21]]
    assert shown[0].image.min() == 200
    shapes = start(BOX, points[0], rng())
    np.testing.assert_allclose(shapes.mean(axis=1), np.tile(points[0].mean(axis=0), (5, 1)), atol=1e-6)


def test_whole_shapes_start_as_they_are_and_five_points_are_taken_of_other_shapes() -> None:
    start = any_start("my_points:dense", DENSE, FACES_68)
    found = start.other(copies("a"))[0]
    assert (start.count, found.shape) == (1, (68, 2))
    np.testing.assert_array_equal(start(BOX, found, rng()), found[None])
    assert any_start("my_points:dense", BANK, FACES).other(copies("a")).shape == (1, 5, 2)
    assert any_start("my_points:five", DENSE, FACES_68)(BOX, FIVE, rng()).shape == (5, 68, 2)


def test_an_installed_package_offers_a_start_by_name(module) -> None:
    install(
        module,
        "my-package",
        ENTRY_POINT_GROUP,
        {"mine": "my_points:five", "number": "my_points:number", "mean": "my_points:five"},
    )
    assert "mine" in available_starts()
    assert any_start("mine", BANK, FACES).name == "mine"
    assert any_start("mean", BANK, FACES).other is None
    with pytest.raises(ValueError, match="unknown start 'mien'; did you mean mine"):
        any_start("mien", BANK, FACES)
    with pytest.raises(ValueError, match=r"start 'number' from .* is a int; expected a callable"):
        any_start("number", BANK, FACES)


def test_a_start_of_a_function_goes_to_another_process() -> None:
    start = pickle.loads(pickle.dumps(any_start("my_points:five", BANK, FACES)))
    assert start.other(copies("a")).shape == (1, 5, 2)


def test_a_callable_is_a_start_too() -> None:
    def mine(image, boxes):
        return np.stack([FIVE for _ in boxes])

    assert start_name(mine) == "mine"
    np.testing.assert_array_equal(any_start(mine, BANK, FACES).other(copies("a"))[0], FIVE)


def test_what_changes_under_a_name_is_noticed() -> None:
    digests = {any_start(lambda image, boxes, k=k: FIVE[None] + k, BANK, FACES).other.digest for k in (0, 0, 1)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "my_points:flat",
            r"answers with shape \(2,\) on scikit-image's portrait; expected \(1, 5, 2\)",
        ),
        ("my_points:three", "'my_points:three' has 3 points; expected 5"),
        ("my_points:number", "is a int; expected a callable"),
        ("no_such:thing", "'no_such:thing' cannot be imported from no_such:thing: No module named 'no_such'"),
        ("randon-5", "did you mean random-5"),
        ("none.csv", "none.csv does not exist"),
    ],
)
def test_what_is_wrong_shows_before_anything_is_measured(name, message) -> None:
    with pytest.raises((ValueError, ImportError, FileNotFoundError), match=message):
        any_start(name, BANK, FACES)


def test_the_face_at_which_a_function_fails_is_named() -> None:
    start = any_start("my_points:moody", BANK, FACES)
    with pytest.raises(ValueError, match=r"'my_points:moody' fails on b.jpg: KeyError: 'no such face'"):
        start.other(copies("b.jpg"))


def test_a_file_has_points_of_upright_images_in_whatever_box(tmp_path) -> None:
    file = tmp_path / "yunet.csv"
    head = ",".join(f"{axis}{k}" for k in range(5) for axis in "xy")
    file.write_text(f"image,{head}\na.jpg,{','.join(map(str, FIVE.ravel()))}\n")
    start = any_start(str(file), BANK, FACES)
    assert (start.name, start.points, start.count, start.other.turns) == ("yunet.csv", "other", 5, False)
    shown = [*copies("a.jpg", "b.jpg"), *copies("a.jpg", condition=Condition("noise", 0.2))]
    upright, missing, moved = start.other(shown)
    np.testing.assert_array_equal(upright, FIVE)
    np.testing.assert_array_equal(moved, FIVE)
    assert np.isnan(missing).all()
    assert np.isnan(start.other(copies("a.jpg", condition=Condition("roll", 30.0)))).all()
