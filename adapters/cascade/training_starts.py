"""Starts that cascades are trained from: they err as the starts in use do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.chip_cascade import ChipCascade, StartSampler
from tcdcn_init.datasets import Face
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.geometry import box_square, centroid_size, roll_degrees
from tcdcn_init.initializer import Initializer
from tcdcn_init.shapes import from_box_units, to_box_units

__all__ = [
    "box_starts",
    "erring_points",
    "recipe_starts",
    "seed_residuals",
    "seed_starts",
]


def box_starts(
    count: int = 6, *, shift: float = 0.05, log_scale: float = 0.05, shapes: Literal["mean", "random"] = "mean"
) -> StartSampler:
    """Starts in face boxes that err as a detector's boxes do.

    Parameters
    ----------
    count : int
        Starts of each face.
    shift : float
        Standard deviation of the box's shift along each axis, in sides of its square.
    log_scale : float
        Standard deviation of the logarithm of its scale.
    shapes : {"mean", "random"}
        The mean shape, or another face's shape as it lies in that face's box: the start of RCPR (Burgos-Artizzu,
        Perona, Dollár, ICCV 2013).

    Returns
    -------
    chip_cascade.StartSampler
    """
    if count < 1 or shapes not in ("mean", "random"):
        raise ValueError(f"count is {count}, shapes {shapes!r}; expected at least 1, and 'mean' or 'random'")

    def draw(
        model: ChipCascade, truth: NDArray[np.float64], boxes: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        size = (len(boxes), count)
        side = box_square(boxes)[1][:, None, None]
        middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + shift * side * rng.standard_normal((*size, 2))
        half = (boxes[:, None, 2:] - boxes[:, None, :2]) / 2 * np.exp(log_scale * rng.standard_normal((*size, 1)))
        moved = np.concatenate([middle - half, middle + half], axis=-1)
        if shapes == "mean":
            return model.starts_from_boxes(moved)
        bank = to_box_units(truth, boxes)
        # 1 to N - 1 further on: any face but the same.
        others = (np.arange(len(boxes))[:, None] + rng.integers(1, max(2, len(boxes)), size)) % len(boxes)
        return from_box_units(bank[others], moved)

    return draw


def seed_residuals(points: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """How five points of a network or a detector err: samples for `seed_starts`.

    Parameters
    ----------
    points, truth : (M, 5, 2) array_like
        Found and annotated points, in pixels, of faces that the network was not trained on.

    Returns
    -------
    (M, 5, 2) ndarray
        Found minus annotated, rotated back by the face's roll, in units of its centroid size.

    Examples
    --------
    >>> face = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> seed_residuals([face + [0, 5]], [face])[0, 0].round(3).tolist()
    [0.0, 0.094]
    """
    found, true = np.asarray(points, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if found.shape != true.shape or true.ndim != 3 or true.shape[1:] != (5, 2) or not np.isfinite(found - true).all():
        raise ValueError(f"points have shape {found.shape}, truth {true.shape}; expected (M, 5, 2), finite")
    return np.asarray((found - true) @ np.swapaxes(np.linalg.inv(_face_frames(true)), 1, 2))


def seed_starts(residuals: ArrayLike, count: int = 6) -> StartSampler:
    """Starts as a network's five points give them, its errors drawn from samples.

    Each is the mean shape carried onto the face's own five points, moved by the errors of a face drawn at random, as
    `SDM.fit_from_points` starts.

    Parameters
    ----------
    residuals : (M, 5, 2) array_like
        As `seed_residuals` gives them.
    count : int
        Starts of each face.

    Returns
    -------
    chip_cascade.StartSampler
        Also for models of more points whose layout gives all five.
    """
    samples = _checked_residuals(residuals)
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1")

    def draw(
        model: ChipCascade, truth: NDArray[np.float64], boxes: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        five = model.seeded.layout.of_shape(truth)
        if five.shape[1] != 5:
            raise ValueError(
                f"{model.seeded.layout.name} give only {five.shape[1]} of the five points; draw other starts"
            )
        return model.starts_from_points(erring_points(five, samples, count, rng))

    return draw


def erring_points(five: ArrayLike, residuals: ArrayLike, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Five points of faces as a network would find them, its errors drawn from samples.

    Parameters
    ----------
    five : (N, 5, 2) array_like
        Annotated points, in pixels.
    residuals : (M, 5, 2) array_like
        As `seed_residuals` gives them.
    count : int
        Draws for each face.
    rng : numpy.random.Generator

    Returns
    -------
    (N, count, 5, 2) ndarray of float64

    Examples
    --------
    >>> face = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> low = seed_residuals([face + [0, 5]], [face])
    >>> erring_points([2 * face], low, 1, np.random.default_rng(0))[0, 0, 0].round(3).tolist()
    [60.0, 90.0]
    """
    samples, true = _checked_residuals(residuals), np.asarray(five, dtype=np.float64)
    errors = samples[rng.integers(len(samples), size=(len(true), count))]
    return np.asarray(true[:, None] + errors @ np.swapaxes(_face_frames(true), 1, 2)[:, None])


def _checked_residuals(residuals: ArrayLike) -> NDArray[np.float64]:
    samples = np.asarray(residuals, dtype=np.float64)
    if samples.ndim != 3 or samples.shape[1:] != (5, 2) or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(
            f"residuals have shape {samples.shape}; expected (M, 5, 2), finite, as seed_residuals gives them"
        )
    return samples


def _face_frames(five: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn and scale (..., 2, 2) of faces: from upright centroid sizes to pixels."""
    angle, size = np.radians(roll_degrees(five)), centroid_size(five)
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    return np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)


def recipe_starts(starts: str, held_out: Sequence[Face], initializer: Initializer, count: int = 6) -> StartSampler:
    """The training starts of a recipe for five points.

    Parameters
    ----------
    starts : {"tcdcn", "box", "random"}
        The mean shape on TCDCN's points, whose errors are measured on the held-out faces; the mean shape in a
        detector's box; other faces' shapes in the box.
    held_out : sequence of Face
    initializer : Initializer
    count : int
        Starts of each face.

    Raises
    ------
    ValueError
        If it is another name.
    """
    if starts == "tcdcn":
        found = [
            initializer.points(read_face_image(face), [face.box])[0]
            for face in track(held_out, "Measuring TCDCN's errors on held-out faces")
        ]
        return seed_starts(seed_residuals(found, [face.points for face in held_out]), count)
    if starts == "box":
        return box_starts(count)
    if starts == "random":
        return box_starts(count, shapes="random")
    raise ValueError(f"starts is {starts!r}; expected 'tcdcn', 'box' or 'random'")
