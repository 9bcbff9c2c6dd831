"""One pass from five points to many: a network on an upright crop centred by the five."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.confidence import Calibration
from tcdcn_init.crops import frames_from_points
from tcdcn_init.geometry import transform_points
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.regions import Region
from tcdcn_init.passes.repeated import Ask, not_finite

__all__ = ["DenseAnswers", "dense_points", "run_dense"]

_AS_TRAINED = Calibration()


class DenseAnswers(NamedTuple):
    """What is said of P points of N faces.

    Attributes
    ----------
    points : (N, P, 2) ndarray of float64
        In image pixels.
    expected_error : (N, P) ndarray of float32
        How far off each point is to be expected, in inter-ocular distances.
    visible : (N, P) ndarray of float32
        Probability of each point that it can be seen.
    finite : (N,) ndarray of bool
        False where an image of floats holds NaN or infinity under the face.
    """

    points: NDArray[np.float64]
    expected_error: NDArray[np.float32]
    visible: NDArray[np.float32]
    finite: NDArray[np.bool_]


def dense_points(
    ask: Ask,
    config: DenseConfig,
    images: Sequence[NDArray[Any]],
    five: ArrayLike,
    calibration: Calibration = _AS_TRAINED,
) -> DenseAnswers:
    """Ask a dense network about faces whose five points are known.

    Parameters
    ----------
    ask : callable
        Crops (N, side, side) to answers.
    config : DenseConfig
    images : sequence of ndarray
        Each face's, as `images.as_image` returns it.
    five : (N, 5, 2) array_like
        Finite, in the order of `geometry.FIVE_POINTS`; N at least 1.
    calibration : Calibration, optional
        Of expected errors and visibility; without it they are as trained.
    """
    frames = frames_from_points(five, config.view)
    crops = np.empty((len(frames), config.side, config.side), dtype=np.float32)
    finite = np.ones(len(frames), dtype=np.bool_)
    for k, (image, matrix) in enumerate(zip(images, frames.tolist(), strict=True)):
        (a, _, x), (b, _, y) = matrix
        frame = Frame(a, b, x, y)
        region = Region(image, frame, math.hypot(a, b) / config.side)
        finite[k] = region.finite
        crops[k] = region.turned(frame, config.side)
    crops *= np.float32(1 / 255)
    answers = ask(crops)
    visible = calibration.visible(answers["visible"]).astype(np.float32)
    error = calibration.expected_error(answers["expected_error"]).astype(np.float32)
    return DenseAnswers(transform_points(frames, answers["points"]), error, visible, finite)


def run_dense(
    ask: Ask,
    config: DenseConfig,
    images: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[np.float64]],
    five: NDArray[np.float32],
    calibration: Calibration = _AS_TRAINED,
    *,
    on_bad: str,
) -> DenseAnswers:
    """Dense points of all faces of all images, asked for in one batch.

    Parameters
    ----------
    ask, config, calibration
        As for `dense_points`.
    images : sequence of ndarray
        As `images.as_image` returns them.
    boxes : sequence of (N, 4) ndarray
        The boxes of each image, for messages.
    five : (N, 5, 2) ndarray
        Points of all boxes in order; NaN where there are none.
    on_bad : {"raise", "nan"}
        What pixels that are not finite under a face do.

    Returns
    -------
    DenseAnswers
        Of all boxes in order; NaN where there are no five points, or the pixels are not finite.

    Raises
    ------
    ValueError
        If pixels under a face are not finite (``on_bad="raise"``).
    """
    count, shape = len(five), (len(five), config.points)
    points = np.full((*shape, 2), np.nan)
    error, visible = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    finite = np.zeros(count, dtype=np.bool_)
    rows = np.flatnonzero(np.isfinite(five).all(axis=(1, 2)))
    if len(rows):
        owner = np.repeat(np.arange(len(images)), [len(entry) for entry in boxes])
        found = dense_points(ask, config, [images[k] for k in owner[rows]], five[rows], calibration)
        if not found.finite.all() and on_bad == "raise":
            raise not_finite(np.concatenate(boxes)[rows[~found.finite][0]])
        finite[rows] = found.finite
        good = rows[found.finite]
        points[good], error[good], visible[good] = (values[found.finite] for values in found[:3])
    return DenseAnswers(points, error, visible, finite)
