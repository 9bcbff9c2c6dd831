"""Training faces of all data sets, decoded once into patches for one stage."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init.crops import GRID_REACH, cut, frames_from_boxes, frames_from_points
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.ibug68 import read_ibug68
from tcdcn_init.datasets.mtfl import hold_out, read_mtfl
from tcdcn_init.datasets.ytf68 import hold_out_persons
from tcdcn_init.geometry import completed, interocular, invert, transform_points
from tcdcn_init.geometry.background import background_box
from tcdcn_init.network.stage_config import StageConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.data import _each

__all__ = ["SETS", "WEIGHTS", "blended", "stage_patches", "training_sets", "visibility"]

SETS = ("mtfl", "lfpw", "helen", "cfp_profile", "infants", "synthetic")

# How often a set's faces are drawn, against MTFL's.
WEIGHTS = {"mtfl": 1.0, "lfpw": 1.5, "helen": 1.5, "cfp_profile": 0.8, "infants": 2.0, "synthetic": 1.5}

_OVERSIZE = 1.5  # resolution of patches, in that of crops


def training_sets(root: Path) -> dict[str, tuple[list[Face], list[Face]]]:
    """Training faces and their held-out tenth, by image or person, of every set in a folder.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds mtfl/, and any of the other `SETS`.
    """
    result = {"mtfl": hold_out(read_mtfl(root / "mtfl", "training"))}
    for name in SETS[1:]:
        if (root / name).exists():
            faces = read_ibug68(root / name, None if name == "synthetic" else "train")
            result[name] = hold_out_persons(faces) if name == "cfp_profile" else hold_out(faces)
    return result


def visibility(face: Face, name: str) -> NDArray[np.int64]:
    """What is known of each point: 1 visible, 0 hidden, -1 not known; occluders in the pictures are not annotated."""
    if name == "cfp_profile":
        return np.asarray(np.isfinite(face.points).all(axis=1), dtype=np.int64)
    if name in ("infants", "synthetic"):
        return np.full(5, -1)
    result = np.ones(5, dtype=np.int64)
    # MTFL's profiles have points on the other side too.
    pose = face.attributes.get("pose")
    if pose in (0, 4):
        result[[0, 3] if pose == 0 else [1, 4]] = -1
    return result


def stage_patches(
    sets: Mapping[str, Sequence[Face]], config: StageConfig, span: float, *, aligned: bool, background: int = 0
) -> tuple[Patches, torch.Tensor]:
    """Decode training faces into patches that `views.stage_views` samples from.

    Parameters
    ----------
    sets : mapping of str to sequence of Face
    config : StageConfig
    span : float
        Side of a patch in views.
    aligned : bool
        Patches are turned with the face and centred on it, as the fine stage sees it, instead of on its box.
    background : int
        Patches without a face from each picture of MTFL.

    Returns
    -------
    patches : Patches
    weights : (N,) Tensor
        How often each is to be drawn, relatively; 0 for background.
    """
    faces = [(name, face) for name, some in sets.items() for face in some]
    owner = {id(face): name for name, face in faces}
    size = round(_OVERSIZE * config.side * span)
    span = size / (_OVERSIZE * config.side)

    def frames(face: Face, view: float) -> NDArray[np.float64]:
        if aligned:
            return frames_from_points(completed(face.points)[None], view)
        return frames_from_boxes(face.box[None], view)

    def cuttings(face: Face) -> NDArray[np.uint8]:
        picture = read_face_image(face)
        every = [frames(face, config.view * span)]
        if owner[id(face)] == "mtfl":
            rng = np.random.default_rng(zlib.crc32(face.name.encode()))
            size_of = (picture.shape[1], picture.shape[0])
            found = [background_box(size_of, face.box[None], rng) for _ in range(background)]
            every += [frames_from_boxes(box[None], config.view * span) for box in found if box is not None]
        grey = cut(picture, np.concatenate(every), size, reach=GRID_REACH)
        return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), dtype=np.uint8)

    kept, pixels = _each([face for _, face in faces], cuttings, "Decoding training faces", False)
    names = [owner[id(face)] for face in kept]
    at = invert(np.concatenate([frames(face, config.view) for face in kept]))
    five = np.stack([face.points for face in kept]).astype(np.float64)
    distance = interocular(transform_points(at, np.stack([completed(shape) for shape in five])))
    unit = np.maximum(distance, 0.5 * np.median(distance))  # as `training_data`: a profile's goes to 0
    labels = {task: torch.tensor([face.attributes.get(task, -1) for face in kept]) for task in TASKS}
    labels["visible"] = torch.from_numpy(
        np.stack([visibility(face, name) for face, name in zip(kept, names, strict=True)])
    )
    labels["face"] = torch.ones(len(kept), dtype=torch.int64)
    weights = torch.tensor([WEIGHTS[name] for name in names])
    pose = labels["pose"]
    share = torch.bincount(pose[pose >= 0], minlength=5) / max(1, int((pose >= 0).sum()))
    rare = torch.where(pose >= 0, share[pose] ** -0.4, 0.0)
    if (pose >= 0).any():
        weights = torch.where(pose >= 0, rare / rare[pose >= 0].mean(), weights)
    points = torch.from_numpy(transform_points(at, five).astype(np.float32))
    empty = torch.from_numpy(np.concatenate([each[1:] for each in pixels]))
    more = len(empty)
    fills = {"face": torch.zeros(more).long(), "visible": torch.full((more, 5), -1)}
    labels = {name: torch.cat([value, fills.get(name, torch.full((more,), -1))]) for name, value in labels.items()}
    patches = Patches(
        torch.cat([torch.from_numpy(np.concatenate([each[:1] for each in pixels])), empty]),
        torch.cat([points, torch.full((more, 5, 2), torch.nan)]),
        torch.cat([torch.from_numpy(unit.astype(np.float32)), torch.ones(more)]),
        labels,
        span,
        torch.zeros(len(kept) + more, 4),
    )
    return patches, torch.cat([weights, torch.zeros(more)])


def blended(faces: Sequence[Face], points: NDArray[np.floating], weight: float) -> list[Face]:  # type: ignore[type-arg]
    """Faces whose annotated points are moved towards a teacher's (N, 5, 2) by a weight from 0 to 1."""
    return [
        replace(face, points=((1.0 - weight) * face.points + weight * taught).astype(np.float32))
        for face, taught in zip(faces, points, strict=True)
    ]
