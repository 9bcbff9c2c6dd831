"""Faces that can be drawn at any roll, and small cascades trained on them."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.adapters.ert_arrays import CascadeArrays
from tcdcn_init.geometry import box_from_points, compose, rotation, similarity_between, transform_points

FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])
"""An upright face."""


def draw(points: np.ndarray, shape: tuple[int, int] = (140, 160), seed: int = 0) -> np.ndarray:
    """A grey picture with round marks, so that a turned face is a turned picture: dark eyes, light nose, dim mouth."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    size = np.linalg.norm(points[1] - points[0])
    picture = np.random.default_rng(seed).normal(120, 3, shape)
    for (x, y), light in zip(points, (-110, -110, 120, -60, -60), strict=True):
        picture += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (0.2 * size) ** 2)
    return np.clip(picture, 0, 255).astype(np.uint8)


def face(
    rng: np.random.Generator, roll: float = 0.0, scale: float = 1.0, jitter: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a face near its middle, and its five points."""
    upright = FIVE + rng.normal(0, jitter, FIVE.shape)
    place = compose([[1, 0, 80], [0, 1, 70]], compose(rotation(roll), [[scale, 0, 0], [0, scale, 0]]))
    points = transform_points(place, upright - FIVE.mean(axis=0) + rng.uniform(-6, 6, 2))
    return draw(points, seed=int(rng.integers(1 << 30))), points


def random_arrays(rng: np.random.Generator, **sizes: int) -> CascadeArrays:
    """A cascade of noise."""
    given = {"levels": 2, "trees": 3, "depth": 2, "points": 5, "pixels": 7, **sizes}
    levels, trees, points, pixels = (given[name] for name in ("levels", "trees", "points", "pixels"))
    splits = 2 ** given["depth"] - 1
    return CascadeArrays(
        mean_shape=rng.uniform(0.1, 0.9, (points, 2)),
        split_pixels=rng.integers(0, pixels, (levels, trees, splits, 2)),
        thresholds=rng.normal(0, 40, (levels, trees, splits)),
        leaves=rng.normal(0, 0.02, (levels, trees, splits + 1, 2 * points)),
        anchors=rng.integers(0, points, (levels, pixels)),
        deltas=rng.normal(0, 0.2, (levels, pixels, 2)),
    )


@pytest.fixture(scope="session")
def faces() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Upright training faces: picture, points, box."""
    rng = np.random.default_rng(1)
    return [(*pair, box_from_points(pair[1])) for pair in (face(rng) for _ in range(120))]


@pytest.fixture(scope="session")
def stock(faces):
    """A predictor that dlib trained by itself, on square boxes like its own detector's."""
    dlib = pytest.importorskip("dlib")
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 6, 40, 3
    options.feature_pool_size, options.num_test_splits, options.num_threads = 100, 20, 1
    detections = []
    mean = np.mean([points for _, points, _ in faces], axis=0)
    for _, points, _ in faces:
        # The box that the face's own five points would give, so that boxes vary as little as seeds do.
        corners = transform_points(similarity_between(mean, points), np.add([[-40, -48], [40, 32]], mean.mean(axis=0)))
        centre, half = corners.mean(axis=0), np.linalg.norm(corners[1] - corners[0]) / 8**0.5
        left, top, right, bottom = np.rint([*(centre - half), *(centre + half)]).astype(int).tolist()
        parts = dlib.points([dlib.point(x, y) for x, y in np.rint(points).astype(int).tolist()])
        detections.append([dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), parts)])
    return dlib.train_shape_predictor([picture for picture, _, _ in faces], detections, options)


@pytest.fixture(scope="session")
def stock_file(stock, tmp_path_factory):
    path = tmp_path_factory.mktemp("dlib") / "stock.dat"
    stock.save(str(path))
    return path
