"""SDM: descriptors, the cascade, its files, its training and the starts it is trained from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from skimage.color import rgb2gray
from skimage.feature import hog

from builders import FIVE, face
from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.adapters.cascade.training_starts import box_starts, seed_residuals, seed_starts
from tcdcn_init.adapters.recipes.descent import make_sdm, start_figures
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig, SDMFeatures, hog_patches
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.geometry import MIRROR, box_from_points, interocular, rotation, transform_points

SMALL = SDMConfig(spans=(2.0, 1.2, 0.8), patch=16, cell=8, orientations=6, resolution=16.0)
NOISE = 0.05 * np.random.default_rng(7).standard_normal((300, 5, 2)) + 0.05 * np.random.default_rng(8).standard_normal(
    (300, 1, 2)
)
"""Errors of five points, each of its own and all together, in centroid sizes."""


def nme(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found - truth, axis=-1).mean(axis=-1) / interocular(truth)


@pytest.fixture(scope="module")
def seeded(faces) -> SDM:
    return train_sdm(faces, seed_starts(NOISE, 10), config=SMALL, mirror=MIRROR)


@pytest.fixture(scope="module")
def boxed(faces) -> SDM:
    return train_sdm(faces, box_starts(10, shift=0.1, log_scale=0.1), config=SMALL, mirror=MIRROR)


@pytest.fixture(scope="module")
def unseen() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(99)
    return [face(rng) for _ in range(40)]


def noisy(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Five points that err as `NOISE`."""
    return points + NOISE[rng.integers(len(NOISE))] * np.sqrt(((points - points.mean(axis=0)) ** 2).sum())


# Descriptors ------------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 1 << 30),
    orientations=st.integers(4, 12),
    cell=st.sampled_from([4, 6, 8]),
    cells=st.integers(2, 4),
    block=st.integers(1, 2),
    flat=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_hog_is_scikit_images(seed, orientations, cell, cells, block, flat):
    patches = np.random.default_rng(seed).random((3, cell * cells, cell * cells))
    if flat:  # level and upright edges, and no edge at all
        patches[0, :, : cell + 1] = patches[1, : cell + 1] = 0.25
        patches[2] = 0.5
    found = hog_patches(patches, orientations, cell, block)
    for patch, row in zip(patches, found, strict=True):
        wanted = hog(patch, orientations, (cell, cell), (block, block), block_norm="L2-Hys")
        np.testing.assert_allclose(row, wanted, atol=1e-6)  # scikit-image sums in single precision


def test_hog_in_single_precision_on_a_photograph(portrait):
    grey = rgb2gray(portrait).astype(np.float32)
    patches = np.stack([grey[y : y + 32, x : x + 32] for y in range(60, 160, 20) for x in range(180, 260, 20)])
    found = hog_patches(patches)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [hog(patch, cells_per_block=(2, 2)) for patch in patches], atol=1e-5)


@pytest.mark.parametrize("turn", [30.0, 90.0, 155.0])
def test_descriptors_turn_with_the_shape(turn):
    """A turned picture with its turned shape is described as before; so roll carries over to every stage."""
    from builders import draw

    features = SDMFeatures(FIVE, SDMConfig(spans=(1.0,)))
    truth = 1.5 * (FIVE - FIVE.mean(axis=0)) + [120, 110]
    seen = []
    for angle in (0.0, turn):
        points = transform_points(rotation(angle, (120, 110)), truth)
        chip = features.cut(draw(points, (220, 240)), points)
        shape = transform_points(np.linalg.inv(np.vstack([features.chip_maps(points[None])[0], [0, 0, 1]]))[:2], points)
        seen.append(features.describe(0, chip[None], shape[None])[0][0])
    assert np.corrcoef(*seen)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spans": ()}, "spans"),
        ({"spans": (1.0, -1.0)}, "spans"),
        ({"patch": 30}, "multiple of cell"),
        ({"patch": 8}, "16 to 256"),
        ({"cell": 0}, "cell"),
        ({"orientations": 9.0}, "whole number"),
        ({"resolution": float("nan")}, "resolution"),
    ],
)
def test_config_refuses(changes, words):
    with pytest.raises(ValueError, match=words):
        SDMConfig(**changes)


# The cascade ------------------------------------------------------------------------------------------------------


def test_is_a_shape_regressor(seeded):
    assert isinstance(seeded, ShapeRegressor)
    assert seeded.mean_shape.shape == (5, 2)
    assert seeded.mean_shape.min() > 0
    assert seeded.mean_shape.max() < 1


def test_starts(seeded):
    box = (10.0, 20.0, 60.0, 90.0)
    np.testing.assert_allclose(seeded.starts_from_boxes(box), seeded.mean_shape * [50, 70] + [10, 20])
    # Points that are the mean shape turned and scaled are its own start, but for the box's proportions.
    upright = seeded.mean_shape * [seeded.aspect, 1.0]
    points = transform_points(80 * rotation(40.0), upright)
    np.testing.assert_allclose(seeded.starts_from_points(points), points, atol=1e-9)
    some = seeded.starts_from_points([points, np.full((5, 2), np.nan), np.ones((5, 2))])
    assert np.isfinite(some[0]).all()
    assert np.isnan(some[1:]).all()


def test_finds_faces_that_it_has_not_seen(seeded, boxed, unseen):
    rng = np.random.default_rng(5)
    truth = np.stack([points for _, points in unseen])
    images = [image for image, _ in unseen]
    seeds = np.stack([noisy(points, rng) for points in truth])
    starts = seeded.starts_from_points(seeds)
    ends = seeded.fit_from_shapes(images, starts)
    assert nme(ends, truth).mean() < 0.4 * nme(starts, truth).mean()
    starts = boxed.starts_from_boxes([box_from_points(points) + rng.normal(0, 4, 4) for points in truth])
    assert nme(boxed.fit_from_shapes(images, starts), truth).mean() < 0.4 * nme(starts, truth).mean()


def test_starts_other_than_in_training_end_worse(seeded, boxed, unseen):
    rng = np.random.default_rng(6)
    truth = np.stack([points for _, points in unseen])
    images = [image for image, _ in unseen]
    boxes = np.stack([box_from_points(points) + rng.normal(0, 8, 2)[[0, 1, 0, 1]] for points in truth])
    starts = boxed.starts_from_boxes(boxes)
    assert (
        nme(boxed.fit_from_shapes(images, starts), truth).mean()
        < nme(seeded.fit_from_shapes(images, starts), truth).mean()
    )


@pytest.mark.parametrize("roll", [45.0, 120.0, 180.0])
def test_a_seeds_roll_and_scale_carry_over(seeded, roll):
    rng = np.random.default_rng(3)
    for scale in (0.8, 1.3):
        image, truth = face(rng, roll=roll, scale=scale)
        end = seeded.fit_from_points(image, noisy(truth, rng))
        assert nme(end, truth) < 0.05


def test_quarter_turns_of_the_picture_turn_the_result(seeded, unseen):
    image, truth = unseen[0]
    start = seeded.starts_from_points(truth + 3.0)
    upright = seeded.fit_from_shape(image, start)

    def turned(points):  # np.rot90: the right column becomes the top row
        return np.stack([points[:, 1], image.shape[1] - 1 - points[:, 0]], axis=1)

    np.testing.assert_allclose(seeded.fit_from_shape(np.rot90(image), turned(start)), turned(upright), atol=0.05)


def test_of_several_starts_the_median_counts(seeded, unseen):
    images = [image for image, _ in unseen[:20]]
    rng = np.random.default_rng(1)
    starts = seeded.starts_from_points([[noisy(points, rng) for _ in range(3)] for _, points in unseen[:20]])
    many = seeded.fit_from_shapes(images, starts)
    single = [[seeded.fit_from_shape(image, start) for start in row] for image, row in zip(images, starts, strict=True)]
    np.testing.assert_allclose(many, np.median(single, axis=1), atol=1e-3)


def test_images_by_scikit_images_rules(seeded, unseen):
    image, truth = unseen[0]
    wanted = seeded.fit_from_points(image, truth)
    rgb = np.stack([image] * 3, axis=-1)
    for same in (rgb, image / 255.0, np.dstack([rgb, np.full(image.shape, 255, np.uint8)])):
        np.testing.assert_allclose(seeded.fit_from_points(same, truth), wanted, atol=1e-2)
    with pytest.raises(TypeError, match="path"):
        seeded.fit_from_shape("face.png", truth)


def test_three_ways_in(seeded, unseen):
    image, truth = unseen[0]
    box = box_from_points(truth)
    np.testing.assert_array_equal(
        seeded.fit_from_box(image, box), seeded.fit_from_shape(image, seeded.starts_from_boxes(box))
    )
    start = seeded.starts_from_points(truth)
    np.testing.assert_allclose(seeded.fit_from_points(image, truth), seeded.fit_from_shape(image, start), atol=1e-9)
    with pytest.raises(ValueError, match="coincide"):
        seeded.fit_from_points(image, np.ones((5, 2)))
    with pytest.raises(ValueError, match="no area"):
        seeded.fit_from_box(image, (10, 10, 10, 20))


def test_a_bad_start_does_not_spoil_the_others(seeded, unseen):
    image, truth = unseen[0]
    starts = np.stack([truth, np.full((5, 2), np.nan), np.ones((5, 2)), truth + 1000, truth, 1e200 * truth])
    ends = seeded.fit_from_shapes(image, starts, on_bad="nan")
    assert np.isnan(ends).all(axis=(1, 2)).tolist() == [False, True, True, True, False, True]
    np.testing.assert_array_equal(ends[0], ends[4])
    for bad, words in ((1, "finite"), (2, "coincide"), (3, "outside"), (5, "finite")):
        with pytest.raises(ValueError, match=words):
            seeded.fit_from_shape(image, starts[bad])
    holed = image / 255.0
    holed[:] = np.nan
    ends = seeded.fit_from_shapes([image, holed], starts[[0, 0]], on_bad="nan")
    assert np.isnan(ends).all(axis=(1, 2)).tolist() == [False, True]
    with pytest.raises(ValueError, match="nan_to_num"):
        seeded.fit_from_shape(holed, truth)


@given(
    start=st.lists(st.floats(-1e4, 1e4), min_size=10, max_size=10),
    power=st.integers(-6, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_start_ends_finite_or_is_refused(seeded, start, power):
    image = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    shape = np.reshape(start, (5, 2)) * 10.0**power
    end = seeded.fit_from_shapes(image, shape[None], on_bad="nan")[0]
    outside = (shape.max(axis=0) < -0.5).any() or (shape.min(axis=0) > [79.5, 59.5]).any()
    radius = np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum(axis=1).mean())
    if outside or not 1e-3 < radius < 1e6:
        assert np.isnan(end).all()
        with pytest.raises(ValueError, match="expected"):
            seeded.fit_from_shape(image, shape)
    else:
        assert np.isfinite(end).all()


def test_settings_that_would_take_gigabytes_a_face_are_refused():
    mean = np.random.default_rng(0).random((20, 2)) * 1e-3
    mean[0] = 1, 1
    config = SDMConfig(spans=(10.0,), patch=1, cell=1, block=1, orientations=1, resolution=256.0, slack=10.0)
    with pytest.raises(ValueError, match="pixels wide; expected at most 1000"):
        SDM(mean, np.zeros((1, 20 * config.length, 40)), np.zeros((1, 40)), config)


def test_weights_that_lead_astray_are_found_out():
    config = SDMConfig(spans=(1.0,) * 6)
    weights = np.random.default_rng(0).normal(0, 1e4, (6, 5 * config.length, 10))
    sdm = SDM(FIVE / 120, weights, np.zeros((6, 10)), config)
    image = np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8)
    with pytest.raises(ValueError, match="out of all bounds"):
        sdm.fit_from_box(image, (10, 10, 80, 80))
    assert np.isnan(sdm.fit_from_boxes(image, [(10, 10, 80, 80)], on_bad="nan")).all()


# Files ------------------------------------------------------------------------------------------------------------


def test_a_file_holds_all_of_it(seeded, unseen, tmp_path):
    image, truth = unseen[0]
    path = tmp_path / "new" / "sdm.safetensors"
    seeded.save(path, {"licence": "none"})
    for loaded in (SDM.load(path), SDM.load(str(path))):
        assert loaded.config == seeded.config
        assert loaded.metadata == {"licence": "none"}
        assert loaded.aspect == seeded.aspect
        np.testing.assert_array_equal(loaded.mean_shape, seeded.mean_shape)
        np.testing.assert_array_equal(loaded.fit_from_points(image, truth), seeded.fit_from_points(image, truth))
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(load_file(again)[name], tensor)
    assert SDM.load(again).metadata == {"licence": "none"}


def broken(tensors, settings):
    """Name, what is done to a sound file, and words of the message."""
    return [
        ("weights short", {**tensors, "weights": tensors["weights"][:, :-1]}, settings, "weights of shape"),
        ("stage missing", {**tensors, "biases": tensors["biases"][:1]}, settings, "biases of shape"),
        ("tensor missing", {k: v for k, v in tensors.items() if k != "biases"}, settings, "tensors are"),
        ("tensor extra", {**tensors, "more": np.ones(3)}, settings, "tensors are"),
        ("not finite", {**tensors, "biases": tensors["biases"] * np.inf}, settings, "biases not finite"),
        ("mean coincides", {**tensors, "mean_shape": np.ones((5, 2))}, settings, "coincide"),
        ("other points", tensors, {**settings, "points": 6}, "metadata of 6 points"),
        ("other config", tensors, {**settings, "orientations": 7}, "call for"),
        ("absurd config", tensors, {**settings, "patch": 1 << 40}, "patch"),
        ("bad aspect", tensors, {**settings, "aspect": "wide"}, "wide"),
        ("unknown setting", tensors, {**settings, "depth": 3}, "depth"),
        ("no settings", tensors, None, "sdm"),
        ("no object", tensors, [1, 2], "SDM"),
    ]


@pytest.mark.parametrize("case", range(13))
def test_a_file_that_contradicts_itself_is_refused(seeded, tmp_path, case):
    path = tmp_path / "sdm.safetensors"
    seeded.save(path)
    tensors = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        good = json.loads(file.metadata()["sdm"])
    name, changed, told, words = broken(tensors, good)[case]
    save_file({k: np.ascontiguousarray(v) for k, v in changed.items()}, path, {"sdm": json.dumps(told)} if told else {})
    with pytest.raises(ValueError, match=words) as caught:
        SDM.load(path)
    assert str(path) in str(caught.value), name


def test_what_is_no_file_of_ours(seeded, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"SDM\.save"):
        SDM.load(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="not bundled"):
        SDM.load("no-such-model")
    path = tmp_path / "sdm.safetensors"
    seeded.save(path)
    data = path.read_bytes()
    for bad in (b"", data[:100], data[:-1], data + b"\0", b"\xff" * 64):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"SDM\.save"):
            SDM.load(path)


# Training ---------------------------------------------------------------------------------------------------------


def test_same_seed_same_weights(faces, tmp_path):
    config = SDMConfig(spans=(1.5,), patch=16, resolution=12.0)
    weights = []
    for seed in (3, 3, 4):
        train_sdm(faces[:30], seed_starts(NOISE, 2), config=config, seed=seed).save(tmp_path / "sdm.safetensors")
        weights.append(load_file(tmp_path / "sdm.safetensors")["weights"])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_given_starts_are_those_that_are_learned(faces):
    """Trained from one start only, it mends just that error."""
    config = SDMConfig(spans=(1.5, 1.0), patch=16, resolution=16.0)
    truth = np.stack([points for _, points, _ in faces])
    for off in ([8.0, 0.0], [0.0, -8.0]):
        sdm = train_sdm(faces, (truth + off)[:, None], config=config)
        moves = sdm.fit_from_shapes([image for image, _, _ in faces], truth + off) - (truth + off)
        np.testing.assert_allclose(moves.mean(axis=(0, 1)), [-off[0], -off[1]], atol=0.5)


def test_mirrored_learning_makes_the_mean_symmetric(seeded, faces):
    mean = seeded.mean_shape
    np.testing.assert_allclose(mean[list(MIRROR)] * [-1, 1] + [1, 0], mean, atol=1e-12)
    plain = train_sdm(faces[:10], box_starts(1), config=SDMConfig(spans=(1.0,), patch=16, resolution=8.0))
    assert np.abs(plain.mean_shape[list(MIRROR)] * [-1, 1] + [1, 0] - plain.mean_shape).max() > 1e-4


def test_other_layouts_learn_too(faces):
    """Three points, unknown to the project: boxes start them as they are, five points where the layout is stated."""
    fewer = [(image, points[[0, 1, 2]], box) for image, points, box in faces]
    layout = {"left eye": 0, "right eye": 1, "nose": 2}
    sdm = train_sdm(fewer, box_starts(6), config=SMALL, layout=layout)
    image, points, box = faces[0]
    assert np.linalg.norm(sdm.fit_from_box(image, box) - points[:3], axis=1).max() < 4
    assert np.linalg.norm(sdm.fit_from_points(image, points) - points[:3], axis=1).max() < 4
    with pytest.raises(ValueError, match="3 of the five points"):
        train_sdm(fewer, seed_starts(NOISE), config=SMALL, layout=layout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"starts": np.zeros((2, 1, 5, 2))}, "coincide"),
        ({"starts": np.zeros((3, 1, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"starts": np.zeros((2, 0, 5, 2))}, "K at least 1"),
        ({"starts": np.zeros((2, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"ridge": 0.0}, "ridge"),
        ({"mirror": (0, 1, 2, 3)}, "mirror"),
        ({"mirror": (1, 2, 0, 3, 4)}, "mirror"),
    ],
)
def test_training_refuses(faces, options, words):
    with pytest.raises(ValueError, match=words):
        train_sdm(faces[:2], **{"starts": box_starts(1), "config": SMALL, **options})


def test_training_names_the_picture_that_cannot_be_read(faces, tmp_path):
    bad = tmp_path / "face.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="face 1 cannot be read"):
        train_sdm([faces[0], (bad, *faces[1][1:])], box_starts(1), config=SMALL)
    with pytest.raises(ValueError, match="no face"):
        train_sdm([], box_starts(1), config=SMALL)


# Starts -----------------------------------------------------------------------------------------------------------


@given(roll=st.floats(-180, 180), scale=st.floats(0.1, 10), seed=st.integers(0, 1 << 30))
@settings(max_examples=40, deadline=None)
def test_residuals_are_free_of_roll_and_scale(roll, scale, seed):
    rng = np.random.default_rng(seed)
    found = FIVE + rng.normal(0, 3, (5, 2))
    place = scale * rotation(roll, (13.0, 7.0))
    turned = seed_residuals([transform_points(place, found)], [transform_points(place, FIVE)])
    np.testing.assert_allclose(turned, seed_residuals([found], [FIVE]), atol=1e-9)


def test_seed_starts_are_those_of_points_with_such_errors(seeded):
    rng = np.random.default_rng(0)
    truth = np.stack([transform_points(rotation(roll), FIVE) for roll in (0.0, 70.0)])
    found = truth + rng.normal(0, 3, truth.shape)
    for number in range(2):  # the errors of one face, put back on the same face
        sampler = seed_starts(seed_residuals(found, truth)[[number]], 3)
        starts = sampler(seeded, truth, np.zeros((2, 4)), rng)
        assert starts.shape == (2, 3, 5, 2)
        wanted = seeded.starts_from_points(found[number])
        np.testing.assert_allclose(starts[number], np.stack([wanted] * 3), atol=1e-9)


def test_box_starts_err_as_asked(boxed):
    boxes = np.tile([100.0, 100.0, 180.0, 180.0], (400, 1))
    truth = np.tile(FIVE, (400, 1, 1))
    starts = box_starts(5, shift=0.1, log_scale=0.2)(boxed, truth, boxes, np.random.default_rng(0))
    still = boxed.starts_from_boxes(boxes[0])
    sizes = np.linalg.norm(starts - starts.mean(axis=2, keepdims=True), axis=(2, 3))
    assert np.std(np.log(sizes)) == pytest.approx(0.2, rel=0.1)
    middle = still.mean(axis=0) - [140, 140]  # of the mean shape in its box: moves with the scale too
    shifts = starts.mean(axis=2) - [140, 140] - middle * (sizes / np.linalg.norm(still - still.mean(axis=0)))[..., None]
    np.testing.assert_allclose(shifts.std(axis=(0, 1)), 8.0, rtol=0.1)
    exact = box_starts(2, shift=0, log_scale=0)(boxed, truth, boxes, np.random.default_rng(0))
    np.testing.assert_allclose(exact, np.broadcast_to(still, exact.shape), atol=1e-9)


def test_random_starts_are_other_faces_shapes(boxed):
    rng = np.random.default_rng(0)
    truth = np.stack([FIVE + rng.normal(0, 3, (5, 2)) for _ in range(6)])
    boxes = np.stack([box_from_points(FIVE)] * 6)
    starts = box_starts(40, shift=0, log_scale=0, shapes="random")(boxed, truth, boxes, rng)
    distance = np.abs(starts[:, :, None] - truth).max(axis=(3, 4))
    np.testing.assert_allclose(distance.min(axis=2), 0, atol=1e-9)
    nearest = distance.argmin(axis=2)
    assert [sorted(set(row)) for row in nearest.tolist()] == [[j for j in range(6) if j != k] for k in range(6)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: box_starts(0),
        lambda: box_starts(shapes="median"),
        lambda: seed_starts(NOISE, 0),
        lambda: seed_starts(np.empty((0, 5, 2))),
        lambda: seed_starts(NOISE * np.nan),
        lambda: seed_residuals(FIVE, FIVE),
    ],
)
def test_starts_refuse(make):
    with pytest.raises(ValueError, match="expected"):
        make()


# The bundled cascade ----------------------------------------------------------------------------------------------


def test_the_recipe_runs(mtfl_root, small_model, tmp_path):
    out = tmp_path / "sdm.safetensors"
    figures = make_sdm(mtfl_root, out, starts="box", model=small_model)
    sdm = SDM.load(out)
    assert json.loads(sdm.metadata["figures"]) == {"mtfl-val": figures}
    assert "starts box" in sdm.metadata["recipe"]
    assert "research use" in sdm.metadata["licence"]
    assert figures["box"]["mean"] < figures["box"]["start"]
    assert set(figures["tcdcn"]) == {"start", "mean", "median", "failures", "points"}
    with pytest.raises(ValueError, match="'tcdcn', 'box' or 'random'"):
        make_sdm(mtfl_root, out, starts="oracle")


def test_the_bundled_cascade_on_held_out_faces(data_root: Path):
    from tcdcn_init.datasets.named import read_dataset
    from tcdcn_init.initializer import Initializer

    figures = start_figures(SDM.load("sdm-mtfl"), read_dataset("mtfl-val", data_root / "mtfl")[::10], Initializer())
    assert figures["tcdcn"]["mean"] < figures["tcdcn"]["points"]
    assert figures["tcdcn"]["failures"] < 10


def test_the_bundled_cascade_on_a_turned_portrait(portrait, portrait_points):
    sdm = SDM.load("sdm-mtfl")
    upright = sdm.fit_from_points(portrait, portrait_points)
    assert nme(upright, portrait_points) < 0.1
    turned = np.stack([portrait_points[:, 1], portrait.shape[1] - 1 - portrait_points[:, 0]], axis=1)
    wanted = np.stack([upright[:, 1], portrait.shape[1] - 1 - upright[:, 0]], axis=1)
    np.testing.assert_allclose(sdm.fit_from_points(np.rot90(portrait), turned), wanted, atol=0.1)
