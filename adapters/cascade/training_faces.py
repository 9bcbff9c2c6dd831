"""What the training of cascades in chips shares: faces, their mean shape, and starts in the pixels of chips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.chip_cascade import ShapeChips, valid
from tcdcn_init.adapters.cascade.frames import frames_from_boxes
from tcdcn_init.geometry import BoxLike, as_box, invert, median_aspect, transform_points
from tcdcn_init.images import as_image, read_image

__all__ = [
    "FaceRecord",
    "TrainingChips",
    "TrainingFace",
    "TrainingFaces",
    "as_levels",
    "checked_faces",
]


class TrainingChips(NamedTuple):
    """Starts of training faces, in the pixels of chips around the annotated shapes.

    Attributes
    ----------
    chips : (N, side, side) ndarray of uint8
    owner : (M,) ndarray of int
        Face of each start.
    current, target : (M, P, 2) ndarray
        Start and annotated shape.
    mirrored : (M,) ndarray of bool
        Those that live in the mirrored chip.
    """

    chips: NDArray[np.uint8]
    owner: NDArray[np.intp]
    current: NDArray[np.float64]
    target: NDArray[np.float64]
    mirrored: NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingFaces:
    """Checked faces to train a cascade with; made by `TrainingFaces.of`.

    Attributes
    ----------
    images : list of N arrays or paths
    truth : (N, P, 2) ndarray
    boxes : (N, 4) ndarray
    mean : (P, 2) ndarray
        The mean shape, in units of the box.
    aspect : float
        Median width over height of the boxes.
    partner : (P,) ndarray of int or None
        Each point's partner in a mirrored image.
    """

    images: list[Any]
    truth: NDArray[np.float64]
    boxes: NDArray[np.float64]
    mean: NDArray[np.float64]
    aspect: float
    partner: NDArray[np.intp] | None

    @classmethod
    def of(cls, faces: Iterable[TrainingFace], mirror: Sequence[int] | None = None) -> TrainingFaces:
        """Check faces.

        Parameters
        ----------
        faces : iterable of `Face` records or of (image, points, box)
        mirror : (P,) sequence of int, optional
            Each point's partner when an image is mirrored. Then the mean shape is symmetric, and every second start
            is learned in the mirrored image.

        Raises
        ------
        ValueError
            As `training_faces.checked_faces`, or if `mirror` pairs no points.
        """
        images, truth, boxes = checked_faces(faces)
        mean = transform_points(invert(frames_from_boxes(boxes)), truth).mean(axis=0)
        partner = None if mirror is None else _checked_mirror(mirror, truth.shape[1])
        if partner is not None:
            mean = (mean + mean[partner] * [-1, 1] + [1, 0]) / 2
        return cls(images, truth, boxes, mean, median_aspect(boxes), partner)

    def cut(self, maker: ShapeChips, starts: ArrayLike) -> TrainingChips:
        """Cut the faces out, and carry starts (N, K, P, 2) in pixels of their images into the chips.

        Raises
        ------
        ValueError
            If the starts do not fit the faces or cannot be used, or a face's image cannot be read; it is named.
        """
        given = np.asarray(starts, dtype=np.float64)
        count, points = self.truth.shape[:2]
        if given.ndim != 4 or (len(given), *given.shape[2:]) != self.truth.shape or not given.shape[1]:
            raise ValueError(f"starts have shape {given.shape}; expected ({count}, K, {points}, 2), K at least 1")
        can_start = valid(given).all(axis=1)
        if not can_start.all():
            number = int(np.argmin(can_start))
            raise ValueError(f"a start of face {number} is not finite, or its points coincide; leave that face out")
        into = invert(maker.chip_maps(self.truth))
        chips = np.empty((count, maker.side, maker.side), dtype=np.uint8)
        for number, image in enumerate(track(self.images, "Decoding training faces")):
            chips[number] = as_levels(maker.cut(_image(image, number), self.truth[number]))
        owner = np.repeat(np.arange(count), given.shape[1])
        current = transform_points(into[:, None], given).reshape(-1, points, 2)
        target = transform_points(into, self.truth)[owner]
        mirrored = (np.arange(len(owner)) % given.shape[1] % 2 == 1) & (self.partner is not None)
        if self.partner is not None:
            for shapes in (current, target):
                shapes[mirrored] = shapes[mirrored][:, self.partner] * [-1, 1] + [maker.side - 1, 0]
        return TrainingChips(chips, owner, current, target, mirrored)


def as_levels(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey of 0 to 1 in 256 levels; what is beyond is cut, NaN is 0."""
    return np.rint(np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.uint8)


def _checked_mirror(mirror: Sequence[int], points: int) -> NDArray[np.intp]:
    partner = np.asarray(mirror)
    if sorted(partner.tolist()) != list(range(points)) or (partner[partner] != np.arange(points)).any():
        raise ValueError(
            f"mirror is {list(mirror)}; expected the numbers 0 to {points - 1}, partners at each other's place"
        )
    return partner.astype(np.intp)


def _image(image: Any, number: int) -> NDArray[Any]:
    try:
        return read_image(image, apply_orientation=False) if isinstance(image, str | Path) else as_image(image)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"face {number} cannot be read as an image: {error}") from error


@runtime_checkable
class FaceRecord(Protocol):
    """A face of `tcdcn_init.datasets`, or anything like it; `image` is a path or an array."""

    @property
    def image(self) -> Any: ...
    @property
    def points(self) -> Any: ...
    @property
    def box(self) -> Any: ...


TrainingFace: TypeAlias = FaceRecord | tuple[Any, ArrayLike, BoxLike]


def checked_faces(faces: Iterable[TrainingFace]) -> tuple[list[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Images, shapes (N, P, 2) and boxes (N, 4) of training faces, checked.

    Parameters
    ----------
    faces : iterable of `Face` records or of (image, points, box)

    Raises
    ------
    ValueError
        If there is no face, the shapes differ in length or a box or point cannot be used; the face is named.
    """
    images: list[Any] = []
    shapes: list[NDArray[np.float64]] = []
    boxes: list[NDArray[np.float64]] = []
    for number, face in enumerate(faces):
        image, points, box = (face.image, face.points, face.box) if isinstance(face, FaceRecord) else face
        shape = np.asarray(points, dtype=np.float64)
        if shape.ndim != 2 or shape.shape[1] != 2 or not np.isfinite(shape).all():
            raise ValueError(f"points of face {number} have shape {shape.shape}; expected (P, 2), finite")
        if shapes and len(shape) != len(shapes[0]):
            raise ValueError(f"face {number} has {len(shape)} points; expected {len(shapes[0])} like the faces before")
        try:
            boxes.append(as_box(box))
        except ValueError as error:
            raise ValueError(f"face {number}: {error}") from error
        images.append(image)
        shapes.append(shape)
    if not images:
        raise ValueError("there is no face to train with; expected (image, points, box) each")
    return images, np.stack(shapes), np.stack(boxes)
