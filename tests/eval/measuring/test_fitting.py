"""Batches of faces through any regressor."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import tcdcn_init.eval.measuring.fitting as module
from builders import FIVE
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.eval.measuring.fitting import fit_from_boxes, fit_from_points, fit_from_shapes, median_shape

MEAN = FIVE / 100
BOXES = np.array([[10.0, 5, 70, 75], [20, 10, 60, 60], [5, 5, 90, 90]])


class OneByOne:
    """The same regressor without its batch form."""

    def __init__(self, regressor: Any) -> None:
        self.mean_shape = regressor.mean_shape
        self.fit_from_box, self.fit_from_points = regressor.fit_from_box, regressor.fit_from_points
        self.fit_from_shape = regressor.fit_from_shape


@pytest.fixture
def ert() -> ERT:
    rng = np.random.default_rng(0)
    return ERT(
        CascadeArrays(
            MEAN,
            split_pixels=rng.integers(0, 9, (2, 5, 3, 2)),
            thresholds=rng.normal(0, 40, (2, 5, 3)),
            leaves=rng.normal(0, 0.02, (2, 5, 4, 10)),
            anchors=rng.integers(0, 5, (2, 9)),
            deltas=rng.normal(0, 0.2, (2, 9, 2)),
        )
    )


@pytest.fixture
def sdm() -> SDM:
    rng, config = np.random.default_rng(2), SDMConfig(spans=(2.0, 1.0))
    return SDM(MEAN, rng.normal(0, 0.01, (2, 5 * config.length, 10)), np.zeros((2, 10)), config)


@pytest.fixture
def rcpr() -> RCPR:
    rng, config = np.random.default_rng(3), RCPRConfig(stages=10, ferns=3, depth=2)
    ferns = Ferns(
        pairs=rng.integers(0, 5, (10, 9, 2)),
        along=np.full((10, 9), 0.5),
        compared=rng.integers(0, 9, (10, 3, 2, 2)),
        thresholds=rng.integers(-40, 40, (10, 3, 2)),
        leaves=rng.integers(-9, 9, (10, 3, 4, 10)),
        scales=np.full((10, 3), 0.01, dtype=np.float32),
    )
    return RCPR(MEAN, ferns, MEAN - 0.5 + rng.normal(0, 0.05, (12, 5, 2)), config)


@pytest.fixture(params=["ert", "sdm", "rcpr"])
def batched(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (100, 100), dtype=np.uint8) for _ in range(2)]
    return [pictures[0], pictures[1], pictures[0]]


def test_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(module)
    assert result.attempted > 1
    assert result.failed == 0


def test_a_batch_gives_what_its_faces_give_alone(batched, images) -> None:
    points = MEAN * 60 + [[[10, 5]], [[20, 10]], [[5, 5]]]
    for regressor in (batched, OneByOne(batched)):
        boxed, seeded = fit_from_boxes(regressor, images, BOXES), fit_from_points(regressor, images, points)
        for k, image in enumerate(images):
            np.testing.assert_allclose(boxed[k], batched.fit_from_box(image, BOXES[k]), atol=1e-4)
            np.testing.assert_allclose(seeded[k], batched.fit_from_points(image, points[k]), atol=1e-4)


def test_a_face_that_cannot_be_fitted_leaves_the_others_alone(batched, images) -> None:
    points = MEAN * 60 + np.zeros((3, 1, 1))
    points[1] = np.nan
    points[2] = 7.0  # all in one place: no frame
    boxes = BOXES.copy()
    boxes[1] = np.nan
    for regressor in (batched, OneByOne(batched)):
        seeded = fit_from_points(regressor, images, points)
        np.testing.assert_allclose(seeded[0], batched.fit_from_points(images[0], points[0]), atol=1e-4)
        assert np.isnan(seeded[1:]).all()
        boxed = fit_from_boxes(regressor, images, boxes)
        assert np.isnan(boxed[1]).all()
        assert np.isfinite(boxed[[0, 2]]).all()


def test_nobody_to_fit_is_no_error(batched, images) -> None:
    assert np.isnan(fit_from_points(batched, images, np.full((3, 5, 2), np.nan))).all()
    assert fit_from_shapes(batched, [], np.empty((0, 2, 5, 2))).shape == (0, 2, 5, 2)


def test_several_starts_of_a_face_are_fitted_each_by_itself(batched, images) -> None:
    rng = np.random.default_rng(4)
    starts = MEAN * 60 + rng.uniform(0, 25, (3, 2, 1, 2)) + rng.normal(0, 2, (3, 2, 5, 2))
    starts[1, 0, 0, 0] = np.nan
    starts[2, 1] = 7.0  # all in one place
    for regressor in (batched, OneByOne(batched)):
        found = fit_from_shapes(regressor, images, starts)
        for k, which in ((0, 0), (0, 1), (1, 1), (2, 0)):
            alone = batched.fit_from_shape(images[k], starts[k, which])
            np.testing.assert_allclose(found[k, which], alone, atol=1e-4)
        assert np.isnan(found[1, 0]).all()
        assert np.isnan(found[2, 1]).all()
    with pytest.raises(ValueError, match=r"\(3, 2, 4, 2\); expected \(3, K, 5, 2\)"):
        fit_from_shapes(batched, images, starts[:, :, :4])


def test_the_median_leaves_out_shapes_that_are_not_finite() -> None:
    shapes = np.arange(24.0).reshape(1, 4, 3, 2)
    np.testing.assert_array_equal(median_shape(shapes)[0], shapes[0].mean(axis=0))
    shapes[0, 3, 0, 0] = np.inf
    np.testing.assert_array_equal(median_shape(shapes)[0], shapes[0, 1])
    shapes[0, :3] = np.nan
    assert np.isnan(median_shape(shapes)).all()
