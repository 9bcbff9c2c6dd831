"""What cascades that sample faces in numpy share: their starts, and a chip cut around each.

A face is cut out once for each start, to an upright grey chip of fixed resolution which all stages sample, so that the
work of a stage depends on neither the image's size nor the face's.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import BatchForms, Fitted
from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.crops import cut
from tcdcn_init.geometry import centroid_size, compose, transform_points

__all__ = ["ChipCascade", "ShapeChips", "StartSampler", "centred", "radius", "valid", "within_bounds"]

_LARGEST_SIDE = 1000  # of a chip, in pixels: a file's settings decide the memory that a face takes

_SMALLEST, _LARGEST = 1e-3, 1e6  # radius of a shape in pixels: what is beyond is an error, or lost in rounding


def radius(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance of the points of shapes (..., P, 2) from their mean."""
    return np.asarray(centroid_size(shapes) / np.sqrt(shapes.shape[-2]))


def valid(shapes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of shapes (..., P, 2) in pixels a chip can be cut around: finite ones whose points lie apart."""
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = radius(shapes)
    return np.asarray((sizes > _SMALLEST) & (sizes < _LARGEST))


class ShapeChips:
    """Chips around shapes, upright and of a fixed number of pixels to a radius.

    Parameters
    ----------
    upright : (P, 2) array_like
        The mean shape in true proportions, in any unit.
    resolution : float
        Pixels to a radius of the shape.
    reach : float
        How far a chip reaches from the shape's middle, in radii. Past the image's border its last pixels go on.

    Attributes
    ----------
    reference : (P, 2) ndarray
        The mean shape, centred and in its radii.
    side : int
        Side of a chip in pixels.

    Raises
    ------
    ValueError
        If the points coincide, or a chip would have more than 1,000 pixels a side.
    """

    def __init__(self, upright: ArrayLike, resolution: float, reach: float) -> None:
        self.reference = centred(upright)
        self.side = 2 * math.ceil(reach * resolution)
        if self.side > _LARGEST_SIDE:
            raise ValueError(
                f"chips that reach {reach:g} radii at {resolution:g} pixels to a radius are {self.side} pixels wide; "
                f"expected at most {_LARGEST_SIDE}: take a lower resolution or reach"
            )
        self._resolution = resolution

    def cut(self, image: NDArray[Any], shape: NDArray[np.float64]) -> NDArray[np.float32]:
        """The grey (side, side) chip of a checked image around a shape (P, 2)."""
        return np.asarray(cut(image, self._frames(shape[None]), self.side)[0])

    def chip_maps(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Maps (N, 2, 3) from the pixels of the chips around shapes (N, P, 2) to the image."""
        shift = (1 - self.side) / (2 * self.side)
        return compose(self._frames(shapes), [[1 / self.side, 0, shift], [0, 1 / self.side, shift]])

    def _frames(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frames as `crops.cut` takes them."""
        frames = np.zeros((len(shapes), 2, 3))
        frames[:, 0, 0] = frames[:, 1, 1] = radius(shapes) * (self.side / self._resolution)
        frames[:, :, 2] = shapes.mean(axis=1)
        return frames


def within_bounds(shapes: NDArray[Any], side: int) -> NDArray[np.bool_]:
    """Which of shapes (N, ...) in the pixels of chips are still near them: what is not has gone astray for good."""
    return np.asarray((np.abs(shapes) < 1000.0 * side).reshape(len(shapes), -1).all(axis=1))


def centred(upright: ArrayLike) -> NDArray[np.float64]:
    """A shape (P, 2) about its middle, in its radii; ValueError if its points coincide."""
    shape = np.asarray(upright, dtype=np.float64)
    size = radius(shape)
    if not size > 0:
        raise ValueError("the points of the mean shape coincide; expected distinct points")
    return np.asarray((shape - shape.mean(axis=0)) / size)


class ChipCascade(BatchForms):
    """A cascade that moves shapes in chips: the part of `SDM` and `RCPR` that does not depend on what a stage is.

    Parameters
    ----------
    mean_shape : (P, 2) array_like
        In units of the box.
    aspect : float
        Width over height of the boxes it was trained on.
    layout : mapping, optional
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know.

    Attributes
    ----------
    seeded : frames.SeededFrames

    Raises
    ------
    ValueError
        If the mean shape is not (P, 2), finite.
    """

    def __init__(self, mean_shape: ArrayLike, *, aspect: float = 1.0, layout: IndexMap | None = None) -> None:
        self._mean = np.asarray(mean_shape, dtype=np.float64)
        if self._mean.ndim != 2 or self._mean.shape[1] != 2 or len(self._mean) < 2:
            raise ValueError(f"mean_shape has shape {self._mean.shape}; expected (P, 2), two points or more")
        if not np.isfinite(self._mean).all():
            raise ValueError("mean_shape not finite")
        self.seeded = SeededFrames(self._mean, aspect=aspect, layout=layout)

    @abstractmethod
    def _chips(self) -> ShapeChips:
        """What cuts the chips that the stages sample."""

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The (P, 2) unseeded start, in units of the box."""
        return self._mean.copy()

    @property
    def aspect(self) -> float:
        """Width over height of the boxes it was trained on."""
        return self.seeded.aspect

    def starts_from_boxes(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """The mean shape stretched into boxes: (..., P, 2) from (..., 4)."""
        return transform_points(frames_from_boxes(boxes), self._mean)

    def starts_from_points(self, points: ArrayLike) -> NDArray[np.float64]:
        """The mean shape carried by a similarity onto five points: (..., P, 2) from (..., 5, 2).

        NaN where points are not finite or coincide.
        """
        array = np.asarray(points, dtype=np.float64)
        rows = self.seeded.valid(array)
        starts = np.full((*array.shape[:-2], *self._mean.shape), np.nan)
        starts[rows] = transform_points(self.seeded.from_points(array[rows]), self._mean)
        return starts

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.seeded.valid(points)

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        return self._fit_shapes(images, self.starts_from_boxes(boxes)[:, None])

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        return self._fit_shapes(images, self.starts_from_points(points)[:, None])

    def _chip(self, image: NDArray[Any], start: NDArray[np.float64]) -> NDArray[Any]:
        """The chip around a start (P, 2) of a checked image; ValueError if the start cannot be used there."""
        if not valid(start):
            raise ValueError(
                f"it starts from {start.tolist()}; expected finite coordinates of points that do not coincide"
            )
        height, width = image.shape[:2]
        (left, top), (right, bottom) = start.min(axis=0).tolist(), start.max(axis=0).tolist()
        if left > width - 0.5 or top > height - 0.5 or right < -0.5 or bottom < -0.5:
            raise ValueError(
                f"its start, x {left:g} to {right:g} and y {top:g} to {bottom:g}, lies wholly outside of the "
                f"image of width {width} and height {height}; expected pixels, x before y"
            )
        chip = self._chips().cut(image, start)
        if not np.isfinite(chip).all():
            raise ValueError("the image holds NaN or infinity there; replace such pixels, e.g. with numpy.nan_to_num")
        return chip


StartSampler: TypeAlias = Callable[
    [ChipCascade, NDArray[np.float64], NDArray[np.float64], np.random.Generator], NDArray[np.float64]
]
"""Draws training starts: called with an untrained model (for its `starts_from_boxes` and `starts_from_points`), the
faces' points (N, P, 2) and boxes (N, 4), and a generator, it returns (N, K, P, 2)."""
