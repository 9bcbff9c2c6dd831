"""The bridge to scikit-image, checked against scikit-image itself and against pictures whose every value is known."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import skimage as ski
from hypothesis import example, given
from hypothesis import strategies as st

from alignments import ASTRONAUT, SAME, face, few, rolls, shapes
from tcdcn_init.adapters.skimage import (
    ARCFACE_TEMPLATE,
    align_face,
    alignment,
    insightface_template,
    snake_start,
    template,
    to_rc,
)


def chip_grid(points: np.ndarray, shape: tuple[int, int], margin: float = 0.0) -> np.ndarray:
    """Where each pixel of a chip lies in the image: (rows, cols, 2), x and y."""
    rows, cols = np.indices(shape)
    at = np.stack([cols.ravel(), rows.ravel()], axis=1)
    return np.asarray(alignment(points, template(shape, margin)).inverse(at)).reshape(*shape, 2)


def test_importing_the_module_leaves_the_rest_of_scikit_image_and_torch_alone() -> None:
    code = (
        "import sys, tcdcn_init.adapters.skimage; "
        "print([m for m in ('torch', 'scipy', 'skimage.transform', 'skimage.segmentation') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@few
@given(
    scale=st.floats(0.2, 12),
    roll=rolls,
    shape=shapes,
    margin=st.floats(-0.2, 0.1),
    x=st.floats(640, 660),
    aa=st.booleans(),
)
def test_every_chip_pixel_shows_the_place_that_the_alignment_names(
    scale: float, roll: float, shape: tuple[int, int], margin: float, x: float, aa: bool
) -> None:
    """A ramp's value is its coordinate, and survives any symmetric smoothing: no half pixel is lost at any scale."""
    points = face(scale, roll, (x, 650.0))
    image = np.indices((1301, 1301), dtype=np.float64)[::-1].transpose(1, 2, 0)
    image = np.concatenate([image, image[..., :1]], axis=2)  # x, y, x
    chip = align_face(image, points, shape, margin, anti_aliasing=aa, mode="edge", preserve_range=True)
    where = chip_grid(points, shape, margin)
    reach = 5 + 3 / alignment(points, template(shape, margin)).scale
    inside = ((where > reach) & (where < 1300 - reach)).all(axis=2)
    np.testing.assert_allclose(chip[inside][:, :2], where[inside], atol=0.01)


def portrait(points: np.ndarray, size: int) -> np.ndarray:
    """A smooth RGB picture drawn in the face's frame, so that its exact chip is known at any roll and scale."""
    rows, cols = np.indices((size, size))
    return paint(alignment(points)(np.stack([cols.ravel(), rows.ravel()], axis=1)).reshape(size, size, 2))


def paint(where: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(where[..., None, :] - ARCFACE_TEMPLATE, axis=-1)
    blobs = np.exp(-((distance / 9) ** 2))
    return np.stack([blobs[..., :2].sum(-1), blobs[..., 2], blobs[..., 3:].sum(-1)], axis=-1)


@few
@given(scale=st.floats(0.7, 4.5), roll=rolls)
def test_chips_do_not_depend_on_the_roll_and_scale_of_the_face(scale: float, roll: float) -> None:
    points = face(scale, roll, (300.0, 300.0))
    chip = align_face(portrait(points, 601), points, margin=-0.1)
    expected = paint(alignment(template(margin=-0.1))(template_grid((112, 112))).reshape(112, 112, 2))
    assert np.abs(chip - expected).max() < 0.02


def template_grid(shape: tuple[int, int]) -> np.ndarray:
    rows, cols = np.indices(shape)
    return np.stack([cols.ravel(), rows.ravel()], axis=1)


@example(scale=0.05, roll=180.0, x=283.0, y=2.0, mode="constant")  # a region of few pixels, at the border
@few
@given(
    scale=st.floats(0.05, 4),
    roll=rolls,
    x=st.floats(-400, 900),
    y=st.floats(-400, 900),
    mode=st.sampled_from(["constant", "edge"]),
)
def test_without_anti_aliasing_a_chip_is_scikit_images_warp_of_the_whole_image(
    scale: float, roll: float, x: float, y: float, mode: str
) -> None:
    image = ski.data.astronaut()
    points = face(scale, roll, (x, y))
    options = {"mode": mode, "cval": 0.25}
    chip = align_face(image, points, (60, 40), anti_aliasing=False, **options)  # type: ignore[arg-type]
    inverse = alignment(points, template((60, 40))).inverse
    np.testing.assert_allclose(chip, ski.transform.warp(image, inverse, output_shape=(60, 40), **options), atol=1e-6)


@pytest.mark.parametrize("scale", [1.4, 3.3, 6.0, 13.0])
def test_anti_aliasing_is_the_gaussian_of_resize(scale: float) -> None:
    """The blocks that make it fast leave it within 6 % of a smoothing of the whole image, on the worst of images."""
    image = np.random.default_rng(0).random((1800, 1800))
    points = face(scale, 20, (900.0, 900.0))
    smooth = ski.filters.gaussian(image, (scale - 1) / 2)
    expected = ski.transform.warp(smooth, alignment(points).inverse, output_shape=(112, 112))
    chip = align_face(image, points)
    plain = align_face(image, points, anti_aliasing=False)
    assert np.abs(chip - expected).mean() < 0.06 * np.abs(plain - expected).mean() + 1e-9


def test_a_face_of_4000_px_does_not_alias() -> None:
    board = np.indices((4200, 4200), dtype=np.uint8).sum(axis=0, dtype=np.uint8) // 3 % 2 * np.uint8(255)
    points = face(4000 / 112, 12, (2100.0, 2100.0))
    assert align_face(board, points, anti_aliasing=False, margin=-0.1).std() > 0.3
    chip = align_face(board, points, margin=-0.1)
    assert chip.std() < 0.01
    assert chip.mean() == pytest.approx(0.5, abs=0.01)


def test_only_the_region_of_the_face_is_read() -> None:
    """An image of 10,000,000,000 RGB pixels that takes no memory, as long as nobody copies it."""
    image = np.broadcast_to(np.uint8([[[10, 20, 30]]]), (100_000, 100_000, 3))
    chip = align_face(image, face(3.0, 40, (60_000.0, 70_000.0)), preserve_range=True)
    np.testing.assert_allclose(chip, np.broadcast_to([10.0, 20.0, 30.0], (112, 112, 3)))


@pytest.mark.parametrize("scale", [1e3, 1e5])
def test_a_face_far_larger_than_the_image_costs_no_more_than_the_image(scale: float) -> None:
    chip = align_face(np.full((40, 30), 0.5), face(scale, 10, (20.0, 20.0)))
    assert chip.shape == (112, 112)
    assert np.count_nonzero(chip) <= 4


def test_a_face_outside_the_image_shows_what_lies_there() -> None:
    image = np.full((50, 60), 0.5)
    away = face(2.0, 0, (5000.0, -300.0))
    assert (align_face(image, away, cval=0.125) == 0.125).all()
    np.testing.assert_allclose(align_face(image, away, mode="edge"), 0.5)


@pytest.mark.parametrize("shape", [(200, 200), (200, 200, 1), (200, 200, 3), (200, 200, 4)])
def test_chips_have_the_channels_of_the_image(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    chip = align_face(image, face(), (50, 40))
    assert chip.shape == (50, 40) + (shape[2:] if shape[2:] != (1,) else ())


@pytest.mark.parametrize("scale", [0.5, 1.5, 7.0])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_dtypes_follow_warp(dtype: type, scale: float) -> None:
    image = np.random.default_rng(0).random((40, 40)) < 0.5
    image = np.kron(image, np.ones((20, 20), bool))
    typed = image if dtype is bool else image.astype(dtype) * dtype(1 if dtype(0.5) else np.iinfo(dtype).max)
    points = face(scale, 0, (400.0, 400.0))
    like_warp = typed.astype(float) if dtype is bool else typed  # warp does not interpolate bools, chips do
    for preserve_range in (False, True):
        chip = align_face(typed, points, preserve_range=preserve_range)
        expected = ski.transform.warp(like_warp, np.eye(3), order=1, preserve_range=preserve_range)
        assert chip.dtype == expected.dtype
        assert expected.min() - 1e-6 <= chip.min() < chip.max() <= expected.max() + 1e-6
        plain = align_face(typed, points, preserve_range=preserve_range, anti_aliasing=False)
        whole = ski.transform.warp(
            like_warp, alignment(points).inverse, output_shape=(112, 112), order=1, preserve_range=preserve_range
        )
        np.testing.assert_allclose(plain, whole, atol=2e-3 * expected.max())


def test_preserve_range_only_scales() -> None:
    image = ski.data.astronaut()
    np.testing.assert_allclose(
        align_face(image, ASTRONAUT, preserve_range=True), align_face(image, ASTRONAUT) * 255, atol=1e-9
    )


def test_the_image_is_not_changed() -> None:
    image = ski.util.img_as_float(ski.data.astronaut())
    before = image.copy()
    align_face(image, ASTRONAUT * 2 - 150)
    align_face(image, ASTRONAUT, (20, 20))
    np.testing.assert_array_equal(image, before)


def test_eyes_of_the_astronaut_lie_on_the_template() -> None:
    """Seen, not computed: on her chip the pupils are the dark spots, the teeth the bright one."""
    chip = align_face(ski.color.rgb2gray(ski.data.astronaut()), ASTRONAUT)
    for x, y in ARCFACE_TEMPLATE[:2].round().astype(int):
        near = chip[y - 8 : y + 9, x - 8 : x + 9]
        assert chip[y - 1 : y + 2, x - 1 : x + 2].mean() < near.mean() - 0.1
    x, y = ARCFACE_TEMPLATE[3:].mean(axis=0).round().astype(int)
    assert chip[y - 1 : y + 3, x - 6 : x + 7].mean() > 0.6


@pytest.mark.parametrize("points", [SAME, np.full((5, 2), np.nan), np.full((5, 2), np.inf)])
def test_a_face_that_cannot_be_aligned_raises_alone_and_spoils_no_batch(points: np.ndarray) -> None:
    image = ski.data.astronaut()
    with pytest.raises(ValueError, match=r"are not finite|within a pixel"):
        align_face(image, points)
    with pytest.raises(ValueError, match=r"face 1 of 2: .* (are not finite|within a pixel)"):
        align_face(image, [ASTRONAUT, points])
    chips = align_face(image, np.stack([ASTRONAUT, points, ASTRONAUT]), (32, 24), on_bad="nan")
    assert chips.shape == (3, 32, 24, 3)
    assert np.isnan(chips[1]).all()
    np.testing.assert_array_equal(chips[0], align_face(image, ASTRONAUT, (32, 24)))
    np.testing.assert_array_equal(chips[2], chips[0])


@few
@given(
    points=st.lists(st.lists(st.floats(width=64), min_size=2, max_size=2), min_size=5, max_size=5).map(np.array),
    shape=shapes,
)
def test_no_points_break_a_batch(points: np.ndarray, shape: tuple[int, int]) -> None:
    image = np.full((30, 20), 0.5, dtype=np.float32)
    with np.errstate(all="ignore"):
        chips = align_face(image, [points, face(0.2, 0, (10.0, 15.0))], shape, mode="edge", on_bad="nan")
    assert chips.dtype == np.float32
    assert np.isnan(chips[0]).all() or np.allclose(chips[0], 0.5, atol=1e-3)
    np.testing.assert_allclose(chips[1], 0.5, atol=1e-6)


def test_batch_takes_the_options_of_one_and_may_be_empty() -> None:
    image = ski.data.astronaut()
    options = {"margin": 0.6, "anti_aliasing": False, "mode": "edge", "preserve_range": True}
    chips = align_face(image, [ASTRONAUT], (40, 60), **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(chips[0], align_face(image, ASTRONAUT, (40, 60), **options))  # type: ignore[arg-type]
    for none in (np.empty((0, 5, 2)), []):
        empty = align_face(image[..., 0], none)
        assert empty.shape == (0, 112, 112)
        assert empty.dtype == np.float64


def test_points_that_are_no_pixels_are_refused() -> None:
    image = ski.data.astronaut()
    with pytest.raises(ValueError, match=r"lie within a pixel; .* multiply relative coordinates"):
        align_face(image, ASTRONAUT / 512)
    with pytest.raises(ValueError, match="mirrored order"):
        align_face(image, ASTRONAUT[:, ::-1])
    with pytest.raises(ValueError, match="are not finite"):
        align_face(image, np.ma.masked_array(ASTRONAUT, ASTRONAUT > 240))


@pytest.mark.parametrize("order", [lambda points: points[[1, 0, 2, 4, 3]], lambda points: points[:, ::-1]])
def test_points_in_mirrored_order_or_y_before_x_are_refused(order) -> None:
    with pytest.raises(ValueError, match="mirrored order; expected left and right as seen in the image, x before y"):
        align_face(ski.data.astronaut(), order(ASTRONAUT))


def test_read_only_images_are_taken() -> None:
    image = ski.util.img_as_float(ski.data.astronaut())
    image.setflags(write=False)
    wanted = align_face(image.copy(), ASTRONAUT, anti_aliasing=False)
    np.testing.assert_array_equal(align_face(image, ASTRONAUT, anti_aliasing=False), wanted)


@pytest.mark.parametrize("side", [112, 224, 128, 256])
def test_insightface_chips_are_those_of_norm_crop(side: int) -> None:
    """Up to the rounding of OpenCV's fixed-point interpolation, in 32nds of a pixel, and of its bytes."""
    face_align = pytest.importorskip("insightface.utils.face_align", reason="insightface, tests' extra [dropins]")
    image, points = ski.data.astronaut(), np.float32(ASTRONAUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of scikit-image, which InsightFace calls by an old name
        theirs, matrix = face_align.norm_crop2(image, points, side)
    placed = alignment(points, insightface_template(side))
    np.testing.assert_allclose(placed.params[:2], matrix, atol=1e-4)
    ours = align_face(image, points, side, template="insightface", anti_aliasing=False, preserve_range=True)
    assert np.abs(ours - theirs).mean() < 0.7
    assert np.abs(ours - theirs).max() < 8


def test_insightface_templates_without_insightface() -> None:
    np.testing.assert_array_equal(insightface_template(), ARCFACE_TEMPLATE)
    np.testing.assert_allclose(insightface_template(256), 2 * (ARCFACE_TEMPLATE + [8, 0]))
    np.testing.assert_allclose(insightface_template(896), 8 * ARCFACE_TEMPLATE)
    with pytest.raises(ValueError, match="no chips of 120 pixels; expected a multiple of 112 or 128"):
        insightface_template(120)
    with pytest.raises(ValueError, match="squares without a margin"):
        align_face(ski.data.astronaut(), ASTRONAUT, (112, 96), template="insightface")
    with pytest.raises(ValueError, match="template is 'arcface'; expected 'centred', 'insightface'"):
        align_face(ski.data.astronaut(), ASTRONAUT, template="arcface")


def test_chips_refuse_what_is_no_image_points_or_mode() -> None:
    image = ski.data.astronaut()
    with pytest.raises(ValueError, match="image has shape"):
        align_face(image.transpose(2, 0, 1), ASTRONAUT)
    with pytest.raises(TypeError, match="path"):
        align_face("astronaut.png", ASTRONAUT)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(4, 2\); expected \(5, 2\), or \(N, 5, 2\)"):
        align_face(image, ASTRONAUT[:4])
    with pytest.raises(ValueError, match="on_bad is 'skip'"):
        align_face(image, ASTRONAUT, on_bad="skip")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'reflect'"):
        align_face(image, ASTRONAUT, mode="reflect")  # type: ignore[arg-type]


# Rows and columns, snakes


def test_rows_and_columns_change_places_without_rounding_or_sharing() -> None:
    points = np.float32([[[1.25, 2.5], [3, 4]]])
    swapped = to_rc(points)
    assert swapped.dtype == np.float32
    assert swapped.tolist() == [[[2.5, 1.25], [4, 3]]]
    np.testing.assert_array_equal(to_rc(swapped), points)
    swapped[:] = 0
    assert points[0, 0, 0] == 1.25
    with pytest.raises(ValueError, match=r"\(3,\)"):
        to_rc([1, 2, 3])


@few
@given(scale=st.floats(0.1, 20), roll=rolls, x=st.floats(-100, 3000))
def test_snake_starts_around_the_face_and_turns_and_grows_with_it(scale: float, roll: float, x: float) -> None:
    points = face(scale, roll, (x, 80.0))
    start = snake_start(points, n_points=64)
    assert start.shape == (64, 2)
    assert ski.measure.points_in_poly(to_rc(points), start).all()
    upright = to_rc(snake_start(face(), n_points=64))
    moved = ski.transform.SimilarityTransform.from_estimate(face(), points)
    np.testing.assert_allclose(to_rc(start), moved(upright), atol=1e-6)


def test_snake_begins_at_the_top_goes_clockwise_and_does_not_close() -> None:
    start = to_rc(snake_start(face(), n_points=40))
    assert start[:, 1].argmin() == 0
    x, y = start.T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0  # clockwise as seen, with y downwards
    steps = np.linalg.norm(np.roll(start, -1, axis=0) - start, axis=1)
    assert steps.min() > 0.5 * steps.max()


def test_snake_scale_widens_about_the_same_centre() -> None:
    start, wide = snake_start(face()), snake_start(face(), scale=1.2)
    np.testing.assert_allclose(wide - wide.mean(axis=0), 1.2 * (start - start.mean(axis=0)), atol=1e-9)
    np.testing.assert_allclose(wide.mean(axis=0), start.mean(axis=0))


def test_active_contour_goes_from_the_start_to_the_outline() -> None:
    """A bright head on dark ground, rolled: the snake begins 15 % outside and ends on the edge."""
    points = face(1.0, 35, (100.0, 100.0))
    outline = snake_start(points)
    image = ski.draw.polygon2mask((200, 200), outline).astype(float)
    snake = ski.segmentation.active_contour(
        ski.filters.gaussian(image, 3), snake_start(points, scale=1.15), alpha=0.01, beta=1.0, gamma=0.01
    )

    def distance(contour: np.ndarray) -> float:
        return float(np.linalg.norm(contour[:, None] - outline, axis=2).min(axis=1).mean())

    assert distance(snake_start(points, scale=1.15)) > 6
    assert distance(snake) < 1.5


def test_snake_refuses_what_makes_no_contour() -> None:
    with pytest.raises(ValueError, match="within a pixel"):
        snake_start(SAME)
    with pytest.raises(ValueError, match="n_points is 2"):
        snake_start(face(), n_points=2)
    with pytest.raises(ValueError, match="scale is 0"):
        snake_start(face(), scale=0)
