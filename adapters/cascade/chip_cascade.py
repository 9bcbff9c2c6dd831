"""What cascades that look at faces in numpy share: their starts, a chip cut around each, and batches of them.

A face is cut out once for each start, to an upright grey chip of fixed resolution in which all stages look, so that the
work of a stage depends on neither the picture's size nor the face's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.crops import as_picture, cut
from tcdcn_init.geometry import BoxLike, as_box, centroid_size, compose, transform_points

_SMALLEST, _LARGEST = 1e-3, 1e6  # radius of a shape in pixels: what is beyond is an error, or lost in rounding


def radius(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance of the points of shapes (..., P, 2) from their mean."""
    return np.asarray(centroid_size(shapes) / np.sqrt(shapes.shape[-2]))


def usable(shapes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of shapes (..., P, 2) in pixels can be looked at: finite ones whose points lie apart."""
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
        How far a chip reaches from the shape's middle, in radii. Past the picture's border its last pixels go on.

    Attributes
    ----------
    reference : (P, 2) ndarray
        The mean shape, centred and in its radii.
    side : int
        Side of a chip in pixels.

    Raises
    ------
    ValueError
        If the points coincide.
    """

    def __init__(self, upright: ArrayLike, resolution: float, reach: float) -> None:
        self.reference = centred(upright)
        self.side = 2 * math.ceil(reach * resolution)
        self._resolution = resolution

    def cut(self, picture: NDArray[Any], shape: NDArray[np.float64]) -> NDArray[np.float32]:
        """The grey (side, side) chip of a picture around a shape (P, 2)."""
        return np.asarray(cut(picture, self._frames(shape[None]), self.side)[0])

    def chip_maps(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Maps (N, 2, 3) from the pixels of the chips around shapes (N, P, 2) to the picture."""
        shift = (1 - self.side) / (2 * self.side)
        return compose(self._frames(shapes), [[1 / self.side, 0, shift], [0, 1 / self.side, shift]])

    def _frames(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frames as `crops.cut` takes them."""
        frames = np.zeros((len(shapes), 2, 3))
        frames[:, 0, 0] = frames[:, 1, 1] = radius(shapes) * (self.side / self._resolution)
        frames[:, :, 2] = shapes.mean(axis=1)
        return frames


def centred(upright: ArrayLike) -> NDArray[np.float64]:
    """A shape (P, 2) about its middle, in its radii; ValueError if its points coincide."""
    shape = np.asarray(upright, dtype=np.float64)
    size = radius(shape)
    if not size > 0:
        raise ValueError("the points of the mean shape coincide; expected distinct points")
    return np.asarray((shape - shape.mean(axis=0)) / size)


class ChipCascade(ABC):
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

    # What a kind of cascade adds.

    @abstractmethod
    def _chips(self) -> ShapeChips: ...

    @abstractmethod
    def _blocks(self, count: int) -> list[slice]:
        """Slices of so many starts as are best moved at once."""

    @abstractmethod
    def _run(self, chips: NDArray[Any], starts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where starts (N, P, 2) in pixels of the picture end, from the chips around them."""

    # What they share.

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
        good = self.seeded.usable(array)
        starts = np.full((*array.shape[:-2], *self._mean.shape), np.nan)
        starts[good] = transform_points(self.seeded.from_points(array[good]), self._mean)
        return starts

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        """Fit from the mean shape in a face box: `predict` from `starts_from_boxes`."""
        return self.predict(image, self.starts_from_boxes(as_box(box)))

    def fit_from_points(self, image: Any, points: ArrayLike) -> NDArray[np.float64]:
        """Fit from the mean shape on five points (5, 2) in the order of `geometry.FIVE_POINTS`."""
        return self.predict(image, transform_points(self.seeded.from_points(points), self._mean))

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        """Fit from a start (P, 2) in pixels: `predict`, under the name that all regressors share."""
        return self.predict(image, shape)

    def predict(self, image: Any, start: ArrayLike) -> NDArray[np.float64]:
        """Move a start onto a face.

        Parameters
        ----------
        image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        start : (P, 2) array_like
            In pixels.

        Returns
        -------
        (P, 2) ndarray of float64

        Raises
        ------
        ValueError, TypeError
            As `predict_many`.
        """
        given = np.asarray(start, dtype=np.float64)
        if given.shape != self._mean.shape:
            raise ValueError(f"start has shape {given.shape}; expected {self._mean.shape}, the model's points")
        return np.asarray(self.predict_many([image], given[None])[0])

    def predict_many(
        self, images: Any | Sequence[Any], starts: ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float64]:
        """Move many starts onto faces at once.

        Parameters
        ----------
        images : ndarray, or a list or tuple of N ndarrays
            One picture with all faces, or the picture of each.
        starts : (N, P, 2) or (N, K, P, 2) array_like
            In pixels; K starts for each face.
        on_bad : {"raise", "nan"}
            What a start that cannot be used does: raise, or get NaN points while the others get theirs.

        Returns
        -------
        ndarray of float64, of the shape of `starts`
            A face does not depend on the others in the batch.

        Raises
        ------
        TypeError
            If an image is a path, or of a dtype that holds no pixels.
        ValueError
            If shapes do not fit together; if a start is not finite, its points coincide or lie wholly outside of
            the picture, or the picture is not finite there.
        """
        pictures, given = self._batch(images, starts, on_bad)
        each = given.shape[1] if given.ndim == 4 else 1
        shapes = given.reshape(-1, *self._mean.shape)
        results = np.full_like(shapes, np.nan)
        for part in self._blocks(len(shapes)):
            rows, chips = self._cut(pictures, shapes, range(part.start, part.stop), each, on_bad)
            if rows:
                results[rows] = self._run(chips, shapes[rows])
        return results.reshape(given.shape)

    def _batch(self, images: Any, starts: ArrayLike, on_bad: str) -> tuple[list[NDArray[Any]], NDArray[np.float64]]:
        """The picture of each face, and the starts, checked."""
        if on_bad not in ("raise", "nan"):
            raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")
        given = np.asarray(starts, dtype=np.float64)
        if given.ndim not in (3, 4) or given.shape[-2:] != self._mean.shape:
            points = f"{len(self._mean)}, 2"
            raise ValueError(f"starts have shape {given.shape}; expected (N, {points}) or (N, K, {points})")
        if isinstance(images, list | tuple):
            if len(images) != len(given):
                raise ValueError(f"{len(images)} images, starts for {len(given)}; expected one image, or one for each")
            return [as_picture(image) for image in images], given
        return [as_picture(images)] * len(given), given

    def _cut(
        self,
        pictures: Sequence[NDArray[Any]],
        shapes: NDArray[np.float64],
        numbers: Sequence[int],
        each: int,
        on_bad: str,
    ) -> tuple[list[int], NDArray[Any]]:
        """Which of the starts can be used, and their chips."""
        rows: list[int] = []
        chips: list[NDArray[Any]] = []
        for row in numbers:
            try:
                chips.append(self._chip(pictures[row // each], shapes[row]))
                rows.append(row)
            except ValueError as error:
                if on_bad == "raise":
                    raise ValueError(f"start number {row}: {error}") from error
        return rows, np.stack(chips) if chips else np.empty((0, 0, 0))

    def _chip(self, picture: NDArray[Any], start: NDArray[np.float64]) -> NDArray[Any]:
        if not usable(start):
            raise ValueError(f"it is {start.tolist()}; expected finite coordinates of points that do not coincide")
        height, width = picture.shape[:2]
        (left, top), (right, bottom) = start.min(axis=0).tolist(), start.max(axis=0).tolist()
        if left > width - 0.5 or top > height - 0.5 or right < -0.5 or bottom < -0.5:
            raise ValueError(
                f"its points, x {left:g} to {right:g} and y {top:g} to {bottom:g}, lie wholly outside of the "
                f"image of width {width} and height {height}; expected pixels, x before y"
            )
        chip = self._chips().cut(picture, start)
        if not np.isfinite(chip).all():
            raise ValueError("the image holds NaN or infinity there; replace such pixels, e.g. with numpy.nan_to_num")
        return chip


StartSampler: TypeAlias = Callable[
    [ChipCascade, NDArray[np.float64], NDArray[np.float64], np.random.Generator], NDArray[np.float64]
]
"""Draws training starts: called with an untrained model (for its `starts_from_boxes` and `starts_from_points`), the
faces' points (N, P, 2) and boxes (N, 4), and a generator, it returns (N, K, P, 2)."""
