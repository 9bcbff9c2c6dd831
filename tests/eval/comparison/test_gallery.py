"""Faces of the gallery: which are chosen, and that points lie where they do in the image."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from skimage.io import imread, imsave

from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.gallery import choose_faces, make_gallery, primary_regressor
from tcdcn_init.eval.comparison.measure import measure_starts
from tcdcn_init.eval.comparison.plan import Plan
from tcdcn_init.eval.comparison.report import Gallery
from tcdcn_init.eval.starts import make_start
from tcdcn_init.shapes import ShapeBank

POINTS = np.array([[40.0, 40.0], [80.0, 40.0], [60.0, 60.0], [45.0, 80.0], [75.0, 80.0]])


class Still:
    """Leaves its start as it is."""

    mean_shape = POINTS / 120

    def fit_from_shape(self, image, shape):
        return np.asarray(shape)

    fit_from_box = fit_from_points = fit_from_shape


class Knowing:
    """An initializer that knows the points, but for those of the last face."""

    def points_and_confidence(self, images, boxes, on_bad):
        points = np.array([POINTS + [3.0 * (box[0] > 11), 0] for (box,) in boxes], dtype=np.float32)
        return points, np.full(len(points), np.nan)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> list[Face]:
    """Three faces, on images that are black but for a white square around each point."""
    folder = tmp_path_factory.mktemp("gallery")
    made = []
    for k in range(3):
        image = np.zeros((300, 200, 3), dtype=np.uint8)
        for x, y in POINTS.astype(int):
            image[y - 2 : y + 3, x - 2 : x + 3] = 255
        imsave(folder / f"{k}.png", image, check_contrast=False)
        box = np.array([10.0 + k, 10.0, 110.0 + k, 110.0])
        made.append(Face(f"{k}", folder / f"{k}.png", POINTS.astype(np.float32), box))
    return made


def make_plan(*starts: str) -> Plan:
    rng = np.random.default_rng(0)
    bank = ShapeBank((POINTS - 60) / 100 + rng.normal(0, 0.1, (9, 1, 2)))
    return Plan({"still": Still}, tuple(make_start(name, bank) for name in starts), Knowing, noises=(), rolls=())


def test_points_lie_on_the_pixels_that_they_mark(faces) -> None:
    plan = make_plan("random-5", "tcdcn-nearest", "mean")
    measured = measure_starts(faces, plan)
    gallery = make_gallery(faces, plan, measured, most=2)
    assert (len(gallery.improved), len(gallery.worst)) == (2, 2)
    assert gallery.worst[0].name == "2"
    assert {shown.name for shown in gallery.improved} <= {"0", "1", "2"}
    shown = gallery.worst[0]
    head, _, data = shown.image.partition(",")
    assert head == "data:image/jpeg;base64"
    image = imread(io.BytesIO(base64.b64decode(data)))
    assert max(image.shape[:2]) == 260
    for (x, y), point in zip(shown.truth, POINTS, strict=True):
        assert image[round(y), round(x)].min() > 200
        np.testing.assert_allclose((point - shown.origin + 0.5) * shown.scale - 0.5, [x, y], atol=0.01)
    before, after = shown.panels
    assert (before.start, after.start) == ("random-5", "tcdcn-nearest")
    assert np.shape(before.shape_start) == (5, 5, 2)
    assert after.error == pytest.approx(3 / 40, abs=1e-5)
    np.testing.assert_allclose(np.subtract(after.shape, shown.truth)[:, 0], 3 * shown.scale, atol=0.02)
    assert (shown.regressor, shown.training) == ("still", "original")


def test_without_one_of_the_two_starts_there_is_nothing_to_show(faces) -> None:
    plan = make_plan("mean", "tcdcn-nearest")
    assert make_gallery(faces, plan, measure_starts(faces, plan)) == Gallery()


def test_missing_faces_are_the_worst() -> None:
    before, after = np.array([0.1, np.nan, 0.5]), np.array([0.2, 0.1, np.nan])
    assert choose_faces(before, after) == {"improved": [1], "worst": [2, 0, 1]}


def test_the_regressor_of_the_paper_is_shown_first() -> None:
    assert primary_regressor(["ert5-mtfl", "sdm-mtfl", "rcpr-mtfl"]) == "rcpr-mtfl"
    assert primary_regressor(["ert5-mtfl", "sdm-mtfl"]) == "sdm-mtfl"
    assert primary_regressor(["mine", "ert5-mtfl"]) == "mine"
    assert primary_regressor([]) == "none"
