"""Copies of faces to measure on: as they are, in boxes with noise, turned in the plane, with a part hidden."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, read_picture
from tcdcn_init.eval.perturbation import FILLS, Fill, face_rng, noisy_box, occluded, occluder, rolled
from tcdcn_init.geometry import five_from_68

ROLLS = (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 180.0)
"""Degrees."""

NOISES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30)
"""Standard deviations of a box's centre, in box sides, and of the logarithm of its size."""

OCCLUSIONS = (0.0, 0.10, 0.20, 0.30, 0.40, 0.50)
"""Hidden part of the face box."""

Kind = Literal["roll", "noise", "occlusion"]

_OCCLUDER = "occluder"


class Copy(NamedTuple):
    """A face as it is shown to a regressor.

    Attributes
    ----------
    image : ndarray
    points : (P, 2) ndarray of float64
        Annotated, in the copy's picture.
    box : (4,) ndarray of float64
    """

    image: NDArray[Any]
    points: NDArray[np.float64]
    box: NDArray[np.float64]

    def target(self, count: int) -> NDArray[np.float64]:
        """The annotated shape as a regressor of `count` points is scored against it."""
        return self.points if len(self.points) == count else five_from_68(self.points)


def make_copy(face: Face, picture: NDArray[Any] | None, kind: Kind, value: float, seed: int) -> Copy | None:
    """One copy of a face.

    Parameters
    ----------
    face : Face
    picture : ndarray or None
        Its decoded picture; None where it could not be read.
    kind : {"roll", "noise", "occlusion"}
        Turned about the middle of its box (`perturbation.rolled`), in a box with noise (`perturbation.noisy_box`), or
        under a rectangle (`perturbation.occluded`, filled as `filling` says). Noise of 0 is the face as it is.
    value : float
        Degrees, a standard deviation, or the hidden part of the box.
    seed : int
        Of the noise, whose direction is the face's own for all values, and of the rectangle.

    Returns
    -------
    Copy or None
        None without a picture, or where the box lies outside of it.
    """
    if picture is None:
        return None
    if kind == "noise":
        box = noisy_box(face.box, value, face_rng(seed, face.name, "box"))
        return Copy(picture, face.points.astype(np.float64), box)
    if kind == "occlusion":
        hidden = occluded(picture, face.box, value, face_rng(seed, face.name, _OCCLUDER), filling(face, seed))
        return Copy(hidden, face.points.astype(np.float64), face.box)
    try:
        return Copy(*rolled(picture, face.points, face.box, value))
    except ValueError:  # the box lies outside of the picture
        return None


def filling(face: Face, seed: int) -> Fill:
    """What `make_copy` hides a part of a face with: flat grey or noise, by the toss of a coin."""
    return FILLS[face_rng(seed, face.name, "filling").integers(len(FILLS))]


def hidden_part(face: Face, share: float, seed: int) -> NDArray[np.float64]:
    """The rectangle that `make_copy` hides.

    Parameters
    ----------
    face : Face
    share : float
        The hidden part of the box.
    seed : int

    Returns
    -------
    (4,) ndarray of float64
        Left, top, right, bottom; pixels whose centres lie in it are hidden.
    """
    return occluder(face.box, share, face_rng(seed, face.name, _OCCLUDER))


def read_pictures(faces: Iterable[Face]) -> tuple[dict[Path, NDArray[Any]], dict[str, str]]:
    """Decoded pictures by path, each once, and the reason for each face without one, by name."""
    pictures: dict[Path, NDArray[Any]] = {}
    unreadable = {}
    for face in faces:
        if face.image not in pictures:
            try:
                pictures[face.image] = read_picture(face)
            except ValueError as error:
                unreadable[face.name] = str(error)
    return pictures, unreadable
