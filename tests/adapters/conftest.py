"""Small cascades trained on drawn faces."""

from __future__ import annotations

import numpy as np
import pytest

from builders import face
from tcdcn_init.geometry import box_from_points, similarity_between, transform_points


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
