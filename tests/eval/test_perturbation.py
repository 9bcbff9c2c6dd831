"""Perturbations: reproducible per face, exact in their geometry, and confined to the face."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from tcdcn_init.eval.perturbation import (
    REGION,
    covered,
    face_rng,
    noisy_box,
    occluded,
    occluder,
    roll_map,
    rolled,
)
from tcdcn_init.geometry import box_square, invert, roll_degrees, transform_points

BOX = (170.0, 70.0, 275.0, 205.0)
POINTS = np.array([[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]])

# The first box noise of a face, seed 0: a change here changes every published figure.
PINNED = [1.1381349000642533, 1.8310917005381184, 1.1527865177646213]

few = settings(deadline=None, max_examples=50)
angles = st.floats(-360, 360)
coordinates = st.floats(-500, 500)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    left, top = draw(coordinates), draw(coordinates)
    return np.array([left, top, left + draw(st.floats(5, 300)), top + draw(st.floats(5, 300))])


def test_random_numbers_belong_to_seed_name_and_purpose() -> None:
    draws = {
        (seed, name, purpose): face_rng(seed, name, purpose).random()
        for seed in (0, 1)
        for name in ("a.jpg", "b.jpg", "a.jpg#1")
        for purpose in ("box", "start")
    }
    assert len(set(draws.values())) == len(draws)
    assert all(face_rng(*key).random() == value for key, value in draws.items())
    assert face_rng(0, "ü.jpg", "box").random() == face_rng(0, "ü.jpg", "box").random()
    with pytest.raises(ValueError, match="seed is -1"):
        face_rng(-1, "a", "box")


def test_the_stream_is_pinned() -> None:
    np.testing.assert_allclose(face_rng(0, "AFLW/0001-image20056.jpg", "box").standard_normal(3), PINNED, rtol=1e-12)


def test_box_noise_has_the_stated_spread() -> None:
    centre, side = box_square(BOX)
    noisy = np.array([noisy_box(BOX, 0.2, face_rng(0, str(k), "box")) for k in range(2000)])
    centres, sides = box_square(noisy)
    moves = np.column_stack([(centres - centre) / side, np.log(sides / side)])
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(moves.std(axis=0), 0.2, rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(moves.T), np.eye(3), atol=0.08)


@few
@given(boxes(), st.floats(0, 0.4), st.integers(0, 99))
def test_box_noise_keeps_the_aspect_and_its_direction_for_every_sd(box: np.ndarray, sd: float, seed: int) -> None:
    def move(deviation: float) -> np.ndarray:
        noisy = noisy_box(box, deviation, np.random.default_rng(seed))
        width, height = noisy[2:] - noisy[:2]
        assert width / height == pytest.approx((box[2] - box[0]) / (box[3] - box[1]), rel=1e-6)
        (centre, side), (old_centre, old_side) = box_square(noisy), box_square(box)
        return np.array([*(centre - old_centre) / old_side, np.log(side / old_side)])

    np.testing.assert_allclose(move(2 * sd), 2 * move(sd), atol=1e-9)


@pytest.mark.parametrize("sd", [-0.1, float("nan"), float("inf")])
def test_an_impossible_spread_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="sd is"):
        noisy_box(BOX, sd, np.random.default_rng(0))


@few
@given(boxes(), angles, st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8))
def test_points_map_there_and_back(box: np.ndarray, degrees: float, points: list[tuple[float, float]]) -> None:
    forward = roll_map(box, degrees)
    there = transform_points(forward, points)
    np.testing.assert_allclose(transform_points(invert(forward), there), points, atol=1e-8)
    # Rigid: distances stay.
    np.testing.assert_allclose(np.abs(np.linalg.det(forward[:, :2])), 1.0)


@few
@given(boxes(), angles)
def test_the_box_keeps_its_size_and_turns_about_its_centre(box: np.ndarray, degrees: float) -> None:
    image = np.zeros((4, 4), np.uint8)
    box = box - np.concatenate([box_square(box)[0]] * 2)  # around the image's corner
    _, points, new = rolled(image, [box_square(box)[0]], box, degrees)
    np.testing.assert_allclose(new[2:] - new[:2], box[2:] - box[:2], atol=1e-8)
    np.testing.assert_allclose(box_square(new)[0], points[0], atol=1e-8)


@few
@given(angles)
def test_the_face_turns_by_the_angle_in_points_and_pixels_alike(degrees: float) -> None:
    rows, columns = np.indices((600, 600)).astype(float)
    image = (2 * columns + rows) / 2000  # a plane: linear interpolation keeps it exactly
    made, points, _ = rolled(image, POINTS + 100, np.asarray(BOX) + 100, degrees, region=1.5)
    side = int(np.ceil(1.5 * box_square(BOX)[1]))
    assert made.shape == (side, side)
    turned = float(roll_degrees(points) - roll_degrees(POINTS) - degrees)
    assert abs((turned + 180) % 360 - 180) < 1e-6
    x, y = transform_points(invert(roll_map(np.asarray(BOX) + 100, degrees, 1.5)), np.argwhere(made > -1)[:, ::-1]).T
    np.testing.assert_allclose(made.ravel(), (2 * x + y) / 2000, atol=1e-9)
    # The value at each point is the one that it had.
    back = transform_points(invert(roll_map(np.asarray(BOX) + 100, degrees, 1.5)), points)
    np.testing.assert_allclose(back, POINTS + 100, atol=1e-9)


def test_the_portrait_turned_there_and_back_is_the_portrait_a_little_blurred() -> None:
    image = astronaut()
    made, points, box = rolled(image, POINTS, BOX, 30)
    assert made.shape == (int(np.ceil(REGION * box_square(BOX)[1])),) * 2 + (3,)
    again, back, same_box = rolled(made, points, box, -30)
    same, there, upright_box = rolled(image, POINTS, BOX, 0)
    np.testing.assert_allclose(back, there, atol=1e-9)
    np.testing.assert_allclose(same_box, upright_box, atol=1e-9)
    face = np.s_[120:250, 120:230]
    assert np.corrcoef(again[face].ravel(), same[face].ravel())[0, 1] > 0.98
    for moved in (np.roll(again, 1, axis=0), np.roll(again, -1, axis=1)):
        assert (
            np.abs(moved[face] - same[face].astype(float)).mean()
            > np.abs(again[face] - same[face].astype(float)).mean()
        )


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90])
def test_right_angles_copy_pixels(degrees: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(61, 61, 3), dtype=np.uint8)
    box = (20, 20, 40, 40)  # centre on a pixel, which is the middle of an image of 61
    made, _, new = rolled(image, [[30, 30]], box, degrees, region=3.05)
    assert made.shape == image.shape
    assert new.tolist() == pytest.approx([20, 20, 40, 40])
    np.testing.assert_array_equal(made, np.rot90(image, -degrees // 90))


def test_a_roll_of_zero_copies_the_region_and_moves_by_whole_pixels() -> None:
    image = astronaut()
    made, points, box = rolled(image, POINTS, BOX, 0)
    shift = points[0] - POINTS[0]
    np.testing.assert_allclose(shift, np.rint(shift), atol=1e-9)
    np.testing.assert_allclose(box, BOX + np.tile(shift, 2))
    left, top = np.rint(-shift).astype(int)
    rows = np.clip(np.arange(top, top + made.shape[0]), 0, 511)
    columns = np.clip(np.arange(left, left + made.shape[1]), 0, 511)
    np.testing.assert_array_equal(made, image[rows[:, None], columns])  # beyond the border its pixels go on


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_every_kind_of_image_keeps_its_dtype_and_its_values(dtype: type, channels: tuple[int, ...]) -> None:
    white = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    image = np.full((40, 50, *channels), white, dtype=dtype)
    for made in (
        rolled(image, [[20, 20]], (10, 10, 30, 30), 33)[0],
        occluded(image, (10, 10, 30, 30), 0.0, np.random.default_rng(0)),
    ):
        assert made.dtype == dtype
        assert (made == white).all()


def test_nothing_outside_of_the_region_is_read() -> None:
    image = np.full((400, 400), np.nan)
    image[50:350, 50:350] = 0.5
    made, _, _ = rolled(image, [[200, 200]], (170, 170, 230, 230), 30)  # region 180, half diagonal 128
    assert (made == 0.5).all()


def test_images_are_never_changed_in_place() -> None:
    image = astronaut()
    before = image.copy()
    rolled(image, POINTS, BOX, 20)
    occluded(image, BOX, 0.5, np.random.default_rng(0), "noise")
    np.testing.assert_array_equal(image, before)


def test_a_box_without_image_and_impossible_rolls_are_refused() -> None:
    image = np.zeros((50, 60))
    with pytest.raises(ValueError, match="far outside of the image of width 60 and height 50"):
        rolled(image, [[1, 1]], (500, 500, 520, 520), 10)
    with pytest.raises(ValueError, match="roll is nan"):
        rolled(image, [[1, 1]], (10, 10, 20, 20), float("nan"))
    with pytest.raises(ValueError, match=r"region is 0\.5"):
        rolled(image, [[1, 1]], (10, 10, 20, 20), 10, region=0.5)


@few
@given(st.floats(0, 1), st.integers(0, 1000), st.sampled_from(["grey", "noise"]))
def test_an_occluder_hides_its_share_inside_of_the_box(share: float, seed: int, fill: str) -> None:
    image = np.full((300, 400, 3), 0.25)
    box = (100, 50, 300, 200)
    covered_pixels = (occluded(image, box, share, np.random.default_rng(seed), fill) != 0.25).any(axis=2)  # type: ignore[arg-type]
    rows, columns = np.nonzero(covered_pixels)
    assert covered_pixels.sum() == pytest.approx(share * 200 * 150, abs=2 * (200 + 150))
    if len(rows):
        assert rows.min() >= 50
        assert rows.max() <= 200
        assert columns.min() >= 100
        assert columns.max() <= 300
        assert covered_pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()


@few
@given(boxes(), st.floats(0, 1), st.integers(0, 99))
def test_an_occluder_is_a_rectangle_of_the_box(box: np.ndarray, share: float, seed: int) -> None:
    rectangle = occluder(box, share, np.random.default_rng(seed))
    extent, size = rectangle[2:] - rectangle[:2], box[2:] - box[:2]
    np.testing.assert_allclose(np.prod(extent), share * np.prod(size), atol=1e-6)
    assert (rectangle[:2] >= box[:2] - 1e-6).all()
    assert (rectangle[2:] <= box[2:] + 1e-6).all()
    if share > 1e-6:
        assert 0.499 < (extent[0] / extent[1]) / (size[0] / size[1]) < 2.001


@pytest.mark.parametrize("fill", ["grey", "noise"])
def test_a_part_is_occluded_by_the_occluder_of_the_same_random_numbers(fill: Literal["grey", "noise"]) -> None:
    ours, theirs = np.random.default_rng(7), np.random.default_rng(7)
    made = covered(astronaut(), occluder(BOX, 0.4, ours), ours, fill)
    np.testing.assert_array_equal(made, occluded(astronaut(), BOX, 0.4, theirs, fill))


def test_fills_are_what_they_say() -> None:
    image = np.zeros((60, 60, 4), np.uint8)
    grey = occluded(image, (0, 0, 60, 60), 1.0, np.random.default_rng(0))
    assert (grey[..., :3] == 128).all()
    assert (grey[..., 3] == 255).all()
    noise = occluded(image, (0, 0, 60, 60), 1.0, np.random.default_rng(0), "noise")
    assert noise[..., :3].std() == pytest.approx(255 / 12**0.5, rel=0.05)
    assert (noise[..., 3] == 255).all()


def test_an_occluder_of_a_box_beyond_the_border_hides_what_there_is() -> None:
    made = occluded(np.zeros((40, 40)), (-40, -40, 20, 20), 1.0, np.random.default_rng(0))
    assert (made[:20, :20] == 0.5).all()
    assert (made[21:] == 0).all()
    away = occluded(np.zeros((40, 40)), (-90, -90, -50, -50), 1.0, np.random.default_rng(0))
    assert (away == 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda image: occluded(image, BOX, 1.5, np.random.default_rng(0)), "share is 1.5"),
        (lambda image: occluded(image, BOX, 0.5, np.random.default_rng(0), "black"), "fill is 'black'"),  # type: ignore[arg-type]
        (lambda image: noisy_box((0, 0, 0, 1), 0.1, np.random.default_rng(0)), "no area"),
    ],
)
def test_impossible_orders_are_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        call(np.zeros((300, 300)))  # type: ignore[operator]
    assert words in str(caught.value)
