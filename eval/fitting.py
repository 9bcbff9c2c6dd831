"""Many faces through one regressor: in one batch where it has a batch form, one by one where not.

A face that cannot be fitted gets NaN and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.adapters.ert_cascade import ERT
from tcdcn_init.adapters.frames import frames_from_boxes
from tcdcn_init.adapters.sdm import SDM


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
    if isinstance(regressor, SDM):
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
    if isinstance(regressor, SDM):
        return regressor.predict_many(list(images), regressor.starts_from_points(given), on_bad="nan")
    return _one_by_one(regressor, regressor.fit_from_points, images, given)


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
