"""Many faces through one regressor: in one batch where it has a batch form, one by one where not.

A face that cannot be fitted gets NaN and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.adapters.cascade.chip_cascade import ChipCascade
from tcdcn_init.adapters.cascade.frames import frames_from_boxes
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.rcpr.cascade import RCPR


def fit_from_boxes(regressor: ShapeRegressor, images: Sequence[Any], boxes: ArrayLike) -> NDArray[np.float64]:
    """Fit faces from the regressor's own start in their boxes.

    Parameters
    ----------
    regressor : ShapeRegressor
    images : sequence of N ndarrays
        The picture of each face.
    boxes : (N, 4) array_like

    Returns
    -------
    (N, P, 2) ndarray of float64
        NaN where the regressor refuses the face.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> halfway = SimpleNamespace(mean_shape=np.zeros((1, 2)), fit_from_box=lambda image, box: [[box.mean()] * 2])
    >>> fit_from_boxes(halfway, [np.zeros((9, 9))], [[0, 0, 4, 4]]).tolist()
    [[[2.0, 2.0]]]
    """
    given = np.asarray(boxes, dtype=np.float64)
    if isinstance(regressor, ERT):
        usable = np.asarray(np.isfinite(given).all(axis=1))
        return _ert(regressor, images, usable, lambda good: frames_from_boxes(given[good]))
    if isinstance(regressor, RCPR):
        return regressor.fit_boxes(list(images), given)
    if isinstance(regressor, ChipCascade):
        return regressor.predict_many(list(images), regressor.starts_from_boxes(given), on_bad="nan")
    return _one_by_one(regressor, regressor.fit_from_box, images, given)


def fit_from_points(regressor: ShapeRegressor, images: Sequence[Any], points: ArrayLike) -> NDArray[np.float64]:
    """Fit faces from five points.

    Parameters
    ----------
    regressor : ShapeRegressor
    images : sequence of N ndarrays
        The picture of each face.
    points : (N, 5, 2) array_like

    Returns
    -------
    (N, P, 2) ndarray of float64
        NaN where the points are, or the regressor refuses the face.
    """
    given = np.asarray(points, dtype=np.float64)
    if isinstance(regressor, ERT):
        seeded = regressor.seeded
        return _ert(regressor, images, seeded.usable(given), lambda good: seeded.from_points(given[good]))
    if isinstance(regressor, RCPR):
        return regressor.fit_points(list(images), given)
    if isinstance(regressor, ChipCascade):
        return regressor.predict_many(list(images), regressor.starts_from_points(given), on_bad="nan")
    return _one_by_one(regressor, regressor.fit_from_points, images, given)


def fit_from_shapes(regressor: ShapeRegressor, images: Sequence[Any], starts: ArrayLike) -> NDArray[np.float64]:
    """Fit faces from given start shapes, K to a face.

    Parameters
    ----------
    regressor : ShapeRegressor
        An `ERT` is started in the frame that carries its mean shape onto the start, as its ``fit_from_shape`` does.
    images : sequence of N ndarrays
        The picture of each face.
    starts : (N, K, P, 2) array_like
        In pixels.

    Returns
    -------
    (N, K, P, 2) ndarray of float64
        NaN where a start is not finite, or the regressor refuses it.

    Raises
    ------
    ValueError
        If the starts are not of the regressor's number of points, or not for all images.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> still = SimpleNamespace(mean_shape=np.zeros((1, 2)), fit_from_shape=lambda image, shape: shape)
    >>> fit_from_shapes(still, [np.zeros((9, 9))], [[[[1, 2]], [[3, np.nan]]]]).tolist()
    [[[[1.0, 2.0]], [[nan, nan]]]]
    """
    given = np.asarray(starts, dtype=np.float64)
    points = np.shape(regressor.mean_shape)
    if given.ndim != 4 or len(given) != len(images) or given.shape[2:] != points:
        raise ValueError(
            f"starts have shape {given.shape}; expected ({len(images)}, K, {points[0]}, 2): some for each of the images"
        )
    count = given.shape[1]
    if isinstance(regressor, ChipCascade):
        return regressor.predict_many(list(images), given, on_bad="nan")
    flat = given.reshape(-1, *points)
    repeated = [image for image in images for _ in range(count)]
    if isinstance(regressor, ERT):
        results = np.full_like(flat, np.nan)
        good = _extended(flat)
        if good.size:
            frames = regressor.seeded.from_shapes(flat[good])
            results[good] = regressor.fit_from_frames([repeated[k] for k in good], frames, flat[good])
    else:
        results = _one_by_one(regressor, regressor.fit_from_shape, repeated, flat)
    return results.reshape(given.shape)


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
    if finite.all():
        return np.asarray(np.median(array, axis=1))
    result = np.full((len(array), *array.shape[2:]), np.nan)
    there = finite.any(axis=1)
    kept = np.where(finite[:, :, None, None], array, np.nan)[there]
    result[there] = np.nanmedian(kept, axis=1)
    return result


def _extended(shapes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers of the shapes (N, P, 2) that give a frame: finite, and not all in one place."""
    with np.errstate(invalid="ignore"):
        extent = np.ptp(shapes, axis=1).max(axis=1)
    return np.flatnonzero(np.isfinite(extent) & (extent > 0))


def _ert(
    regressor: ERT, images: Sequence[Any], usable: NDArray[np.bool_], frames: Callable[[Any], NDArray[np.float64]]
) -> NDArray[np.float64]:
    shapes = np.full((len(images), *regressor.mean_shape.shape), np.nan)
    good = np.flatnonzero(usable).tolist()
    if good:
        shapes[good] = regressor.fit_from_frames([images[k] for k in good], frames(good))
    return shapes


def _one_by_one(
    regressor: ShapeRegressor, fit: Callable[[Any, Any], Any], images: Sequence[Any], starts: NDArray[np.float64]
) -> NDArray[np.float64]:
    shapes = np.full((len(images), *np.shape(regressor.mean_shape)), np.nan)
    for shape, image, start in zip(shapes, images, starts, strict=True):
        if np.isfinite(start).all():
            try:
                shape[...] = fit(image, start)
            except ValueError:
                continue
    return shapes
