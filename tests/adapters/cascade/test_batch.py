"""Batches of faces through any regressor, those without batch forms included."""

from __future__ import annotations

import numpy as np
import pytest

from builders import FIVE, random_ert, random_rcpr, random_sdm
from tcdcn_init.adapters.base import BatchRegressor, RegressorBase, ShapeRegressor, batched
from tcdcn_init.adapters.cascade.batch import median_shape

IMAGE = np.random.default_rng(1).integers(0, 256, (100, 100), dtype=np.uint8)
MEAN = random_sdm().mean_shape


class OneByOne:
    """A regressor without its batch forms."""

    def __init__(self, regressor) -> None:
        self.mean_shape = regressor.mean_shape
        self.fit_from_box, self.fit_from_points = regressor.fit_from_box, regressor.fit_from_points
        self.fit_from_shape = regressor.fit_from_shape


class Still(RegressorBase):
    """Answers with its start."""

    mean_shape = MEAN

    def fit_from_shape(self, image, shape):
        if np.ndim(image) < 2:
            raise TypeError("no image")
        return np.asarray(shape, dtype=float)


@pytest.mark.parametrize("make", [random_ert, random_sdm, random_rcpr], ids=["ert", "sdm", "rcpr"])
def test_a_regressor_of_single_forms_gets_the_same_batches(make):
    whole = make()
    single = batched(OneByOne(whole))
    assert not isinstance(OneByOne(whole), BatchRegressor)
    assert isinstance(single, BatchRegressor)
    boxes = [(10, 5, 70, 75), (20, 10, 60, 60), (5, 5, 5, 5), (5, 5, 90, 90)]
    points = FIVE * 0.7 + [[[10, 5]], [[20, 10]], [[5, 5]]]
    points[1] = 7.0  # all in one place
    shapes = MEAN * 60 + np.random.default_rng(4).uniform(0, 25, (3, 1, 2))
    shapes[0, 0, 0] = np.nan
    for given in (IMAGE, [IMAGE, IMAGE.copy(), IMAGE]):
        np.testing.assert_allclose(
            single.fit_from_points(given, points, on_bad="nan"),
            whole.fit_from_points(given, points, on_bad="nan"),
            atol=1e-3,
        )
        np.testing.assert_allclose(
            single.fit_from_shapes(given, shapes, on_bad="nan"),
            whole.fit_from_shapes(given, shapes, on_bad="nan"),
            atol=1e-3,
        )
    found = single.fit_from_boxes(IMAGE, boxes, on_bad="nan")
    np.testing.assert_allclose(found, whole.fit_from_boxes(IMAGE, boxes, on_bad="nan"), atol=1e-3)
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [False, False, True, False]


def test_the_base_class_needs_a_mean_shape_and_one_function():
    still = Still()
    assert isinstance(still, ShapeRegressor)
    assert isinstance(still, BatchRegressor)
    assert batched(still) is still
    np.testing.assert_allclose(still.fit_from_box(IMAGE, (10, 20, 60, 80)), MEAN * [50, 60] + [10, 20])
    points = 40 * MEAN @ [[0, 1], [-1, 0]] + 50
    np.testing.assert_allclose(still.fit_from_points(IMAGE, points), points)
    np.testing.assert_allclose(still.fit_from_points(IMAGE, [points, 2 * points]), [points, 2 * points])


def test_several_starts_of_a_face_are_joined_by_their_median():
    starts = MEAN * 50 + np.array([0.0, 1.0, 5.0])[:, None, None]
    np.testing.assert_allclose(Still().fit_from_shapes(IMAGE, starts[None]), starts[None, 1])
    starts[0] = np.nan
    np.testing.assert_allclose(
        Still().fit_from_shapes(IMAGE, starts[None], on_bad="nan"), starts[1:].mean(axis=0)[None]
    )
    with pytest.raises(ValueError, match="finite"):
        Still().fit_from_shapes(IMAGE, starts[None])


def test_an_empty_list_is_no_face():
    assert Still().fit_from_boxes(IMAGE, []).shape == (0, 5, 2)
    assert Still().fit_from_points(IMAGE, []).shape == (0, 5, 2)
    assert Still().fit_from_shapes([], np.empty((0, 3, 5, 2))).shape == (0, 5, 2)


def test_masked_coordinates_are_missing():
    points = np.ma.masked_array(MEAN * 50, mask=False)
    points[2, 0] = np.ma.masked
    with pytest.raises(ValueError, match=r"\[nan, .*are not finite"):
        Still().fit_from_points(IMAGE, points)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.fit_from_boxes([IMAGE] * 2, [(0, 0, 9, 9)]), "2 images for 1 faces"),
        (lambda r: r.fit_from_boxes(IMAGE, (0, 0, 9, 9)), r"expected \(N, 4\)"),
        (lambda r: r.fit_from_boxes(IMAGE, [(0, 0, 9, 9)], on_bad="skip"), "on_bad is 'skip'; expected 'raise' or"),
        (lambda r: r.fit_from_boxes(IMAGE, [(0, 0, 9, 9), (3, 3, 3, 3)]), "face 1 of 2: box .* no area"),
        (lambda r: r.fit_from_box(IMAGE, (3, 3, 3, 3)), "^box .* no area"),
        (lambda r: r.fit_from_points(IMAGE, MEAN[:4]), r"\(4, 2\); expected \(5, 2\), or \(N, 5, 2\)"),
        (lambda r: r.fit_from_points(IMAGE, MEAN * np.nan), "nan.*are not finite"),
        (lambda r: r.fit_from_points(IMAGE, (MEAN * 50)[[1, 0, 2, 4, 3]]), "points are in mirrored order"),
        (lambda r: r.fit_from_points(IMAGE, [MEAN * 50, MEAN * 0.5]), "face 1 of 2: .*multiply relative coordinates"),
        (lambda r: random_ert().fit_from_shape(IMAGE, MEAN[:4]), r"\(4, 2\); expected \(5, 2\)"),
        (lambda r: r.fit_from_shapes(IMAGE, MEAN), r"\(5, 2\); expected \(N, 5, 2\), or \(N, K, 5, 2\)"),
        (lambda r: r.fit_from_shapes(IMAGE, np.ones((3, 0, 5, 2))), "K at least 1"),
    ],
)
def test_calls_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Still())


def test_the_median_leaves_out_shapes_that_are_not_finite():
    shapes = np.arange(24.0).reshape(1, 4, 3, 2)
    np.testing.assert_array_equal(median_shape(shapes)[0], shapes[0].mean(axis=0))
    shapes[0, 3, 0, 0] = np.inf
    np.testing.assert_array_equal(median_shape(shapes)[0], shapes[0, 1])
    shapes[0, :3] = np.nan
    assert np.isnan(median_shape(shapes)).all()
