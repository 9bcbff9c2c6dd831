"""How a user's own typed program sees the package: `make types` checks this file, tests/test_typing.py runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from tcdcn_init import Initialization, Initializer, initialize
from tcdcn_init.adapters.base import ShapeRegressor, load_regressor
from tcdcn_init.adapters.skimage import align_face
from tcdcn_init.datasets import Face, read_csv
from tcdcn_init.eval.metrics import Summary, summarise
from tcdcn_init.geometry import FloatArray, similarity_between, transform_points


def one_image(image: NDArray[np.uint8]) -> list[float]:
    faces = initialize(image, [(170, 70, 275, 205)])
    assert_type(faces, list[Initialization])
    assert_type(faces[0].points, NDArray[np.float32])
    assert_type(faces[0].attributes["pose"]["frontal"], float)
    return [face.roll for face in faces]


def many_images(images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    initializer = Initializer("tcdcn-mtfl", backend="torch", passes=1)
    points = initializer.points(images, [[(170, 70, 275, 205)]] * len(images), on_bad="nan")
    assert_type(points, NDArray[np.float32])
    return points


def aligned(image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[Any]:
    return align_face(image, points)


class Still:
    """The least that is a regressor: it leaves the points where they start."""

    mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])

    def fit_from_box(self, image: Any, box: Any) -> FloatArray:
        left, top, right, bottom = box
        return np.asarray([left, top] + self.mean_shape * [right - left, bottom - top])

    def fit_from_points(self, image: Any, points: Any) -> FloatArray:
        return transform_points(similarity_between(self.mean_shape, points), self.mean_shape)

    def fit_from_shape(self, image: Any, shape: Any) -> FloatArray:
        return np.asarray(shape, dtype=np.float64)


def fitted(image: NDArray[np.uint8], regressor: ShapeRegressor) -> FloatArray:
    return regressor.fit_from_box(image, (170, 70, 275, 205))


def faces_of(path: Path) -> list[Face]:
    return read_csv(path)


def main() -> None:
    from skimage.data import astronaut

    image = astronaut()
    assert len(one_image(image)) == 1
    points = many_images([image, image])
    assert aligned(image, points[0]).shape == (112, 112, 3)
    assert fitted(image, Still()).shape == fitted(image, load_regressor("sdm-mtfl-box")).shape == (5, 2)
    assert_type(summarise([0.1, 0.2]), Summary)


if __name__ == "__main__":
    main()
