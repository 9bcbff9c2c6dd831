"""What every cascaded shape regressor offers here, and how another package adds its own.

A package registers a regressor by an entry point, and its name then works wherever a regressor is named::

    [project.entry-points."tcdcn_init.regressors"]
    mine = "my_package:MyRegressor"
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.offers import load_offer, offered
from tcdcn_init.adapters.cascade.batch import BatchForms, Fitted, OnBad, median_shape
from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.geometry import BoxLike, FloatArray, as_box, transform_points
from tcdcn_init.weights import bundled_models

__all__ = [
    "ENTRY_POINT_GROUP",
    "BatchRegressor",
    "RegressorBase",
    "ShapeRegressor",
    "available_regressors",
    "batched",
    "load_regressor",
]

ENTRY_POINT_GROUP = "tcdcn_init.regressors"
"""Each entry point of this group names a callable without arguments that returns a `ShapeRegressor`."""

_MEMBERS = ("mean_shape", "fit_from_box", "fit_from_points", "fit_from_shape")


@runtime_checkable
class ShapeRegressor(Protocol):
    """A regressor that moves the points of a start onto a face.

    Shapes are ``(P, 2)`` floats, x then y, in pixels with centres at integers. An image is a grey, RGB or RGBA array
    by scikit-image's rules, as `images.as_image` checks it. A face that cannot be fitted raises a ValueError, as do
    boxes and points that `geometry.as_box` and `geometry.as_five_points` refuse. `adapters.testing.check_regressor`
    holds an object to all of it; `RegressorBase` does most of it for you.
    """

    @property
    def mean_shape(self) -> FloatArray:
        """The ``(P, 2)`` unseeded start, in units of the box: (0, 0) its left top, (1, 1) its right bottom."""
        ...

    def fit_from_box(self, image: Any, box: BoxLike) -> FloatArray:
        """Start as the regressor does from a face box; returns ``(P, 2)``."""
        ...

    def fit_from_points(self, image: Any, points: ArrayLike) -> FloatArray:
        """Start from five points ``(5, 2)`` in the order of `geometry.FIVE_POINTS`; returns ``(P, 2)``."""
        ...

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> FloatArray:
        """Start from an initial shape ``(P, 2)`` in pixels; returns ``(P, 2)``."""
        ...


@runtime_checkable
class BatchRegressor(Protocol):
    """A `ShapeRegressor` that fits many faces at once. All of ours do; `batched` makes one of any other.

    Images are one array with all faces, or a list or tuple with the image of each. ``on_bad="nan"`` makes a face that
    cannot be fitted NaN instead of raising. No face's result depends on the others in the batch.
    """

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """As of `ShapeRegressor`."""
        ...

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        """As of `ShapeRegressor`."""
        ...

    def fit_from_boxes(
        self, images: Any | Sequence[Any], boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """``(N, P, 2)`` from N boxes."""
        ...

    def fit_from_points(
        self, images: Any | Sequence[Any], points: ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """``(P, 2)`` from the five points ``(5, 2)`` of a face, ``(N, P, 2)`` from ``(N, 5, 2)``."""
        ...

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        """As of `ShapeRegressor`."""
        ...

    def fit_from_shapes(
        self, images: Any | Sequence[Any], shapes: ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """``(N, P, 2)`` from start shapes ``(N, P, 2)``, or ``(N, K, P, 2)``: K to a face, whose results it joins."""
        ...


class RegressorBase(BatchForms):
    """A base for regressors of your own that say how to fit one face from a start shape; it adds all other forms.

    Subclasses have `mean_shape` (an attribute will do) and `fit_from_shape`. The start in a box is the mean shape
    stretched into it, the start on five points the mean shape laid on them by a similarity; both may be overridden.

    Attributes
    ----------
    aspect : float
        Width over height of the boxes that the mean shape lies in.
    layout : mapping or None
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know.

    Examples
    --------
    >>> class Lazy(RegressorBase):
    ...     mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    ...
    ...     def fit_from_shape(self, image, shape):
    ...         return np.asarray(shape)
    >>> Lazy().fit_from_boxes(np.zeros((90, 90)), [(10, 20, 60, 70), (0, 0, 40, 40)])[:, 0].tolist()
    [[25.0, 40.0], [12.0, 16.0]]
    """

    aspect: float = 1.0
    layout: IndexMap | None = None

    @abstractmethod
    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        """Fit one face from a start shape; parameters and result as of `ShapeRegressor`."""

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        """Fit one face from the mean shape in its box; parameters and result as of `ShapeRegressor`."""
        return self.fit_from_shape(image, transform_points(frames_from_boxes(as_box(box)), self.mean_shape))

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self._seeded().valid(points)

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        return _one_by_one(self.fit_from_box, images, boxes, len(self.mean_shape))

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        starts = transform_points(self._seeded().from_points(points), self.mean_shape)
        return _one_by_one(self.fit_from_shape, images, starts, len(self.mean_shape))

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        count, each = shapes.shape[:2]
        repeated = [image for image in images for _ in range(each)]
        starts = shapes.reshape(-1, *shapes.shape[2:])
        found, refused = _one_by_one(self.fit_from_shape, repeated, starts, len(self.mean_shape))
        return Fitted(
            median_shape(found.reshape(count, each, *found.shape[1:])),
            {k // each: error for k, error in reversed(refused.items())},
        )

    def _seeded(self) -> SeededFrames:
        return SeededFrames(self.mean_shape, aspect=self.aspect, layout=self.layout)


class _Looped(RegressorBase):
    """A regressor of single forms, asked face by face."""

    def __init__(self, regressor: ShapeRegressor) -> None:
        self._single = regressor

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        return np.asarray(self._single.mean_shape, dtype=np.float64)

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        return np.asarray(self._single.fit_from_box(image, box), dtype=np.float64)

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(self._single.fit_from_shape(image, shape), dtype=np.float64)

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return BatchForms._can_start(self, points)

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        return _one_by_one(self._single.fit_from_points, images, points, len(self.mean_shape))


def batched(regressor: ShapeRegressor | BatchRegressor) -> BatchRegressor:
    """A regressor with batch forms: itself, where it has them, else one that asks it face by face.

    Examples
    --------
    >>> regressor = load_regressor("ert5-mtfl")
    >>> batched(regressor) is regressor
    True
    """
    return regressor if isinstance(regressor, BatchRegressor) else _Looped(regressor)


def _one_by_one(
    fit: Callable[[Any, Any], Any], images: Sequence[Any], starts: NDArray[np.float64], points: int
) -> Fitted:
    shapes = np.full((len(images), points, 2), np.nan)
    refused: dict[int, ValueError] = {}
    for n, (image, start) in enumerate(zip(images, starts, strict=True)):
        try:
            if not np.isfinite(start).all():
                raise ValueError(f"it starts from {start.tolist()}; expected finite numbers")
            shapes[n] = fit(image, start)
        except ValueError as error:
            refused[n] = error
    return Fitted(shapes, refused)


def available_regressors() -> list[str]:
    """Names of the regressors that installed packages offer.

    Returns
    -------
    list of str
        Sorted; `load_regressor` takes any of them. Nothing is imported to make this list.

    Examples
    --------
    >>> names = available_regressors()
    >>> names == sorted(names)
    True
    """
    return offered(ENTRY_POINT_GROUP)


def load_regressor(name: str | os.PathLike[str]) -> ShapeRegressor:
    """Make the regressor that an installed package offers under a name, or that a file holds.

    Parameters
    ----------
    name : str or path
        One of `available_regressors`; ``module:attribute``, for a callable that makes one; or the path of a file of
        `ERT`, `SDM` or `RCPR` (.safetensors), or of a dlib shape predictor (.dat), which this project's own cascade
        runs (`ert.ERT`).

    Returns
    -------
    ShapeRegressor

    Raises
    ------
    FileNotFoundError
        If a path was given and there is no such file.
    ValueError
        If no installed package offers the name (near names are suggested), two packages do, what is made is no
        `ShapeRegressor`, or a file holds none.
    ImportError
        If the package that offers it cannot be imported.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"regressor is {name!r}; expected a name, such as ert68-300w, or the path of a file")
    if isinstance(name, os.PathLike) or name.endswith((".dat", ".safetensors", ".onnx")):
        from tcdcn_init.adapters.bundled import read_regressor

        return read_regressor(name)
    if name in bundled_models():
        raise ValueError(
            f"{name} is a model that finds points in a box, tcdcn_init.Initializer({name!r}), no regressor; expected "
            f"one of {', '.join(available_regressors())}"
        )
    factory, place = load_offer("regressor", ENTRY_POINT_GROUP, name)
    regressor = factory()
    missing = [member for member in _MEMBERS if not hasattr(regressor, member)]
    if missing:
        raise ValueError(
            f"regressor {name!r} from {place} is a {type(regressor).__name__} without "
            f"{', '.join(missing)}; expected a ShapeRegressor (tcdcn_init.adapters.base)"
        )
    assert isinstance(regressor, ShapeRegressor)
    return regressor
