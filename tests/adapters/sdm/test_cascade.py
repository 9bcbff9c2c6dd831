"""SDM: what a trained cascade does with a start."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import FIVE, face, nme, noisy
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.geometry import box_from_points, rotation, transform_points


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
