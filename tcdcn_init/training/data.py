"""Annotated faces, decoded once and held in memory as training takes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tcdcn_init._shared.progress import track
from tcdcn_init.crops import GRID_REACH, cut, frames_from_boxes
from tcdcn_init.datasets.base import BadRows, Face, read_face_image
from tcdcn_init.geometry import compose, invert, transform_points
from tcdcn_init.geometry.background import background_box
from tcdcn_init.network.config import NetworkConfig, point_count
from tcdcn_init.network.config.own_points import point_set
from tcdcn_init.training.augmentation import AugmentationConfig, Patches

__all__ = ["Crops", "load_crops", "load_patches", "placed_points"]

T = TypeVar("T")

_BACKGROUNDS = 2  # per training image, of a network that is to tell faces from background


@dataclass(frozen=True)
class Crops:
    """Fixed crops with what they should give, for validation.

    Attributes
    ----------
    pixels : (N, 1, side, side) Tensor of float32
    targets : dict of str to Tensor
        As `objective.MultiTaskObjective` takes them.
    interocular : (N,) Tensor
        Inter-ocular distance in the crop's frame; of other points than the five, what their errors are counted in.
    """

    pixels: Tensor
    targets: dict[str, Tensor]
    interocular: Tensor


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


def placed_points(face: Face, config: NetworkConfig) -> NDArray[np.float32]:
    """A face's points, those that a network of this configuration places."""
    return face.five if config.own is None else face.points


def _annotation(faces: Sequence[Face], config: NetworkConfig) -> tuple[dict[str, Tensor], Tensor]:
    """Targets in the frames of the faces' boxes, NaN for points without annotation, and errors' units there."""
    frames = frames_from_boxes(np.stack([face.box for face in faces]), config.view)
    points = transform_points(invert(frames), np.stack([placed_points(face, config) for face in faces]))
    distance = np.array([face.unit for face in faces]) / frames[:, 0, 0]
    # A profile's inter-ocular distance goes to 0, and its weight with 1 / distance to infinity: not below half
    # of the usual distance.
    unit = np.maximum(distance, 0.5 * np.median(distance))
    targets = {"points": torch.from_numpy(points.astype(np.float32)), "unit": torch.from_numpy(unit.astype(np.float32))}
    for task in config.tasks:
        targets[task] = torch.tensor([face.attributes.get(task, -1) for face in faces])
    if "face" in config.outputs:
        targets["face"] = torch.ones(len(faces), dtype=torch.int64)
    return targets, torch.from_numpy(distance.astype(np.float32))


def load_patches(
    faces: Sequence[Face], config: NetworkConfig, augmentation: AugmentationConfig, *, skip_bad: bool = False
) -> Patches:
    """Decode training faces into patches that random views are sampled from.

    For a network that tells faces from background, patches around boxes that hold no face (`background.background_box`)
    follow those of the faces.

    Parameters
    ----------
    faces : sequence of Face
    config : NetworkConfig
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

    def cuttings(face: Face) -> NDArray[np.uint8]:
        """The face's patch, and patches of background after it."""
        image = read_face_image(face)
        boxes = [face.box]
        if "face" in config.outputs:
            # By the face's name, so that any order and choice of faces gives the same boxes.
            rng = np.random.default_rng(zlib.crc32(face.name.encode()))
            size_of = (image.shape[1], image.shape[0])
            found = [background_box(size_of, face.box[None], rng) for _ in range(_BACKGROUNDS)]
            boxes += [box for box in found if box is not None]
        grey = cut(image, frames_from_boxes(np.stack(boxes), config.view * span), size, reach=GRID_REACH)
        return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), dtype=np.uint8)

    kept, pixels = _each(faces, cuttings, "Decoding training faces", skip_bad)
    targets, _ = _annotation(kept, config)
    later = _later_frames(kept, config)
    patches = torch.from_numpy(np.concatenate([each[:1] for each in pixels]))
    if "face" in config.outputs:
        empty = torch.from_numpy(np.concatenate([each[1:] for each in pixels]))
        patches = torch.cat([patches, empty])
        count = len(empty)
        nowhere = torch.zeros(count, point_count(config), 2)
        fills = {"points": nowhere, "unit": torch.ones(count), "face": torch.zeros(count).long()}
        for name in targets:
            fill = fills.get(name, torch.full((count,), -1))
            targets[name] = torch.cat([targets[name], fill])
        later = torch.cat([later, torch.zeros(count, 4)])
    points, unit = targets.pop("points"), targets.pop("unit")
    return Patches(patches, points, unit, targets, span, later, point_set(config).mirror)


def _later_frames(faces: Sequence[Face], config: NetworkConfig) -> Tensor:
    """`Patches.later` of faces."""
    boxes = frames_from_boxes(np.stack([face.box for face in faces]), config.view)
    place = point_set(config)
    asked = place.frames(np.stack([place.filled(placed_points(face, config)) for face in faces]), config.view)
    within = compose(invert(boxes), asked)
    turn, scale = np.arctan2(within[:, 1, 0], within[:, 0, 0]), np.hypot(within[:, 0, 0], within[:, 1, 0])
    return torch.from_numpy(np.column_stack([turn, np.log(scale), within[:, :, 2]]).astype(np.float32))


def load_crops(
    faces: Sequence[Face],
    config: NetworkConfig,
    description: str = "Decoding validation faces",
    *,
    skip_bad: bool = False,
) -> Crops:
    """Decode faces into the very crops that `Initializer` would give the network.

    Parameters
    ----------
    faces : sequence of Face
    config : NetworkConfig
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
        lambda face: cut(read_face_image(face), frames_from_boxes(face.box[None], config.view), config.side),
        description,
        skip_bad,
    )
    targets, distance = _annotation(kept, config)
    return Crops(torch.from_numpy(np.stack(pixels)), targets, distance)
