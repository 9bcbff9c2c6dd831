"""Single and batch forms of a regressor, from three functions that fit many faces: arguments are checked in one place.

The conventions of all batch forms: one image of many faces, or a list with the image of each; a face that cannot be
fitted raises, or becomes NaN and leaves the others alone; several start shapes of a face are joined by their median.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FIVE_POINTS, BoxLike, as_box, as_five_points, as_numbers
from tcdcn_init.images import as_image

__all__ = ["BatchForms", "Fitted", "OnBad", "as_floats", "check_on_bad", "have_extent", "median_shape"]

OnBad: TypeAlias = Literal["raise", "nan"]
"""What a face that cannot be fitted does: raise, or become NaN and leave the others alone."""


class Fitted(NamedTuple):
    """Shapes of N faces.

    Attributes
    ----------
    shapes : (N, P, 2) ndarray of float64
        NaN for a face that could not be fitted.
    refused : dict of int to ValueError
        Why, by the face's index. A face of which only some starts could be used is here too, beside its shape.
    """

    shapes: NDArray[np.float64]
    refused: dict[int, ValueError]


class BatchForms(ABC):
    """All forms of a regressor over three functions, which get faces that were checked, on images of `images.as_image`.

    Satisfies `base.BatchRegressor`. Images are whatever `images.as_image` takes. Can be shared between threads.

    Examples
    --------
    >>> from tcdcn_init.adapters.base import load_regressor
    >>> regressor = load_regressor("ert5-mtfl")
    >>> image, boxes = np.zeros((100, 100), dtype=np.uint8), [(10, 20, 60, 70), (30, 10, 80, 60), (5, 5, 5, 5)]
    >>> regressor.fit_from_boxes(image, boxes, on_bad="nan").shape
    (3, 5, 2)
    """

    @property
    @abstractmethod
    def mean_shape(self) -> NDArray[np.float64]:
        """The (P, 2) unseeded start, in units of the box."""

    @abstractmethod
    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        """Fit faces in boxes (N, 4)."""

    @abstractmethod
    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        """Fit faces from five points (N, 5, 2) of which `_can_start` is true."""

    @abstractmethod
    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        """Fit faces from start shapes (N, K, P, 2), K at least 1, among which there may be some that are no start."""

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of five points (N, 5, 2) can start a face."""
        return have_extent(points)

    def fit_from_box(self, image: Any, box: BoxLike) -> NDArray[np.float64]:
        """Fit one face from the regressor's own start in its box.

        Parameters
        ----------
        image : image
            Grey, RGB or RGBA, as `images.as_image` takes it.
        box : (left, top, right, bottom) or a dlib rectangle

        Returns
        -------
        (P, 2) ndarray of float64

        Raises
        ------
        ValueError, TypeError
            As `fit_from_boxes`.
        """
        return np.asarray(self.fit_from_boxes([image], [box])[0])

    def fit_from_boxes(
        self, images: Any | Sequence[Any], boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """Fit faces from the regressor's own start in their boxes.

        Parameters
        ----------
        images : image, or a list or tuple of N images
            One image with all faces, or the image of each.
        boxes : (N, 4) array_like, or a sequence of N boxes
        on_bad : {"raise", "nan"}
            What a face that cannot be fitted does: raise, or become NaN and leave the others alone.

        Returns
        -------
        (N, P, 2) ndarray of float64
            A face does not depend on the others in the batch.

        Raises
        ------
        ValueError
            If there is not an image for each box, an image has no shape of one, or a face cannot be fitted: its box
            has no area, say, or lies outside of the image.
        TypeError
            If an image is a path, or of a dtype that holds no pixels.
        """
        check_on_bad(on_bad)
        given = list(boxes)  # type: ignore[arg-type]
        if any(np.isscalar(box) for box in given):
            raise ValueError(f"boxes are {given}; expected (N, 4) numbers or N boxes, one is for fit_from_box")
        checked = np.full((len(given), 4), np.nan)
        refused: dict[int, ValueError] = {}
        for n, box in enumerate(given):
            try:
                checked[n] = as_box(box)
            except ValueError as error:
                refused[n] = error
        return self._joined(self._fit_boxes, images, checked, refused, on_bad)

    def fit_from_points(
        self, images: Any | Sequence[Any], points: ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """Fit one face, or many, from five points.

        Parameters
        ----------
        images : image, or a list or tuple of N images
            The image of the one face; or one image with all faces, or the image of each.
        points : (5, 2) or (N, 5, 2) array_like
            In the order of `geometry.FIVE_POINTS`, in pixels.
        on_bad : {"raise", "nan"}
            As for `fit_from_boxes`.

        Returns
        -------
        (P, 2) or (N, P, 2) ndarray of float64

        Raises
        ------
        ValueError, TypeError
            As `fit_from_boxes`; points cannot be fitted that `geometry.as_five_points` refuses: they are not finite,
            coincide, lie within a pixel or are in mirrored order.
        """
        check_on_bad(on_bad)
        given = as_floats(points, "points")
        if given.shape == (5, 2):
            return np.asarray(self.fit_from_points([images], given[None], on_bad=on_bad)[0])
        given = _none(given, (5, 2))
        if given.ndim != 3 or given.shape[1:] != (5, 2):
            raise ValueError(
                f"points have shape {given.shape}; expected (5, 2), or (N, 5, 2) for N faces: {', '.join(FIVE_POINTS)}"
            )
        refused: dict[int, ValueError] = {}
        for n, can_start in enumerate(self._can_start(given).tolist()):
            try:
                as_five_points(given[n])
                if not can_start:
                    raise ValueError(f"the points {given[n].tolist()} coincide where the model has its own")
            except ValueError as error:
                refused[n] = error
        return self._joined(self._fit_points, images, given, refused, on_bad)

    def fit_from_shape(self, image: Any, shape: ArrayLike) -> NDArray[np.float64]:
        """Fit one face from a start shape.

        Parameters
        ----------
        image : image
            Grey, RGB or RGBA, as `images.as_image` takes it.
        shape : (P, 2) array_like
            In pixels.

        Returns
        -------
        (P, 2) ndarray of float64

        Raises
        ------
        ValueError, TypeError
            As `fit_from_shapes`.
        """
        given = as_floats(shape, "the start")
        if given.shape != self.mean_shape.shape:
            raise ValueError(f"start has shape {given.shape}; expected {self.mean_shape.shape}, the model's points")
        return np.asarray(self.fit_from_shapes([image], given[None])[0])

    def fit_from_shapes(
        self, images: Any | Sequence[Any], shapes: ArrayLike, *, on_bad: OnBad = "raise"
    ) -> NDArray[np.float64]:
        """Fit faces from start shapes, of which a face may have several.

        Parameters
        ----------
        images : image, or a list or tuple of N images
            One image with all faces, or the image of each.
        shapes : (N, P, 2) or (N, K, P, 2) array_like
            In pixels; K starts of each face, of whose results the median counts.
        on_bad : {"raise", "nan"}
            As for `fit_from_boxes`; with "nan", a start that cannot be used is left out of its face's median.

        Returns
        -------
        (N, P, 2) ndarray of float64

        Raises
        ------
        ValueError, TypeError
            As `fit_from_boxes`; a start that is not finite or whose points coincide cannot be used.
        """
        return self._joined(self._fit_shapes, images, self._checked_starts(shapes, on_bad), {}, on_bad)

    def _checked_starts(self, shapes: ArrayLike, on_bad: str) -> NDArray[np.float64]:
        """Start shapes as (N, K, P, 2)."""
        check_on_bad(on_bad)
        points = self.mean_shape.shape
        given = _none(as_floats(shapes, "starts"), points)
        if given.ndim not in (3, 4) or given.shape[-2:] != points or (given.ndim == 4 and not given.shape[1]):
            wanted = f"{points[0]}, 2"
            raise ValueError(
                f"starts have shape {given.shape}; expected (N, {wanted}), or (N, K, {wanted}) for K starts of each "
                "face, K at least 1"
            )
        return given[:, None] if given.ndim == 3 else given

    def _joined(
        self,
        fit: Callable[[Sequence[Any], NDArray[np.float64]], Fitted],
        images: Any,
        starts: NDArray[np.float64],
        refused: dict[int, ValueError],
        on_bad: str,
    ) -> NDArray[np.float64]:
        """Shapes of all faces: fitted where they were not refused before, else NaN. Each image is converted once."""
        count = len(starts)
        each = images if isinstance(images, list | tuple) else [images] * count
        if len(each) != count:
            raise ValueError(f"{len(each)} images for {count} faces; expected one image, or a list of one for each")
        if on_bad == "raise":
            _raise_first(refused, count)
        converted = {id(image): as_image(image) for image in each}
        rows = [n for n in range(count) if n not in refused]
        results = np.full((count, *self.mean_shape.shape), np.nan)
        if rows:
            shapes, why = fit([converted[id(each[n])] for n in rows], starts[rows])
            lost = ~np.isfinite(shapes).all(axis=(1, 2))
            if on_bad == "raise":
                astray = ValueError("the regressor leads out of all bounds from here; its file may be damaged")
                why = dict.fromkeys(np.flatnonzero(lost).tolist(), astray) | why
                _raise_first({rows[k]: error for k, error in why.items()}, count)
            shapes[lost] = np.nan
            results[rows] = shapes
        return results


def as_floats(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """A caller's numbers as float64, NaN where they are masked; ValueError, which calls them by name, if they are none.

    Examples
    --------
    >>> as_floats(np.ma.masked_array([1, 2], mask=[False, True]), "points").tolist()
    [1.0, nan]
    """
    numbers = as_numbers(values)
    if numbers is None:
        raise ValueError(f"{name} are {str(values)[:80]!r}, no numbers; expected an array of x, y in pixels")
    return numbers


def have_extent(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of shapes (..., P, 2) are finite and not all in one place.

    Examples
    --------
    >>> have_extent(np.array([[[1.0, 2], [3, 4]], [[5, 5], [5, 5]], [[np.nan, 0], [1, 1]]])).tolist()
    [True, False, False]
    """
    with np.errstate(invalid="ignore"):
        extent = np.ptp(points, axis=-2).max(axis=-1)
    return np.asarray(np.isfinite(extent) & (extent > 0))


def median_shape(shapes: ArrayLike) -> NDArray[np.float64]:
    """The median of K shapes, coordinate by coordinate, as RCPR takes it.

    Parameters
    ----------
    shapes : (N, K, P, 2) array_like
        A shape that is not wholly finite is left out.

    Returns
    -------
    (N, P, 2) ndarray of float64
        NaN for a face without a finite shape.

    Examples
    --------
    >>> median_shape([[[[1, 5]], [[2, 6]], [[9, np.inf]]]]).tolist()
    [[[1.5, 5.5]]]
    """
    array = np.asarray(shapes, dtype=np.float64)
    finite = np.asarray(np.isfinite(array).all(axis=(2, 3)))
    if finite.all() and array.shape[1]:
        return np.asarray(np.median(array, axis=1))
    result = np.full((len(array), *array.shape[2:]), np.nan)
    rows = finite.any(axis=1)
    result[rows] = np.nanmedian(np.where(finite[rows, :, None, None], array[rows], np.nan), axis=1)
    return result


def check_on_bad(on_bad: str) -> None:
    """ValueError unless it is one of `OnBad`."""
    if on_bad not in get_args(OnBad):
        raise ValueError(f"on_bad is {on_bad!r}; expected 'raise' or 'nan'")


def _none(array: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """No face at all, where it comes as an empty list."""
    return array.reshape(0, *shape) if array.shape == (0,) else array


def _raise_first(refused: Mapping[int, ValueError], count: int) -> None:
    if refused:
        number = min(refused)
        error = refused[number]
        raise ValueError(f"face {number} of {count}: {error}" if count > 1 else str(error)) from error
