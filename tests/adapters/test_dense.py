"""tcdcn-68: from five points to 68 in one pass."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tcdcn_init import Initializer, initialize
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.bundled import read_regressor
from tcdcn_init.adapters.dense import DenseNetwork
from tcdcn_init.adapters.testing import check_regressor
from tcdcn_init.datasets import mtfl_five_from_68
from tcdcn_init.geometry import MIRROR_68, interocular, rotation, transform_points
from tcdcn_init.weights import bundled_models, find_model


@pytest.fixture(scope="module")
def regressor() -> DenseNetwork:
    return DenseNetwork()


def test_it_is_a_regressor_like_the_others(regressor):
    check_regressor(regressor)
    assert isinstance(load_regressor("tcdcn-68"), DenseNetwork)


def test_dense_points_lie_on_the_portrait(regressor, portrait, portrait_points):
    found = regressor.fit_from_points(portrait, portrait_points)
    five = mtfl_five_from_68(found)
    assert np.linalg.norm(five - portrait_points, axis=1).max() < 0.12 * interocular(portrait_points)
    # Jaw, left to right and below the mouth; brows above the eyes.
    assert (np.diff(found[1:16, 0]) > 0).all()
    assert found[8, 1] > found[48:60, 1].max()
    assert found[17:27, 1].max() < found[36:48, 1].min()


def test_it_turns_with_the_picture(regressor, portrait, portrait_points):
    turned = np.ascontiguousarray(np.rot90(portrait, 2))
    there = [portrait.shape[1] - 1, portrait.shape[0] - 1] - portrait_points
    ours, theirs = regressor.fit_from_points(turned, there), regressor.fit_from_points(portrait, portrait_points)
    np.testing.assert_allclose([portrait.shape[1] - 1, portrait.shape[0] - 1] - ours, theirs, atol=1.5)


def test_five_points_that_are_off_move_little(regressor, portrait, portrait_points):
    distance = interocular(portrait_points)
    clean = regressor.fit_from_points(portrait, portrait_points)
    off = transform_points(rotation(6, portrait_points.mean(axis=0)), portrait_points) + 0.08 * distance
    moved = np.linalg.norm(regressor.fit_from_points(portrait, off) - clean, axis=1).mean()
    assert moved < 0.06 * distance


def test_both_backends_and_copies_say_the_same(regressor, portrait, portrait_points):
    ours = regressor.fit_from_points(portrait, portrait_points)
    theirs = DenseNetwork(backend="torch").fit_from_points(portrait, portrait_points)
    assert np.linalg.norm(ours - theirs, axis=1).mean() < 0.02 * interocular(portrait_points)  # whole numbers
    for other in (pickle.loads(pickle.dumps(regressor)), copy.deepcopy(regressor)):
        np.testing.assert_array_equal(other.fit_from_points(portrait, portrait_points), ours)
    for suffix in (".safetensors", ".onnx"):
        assert isinstance(read_regressor(find_model("tcdcn-68", suffix)), DenseNetwork)


def test_initialize_gives_them(portrait, portrait_box, regressor):
    [face] = initialize(portrait, [portrait_box], dense=True)
    np.testing.assert_allclose(face.dense, regressor.fit_from_points(portrait, face.points), atol=1e-3)
    assert face.dense_visible.shape == face.dense_expected_error.shape == (68,)
    assert ((face.dense_visible > 0) & (face.dense_visible < 1)).all()
    assert len(face.to_dict()["dense"]) == 68
    again = pickle.loads(pickle.dumps(face))
    np.testing.assert_array_equal(again.dense, face.dense)
    assert initialize(portrait, [portrait_box])[0].dense is None
    [bad, good] = initialize(portrait, [(5, 5, 5, 5), portrait_box], dense=True, on_bad="nan")
    assert np.isnan(bad.dense).all()
    np.testing.assert_allclose(good.dense, face.dense, atol=0.5)


def test_mirror_images_are_asked_about_too(portrait, portrait_box):
    plain, mirrored = Initializer(dense=True), Initializer(dense=True, mirror=True)
    here = mirrored(portrait, [portrait_box])[0].dense
    assert np.linalg.norm(here - plain(portrait, [portrait_box])[0].dense, axis=1).max() > 0.1
    left, top, right, bottom = portrait_box
    last = portrait.shape[1] - 1
    [other] = mirrored(np.ascontiguousarray(portrait[:, ::-1]), [(last - right, top, last - left, bottom)])
    there = other.dense[list(MIRROR_68)] * [-1, 1] + [last, 0]
    np.testing.assert_allclose(there, here, atol=1.0)


def test_many_images_at_once_say_what_each_says_alone(portrait, portrait_box):
    initializer = Initializer(dense=True)
    images = [portrait, np.full((40, 40), 90, dtype=np.uint8), portrait[:, ::-1].copy(), portrait]
    last = portrait.shape[1] - 1
    mirrored = (last - portrait_box[2], portrait_box[1], last - portrait_box[0], portrait_box[3])
    boxes = [[portrait_box, (0, 0, 0, 0), portrait_box], [], [mirrored], None]
    together = initializer.batch(images, boxes, on_bad="nan")
    assert [len(faces) for faces in together] == [3, 0, 1, 1]
    for image, entry, faces in zip(images, boxes, together, strict=True):
        for face, alone in zip(faces, initializer(image, entry, on_bad="nan"), strict=True):
            for name in ("points", "dense", "dense_expected_error", "dense_visible"):
                np.testing.assert_allclose(getattr(face, name), getattr(alone, name), atol=1e-3)
    assert [np.isfinite(face.dense).all() for face in together[0]] == [True, False, True]


def test_pixels_that_only_the_dense_crop_reaches_are_refused_too(portrait):
    initializer = Initializer("tcdcn-mtfl", passes=1, dense=True)
    box = (201, 81, 247, 151)
    picture = portrait / 255.0
    picture[172:176, 222:226] = np.nan  # the chin
    [[bad], [good]] = initializer.batch([picture, portrait], [[box], [box]], on_bad="nan")
    assert np.isfinite(bad.points).all()
    assert np.isnan(bad.dense).all()
    assert np.isfinite(good.dense).all()
    with pytest.raises(ValueError, match=r"NaN or infinity under box \(201\.0, 81\.0"):
        initializer(picture, [box])


def test_models_of_the_wrong_kind_are_refused():
    assert "tcdcn-68" not in bundled_models()
    with pytest.raises(ValueError, match="goes on from five points; expected a model that finds them"):
        Initializer("tcdcn-68")
    with pytest.raises(ValueError, match="expected a model of dense points"):
        DenseNetwork("tcdcn-robust")


def test_numbers_that_are_not_finite(regressor, portrait, portrait_points):
    picture = portrait / 255.0
    picture[90:100, 220:226] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity under the face"):
        regressor.fit_from_points(picture, portrait_points)
    both = regressor.fit_from_points([picture, portrait], [portrait_points] * 2, on_bad="nan")
    assert np.isnan(both[0]).all()
    assert np.isfinite(both[1]).all()
