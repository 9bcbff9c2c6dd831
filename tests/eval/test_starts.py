"""Starts: each one's right answer is known, because the faces are made from the bank's own shapes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.metrics import nme, summarise
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.starts import STARTS, make_start
from tcdcn_init.geometry import five_from_68, rotation, similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, from_box_units

DATA = Path(os.environ.get("TCDCN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
BOX = np.array([20.0, 30.0, 140.0, 190.0])
UPRIGHT = np.array([[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.15, 0.3], [0.15, 0.3]])
BANK = ShapeBank(UPRIGHT + np.random.default_rng(0).normal(scale=0.05, size=(60, 5, 2)))
DENSE = ShapeBank(np.random.default_rng(1).normal(scale=0.2, size=(20, 68, 2)))
FIVE = np.array([[60.0, 100.0], [100.0, 92.0], [85.0, 120.0], [68.0, 140.0], [102.0, 136.0]])

few = settings(deadline=None, max_examples=40)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("bank", [BANK, DENSE])
@pytest.mark.parametrize("name", STARTS)
def test_every_start_gives_as_many_shapes_as_it_says(name: str, bank: ShapeBank) -> None:
    start = make_start(name, bank)
    shapes = start(BOX, None if start.points == "none" else FIVE, rng())
    assert shapes.shape == (start.count, bank.shapes.shape[1], 2)
    assert np.isfinite(shapes).all()


def test_who_provides_the_points_and_how_many_shapes_come() -> None:
    starts = {name: make_start(name, BANK) for name in (*STARTS, "random", "random-20", "tcdcn-nearest-1", "oracle-3")}
    assert {name: (start.points, start.count) for name, start in starts.items()} == {
        "random-1": ("none", 1),
        "random-5": ("none", 5),
        "random": ("none", 5),
        "random-20": ("none", 20),
        "mean": ("none", 1),
        "tcdcn-aligned": ("tcdcn", 1),
        "tcdcn-nearest": ("tcdcn", 5),
        "tcdcn-nearest-1": ("tcdcn", 1),
        "oracle": ("annotated", 5),
        "oracle-3": ("annotated", 3),
    }


def test_random_draws_different_shapes_of_the_bank_and_follows_the_generator() -> None:
    start = make_start("random-60", BANK)
    placed = from_box_units(BANK.shapes, BOX)
    drawn = start(BOX, None, rng())
    assert sorted(map(bytes, drawn)) == sorted(map(bytes, placed))  # 60 of 60: each once
    np.testing.assert_array_equal(start(BOX, None, rng(4)), start(BOX, None, rng(4)))
    assert not np.array_equal(start(BOX, None, rng(4)), start(BOX, None, rng(5)))


def test_random_is_uniform_over_the_bank() -> None:
    start = make_start("random-1", ShapeBank(BANK.shapes[:4]))
    first = [float(start(BOX, None, face_rng(0, str(k), "start"))[0, 0, 0]) for k in range(800)]
    _, counts = np.unique(first, return_counts=True)
    assert len(counts) == 4
    assert ((counts > 150) & (counts < 250)).all()


def test_mean_is_the_mean_of_all_placed_shapes() -> None:
    np.testing.assert_allclose(
        make_start("mean", BANK)(BOX, None, rng())[0], from_box_units(BANK.shapes, BOX).mean(axis=0), atol=1e-4
    )


@few
@given(st.floats(-180, 180), st.floats(5, 300), st.floats(-200, 200))
def test_aligned_finds_a_face_of_mean_shape_at_any_turn_and_in_any_box(roll: float, scale: float, x: float) -> None:
    placement = rotation(roll) * scale + [[0, 0, x], [0, 0, 50]]
    truth = transform_points(placement, DENSE.mean)
    found = make_start("tcdcn-aligned", DENSE)((0, 0, 1, 1), five_from_68(truth), rng())
    np.testing.assert_allclose(found[0], truth, atol=1e-4 * scale)


@few
@given(st.integers(0, 19), st.floats(-180, 180), st.floats(5, 300))
def test_nearest_finds_a_face_of_the_bank_at_any_turn_and_in_any_box(number: int, roll: float, scale: float) -> None:
    truth = transform_points(rotation(roll) * scale + [[0, 0, 70], [0, 0, 50]], DENSE.shapes[number])
    for name in ("tcdcn-nearest", "oracle-1"):
        found = make_start(name, DENSE)((0, 0, 1, 1), five_from_68(truth), rng())
        np.testing.assert_allclose(found[0], truth, atol=1e-4 * scale)


@few
@given(st.floats(-180, 180), st.integers(0, 99))
def test_seeded_starts_turn_with_the_points(roll: float, seed: int) -> None:
    five = FIVE + np.random.default_rng(seed).normal(scale=2, size=(5, 2))
    turn = rotation(roll, centre=(80, 110))
    for name in ("tcdcn-aligned", "tcdcn-nearest", "oracle"):
        start = make_start(name, DENSE)
        turned = start(BOX, transform_points(turn, five), rng())
        np.testing.assert_allclose(turned, transform_points(turn, start(BOX, five, rng())), atol=1e-6)


def test_nearest_shapes_lie_on_the_points_in_order_of_nearness() -> None:
    shapes = make_start("tcdcn-nearest-60", BANK)(BOX, FIVE, rng())
    distances = np.linalg.norm(shapes - FIVE, axis=-1)
    squares = (distances**2).sum(axis=1)
    best = ((transform_points(similarity_between(BANK.five, FIVE), BANK.five) - FIVE) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(squares, np.sort(best), rtol=1e-5)
    assert (np.diff(squares) >= -1e-9).all()


def test_only_starts_without_points_follow_the_box() -> None:
    for name in STARTS:
        start = make_start(name, BANK)
        here, there = (start(box, FIVE, rng()) for box in (BOX, BOX + 7))
        np.testing.assert_allclose(there, here + (7 if start.points == "none" else 0), atol=1e-9)


def test_a_start_can_be_sent_to_another_process() -> None:
    for name in STARTS:
        start = make_start(name, BANK)
        again = pickle.loads(pickle.dumps(start))
        np.testing.assert_array_equal(again(BOX, FIVE, rng()), start(BOX, FIVE, rng()))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("randm-5", "did you mean random-5"),
        ("tcdcn_nearest", "did you mean tcdcn-nearest"),
        ("orakle", "did you mean oracle"),
        ("mean-5", "did you mean mean"),
        ("zzz", "expected one of random-1, random-5, mean, tcdcn-aligned, tcdcn-nearest, oracle"),
        ("", "expected one of"),
        ("random-5\n", "unknown start"),
        ("random-", "unknown start"),
        ("random-0", "0 shapes are wanted"),
        ("random-61", "61 shapes are wanted of a bank of 60"),
    ],
)
def test_unknown_names_suggest_near_ones(name: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        make_start(name, BANK)
    assert words in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("five", [None, FIVE[:4], np.full((5, 2), np.nan), FIVE.ravel()])
def test_missing_points_are_named(five: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="'tcdcn-aligned' needs five tcdcn points"):
        make_start("tcdcn-aligned", BANK)(BOX, five, rng())
    with pytest.raises(ValueError, match="'oracle' needs five annotated points"):
        make_start("oracle", BANK)(BOX, five, rng())


def test_a_box_without_area_is_refused_by_every_start() -> None:
    for name in STARTS:
        with pytest.raises(ValueError, match="no area"):
            make_start(name, BANK)((10, 10, 10, 40), FIVE, rng())


@pytest.mark.skipif(not (DATA / "mtfl" / "training.txt").is_file(), reason=f"MTFL is not at {DATA / 'mtfl'}")
def test_on_aflw_the_starts_are_as_far_off_as_published_floors_say() -> None:
    bank = ShapeBank.from_faces(read_mtfl(DATA / "mtfl", "training"))
    assert len(bank) == 9882
    faces = read_mtfl(DATA / "mtfl", "testing")[::10]
    truth = np.stack([face.points for face in faces])

    def error(name: str, sd: float = 0.0) -> float:
        start = make_start(name, bank)
        shapes = [
            np.median(
                start(noisy_box(f.box, sd, face_rng(0, f.name, "box")), f.points, face_rng(0, f.name, "start")), axis=0
            )
            for f in faces
        ]
        return summarise(nme(np.stack(shapes), truth)).mean

    # The mean shape in the box 25.7 %, its best similarity fit 9.7 %; a tenth of the faces is within a point of it.
    assert error("mean") == pytest.approx(0.257, abs=0.015)
    assert error("tcdcn-aligned") == pytest.approx(0.097, abs=0.008)
    assert error("oracle") < 0.02
    assert error("random-1") > error("random-5") > error("mean") + 0.01
    # What the points give does not depend on the box.
    assert error("oracle", sd=0.3) == error("oracle")
    assert error("mean", sd=0.3) > 2 * error("mean")
