"""Copies of faces to measure on: as they are, in noisy boxes, rotated, occluded; and boxes that hold no face."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.eval.perturbation import FILLS, Fill, face_rng, noisy_box, occluded, occluder, rolled
from tcdcn_init.geometry import box_square, five_of
from tcdcn_init.geometry.background import background_box

__all__ = [
    "NOISES",
    "OCCLUSIONS",
    "OWN_BOX",
    "ROLLS",
    "SCALES",
    "SHIFTS",
    "Condition",
    "Copy",
    "Kind",
    "fill_of",
    "make_copy",
    "occluded_part",
    "read_images",
]

ROLLS = (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 180.0)
"""Degrees."""

NOISES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30)
"""Standard deviations of a box's centre, in box sides, and of the logarithm of its size."""

OCCLUSIONS = (0.0, 0.10, 0.20, 0.30, 0.40, 0.50)
"""Occluded part of the face box."""

SCALES = (0.4, 0.5, 0.6, 0.75, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5)
"""Width and height of the box in those of the face's own."""

SHIFTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""How far the box lies from the face's own, in box sides."""

Kind = Literal["roll", "noise", "scale", "shift", "occlusion", "background"]

_OCCLUDER = "occluder"


class Condition(NamedTuple):
    """How a face is shown.

    Attributes
    ----------
    kind : {"noise", "scale", "shift", "roll", "occlusion", "background"}
        In a box with noise (`perturbation.noisy_box`), in one of another size about the same centre, in one that lies
        elsewhere by a distance in a direction of the face's own, rotated about the middle of its box
        (`perturbation.rolled`), under a rectangle (`perturbation.occluded`, filled as `fill_of` says), or its image in
        a box that holds no face (`background.background_box`).
    value : float
        A standard deviation, a factor, box sides, degrees, the occluded part of the box; of no use to "background".
    """

    kind: Kind
    value: float = 0.0


OWN_BOX = Condition("noise", 0.0)
"""The face as it is."""


class Copy(NamedTuple):
    """A face as it is shown to an initializer or a regressor.

    Attributes
    ----------
    name : str
        The face's, to which all random numbers belong.
    condition : Condition
    image : ndarray
    points : (P, 2) ndarray of float64
        Annotated, in the copy's image; NaN where the box holds no face.
    box : (4,) ndarray of float64
    length : float or None
        `Face.length`, which no condition changes.
    """

    name: str
    condition: Condition
    image: NDArray[Any]
    points: NDArray[np.float64]
    box: NDArray[np.float64]
    length: float | None = None

    def target(self, count: int) -> NDArray[np.float64]:
        """The annotated shape as a regressor of `count` points is scored against it."""
        return self.points if len(self.points) == count else five_of(self.points)


def make_copy(
    face: Face, image: NDArray[Any] | None, condition: Condition, seed: int, faces_in_image: ArrayLike | None = None
) -> Copy | None:
    """One copy of a face.

    Parameters
    ----------
    face : Face
    image : ndarray or None
        Its decoded image; None where it could not be read.
    condition : Condition
    seed : int
        Of the noise, whose direction is the face's own for all values, of the rectangle and of the background's box.
    faces_in_image : (M, 4) array_like, optional
        Boxes that "background" keeps away from; default: the face's own.

    Returns
    -------
    Copy or None
        None without an image, where the box to rotate about lies outside of it, or where the image has no room for a
        box without a face.
    """
    if image is None:
        return None
    points = face.points.astype(np.float64)

    def copy(image: NDArray[Any], points: NDArray[np.float64], box: NDArray[np.float64]) -> Copy:
        return Copy(face.name, condition, image, points, box, face.length)

    if condition.kind == "noise":
        return copy(image, points, noisy_box(face.box, condition.value, face_rng(seed, face.name, "box")))
    if condition.kind in ("scale", "shift"):
        return copy(image, points, _misplaced(face, condition, seed))
    if condition.kind == "occlusion":
        rng = face_rng(seed, face.name, _OCCLUDER)
        return copy(occluded(image, face.box, condition.value, rng, fill_of(face, seed)), points, face.box)
    if condition.kind == "background":
        others = face.box[None] if faces_in_image is None else faces_in_image
        size = (image.shape[1], image.shape[0])
        box = background_box(size, others, face_rng(seed, face.name, "background"))
        return None if box is None else copy(image, np.full_like(points, np.nan), box)
    try:
        return copy(*rolled(image, points, face.box, condition.value))
    except ValueError:  # the box lies outside of the image
        return None


def _misplaced(face: Face, condition: Condition, seed: int) -> NDArray[np.float64]:
    """The face's box at another size, or elsewhere."""
    centre, side = box_square(face.box)
    half = (face.box[2:] - face.box[:2]) / 2
    if condition.kind == "scale":
        half = half * condition.value
    else:
        angle = face_rng(seed, face.name, "direction").uniform(0, 2 * np.pi)
        centre = centre + condition.value * side * np.array([np.cos(angle), np.sin(angle)])
    return np.concatenate([centre - half, centre + half])


def fill_of(face: Face, seed: int) -> Fill:
    """What `make_copy` occludes a face with: flat grey or noise, by the toss of a coin."""
    return FILLS[face_rng(seed, face.name, "filling").integers(len(FILLS))]


def occluded_part(face: Face, share: float, seed: int) -> NDArray[np.float64]:
    """The rectangle that `make_copy` lays over a face.

    Parameters
    ----------
    face : Face
    share : float
        The occluded part of the box.
    seed : int

    Returns
    -------
    (4,) ndarray of float64
        Left, top, right, bottom; pixels whose centres lie in it are occluded.
    """
    return occluder(face.box, share, face_rng(seed, face.name, _OCCLUDER))


def read_images(faces: Iterable[Face]) -> tuple[dict[Path, NDArray[Any]], dict[str, str]]:
    """Decoded images by path, each once, and the reason for each face without one, by name."""
    images: dict[Path, NDArray[Any]] = {}
    unreadable = {}
    for face in faces:
        if face.image not in images:
            try:
                images[face.image] = read_face_image(face)
            except ValueError as error:
                unreadable[face.name] = str(error)
    return images, unreadable
