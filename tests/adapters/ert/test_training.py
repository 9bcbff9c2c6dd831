from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from skimage.data import astronaut
from skimage.io import imsave

from builders import FIVE, draw, face, random_arrays
from tcdcn_init.adapters.cascade.frames import SeededFrames, cut_out
from tcdcn_init.adapters.ert import (
    ERT,
    ERTConfig,
    StartNoise,
    frames_from_boxes,
    start_errors,
    train_ert,
)
from tcdcn_init.adapters.ert.training import erring_frames
from tcdcn_init.datasets.base import Face
from tcdcn_init.geometry import (
    box_from_points,
    compose,
    interocular,
    invert,
    rotation,
    similarity_between,
    transform_points,
)

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
PORTRAIT = astronaut()
SMALL = ERTConfig(
    cascade_depth=4, num_trees_per_cascade_level=30, tree_depth=3, oversampling_amount=5, feature_pool_size=80
)


def error(shape, points):
    """Mean distance in units of the inter-ocular distance."""
    return float((np.linalg.norm(shape - points, axis=-1).mean(axis=-1) / interocular(points)).mean())


@pytest.fixture(scope="module")
def ert(stock):
    return ERT.from_dlib(stock)


@pytest.fixture(scope="module")
def trained(faces):
    return train_ert(faces, around="points", starts=StartNoise(4, 0.05, 0.03), copies=2, config=SMALL)


# As dlib does -------------------------------------------------------------------------------------------------------


@QUICK
@given(
    st.tuples(*[st.integers(-300, 600)] * 2, *[st.integers(1, 700)] * 2),
    st.sampled_from(["grey", "rgb", "noise", "crop"]),
)
def test_points_are_dlibs_on_any_box(stock, ert, place, kind):
    import dlib

    left, top, width, height = place
    image = {
        "grey": np.ascontiguousarray(PORTRAIT[..., 1]),
        "rgb": PORTRAIT,
        "noise": np.random.default_rng(0).integers(0, 256, (90, 210, 3), dtype=np.uint8),
        "crop": PORTRAIT[30:40, 200:206],
    }[kind]
    box = dlib.rectangle(left, top, left + width, top + height)
    expected = [(part.x, part.y) for part in stock(np.ascontiguousarray(image), box).parts()]
    np.testing.assert_array_equal(np.floor(ert.fit_from_box(image, box) + 0.5), expected)


@pytest.mark.parametrize("sizes", [{"points": 1}, {"points": 3, "depth": 1}, {"points": 68, "depth": 5, "trees": 90}])
def test_any_cascade_agrees_with_dlib(sizes):
    dlib = pytest.importorskip("dlib")
    rng = np.random.default_rng(3)
    regressor = ERT(random_arrays(rng, **{"levels": 4, "trees": 40, "pixels": 60, **sizes}))
    predictor = regressor.to_dlib()
    for _ in range(40):
        left, top, width, height = rng.integers((-50, -50, 20, 20), (400, 400, 300, 300)).tolist()
        box = dlib.rectangle(left, top, left + width, top + height)
        expected = [(part.x, part.y) for part in predictor(PORTRAIT, box).parts()]
        np.testing.assert_array_equal(np.floor(regressor.fit_from_box(PORTRAIT, box) + 0.5), expected)


def test_a_batch_is_its_faces_one_by_one(ert):
    rng = np.random.default_rng(0)
    pictures = [PORTRAIT, np.ascontiguousarray(PORTRAIT[..., 0]), PORTRAIT[::2, ::2]]
    images = [pictures[n] for n in rng.integers(0, 3, 150)]  # more than run at once
    boxes = rng.uniform((0, 0, 250, 250), (200, 200, 500, 500), (150, 4))
    together = ert.fit_from_boxes(images, boxes)
    for n in (0, 1, 63, 64, 149):
        np.testing.assert_array_equal(together[n], ert.fit_from_box(images[n], boxes[n]))


def test_pictures_are_converted_by_scikit_images_rules(ert):
    box = (150, 50, 330, 230)
    expected = ert.fit_from_box(PORTRAIT, box)
    opaque = np.concatenate([PORTRAIT, np.full_like(PORTRAIT[..., :1], 255)], axis=2)
    for same in (PORTRAIT / 255.0, (PORTRAIT / 255.0).astype(np.float32), opaque, PORTRAIT.astype(np.uint16) * 257):
        np.testing.assert_array_equal(ert.fit_from_box(same, box), expected)
    grey = PORTRAIT[..., 2]
    np.testing.assert_array_equal(ert.fit_from_box(grey[..., None], box), ert.fit_from_box(grey, box))
    np.testing.assert_array_equal(ert.fit_from_box(grey[::-1][::-1], box), ert.fit_from_box(grey.copy(), box))


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (np.full((9, 9), np.nan), ValueError),
        (np.full((9, 9), 7.0), ValueError),
        (np.zeros((9, 9, 2)), ValueError),
        ("face.jpg", TypeError),
    ],
)
def test_what_is_no_picture_is_refused(ert, image, kind):
    with pytest.raises(kind):
        ert.fit_from_box(image, (0, 0, 5, 5))


# From points and shapes ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.floats(-180, 180), st.floats(0.6, 1.4), st.integers(0, 1000))
def test_a_seeded_fit_turns_and_scales_with_the_face(ert, roll, scale, seed):
    picture, points = face(np.random.default_rng(seed), roll, scale)
    assert error(ert.fit_from_points(picture, points), points) < 0.08


def test_an_upright_box_loses_a_turned_face(ert):
    rng = np.random.default_rng(0)
    pairs = [face(rng, roll=60) for _ in range(10)]
    unseeded = np.mean([error(ert.fit_from_box(p, box_from_points(q)), q) for p, q in pairs])
    seeded = np.mean([error(ert.fit_from_points(p, q), q) for p, q in pairs])
    assert unseeded > 0.3
    assert seeded < 0.06


def test_seeds_that_are_off_are_improved(ert):
    rng = np.random.default_rng(0)
    before, after = [], []
    for _ in range(30):
        picture, points = face(rng, rng.uniform(-180, 180))
        seed = points + rng.normal(0, 4, points.shape)
        before.append(error(seed, points))
        after.append(error(ert.fit_from_points(picture, seed), points))
    assert np.mean(after) < 0.6 * np.mean(before)


def test_a_start_shape_sets_the_frame_and_is_where_the_cascade_begins():
    arrays = random_arrays(np.random.default_rng(0))
    still = ERT(replace(arrays, leaves=np.zeros_like(arrays.leaves)))
    shape = transform_points(rotation(70, (80, 70)), FIVE + np.random.default_rng(1).normal(0, 3, (5, 2)))
    np.testing.assert_allclose(still.fit_from_shape(draw(FIVE), shape), shape, atol=1e-4)
    # The same leaf for all pictures: its increment is turned and scaled with the shape.
    moving = ERT(replace(arrays, leaves=np.broadcast_to(arrays.leaves[:1, :1, :1], arrays.leaves.shape)))
    increments = arrays.leaves[0, 0, 0].reshape(5, 2) * arrays.thresholds[..., 0].size
    fit = similarity_between(moving.mean_shape, shape)
    np.testing.assert_allclose(
        moving.fit_from_shape(draw(FIVE), shape), shape + increments @ fit[:, :2].T, rtol=0, atol=1e-3
    )


def test_a_start_shape_near_the_face_is_carried_onto_it(ert):
    rng = np.random.default_rng(5)
    for roll in (0, 90, 200):
        picture, points = face(rng, roll)
        assert error(ert.fit_from_shape(picture, points + rng.normal(0, 3, (5, 2))), points) < 0.08


def test_the_aspect_of_the_training_boxes_is_undone():
    mean = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    seeded = SeededFrames(mean, aspect=0.5)
    face_points = transform_points(rotation(30), mean * [50, 100])
    np.testing.assert_allclose(transform_points(seeded.from_points(face_points), mean), face_points, atol=1e-9)
    np.testing.assert_allclose(seeded.from_shapes(face_points), seeded.from_points(face_points), atol=1e-9)
    np.testing.assert_allclose(seeded.from_annotations(face_points), seeded.from_points(face_points), atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.fit_from_points(PORTRAIT, np.full((5, 2), np.nan)), "nan.*expected finite"),
        (lambda e: e.fit_from_points(PORTRAIT, np.ones((5, 2))), "1.0.*do not coincide"),
        (lambda e: e.fit_from_points(PORTRAIT, np.ones((4, 2))), r"\(4, 2\); expected \(5, 2\)"),
        (lambda e: e.fit_from_shape(PORTRAIT, np.ones((68, 2))), r"\(68, 2\)|\(1, 68, 2\)"),
        (lambda e: e.fit_from_box(PORTRAIT, (5, 5, 5, 9)), "no area"),
        (lambda e: ERT(e.arrays, aspect=0), "aspect is 0"),
        (lambda e: ERT(random_arrays(np.random.default_rng(0), points=9)).fit_from_points(PORTRAIT, FIVE), "state it"),
    ],
)
def test_wrong_arguments_are_named(ert, call, message):
    with pytest.raises(ValueError, match=message):
        call(ert)


def test_faces_far_outside_the_picture_come_back_finite(ert):
    for box in ((-1e6, -1e6, -1e6 + 50, -1e6 + 50), (0, 0, 1e9, 1e9), (1e11, 0, 2e11, 5)):
        assert np.isfinite(ert.fit_from_box(PORTRAIT, box)).all()


# Files --------------------------------------------------------------------------------------------------------------


def test_a_dat_and_dlibs_object_are_the_same_cascade(stock_file, stock, tmp_path):
    one, two = ERT.from_dat(stock_file), ERT.from_dlib(stock)
    np.testing.assert_array_equal(one.arrays.leaves, two.arrays.leaves)
    one.save_dat(tmp_path / "copy.dat")
    assert (tmp_path / "copy.dat").read_bytes() == stock_file.read_bytes()


@pytest.mark.parametrize(("leaves", "tolerance"), [("float32", 0.0), ("float16", 0.01), ("int8", 0.05)])
def test_stored_leaves(trained, tmp_path, leaves, tolerance):
    trained.save(tmp_path / "ert.safetensors", leaves=leaves)
    loaded = ERT.load(tmp_path / "ert.safetensors")
    assert loaded.aspect == trained.aspect
    step = np.abs(trained.arrays.leaves).max(axis=-1, keepdims=True)
    assert (np.abs(loaded.arrays.leaves - trained.arrays.leaves) <= tolerance / 10 * step + 1e-12).all()
    rng = np.random.default_rng(2)
    pairs = [face(rng, rng.uniform(-180, 180)) for _ in range(20)]
    seeds = [points + rng.normal(0, 2, (5, 2)) for _, points in pairs]
    before = np.mean([error(trained.fit_from_points(p, s), q) for (p, q), s in zip(pairs, seeds, strict=True)])
    after = np.mean([error(loaded.fit_from_points(p, s), q) for (p, q), s in zip(pairs, seeds, strict=True)])
    assert after == pytest.approx(before, rel=0.1 if tolerance else 0)


def test_small_leaves_take_a_quarter_of_the_disk(tmp_path):
    regressor = ERT(random_arrays(np.random.default_rng(0), levels=4, trees=50, depth=4, points=68))
    sizes = {}
    for leaves in ("float32", "float16", "int8"):
        regressor.save(tmp_path / leaves, leaves=leaves)
        sizes[leaves] = (tmp_path / leaves).stat().st_size
    assert sizes["float16"] < 0.53 * sizes["float32"]
    assert sizes["int8"] < 0.3 * sizes["float32"]


def stored(**changes):
    arrays = random_arrays(np.random.default_rng(0))
    names = ("mean_shape", "split_pixels", "thresholds", "leaves", "anchors", "deltas")
    tensors = {name: getattr(arrays, name) for name in names} | changes
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if tensor is not None}


SETTINGS = {"ert": '{"aspect": 1.0, "points": 5}'}
HOSTILE = {
    "missing": (stored(leaves=None), "its tensors are"),
    "unknown": (stored(extra=np.zeros(3)), "its tensors are .*extra"),
    "index": (stored(anchors=np.full((2, 7), 5)), r"anchors holds 5 to 5; expected indices in \[0, 5\)"),
    "negative": (stored(split_pixels=np.full((2, 3, 3, 2), -1)), "split_pixels holds -1"),
    "points": (stored(mean_shape=np.ones((6, 2))), "metadata of 5 points"),
    "shape": (stored(deltas=np.zeros((2, 6, 2))), r"deltas has shape \(2, 6, 2\)"),
    "dimensions": (stored(thresholds=np.zeros(18)), "thresholds"),
    "splits": (stored(thresholds=np.zeros((2, 3, 2))), r"2\^depth - 1"),
    "empty": (stored(thresholds=np.zeros((0, 3, 3))), "at least one of each"),
    "nan": (stored(leaves=np.full((2, 3, 4, 10), np.nan)), "leaves holds NaN"),
    "infinite": (stored(deltas=np.full((2, 7, 2), np.inf)), "deltas holds NaN or infinity"),
    "bool": (stored(anchors=np.zeros((2, 7), dtype=bool)), "dtype bool"),
    "scale": (stored(leaf_scale=np.ones(7, dtype=np.float32)), "leaf_scale has shape"),
    "point": (stored(mean_shape=np.ones((5, 2))), "all 5 points of mean_shape coincide"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_cascade_is_refused(tmp_path, name):
    tensors, message = HOSTILE[name]
    save_file(tensors, tmp_path / "bad", metadata=SETTINGS)
    with pytest.raises(ValueError, match=message):
        ERT.load(tmp_path / "bad")


def test_spoiled_files_are_refused(tmp_path):
    good = tmp_path / "good"
    ERT(random_arrays(np.random.default_rng(0))).save(good)
    data = good.read_bytes()
    ERT.load(good)
    attacks = {
        "empty": b"",
        "short": data[:-1],
        "long": data + b"x",
        "huge head": struct.pack("<Q", 1 << 60) + data[8:],
        "text": b"not a file of tensors at all",
        "pickle": b"\x80\x04K\x01.",
    }
    for content in attacks.values():
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ValueError, match="does not hold an ERT"):
            ERT.load(tmp_path / "bad")
    save_file(stored(), tmp_path / "bad")
    with pytest.raises(ValueError, match="does not hold an ERT"):
        ERT.load(tmp_path / "bad")
    save_file(stored(), tmp_path / "bad", metadata={"ert": '{"aspect": NaN, "points": 5}'})
    with pytest.raises(ValueError, match="aspect is nan"):
        ERT.load(tmp_path / "bad")
    with pytest.raises(FileNotFoundError, match="no cascade at"):
        ERT.load(tmp_path / "absent")
    with pytest.raises(ValueError, match="leaves is 'int4'"):
        ERT(random_arrays(np.random.default_rng(0))).save(good, leaves="int4")


# Training -----------------------------------------------------------------------------------------------------------


def test_training_is_reproducible_to_the_byte(faces, tmp_path):
    options = replace(SMALL, cascade_depth=2, num_trees_per_cascade_level=5)
    noise = StartNoise(10, 0.1, 0.05)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_ert(faces[:30], starts=noise, config=options, seed=seed).save_dat(tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_training_finds_faces_from_boxes(faces):
    regressor = train_ert(faces, config=SMALL)
    assert regressor.aspect == pytest.approx(1.55 / 2.05)  # of box_from_points
    rng = np.random.default_rng(9)
    for _ in range(10):
        picture, points = face(rng)
        assert error(regressor.fit_from_box(picture, box_from_points(points)), points) < 0.06
        assert error(regressor.fit_from_points(picture, points), points) < 0.06


def test_training_with_a_starts_own_errors_pays(faces):
    """Rolled and shifted starts are put right by the cascade that saw such ones, and less by the one that did not."""
    plain = train_ert(faces, around="points", config=SMALL)
    used = train_ert(faces, around="points", starts=StartNoise(15, 0.1, 0.08), copies=4, config=SMALL)
    rng = np.random.default_rng(4)
    errors = {plain: [], used: []}
    for _ in range(40):
        picture, points = face(rng, rng.uniform(-180, 180))
        for regressor, found in errors.items():
            true = regressor.seeded.from_points(points)
            off = erring_frames(true[None], StartNoise(15, 0.1, 0.08).sample(1, np.random.default_rng(len(found))))
            start = transform_points(off[0], regressor.mean_shape)
            found.append(error(regressor.fit_from_shape(picture, start), points))
    assert np.mean(errors[used]) < 0.7 * np.mean(errors[plain])


def test_records_of_a_data_set_are_taken(tmp_path):
    rng = np.random.default_rng(0)
    records = []
    for n in range(12):
        picture, points = face(rng)
        imsave(tmp_path / f"{n}.png", np.stack([picture] * 3, axis=-1), check_contrast=False)
        records.append(Face(f"{n}", tmp_path / f"{n}.png", points.astype(np.float32), box_from_points(points)))
    tiny = ERTConfig(cascade_depth=1, num_trees_per_cascade_level=2, tree_depth=1, oversampling_amount=1)
    regressor = train_ert(records, config=tiny)
    assert regressor.arrays.leaves.shape == (1, 2, 2, 10)
    assert regressor.arrays.anchors.shape == (1, 400)


@QUICK
@given(st.floats(-179, 179), st.floats(-1, 1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-180, 180))
def test_start_errors_undo_what_training_puts_in(roll, log_scale, dx, dy, turn):
    frame = compose(rotation(turn, (30, 40)), [[60.0, 0, 10], [0, 80.0, 20]])
    off = erring_frames(frame[None], [[roll, log_scale, dx, dy]])
    np.testing.assert_allclose(start_errors(off, frame[None])[0], [roll, log_scale, dx, dy], atol=1e-6)


def test_starts_may_be_samples(faces):
    options = replace(SMALL, cascade_depth=1, num_trees_per_cascade_level=2)
    still = train_ert(faces[:20], starts=[[0, 0, 0, 0]], config=options)
    turned = train_ert(faces[:20], starts=[[90, 0, 0, 0]], config=options)
    none = train_ert(faces[:20], config=options)
    np.testing.assert_array_equal(still.mean_shape, none.mean_shape)
    # A start turned clockwise sees the face turned the other way: its left eye where the right mouth corner was.
    fit = similarity_between(still.mean_shape * [still.aspect, 1], turned.mean_shape * [turned.aspect, 1])
    assert np.degrees(np.arctan2(fit[1, 0], fit[0, 0])) == pytest.approx(-90, abs=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"faces": []}, "there is no face"),
        ({"around": "nose"}, "around is 'nose'"),
        ({"copies": 0}, "copies is 0"),
        ({"starts": np.zeros((3, 3))}, r"starts have shape \(3, 3\)"),
        ({"faces": [(PORTRAIT, FIVE, (0, 0, 9, 9)), (PORTRAIT, FIVE[:4], (0, 0, 9, 9))]}, "face 1 has 4 points"),
        ({"faces": [(PORTRAIT, FIVE, (9, 9, 0, 0))]}, r"face 0: box .* no area"),
        ({"faces": [(PORTRAIT, FIVE * np.nan, (0, 0, 9, 9))]}, "points of face 0"),
    ],
)
def test_training_names_what_it_cannot_use(change, message):
    pytest.importorskip("dlib")
    arguments = {"faces": [(PORTRAIT, FIVE, (0, 0, 99, 99))], **change}
    with pytest.raises(ValueError, match=message):
        train_ert(**arguments)


@pytest.mark.parametrize(
    "option",
    [{name: 0} for name in ("cascade_depth", "num_trees_per_cascade_level", "tree_depth", "oversampling_amount")]
    + [{"num_test_splits": 0}, {"feature_pool_size": 1}, {"nu": 0.0}, {"nu": 1.1}, {"nu": float("nan")}]
    + [{"lambda_param": 0.0}, {"oversampling_translation_jitter": -0.1}, {"feature_pool_region_padding": -1.0}],
)
def test_options_that_would_end_the_process_are_refused(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} is .*; expected (above|at least)"):
        ERTConfig(**option)


# Cutouts ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.floats(-180, 180), st.floats(40, 300), st.floats(0.5, 2), st.integers(16, 300))
@example(roll=0.0, size=144.25, aspect=1.55078125, side=112)  # a pitch just below 2, where the bound is reached
def test_a_cutout_holds_the_image_where_it_says(roll, size, aspect, side):
    pytest.importorskip("dlib")
    rows, columns = np.mgrid[:200, :260]
    ramp = np.stack([columns, rows, 0 * rows], axis=-1).astype(np.float64)
    image = np.minimum(ramp.sum(axis=2) / 2, 255).astype(np.uint8)
    turn = rotation(roll)[:, :2] * [size * aspect, size]
    frame = np.concatenate([turn, (np.array([130, 100]) - turn @ [0.5, 0.5])[:, None]], axis=1)
    cutout = cut_out(image, frame, side, 0.25)
    left, top, right, bottom = cutout.box
    assert max(right - left, bottom - top) == side
    corners = transform_points(cutout.to_image, [[left, top], [right, top], [left, bottom]])
    np.testing.assert_allclose(corners, transform_points(frame, [[0, 0], [1, 0], [0, 1]]), atol=1e-6)
    # Pixels well inside the image are the ramp at the place that the map gives.
    v, u = np.mgrid[: cutout.image.shape[0], : cutout.image.shape[1]]
    x, y = np.moveaxis(transform_points(cutout.to_image, np.stack([u, v], axis=-1)), -1, 0)
    # A pixel of the cutout is a mean over its pitch: near the border, dlib's is one with what lies outside. Grey
    # levels are rounded twice, in the ramp and in dlib's interpolation, and places to the nearest pixel of the ramp.
    near = max(8.0, 1.5 * size * max(aspect, 1.0) / side)
    inside = (x > near) & (x < 260 - near) & (y > near) & (y < 200 - near)
    assert inside.any()
    assert np.abs(cutout.image[inside].astype(float) - (x + y)[inside] / 2).max() <= 2.0
    far = (x < -9) | (x > 269) | (y < -9) | (y > 209)
    assert (cutout.image[far] == 0).all()


def test_a_cutout_outside_the_picture_is_black():
    pytest.importorskip("dlib")
    cutout = cut_out(PORTRAIT, frames_from_boxes([[900, 900, 990, 990]])[0], 50, 0.2)
    assert cutout.image.shape == (71, 71)
    assert not cutout.image.any()


def test_a_frame_of_a_box_is_the_unit_square_stretched():
    np.testing.assert_allclose(invert(frames_from_boxes([0, 0, 2, 4])), [[0.5, 0, 0], [0, 0.25, 0]])
