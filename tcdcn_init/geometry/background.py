"""Boxes that hold no face, at random places of images whose faces are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.boxes import box_square, overlap

__all__ = ["OVERLAP", "SIDES", "background_box"]

SIDES = (0.4, 1.2)
"""Smallest and largest side of a box, in sides of a face in the image."""

OVERLAP = 0.1
"""Largest intersection over union with any face box."""

_TRIES = 100


def background_box(size: tuple[int, int], faces: ArrayLike, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """A random square box inside an image, away from its faces.

    Parameters
    ----------
    size : (width, height)
        Of the image, in pixels.
    faces : (N, 4) array_like
        Boxes of the annotated faces, N at least 1. The logarithm of the box's side is uniform between `SIDES` times the
        side of one of them.
    rng : numpy.random.Generator

    Returns
    -------
    (4,) ndarray of float64, or None
        None where a hundred tries found no place: a face fills the image.

    Examples
    --------
    >>> background_box((400, 400), [(0, 0, 60, 60)], np.random.default_rng(0)).round().tolist()
    [94.0, 14.0, 143.0, 62.0]
    >>> background_box((60, 60), [(0, 0, 60, 60)], np.random.default_rng(0)) is None
    True
    """
    boxes = np.asarray(faces, dtype=np.float64)
    sides = box_square(boxes)[1]
    for _ in range(_TRIES):
        side = rng.choice(sides) * np.exp(rng.uniform(*np.log(SIDES)))
        place = rng.random(2)
        room = np.asarray(size) - side
        if (room <= 0).any():
            continue
        left_top = place * room - 0.5
        box = np.concatenate([left_top, left_top + side])
        if overlap(box, boxes).max() <= OVERLAP:
            return box
    return None
