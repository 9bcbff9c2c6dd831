"""Training of regression trees through dlib."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.io import imsave

from builders import FIVE, SMALL_ERT, face
from tcdcn_init.adapters.ert import (
    ERTConfig,
    StartNoise,
    start_errors,
    train_ert,
)
from tcdcn_init.adapters.ert.training import erring_frames
from tcdcn_init.datasets.base import Face
from tcdcn_init.geometry import (
    box_from_points,
    compose,
    interocular,
    rotation,
    similarity_between,
    transform_points,
)

IMAGE = np.zeros((100, 100), dtype=np.uint8)
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def error(shape, points):
    """Mean distance in units of the inter-ocular distance."""
    return float((np.linalg.norm(shape - points, axis=-1).mean(axis=-1) / interocular(points)).mean())


def test_training_is_reproducible_to_the_byte(faces, tmp_path):
    options = replace(SMALL_ERT, cascade_depth=2, num_trees_per_cascade_level=5)
    noise = StartNoise(10, 0.1, 0.05)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_ert(faces[:30], starts=noise, config=options, seed=seed).save_dat(tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_training_finds_faces_from_boxes(faces):
    regressor = train_ert(faces, config=SMALL_ERT)
    assert regressor.aspect == pytest.approx(1.55 / 2.05)  # of box_from_points
    rng = np.random.default_rng(9)
    for _ in range(10):
        picture, points = face(rng)
        assert error(regressor.fit_from_box(picture, box_from_points(points)), points) < 0.06
        assert error(regressor.fit_from_points(picture, points), points) < 0.06


def test_training_with_a_starts_own_errors_pays(faces):
    """Rolled and shifted starts are put right by the cascade that saw such ones, and less by the one that did not."""
    plain = train_ert(faces, around="points", config=SMALL_ERT)
    used = train_ert(faces, around="points", starts=StartNoise(15, 0.1, 0.08), copies=4, config=SMALL_ERT)
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


def test_starts_may_be_shapes_of_which_the_frames_count(faces):
    config = replace(SMALL_ERT, cascade_depth=1, num_trees_per_cascade_level=2)
    known = np.stack([points for _, points, _ in faces[:20]])
    right = train_ert(faces[:20], known[:, None], around="points", config=config)
    perfect = train_ert(faces[:20], StartNoise(), around="points", config=config)
    np.testing.assert_allclose(right.mean_shape, perfect.mean_shape, atol=0.05)
    turned = train_ert(faces[:20], known[:, None] @ rotation(90)[:, :2].T, around="points", config=config)
    fit = similarity_between(right.mean_shape * [right.aspect, 1], turned.mean_shape * [turned.aspect, 1])
    assert np.degrees(np.arctan2(fit[1, 0], fit[0, 0])) == pytest.approx(-90, abs=3)
    for around, starts, message in (
        ("both", known[:, None], "around is 'both', and starts are shapes"),
        ("points", known[:5, None], r"starts have shape \(5, 1, 5, 2\); expected \(20, K, 5, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            train_ert(faces[:20], starts, around=around, config=config)


def test_starts_may_be_samples(faces):
    options = replace(SMALL_ERT, cascade_depth=1, num_trees_per_cascade_level=2)
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
        ({"faces": [(IMAGE, FIVE, (0, 0, 9, 9)), (IMAGE, FIVE[:4], (0, 0, 9, 9))]}, "face 1 has 4 points"),
        ({"faces": [(IMAGE, FIVE, (9, 9, 0, 0))]}, r"face 0: box .* no area"),
        ({"faces": [(IMAGE, FIVE * np.nan, (0, 0, 9, 9))]}, "points of face 0"),
    ],
)
def test_training_names_what_it_cannot_use(change, message):
    pytest.importorskip("dlib")
    arguments = {"faces": [(IMAGE, FIVE, (0, 0, 99, 99))], **change}
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
