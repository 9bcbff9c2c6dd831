"""TCDCN's own dense points: a regressor in one step, a network on the crop that five points ask for.

In the manner of the paper's journal version (Zhang, Luo, Loy, Tang: Learning and Transferring Multi-task Deep
Representation for Face Alignment, TPAMI 2016): what was learned of five points is transferred to 68.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import BatchForms, Fitted, median_shape
from tcdcn_init.datasets.published.ibug68 import mtfl_five_from_68
from tcdcn_init.geometry import as_five_points
from tcdcn_init.images import as_image
from tcdcn_init.network.backends import load_backend
from tcdcn_init.network.config import DEFAULT_BACKEND, BackendName
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.passes.dense import DenseAnswers, dense_points
from tcdcn_init.weights import DENSE_MODEL, is_path

__all__ = ["DenseNetwork"]


class DenseNetwork(BatchForms):
    """iBUG's 68 points from five, by a network; satisfies `base.BatchRegressor`.

    A start shape counts by its five points alone: the network looks anew wherever they lie. It can be shared between
    threads, used after a fork, pickled and copied.

    Parameters
    ----------
    model : str or path
        "tcdcn-68", or the path of a .safetensors or .onnx file of a dense network.
    backend : {"auto", "onnx", "torch"}
        As of `Initializer`.

    Raises
    ------
    ValueError
        If the model or the backend is unknown, or the model is not one of dense points.

    References
    ----------
    Zhang, Luo, Loy, Tang: Learning and Transferring Multi-task Deep Representation for Face Alignment, TPAMI 2016.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from tcdcn_init import initialize
    >>> [face] = initialize(astronaut(), [(170, 70, 275, 205)])
    >>> DenseNetwork().fit_from_points(astronaut(), face.points).shape
    (68, 2)
    """

    def __init__(self, model: str | Path = DENSE_MODEL, *, backend: BackendName = DEFAULT_BACKEND) -> None:
        self.model = Path(model).resolve() if is_path(model) else model
        self.backend = backend
        self._ask = load_backend(model, backend)
        config = self._ask.config
        if not isinstance(config, DenseConfig):
            raise ValueError(f"{model} finds five points in a box; expected a model of dense points, such as tcdcn-68")
        self._config = config
        self._mean_shape = np.asarray(json.loads(self._ask.metadata["mean_shape"]), dtype=np.float64)

    def __reduce__(self) -> tuple[Callable[..., DenseNetwork], tuple[Any, ...]]:
        # Sessions of onnxruntime cannot be pickled.
        return _made, (type(self), self.model, self.backend)

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The mean of the training faces in their boxes, in units of the box; its five points say where to look."""
        return self._mean_shape

    def answers(self, images: Sequence[Any], points: ArrayLike) -> DenseAnswers:
        """All that the network says of N faces, each with its image and its five points, (N, 5, 2)."""
        five = np.asarray(points, dtype=np.float64)
        found = [as_image(image) for image in images]
        return dense_points(self._ask, self._config, found, five, self._ask.calibration)

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        starts = boxes[:, None, :2] + self._mean_shape * (boxes[:, None, 2:] - boxes[:, None, :2])
        return self._fit_points(images, mtfl_five_from_68(starts))

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        shapes = np.full((len(points), *self._mean_shape.shape), np.nan)
        refused: dict[int, ValueError] = {}
        found = self.answers(images, points)
        shapes[found.finite] = found.points[found.finite]
        for k in np.flatnonzero(~found.finite).tolist():
            refused[k] = ValueError("the image holds NaN or infinity under the face; replace such pixels")
        return Fitted(shapes, refused)

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        count, each = shapes.shape[:2]
        starts = shapes.reshape(-1, *shapes.shape[2:])
        five = np.full((len(starts), 5, 2), np.nan)
        refused: dict[int, ValueError] = {}
        for k, start in enumerate(starts):
            try:
                if not np.isfinite(start).all():
                    raise ValueError(f"start holds {start[~np.isfinite(start)][0]}; expected finite points in pixels")
                five[k] = as_five_points(mtfl_five_from_68(start))
            except ValueError as error:
                refused[k] = error
        rows = [k for k in range(len(starts)) if k not in refused]
        found = np.full_like(starts, np.nan)
        if rows:
            repeated = [image for image in images for _ in range(each)]
            some, why = self._fit_points([repeated[k] for k in rows], five[rows])
            found[rows] = some
            refused |= {rows[k]: error for k, error in why.items()}
        joined = median_shape(found.reshape(count, each, *found.shape[1:]))
        return Fitted(joined, {k // each: error for k, error in sorted(refused.items(), reverse=True)})


def _made(kind: type[DenseNetwork], model: str | Path, backend: BackendName) -> DenseNetwork:
    return kind(model, backend=backend)
