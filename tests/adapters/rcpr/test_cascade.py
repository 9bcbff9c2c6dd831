"""RCPR: what a trained cascade does with starts; smart restarts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import FIVE, draw, face, nme, random_rcpr
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import Ferns
from tcdcn_init.geometry import rotation, transform_points


def each(rcpr: RCPR, images: list[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """The result from every start (N, K, 5, 2) by itself."""
    return np.stack([rcpr.fit_from_shapes(images, starts[:, k]) for k in range(starts.shape[1])], axis=1)


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
