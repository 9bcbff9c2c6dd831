"""RCPR: ferns, the cascade from several starts, smart restarts, its files and its training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from builders import FIVE, draw, face, random_rcpr
from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.adapters.cascade.training_starts import box_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig, as_complex, sample_levels, turns
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.adapters.recipes.ferns import make_rcpr, start_figures
from tcdcn_init.geometry import MIRROR, interocular, rotation, transform_points

SMALL = RCPRConfig(resolution=14.0, reach=2.5, stages=12, ferns=12, depth=4, places=80)


def nme(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found - truth, axis=-1).mean(axis=-1) / interocular(truth)


@pytest.fixture(scope="module")
def rcpr(faces) -> RCPR:
    return train_rcpr(faces, box_starts(20, shift=0.1, log_scale=0.1, shapes="random"), config=SMALL, mirror=MIRROR)


@pytest.fixture(scope="module")
def unseen() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(99)
    return [face(rng) for _ in range(40)]


def moved(truth: np.ndarray, rng: np.random.Generator, count: int = 5) -> np.ndarray:
    """Starts (N, count, 5, 2) away from shapes (N, 5, 2)."""
    return truth[:, None] + rng.normal(0, 4, (len(truth), count, 1, 2)) + rng.normal(0, 2, (len(truth), count, 5, 2))


@pytest.fixture(scope="module")
def batch(unseen) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    truth = np.stack([points for _, points in unseen])
    return [image for image, _ in unseen], truth, moved(truth, np.random.default_rng(5))


def each(rcpr: RCPR, images: list[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """The result from every start (N, K, 5, 2) by itself."""
    return np.stack([rcpr.fit_from_shapes(images, starts[:, k]) for k in range(starts.shape[1])], axis=1)


# Ferns ------------------------------------------------------------------------------------------------------------


@given(roll=st.floats(-180, 180), scale=st.floats(0.2, 5), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_turns_are_those_of_the_similarity(roll, scale, x, y):
    reference = FIVE - FIVE.mean(axis=0)
    reference /= np.sqrt((reference**2).sum(axis=1).mean())
    shape = transform_points(scale * rotation(roll), reference) + [x, y]
    found = turns(as_complex(reference), as_complex(shape)[None])[0]
    assert found == pytest.approx(scale * np.exp(1j * np.radians(roll)))


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=30)
def test_places_lie_on_the_lines_through_two_points(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :40]
    chips = np.stack([columns * 3, rows * 3]).astype(np.uint8)  # each pixel of the first says its x, of the other its y
    shapes = rng.uniform(10, 30, (6, 5, 2))
    pairs, along = rng.integers(0, 5, (9, 2)).astype(np.int16), rng.uniform(-0.5, 1.5, 9).astype(np.float32)
    wanted = shapes[:, pairs[:, 0]] + along[:, None] * (shapes[:, pairs[:, 1]] - shapes[:, pairs[:, 0]])
    wanted = np.clip(wanted, 0, 39)
    for axis in (0, 1):
        owner = np.full(6, axis)
        seen = sample_levels(chips, owner, as_complex(shapes), pairs, along) / 3.0
        assert np.abs(seen - wanted[:, :, axis]).max() <= 0.5 + 1e-4
        mirrored = sample_levels(chips, owner, as_complex(shapes), pairs, along, np.arange(6) % 2 == 1) / 3.0
        np.testing.assert_array_equal(mirrored[::2], seen[::2])
        np.testing.assert_array_equal(mirrored[1::2], 39 - seen[1::2] if axis == 0 else seen[1::2])


def test_a_fern_says_what_its_bin_holds():
    leaves = np.zeros((1, 2, 4, 2), dtype=np.int8)
    leaves[0, 0, 2], leaves[0, 1, 1] = (10, -20), (1, 1)
    ferns = Ferns(
        pairs=np.array([[[0, 0], [0, 0], [0, 0]]]),
        along=np.zeros((1, 3)),
        compared=np.array([[[[0, 1], [1, 2]], [[1, 0], [0, 2]]]]),
        thresholds=np.array([[[5, 5], [0, 0]]]),
        leaves=leaves,
        scales=np.array([[0.5, 2.0]]),
    )
    ferns.check(RCPRConfig(stages=1, ferns=2, depth=2), 1)
    levels = np.array([[20, 10, 8], [20, 15, 8], [0, 255, 0]], dtype=np.uint8)
    # First fern: bits (20 - 10 > 5, 10 - 8 > 5) = 10; (no, yes) = 01; (no, yes). Second: 01, 01, 10.
    np.testing.assert_allclose(ferns.moves(0, levels)[:, 0], [5 - 10j + 2 + 2j, 2 + 2j, 0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stages": 0}, "stages"),
        ({"depth": 11}, "depth"),
        ({"ferns": 2.0}, "whole number"),
        ({"resolution": float("nan")}, "resolution"),
        ({"check": 1.5}, "check"),
        ({"shrinkage": -1.0}, "shrinkage"),
    ],
)
def test_config_refuses(changes, words):
    with pytest.raises(ValueError, match=words):
        RCPRConfig(**changes)


# The cascade ------------------------------------------------------------------------------------------------------


def test_is_a_shape_regressor(rcpr):
    assert isinstance(rcpr, ShapeRegressor)
    assert rcpr.mean_shape.shape == (5, 2)


def test_finds_faces_that_it_has_not_seen(rcpr, batch):
    images, truth, starts = batch
    ends = each(rcpr, images, starts)
    assert nme(ends, truth[:, None]).mean() < 0.5 * nme(starts, truth[:, None]).mean()
    middle = rcpr.fit_from_shapes(images, starts)
    np.testing.assert_allclose(middle, np.median(ends, axis=1), atol=1e-9)
    assert nme(middle, truth).mean() < nme(ends, truth[:, None]).mean()


@pytest.mark.parametrize("roll", [45.0, 120.0, 180.0])
def test_a_starts_roll_and_scale_carry_over(rcpr, roll):
    rng = np.random.default_rng(3)
    for scale in (0.8, 1.3):
        image, truth = face(rng, roll=roll, scale=scale)
        assert nme(rcpr.fit_from_points(image, truth + rng.normal(0, 2, 2)), truth) < 0.06


@given(roll=st.floats(-180, 180), scale=st.floats(0.8, 2.0))
@settings(max_examples=15, deadline=None)
def test_moved_pictures_move_the_result(rcpr, roll, scale):
    place = scale * rotation(roll)
    truth = FIVE - FIVE.mean(axis=0)
    start = truth + [3.0, -2.0]
    upright = rcpr.fit_from_shape(draw(truth + [80, 70]), start + [80, 70]) - [80, 70]
    there = rcpr.fit_from_shape(
        draw(transform_points(place, truth) + [150, 160], (320, 300)), transform_points(place, start) + [150, 160]
    )
    back = transform_points(rotation(-roll), (there - [150, 160]) / scale)
    assert nme(back, upright) < 0.08


def test_starts_and_faces_do_not_depend_on_each_other(rcpr, batch):
    images, _, starts = batch
    order = np.random.default_rng(0).permutation(5)
    middle = rcpr.fit_from_shapes(images[:12], starts[:12])
    np.testing.assert_allclose(rcpr.fit_from_shapes(images[:12], starts[:12, order]), middle, atol=1e-9)
    np.testing.assert_allclose(rcpr.fit_from_shapes([images[7]], starts[[7]]), middle[[7]], atol=1e-9)


def test_random_starts_are_training_shapes_in_the_box(rcpr):
    box = np.array([10.0, 20.0, 60.0, 90.0])
    starts = rcpr.random_starts([box, box + 100], 4, seed=3)
    assert starts.shape == (2, 4, 5, 2)
    np.testing.assert_allclose(starts[1], starts[0] + 100, atol=1e-9)
    np.testing.assert_array_equal(starts, rcpr.random_starts([box, box + 100], 4, seed=3))
    assert np.abs(starts - rcpr.random_starts([box, box + 100], 4, seed=4)).max() > 1
    with pytest.raises(ValueError, match="121 starts"):
        rcpr.random_starts(box, 121)


def test_nearest_starts_are_those_of_the_evaluation(rcpr, faces):
    """The paper's start, as `eval.starts` places it."""
    from tcdcn_init.eval.starts import make_start
    from tcdcn_init.shapes import ShapeBank

    image, truth, box = faces[3]
    wanted = make_start("oracle-4", ShapeBank(rcpr.shapes))(box, truth, np.random.default_rng(0))
    np.testing.assert_allclose(rcpr.nearest_starts(truth, 4), wanted, atol=1e-3)
    some = rcpr.nearest_starts([[truth, np.full((5, 2), np.nan), np.ones((5, 2))]])
    assert some.shape == (1, 3, 5, 5, 2)
    assert np.isfinite(some).all(axis=(0, 2, 3, 4)).tolist() == [True, False, False]
    found = rcpr.fit_from_points(image, [truth, truth * np.nan, truth + 1000], on_bad="nan")
    assert np.isfinite(found).all(axis=(1, 2)).tolist() == [True, False, False]
    np.testing.assert_allclose(found[0], np.median(rcpr.fit_from_shapes(image, rcpr.nearest_starts(truth)), axis=0))
    np.testing.assert_allclose(rcpr.fit_from_points(image, truth), found[0], atol=1e-9)
    with pytest.raises(ValueError, match="finite"):
        rcpr.fit_from_points(image, truth * np.nan)


def test_from_a_box_with_restarts(rcpr, faces):
    image, truth, box = faces[0]
    found = rcpr.fit_from_box(image, box)
    assert nme(found, truth) < 0.06
    boxes = np.stack([box, np.full(4, np.nan), box + 1e4, box])
    many = rcpr.fit_from_boxes(image, boxes, on_bad="nan")
    assert np.isnan(many).all(axis=(1, 2)).tolist() == [False, True, True, False]
    np.testing.assert_allclose(many[[0, 3]], [found, found], atol=1e-9)
    with pytest.raises(ValueError, match="no area"):
        rcpr.fit_from_box(image, (10, 10, 10, 20))
    with pytest.raises(ValueError, match="outside"):
        rcpr.fit_from_box(image, box + 1e4)


def test_smart_restarts_recover_from_absurd_starts(rcpr, batch):
    images, truth, starts = batch
    rng = np.random.default_rng(0)
    absurd = starts + rng.normal(0, 25, (*starts.shape[:2], 1, 2))
    absurd[::2] = starts[::2]
    asked = []

    def redraw(numbers, attempt):
        asked.append((attempt, numbers.tolist()))
        return starts[numbers] if attempt == 2 else absurd[numbers]

    again = rcpr.fit_from_shapes(images, absurd, redraw=redraw)
    plain = rcpr.fit_from_shapes(images, absurd)
    assert nme(again, truth)[1::2].mean() < 0.5 * nme(plain, truth)[1::2].mean()
    np.testing.assert_allclose(rcpr.fit_from_shapes(images, absurd, redraw=lambda numbers, attempt: None), plain)
    attempts = [attempt for attempt, _ in asked]
    assert set(attempts) <= {1, 2, 3}
    restarted = {number for _, numbers in asked for number in numbers}
    assert len(restarted & set(range(1, 40, 2))) > 15
    untouched = sorted(set(range(40)) - restarted)
    np.testing.assert_allclose(again[untouched], plain[untouched], atol=1e-9)
    with pytest.raises(ValueError, match="redraw gave shape"):
        rcpr.fit_from_shapes(images, absurd, redraw=lambda numbers, attempt: absurd)


def test_a_bad_start_does_not_spoil_the_others(rcpr, batch):
    images, truth, _ = batch
    starts = np.stack([truth[0], np.full((5, 2), np.nan), np.ones((5, 2)), truth[0] + 1000, truth[0], 1e200 * truth[0]])
    ends = rcpr.fit_from_shapes(images[0], starts, on_bad="nan")
    assert np.isnan(ends).all(axis=(1, 2)).tolist() == [False, True, True, True, False, True]
    good = rcpr.fit_from_shapes(images[0], starts[None, [0, 4]])
    np.testing.assert_allclose(rcpr.fit_from_shapes(images[0], starts[None], on_bad="nan"), good, atol=1e-9)
    mixed = rcpr.fit_from_shapes([images[0]] * 2, starts[[[1, 2], [0, 4]]], on_bad="nan")
    assert np.isnan(mixed[0]).all()
    np.testing.assert_allclose(mixed[1], good[0], atol=1e-9)
    for bad, words in ((1, "finite"), (2, "coincide"), (3, "outside"), (5, "finite")):
        with pytest.raises(ValueError, match=words):
            rcpr.fit_from_shape(images[0], starts[bad])
        with pytest.raises(ValueError, match=words):
            rcpr.fit_from_shapes(images[0], starts[None, [0, bad]])
    holed = np.full(images[0].shape, np.nan)
    assert np.isnan(rcpr.fit_from_shapes(holed, starts[None, :1], on_bad="nan")).all()


@given(start=st.lists(st.floats(-1e4, 1e4), min_size=10, max_size=10), power=st.integers(-6, 3))
@settings(max_examples=40, deadline=None)
def test_any_start_ends_finite_or_is_refused(rcpr, start, power):
    image = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    shape = np.reshape(start, (5, 2)) * 10.0**power
    end = rcpr.fit_from_shapes(image, shape[None], on_bad="nan")[0]
    if np.isnan(end).any():
        assert np.isnan(end).all()
        with pytest.raises(ValueError, match="expected"):
            rcpr.fit_from_shape(image, shape)
    else:
        assert np.isfinite(end).all()


def test_ferns_that_lead_astray_are_found_out():
    good = random_rcpr()
    rng, config = np.random.default_rng(0), replace(good.config, stages=80)
    ferns = Ferns(
        pairs=rng.integers(0, 5, (80, 9, 2)),
        along=np.full((80, 9), 0.5),
        compared=rng.integers(0, 9, (80, 3, 2, 2)),
        thresholds=rng.integers(-40, 40, (80, 3, 2)),
        leaves=rng.integers(-100, 100, (80, 3, 4, 10)),
        scales=np.full((80, 3), 10.0, dtype=np.float32),
    )
    rcpr = RCPR(good.mean_shape, ferns, good.shapes, config)
    image = np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8)
    with pytest.raises(ValueError, match="out of all bounds"):
        rcpr.fit_from_box(image, (10, 10, 80, 80))
    assert np.isnan(rcpr.fit_from_boxes(image, [(10, 10, 80, 80)], on_bad="nan")).all()


# Files ------------------------------------------------------------------------------------------------------------


def test_a_file_holds_all_of_it(rcpr, batch, tmp_path):
    images, _, starts = batch
    path = tmp_path / "new" / "rcpr.safetensors"
    rcpr.save(path, {"licence": "none"})
    for loaded in (RCPR.load(path), RCPR.load(str(path))):
        assert loaded.config == rcpr.config
        assert loaded.metadata == {"licence": "none"}
        np.testing.assert_array_equal(loaded.mean_shape, rcpr.mean_shape)
        np.testing.assert_array_equal(loaded.shapes, rcpr.shapes)
        np.testing.assert_array_equal(
            loaded.fit_from_shape(images[0], starts[0, 0]), rcpr.fit_from_shape(images[0], starts[0, 0])
        )
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(load_file(again)[name], tensor)


def broken(tensors, told):
    """What is done to a sound file, and words of the message."""
    return [
        ({**tensors, "leaves": tensors["leaves"][:, :-1]}, told, "leaves of shape"),
        ({**tensors, "along": tensors["along"][0]}, told, "pairs of shape"),
        ({k: v for k, v in tensors.items() if k != "scales"}, told, "tensors are"),
        ({**tensors, "more": np.ones(3)}, told, "tensors are"),
        ({**tensors, "scales": tensors["scales"] * np.inf}, told, "scales"),
        ({**tensors, "pairs": tensors["pairs"] + 1}, told, "pairs names"),
        ({**tensors, "compared": tensors["compared"] - 100}, told, "compared names"),
        ({**tensors, "thresholds": np.full(tensors["thresholds"].shape, 1 << 20)}, told, "thresholds"),
        ({**tensors, "mean_shape": np.ones((5, 2))}, told, "coincide"),
        ({**tensors, "shapes": tensors["shapes"][:0]}, told, "shapes have shape"),
        ({**tensors, "shapes": tensors["shapes"] * np.float16(np.nan)}, told, "shapes not finite"),
        (tensors, {**told, "points": 6}, "metadata of 6 points"),
        (tensors, {**told, "stages": 13}, "call for"),
        (tensors, {**told, "aspect": "wide"}, "wide"),
        (tensors, {**told, "colour": 3}, "colour"),
        (tensors, None, "rcpr"),
        (tensors, [1, 2], "RCPR"),
    ]


@pytest.mark.parametrize("case", range(17))
def test_a_file_that_contradicts_itself_is_refused(rcpr, tmp_path, case):
    from safetensors import safe_open

    path = tmp_path / "rcpr.safetensors"
    rcpr.save(path)
    with safe_open(path, framework="np") as file:
        good = json.loads(file.metadata()["rcpr"])
    changed, told, words = broken(load_file(path), good)[case]
    save_file(
        {k: np.ascontiguousarray(v) for k, v in changed.items()}, path, {"rcpr": json.dumps(told)} if told else {}
    )
    with pytest.raises(ValueError, match=words) as caught:
        RCPR.load(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file_of_ours(rcpr, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"RCPR\.save"):
        RCPR.load(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="not bundled"):
        RCPR.load("no-such-model")
    path = tmp_path / "rcpr.safetensors"
    rcpr.save(path)
    data = path.read_bytes()
    for bad in (b"", data[:100], data[:-1], b"\xff" * 64):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"RCPR\.save"):
            RCPR.load(path)


# Training ---------------------------------------------------------------------------------------------------------


def test_the_seed_decides(faces):
    tiny = replace(SMALL, stages=2, ferns=3)
    one, same, other = (
        train_rcpr(faces[:30], box_starts(4, shapes="random"), config=tiny, mirror=MIRROR, seed=seed)
        for seed in (1, 1, 2)
    )
    image, truth, _ = faces[40]
    np.testing.assert_array_equal(one.fit_from_shape(image, truth), same.fit_from_shape(image, truth))
    assert np.abs(one.fit_from_shape(image, truth) - other.fit_from_shape(image, truth)).max() > 1e-3
    # An array of starts trains as what drew it, and the mean shape is symmetric.
    np.testing.assert_allclose(one.mean_shape[list(MIRROR)] * [-1, 1] + [1, 0], one.mean_shape, atol=1e-9)
    given = np.stack([points + np.arange(4)[:, None, None] for _, points, _ in faces[:30]])
    tiny_too = train_rcpr(faces[:30], given, config=tiny)
    assert np.isfinite(tiny_too.fit_from_shape(image, truth)).all()


def test_better_starts_are_met_by_a_cascade_trained_for_them(rcpr, faces, batch):
    images, truth, starts = batch
    near = truth[:, None] + 0.3 * (starts - truth[:, None])
    rng = np.random.default_rng(1)
    known = np.stack([points for _, points, _ in faces])
    trained = train_rcpr(
        faces, known[:, None] + 0.3 * (moved(known, rng, 20) - known[:, None]), config=SMALL, mirror=MIRROR
    )
    assert (
        nme(each(trained, images, near), truth[:, None]).mean() < nme(each(rcpr, images, near), truth[:, None]).mean()
    )


def test_training_refuses(faces):
    for options, words in (
        ({"starts": np.zeros((2, 1, 5, 2))}, "coincide"),
        ({"starts": np.zeros((3, 1, 5, 2))}, r"expected \(2, K, 5, 2\)"),
        ({"mirror": (0, 1, 2, 3)}, "mirror"),
    ):
        with pytest.raises(ValueError, match=words):
            train_rcpr(faces[:2], **{"starts": box_starts(1), "config": SMALL, **options})


# The bundled cascade ----------------------------------------------------------------------------------------------


def test_the_recipe_runs(mtfl_root, small_model, tmp_path):
    out = tmp_path / "rcpr.safetensors"
    figures = make_rcpr(mtfl_root, out, config=SMALL, model=small_model)
    rcpr = RCPR.load(out)
    assert json.loads(rcpr.metadata["figures"]) == {"mtfl-val": figures}
    assert "starts random" in rcpr.metadata["recipe"]
    assert "research use" in rcpr.metadata["licence"]
    assert set(figures) == {"random-1", "random-5", "restarts", "tcdcn"}
    assert figures["random-5"]["mean"] <= figures["random-1"]["mean"] + 1
    with pytest.raises(ValueError, match="'tcdcn', 'box' or 'random'"):
        make_rcpr(mtfl_root, out, starts="oracle")


def test_the_bundled_cascade_on_held_out_faces(data_root: Path):
    from tcdcn_init.datasets.named import read_dataset
    from tcdcn_init.initializer import Initializer

    figures = start_figures(RCPR.load("rcpr-mtfl"), read_dataset("mtfl-val", data_root / "mtfl")[::20], Initializer())
    assert figures["random-5"]["mean"] < figures["random-1"]["mean"]
    assert figures["tcdcn"]["failures"] < 10


def test_the_bundled_cascade_on_the_portrait(portrait, portrait_points, portrait_box):
    rcpr = RCPR.load("rcpr-mtfl")
    assert nme(rcpr.fit_from_box(portrait, portrait_box), portrait_points) < 0.1
    assert nme(rcpr.fit_from_points(portrait, portrait_points), portrait_points) < 0.1
