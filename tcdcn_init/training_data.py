"""Annotated faces, decoded once and held in memory as training takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tcdcn_init.architecture import TCDCNConfig
from tcdcn_init.augmentation import AugmentationConfig, Patches
from tcdcn_init.crops import GRID_REACH, cut, frames_from_boxes
from tcdcn_init.datasets.base import BadRows, Face
from tcdcn_init.geometry import interocular, invert, transform_points
from tcdcn_init.pictures import read_image
from tcdcn_init.progress import track

T = TypeVar("T")


@dataclass(frozen=True)
class Crops:
    """Fixed crops with what they should give, for validation.

    Attributes
    ----------
    pixels : (N, 1, side, side) Tensor of float32
    targets : dict of str to Tensor
        As `objective.MultiTaskObjective` takes them.
    interocular : (N,) Tensor
        Inter-ocular distance in the crop's frame.
    """

    pixels: Tensor
    targets: dict[str, Tensor]
    interocular: Tensor


def read_picture(face: Face) -> NDArray[Any]:
    """Decode a face's image.

    Raises
    ------
    ValueError
        If the file is missing or not a picture, naming face and file.
    """
    try:
        return read_image(face.image)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"{face.name}: {error}") from error


def _each(
    faces: Sequence[Face], make: Callable[[Face], T], description: str, skip_bad: bool
) -> tuple[list[Face], list[T]]:
    """Apply `make` to every face on two threads (decoding leaves Python's lock), in order; collect what fails."""

    def attempt(face: Face) -> tuple[Face, T | str]:
        try:
            return face, make(face)
        except ValueError as error:
            return face, str(error)

    kept: list[Face] = []
    made: list[T] = []
    bad: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        for face, result in track(pool.map(attempt, faces), description, total=len(faces)):
            if isinstance(result, str):
                bad.append(result)
            else:
                kept.append(face)
                made.append(result)
    if bad and not skip_bad:
        raise BadRows(bad)
    if not kept:
        raise BadRows([*bad, "no usable face at all"])
    return kept, made


def _annotation(faces: Sequence[Face], config: TCDCNConfig) -> tuple[dict[str, Tensor], Tensor]:
    """Targets in the frames of the faces' boxes, and the inter-ocular distances there."""
    frames = frames_from_boxes(np.stack([face.box for face in faces]), config.view)
    points = transform_points(invert(frames), np.stack([face.five for face in faces]))
    distance = interocular(points)
    # A profile's inter-ocular distance goes to 0, and its weight with 1 / distance to infinity: not below half
    # of the usual distance.
    unit = np.maximum(distance, 0.5 * np.median(distance))
    targets = {"points": torch.from_numpy(points.astype(np.float32)), "unit": torch.from_numpy(unit.astype(np.float32))}
    for task in config.tasks:
        targets[task] = torch.tensor([face.attributes.get(task, -1) for face in faces])
    return targets, torch.from_numpy(distance.astype(np.float32))


def load_patches(
    faces: Sequence[Face], config: TCDCNConfig, augmentation: AugmentationConfig, *, skip_bad: bool = False
) -> Patches:
    """Decode training faces into patches that random views are sampled from.

    Parameters
    ----------
    faces : sequence of Face
    config : TCDCNConfig
    augmentation : AugmentationConfig
        Its spread decides how much more than the view a patch holds.
    skip_bad : bool
        Leave faces out whose image cannot be read, instead of stopping.

    Returns
    -------
    Patches

    Raises
    ------
    BadRows
        Naming every unreadable image.
    """
    span = augmentation.margin()
    size = round(2 * config.side * span)
    span = size / (2 * config.side)  # exactly twice the crop's resolution

    def patch(face: Face) -> NDArray[np.uint8]:
        frames = frames_from_boxes(face.box[None], config.view * span)
        grey = cut(read_picture(face), frames, size, reach=GRID_REACH)[0]
        return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), dtype=np.uint8)

    kept, pixels = _each(faces, patch, "Decoding training faces", skip_bad)
    targets, _ = _annotation(kept, config)
    points, unit = targets.pop("points"), targets.pop("unit")
    return Patches(torch.from_numpy(np.stack(pixels)), points, unit, targets, span)


def load_crops(
    faces: Sequence[Face],
    config: TCDCNConfig,
    description: str = "Decoding validation faces",
    *,
    skip_bad: bool = False,
) -> Crops:
    """Decode faces into the very crops that `Initializer` would give the network.

    Parameters
    ----------
    faces : sequence of Face
    config : TCDCNConfig
    description : str
        For the progress display.
    skip_bad : bool
        Leave faces out whose image cannot be read, instead of stopping.

    Returns
    -------
    Crops

    Raises
    ------
    BadRows
        Naming every unreadable image.
    """
    kept, pixels = _each(
        faces,
        lambda face: cut(read_picture(face), frames_from_boxes(face.box[None], config.view), config.side),
        description,
        skip_bad,
    )
    targets, distance = _annotation(kept, config)
    return Crops(torch.from_numpy(np.stack(pixels)), targets, distance)
