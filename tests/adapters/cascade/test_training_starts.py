"""Starts that cascades are trained from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import FIVE, NOISE, random_sdm
from tcdcn_init.adapters.cascade.training_starts import box_starts, seed_residuals, seed_starts
from tcdcn_init.geometry import box_from_points, rotation, transform_points


@given(roll=st.floats(-180, 180), scale=st.floats(0.1, 10), seed=st.integers(0, 1 << 30))
@settings(max_examples=40, deadline=None)
def test_residuals_are_free_of_roll_and_scale(roll, scale, seed):
    rng = np.random.default_rng(seed)
    found = FIVE + rng.normal(0, 3, (5, 2))
    place = scale * rotation(roll, (13.0, 7.0))
    turned = seed_residuals([transform_points(place, found)], [transform_points(place, FIVE)])
    np.testing.assert_allclose(turned, seed_residuals([found], [FIVE]), atol=1e-9)


def test_seed_starts_are_those_of_points_with_such_errors():
    sdm = random_sdm()
    rng = np.random.default_rng(0)
    truth = np.stack([transform_points(rotation(roll), FIVE) for roll in (0.0, 70.0)])
    found = truth + rng.normal(0, 3, truth.shape)
    for number in range(2):  # the errors of one face, put back on the same face
        sampler = seed_starts(seed_residuals(found, truth)[[number]], 3)
        starts = sampler(sdm, truth, np.zeros((2, 4)), rng)
        assert starts.shape == (2, 3, 5, 2)
        wanted = sdm.starts_from_points(found[number])
        np.testing.assert_allclose(starts[number], np.stack([wanted] * 3), atol=1e-9)


def test_box_starts_err_as_asked():
    sdm = random_sdm()
    boxes = np.tile([100.0, 100.0, 180.0, 180.0], (400, 1))
    truth = np.tile(FIVE, (400, 1, 1))
    starts = box_starts(5, shift=0.1, log_scale=0.2)(sdm, truth, boxes, np.random.default_rng(0))
    still = sdm.starts_from_boxes(boxes[0])
    sizes = np.linalg.norm(starts - starts.mean(axis=2, keepdims=True), axis=(2, 3))
    assert np.std(np.log(sizes)) == pytest.approx(0.2, rel=0.1)
    middle = still.mean(axis=0) - [140, 140]  # of the mean shape in its box: moves with the scale too
    shifts = starts.mean(axis=2) - [140, 140] - middle * (sizes / np.linalg.norm(still - still.mean(axis=0)))[..., None]
    np.testing.assert_allclose(shifts.std(axis=(0, 1)), 8.0, rtol=0.1)
    exact = box_starts(2, shift=0, log_scale=0)(sdm, truth, boxes, np.random.default_rng(0))
    np.testing.assert_allclose(exact, np.broadcast_to(still, exact.shape), atol=1e-9)


def test_random_starts_are_other_faces_shapes():
    sdm = random_sdm()
    rng = np.random.default_rng(0)
    truth = np.stack([FIVE + rng.normal(0, 3, (5, 2)) for _ in range(6)])
    boxes = np.stack([box_from_points(FIVE)] * 6)
    starts = box_starts(40, shift=0, log_scale=0, shapes="random")(sdm, truth, boxes, rng)
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
