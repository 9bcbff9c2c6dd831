"""Regression trees: dlib's answers from dlib's start, and any other start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from builders import FIVE, draw, face, random_arrays
from tcdcn_init.adapters.ert import (
    ERT,
)
from tcdcn_init.geometry import (
    box_from_points,
    interocular,
    rotation,
    similarity_between,
    transform_points,
)

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


PORTRAIT = astronaut()


def error(shape, points):
    """Mean distance in units of the inter-ocular distance."""
    return float((np.linalg.norm(shape - points, axis=-1).mean(axis=-1) / interocular(points)).mean())


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


def test_images_are_converted_by_scikit_images_rules(ert):
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
def test_what_is_no_image_is_refused(ert, image, kind):
    with pytest.raises(kind):
        ert.fit_from_box(image, (0, 0, 5, 5))


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
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
    for box in ((-1e6, -1e6, -1e6 + 50, -1e6 + 50), (0, 0, 9e6, 9e6), (5e6, 0, 9e6, 5)):
        assert np.isfinite(ert.fit_from_box(PORTRAIT, box)).all()
