"""Photographs whose faces are known: AFW's, and sheets of training photographs, on which thresholds are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.published.afw import read_afw_boxes
from tcdcn_init.geometry import box_from_points, box_square, completed
from tcdcn_init.images import as_bytes, read_image

__all__ = ["Photograph", "afw_photographs", "training_sheets"]

SHEET = (1400, 1000)
"""Width and height of a sheet in pixels."""

FACES = 10
"""Photographs on a sheet at most."""

SIDES = (26.0, 300.0)
"""Smallest and largest side of a face on it; its logarithm is uniform."""

_TRIES = 60
_GREY = (110, 110, 110)


@dataclass(frozen=True)
class Photograph:
    """An image and the faces in it that somebody marked.

    Attributes
    ----------
    name : str
    read : callable
        Gives the image, as `images.as_image` returns it, and the (N, 4) boxes of its faces.
    """

    name: str
    read: Callable[[], tuple[NDArray[Any], NDArray[np.float64]]]


def afw_photographs(root: Path) -> list[Photograph]:
    """AFW's 205 photographs with its 468 boxes. It leaves out small faces in the background, and some others."""
    return [Photograph(path.name, partial(_read, path, boxes)) for path, boxes in read_afw_boxes(root).items()]


def _read(path: Path, boxes: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    return read_image(path, apply_orientation=False), boxes


def training_sheets(root: Path, seed: int = 0) -> list[Photograph]:
    """Held-out training photographs, each once, side by side at random sizes: people with all that is around them.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds mtfl/, and any of the other training sets: profiles, infants.
    seed : int
        Of order, sizes and places.
    """
    from tcdcn_init.training.stages.data import training_sets  # here: it needs PyTorch, measuring AFW does not

    faces = [face for _, held_out in training_sets(root).values() for face in held_out]
    order = np.random.default_rng(seed).permutation(len(faces))
    groups = [[faces[k] for k in order[first : first + FACES]] for first in range(0, len(faces), FACES)]
    return [Photograph(f"sheet {k}", partial(_sheet, group, seed + k)) for k, group in enumerate(groups)]


def _sheet(faces: list[Face], seed: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", SHEET, _GREY)
    taken: list[NDArray[np.float64]] = []
    boxes = []
    for face in faces:
        picture = Image.fromarray(as_bytes(read_face_image(face))).convert("RGB")
        box = box_from_points(completed(face.points))
        place = _free(np.array(picture.size), float(box_square(box)[1]), taken, rng)
        if place is None:
            continue
        zoom, corner = place
        size = np.rint(zoom * np.array(picture.size)).astype(int)
        canvas.paste(picture.resize((int(size[0]), int(size[1])), Image.Resampling.LANCZOS), tuple(corner.tolist()))
        taken.append(np.concatenate([corner, corner + size]))
        boxes.append((box + 0.5) * zoom - 0.5 + np.tile(corner, 2))
    return np.asarray(canvas), np.array(boxes).reshape(-1, 4)


def _free(
    size: NDArray[np.int64], side: float, taken: list[NDArray[np.float64]], rng: np.random.Generator
) -> tuple[float, NDArray[np.int64]] | None:
    """A zoom, and a corner where the photograph covers no other; None where a number of tries found none."""
    for _ in range(_TRIES):
        zoom = float(np.exp(rng.uniform(*np.log(SIDES)))) / side
        room = np.array(SHEET) - np.rint(zoom * size).astype(int)
        if (room < 0).any():
            continue
        low = rng.integers(0, room + 1)
        high = low + np.array(SHEET) - room
        if all((low >= each[2:]).any() or (high <= each[:2]).any() for each in taken):
            return zoom, low
    return None
