"""Crops against the images they were cut from: place, blur, border, colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2gray
from skimage.util import img_as_float, img_as_ubyte, img_as_uint

from builders import frames_apart
from tcdcn_init.crops import cut, frames_from_boxes, frames_from_points, snapped
from tcdcn_init.geometry import box_from_points, compose, rotation, transform_points

few = settings(deadline=None, max_examples=25)
SIDE = 40
FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


def frame(x: float, y: float, scale: float, roll: float = 0.0) -> np.ndarray:
    upright = np.array([[scale, 0.0, x], [0.0, scale, y]])
    return upright if roll == 0.0 else compose(rotation(roll, (x, y)), upright)


def pixel_places(matrix: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Where the centres of a crop's pixels lie in the image, (side, side, 2)."""
    steps = (np.arange(side) + 0.5) / side - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1)
    return transform_points(matrix, grid.reshape(-1, 2)).reshape(side, side, 2)


def one(image: np.ndarray, matrix: np.ndarray, side: int = SIDE) -> np.ndarray:
    return cut(image, matrix[None], side)[0]


@pytest.fixture(scope="module")
def ramps() -> tuple[np.ndarray, np.ndarray]:
    """Images whose value is their own column, or row."""
    y, x = np.mgrid[:300, :400].astype(np.float32)
    return x, y


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    y, x = np.mgrid[:300, :400]
    return 0.5 + 0.25 * np.sin(x / 17) + 0.2 * np.cos(y / 23 + x / 40)


# --- where pixels come from


@pytest.mark.parametrize("scale", [20, 40, 80, 120, 160])
def test_a_ramp_is_reproduced_at_the_centres_of_the_crops_pixels(ramps, scale):
    # Whole or half pitches: the filter's weights are symmetric, so that nothing but the convention is tested.
    matrix = frame(200.0, 150.0, scale)
    places = pixel_places(matrix)
    for axis, ramp in enumerate(ramps):
        np.testing.assert_allclose(one(ramp, matrix), places[..., axis], atol=1e-3)


@few
@given(st.floats(10, 170), st.floats(-180, 180), st.floats(195, 205), st.floats(145, 155))
def test_any_frame_is_sampled_within_a_tenth_of_a_crops_pixel(ramps, scale, roll, x, y):
    matrix = frame(x, y, scale, roll)
    places = pixel_places(matrix)
    for axis, ramp in enumerate(ramps):
        np.testing.assert_allclose(one(ramp, matrix), places[..., axis], atol=max(0.1 * scale / SIDE, 2e-3))


def test_a_frame_of_the_crops_own_size_is_the_image_itself():
    image = np.random.default_rng(0).random((60, 70))
    # Crop pixel (0, 0) on image pixel (12, 8).
    crop = one(image, frame(12 + (SIDE - 1) / 2, 8 + (SIDE - 1) / 2, SIDE))
    np.testing.assert_allclose(crop, image[8:48, 12:52], atol=1e-6)


def test_points_and_pixels_share_the_frame():
    image = np.zeros((200, 200))
    image[70, 90] = 1.0
    matrix = frame(100.0, 80.0, 60.0, 30.0)
    crop = one(image, matrix)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    middle = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    place = transform_points(matrix, [(middle + 0.5) / SIDE - 0.5])[0]
    np.testing.assert_allclose(place, [90, 70], atol=0.1)


# --- upright and turned, mirrored


@pytest.mark.parametrize("scale", [20, 40, 90, 200])
def test_upright_and_turned_sampling_agree_on_a_smooth_image(smooth, scale):
    upright = one(smooth, frame(200.3, 150.7, scale))
    hardly_turned = one(smooth, frame(200.3, 150.7, scale, 1e-6))
    np.testing.assert_allclose(hardly_turned, upright, atol=0.003)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_of_the_frame_turn_the_crop(smooth, quarters):
    upright = one(smooth, frame(200.3, 150.7, 90))
    turned = one(smooth, frame(200.3, 150.7, 90, 90.0 * quarters))
    np.testing.assert_allclose(turned, np.rot90(upright, quarters), atol=0.003)


@few
@given(st.floats(5, 150), st.floats(-60, 60), st.floats(-20, 140), st.floats(-20, 120))
def test_a_mirrored_frame_on_the_mirrored_image_gives_the_mirrored_crop(scale, roll, x, y):
    image = np.random.default_rng(1).random((100, 121))
    crop = one(image, frame(x, y, scale, roll))
    mirrored = one(image[:, ::-1], frame(120 - x, y, scale, -roll))
    np.testing.assert_allclose(mirrored[:, ::-1], crop, atol=1e-4)


def test_frames_together_or_one_by_one_give_the_same_crops():
    image = np.random.default_rng(2).random((120, 130))
    frames = np.stack([frame(50, 60, 30), frame(70, 40, 80, 20), frame(10, 10, 60), frame(60, 60, 90, -170)])
    together = cut(image, frames, SIDE)
    assert together.shape == (4, SIDE, SIDE)
    assert together.dtype == np.float32
    for crop, matrix in zip(together, frames, strict=True):
        np.testing.assert_array_equal(crop, one(image, matrix))


# --- shrinking


@pytest.mark.parametrize("roll", [0.0, 25.0, 45.0])
@pytest.mark.parametrize("scale", [80, 100, 130, 155])
def test_a_checkerboard_shrinks_to_its_mean(scale, roll):
    y, x = np.mgrid[:300, :400]
    crop = one(((x + y) % 2).astype(np.float64), frame(200.3, 150.7, scale, roll))
    np.testing.assert_allclose(crop, 0.5, atol=0.01)


@pytest.mark.parametrize("roll", [0.0, 30.0])
@pytest.mark.parametrize("scale", [200, 400, 900])
def test_noise_averages_out_however_much_it_shrinks(scale, roll):
    image = np.random.default_rng(3).random((1300, 1300))
    crop = one(image, frame(650.2, 650.4, scale, roll))
    assert abs(crop.mean() - 0.5) < 0.01
    # A triangle two samples wide on either side keeps at most (2/3 / 2) of the deviation in two dimensions.
    assert crop.std() < image.std() * 0.4


@pytest.mark.parametrize("roll", [0.0, 30.0])
def test_a_constant_image_stays_constant(roll):
    for scale in (3, 40, 1000):
        np.testing.assert_allclose(one(np.full((50, 50), 0.3), frame(25, 20, scale, roll)), 0.3, atol=1e-6)


# --- beyond the border


@pytest.mark.parametrize("roll", [0.0, 35.0])
def test_beyond_the_border_the_outermost_pixels_go_on(roll):
    image = np.random.default_rng(4).random((40, 50))
    padded = np.pad(image, 100, mode="edge")
    for x, y in ((0, 0), (49, 39), (-10, 20), (60, 45), (25, -15)):
        matrix, shifted = frame(x, y, 60, roll), frame(x + 100, y + 100, 60, roll)
        np.testing.assert_allclose(one(image, matrix), one(padded, shifted), atol=1e-5)


def test_an_image_of_one_pixel_has_crops():
    np.testing.assert_allclose(one(np.array([[200]], dtype=np.uint8), frame(0, 0, 10)), 200 / 255, atol=1e-6)


@pytest.mark.parametrize("roll", [0.0, 20.0])
def test_nothing_but_the_faces_region_is_touched(roll):
    # Ten thousand million pixels that share one byte: to read them all would not end, to copy them not fit.
    image = np.broadcast_to(np.uint8(51), (10**5, 10**5))
    np.testing.assert_allclose(one(image, frame(50_000, 60_000, 300, roll)), 0.2, atol=1e-6)
    np.testing.assert_allclose(one(image, frame(50_000, 60_000, 90_000, roll)), 0.2, atol=1e-6)


# --- colours and dtypes


@pytest.mark.parametrize("convert", [img_as_ubyte, img_as_uint, img_as_float, lambda p: p.astype(np.float32)])
def test_a_crop_over_whole_pixels_is_their_grey(convert):
    image = convert(np.random.default_rng(5).random((30, 40, 3)))
    expected = rgb2gray(img_as_float(image))[5:25, 10:30]
    np.testing.assert_allclose(one(image, frame(19.5, 14.5, 20), 20), expected, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_spoils_only_crops_that_see_it(bad):
    image = np.random.default_rng(7).random((100, 200))
    image[50, 150] = bad
    with np.errstate(invalid="ignore"):
        crops = cut(image, np.stack([frame(50, 50, 60), frame(150, 50, 60), frame(50, 50, 60, 20)]), SIDE)
    assert np.isfinite(crops).all(axis=(1, 2)).tolist() == [True, False, True]


# --- frames


def test_the_frame_of_a_box_is_centred_on_it_and_of_its_area():
    [matrix] = frames_from_boxes([(10, 20, 50, 110)], view=1.5)
    np.testing.assert_allclose(matrix, [[90, 0, 30], [0, 90, 65]])


def test_the_frame_of_upright_points_is_that_of_their_box():
    upright = FIVE[None]
    np.testing.assert_allclose(
        frames_from_points(upright, 1.4), frames_from_boxes(box_from_points(upright), 1.4), atol=1e-9
    )


@few
@given(st.floats(-179, 179), st.floats(0.2, 5.0), st.floats(-100, 100), st.floats(-100, 100))
def test_the_frame_of_points_moves_with_them(roll, scale, x, y):
    move = frame(x, y, scale, roll)
    moved = transform_points(move, FIVE)
    expected = compose(move, frames_from_points(FIVE[None], 1.4)[0])
    np.testing.assert_allclose(frames_from_points(moved[None], 1.4)[0], expected, atol=1e-6 * max(1.0, scale) * 100)


# --- frames of later looks


@few
@given(st.floats(5, 500), st.floats(-179, 179), st.floats(-300, 900), st.floats(-300, 900))
def test_snapped_frames_are_near_and_stay_where_they_are(scale, roll, x, y):
    matrix = frame(x, y, scale, roll)[None]
    grid = snapped(matrix)
    turn, log_scale, shift = frames_apart(matrix, grid)
    assert turn[0] <= 0.5 + 1e-6
    assert log_scale[0] <= 0.01 + 1e-9
    assert shift[0] <= np.hypot(0.5, 0.5) / 64 * 1.02
    np.testing.assert_allclose(snapped(grid), grid, rtol=1e-9, atol=1e-9)


def test_frames_lie_apart_by_what_moved_them():
    one, other = frame(100.0, 50.0, 40.0, 170.0), frame(110.0, 50.0, 80.0, -170.0)
    turn, log_scale, shift = frames_apart(one[None], other[None])
    np.testing.assert_allclose([turn[0], log_scale[0], shift[0]], [20.0, np.log(2.0), 0.25])
