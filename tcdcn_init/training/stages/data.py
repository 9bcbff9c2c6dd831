"""Training faces of all data sets, decoded once into patches for one stage."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init.crops import GRID_REACH, cut, frames_from_boxes
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.published.hidden import read_hidden
from tcdcn_init.datasets.published.ibug68 import mtfl_five_from_68, read_ibug68
from tcdcn_init.datasets.published.mtfl import hold_out, read_mtfl
from tcdcn_init.datasets.published.ytf68 import hold_out_persons
from tcdcn_init.geometry import MIRROR_68, filled_five, invert, transform_points
from tcdcn_init.geometry.background import background_box
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.own_points import FACE, OwnPoints
from tcdcn_init.network.config.stages import StageConfig
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.data import _each

__all__ = [
    "OWN",
    "SETS",
    "WEIGHTS",
    "blended",
    "centring_points",
    "hidden_flags",
    "stage_patches",
    "training_sets",
    "visibility",
]

SETS = ("mtfl", "lfpw", "helen", "cfp_profile", "infants", "synthetic")

# How often a set's faces are drawn, against MTFL's.
WEIGHTS = {"mtfl": 1.0, "own": 1.0, "lfpw": 1.5, "helen": 1.5, "cfp_profile": 0.8, "infants": 2.0, "synthetic": 1.5}

OWN = "own"
"""Name of a set of one's own data."""

_OVERSIZE = 1.5  # resolution of patches, in that of crops


def training_sets(root: Path, *, dense: bool = False) -> dict[str, tuple[list[Face], list[Face]]]:
    """Training faces and their held-out tenth, by image or person, of every set in a folder.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds mtfl/, and any of the other `SETS`.
    dense : bool
        All 68 points, of the sets that have them, instead of five.
    """
    result = {} if dense else {"mtfl": hold_out(read_mtfl(root / "mtfl", "training"))}
    for name in SETS[1:]:
        if (root / name).exists():
            faces = read_ibug68(root / name, None if name == "synthetic" else "train", dense=dense)
            result[name] = hold_out_persons(faces) if name == "cfp_profile" else hold_out(faces)
    return result


def hidden_flags(root: Path) -> dict[str, NDArray[np.bool_]]:
    """Which points of LFPW's faces are annotated as hidden, by the image's name; nothing without lfpw29/."""
    return read_hidden(root / "lfpw29") if (root / "lfpw29").exists() else {}


def visibility(face: Face, name: str, flags: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.int64]:
    """What is known of each point: 1 visible, 0 hidden, -1 not known; few occluders in the pictures are annotated."""
    if name == "lfpw" and face.name in flags:
        return np.asarray(~flags[face.name], dtype=np.int64)
    if name == "cfp_profile":
        return np.asarray(np.isfinite(face.points).all(axis=1), dtype=np.int64)
    if name == OWN:  # what is missing may be hidden, or not annotated
        return np.where(np.isfinite(face.points).all(axis=1), 1, -1)
    if name in ("infants", "synthetic"):
        return np.full(len(face.points), -1)
    result = np.ones(len(face.points), dtype=np.int64)
    # MTFL's profiles have points on the other side too.
    pose = face.attributes.get("pose")
    if pose in (0, 4):
        result[[0, 3] if pose == 0 else [1, 4]] = -1
    return result


def stage_patches(
    sets: Mapping[str, Sequence[Face]],
    config: StageConfig | DenseConfig,
    span: float,
    *,
    aligned: bool,
    background: int = 0,
    flags: Mapping[str, NDArray[np.bool_]] | None = None,
    own: OwnPoints | None = None,
) -> tuple[Patches, torch.Tensor]:
    """Decode training faces into patches that `views.stage_views` samples from.

    Parameters
    ----------
    sets : mapping of str to sequence of Face
    config : StageConfig or DenseConfig
    span : float
        Side of a patch in views.
    aligned : bool
        Patches are turned with the face and centred on it, as the fine stage sees it, instead of on its box.
    background : int
        Patches without a face from each picture of MTFL, or of one's own.
    flags : mapping of str to (5,) ndarray of bool, optional
        `hidden_flags`.
    own : OwnPoints, optional
        Points that are learned instead of a face's five.

    Returns
    -------
    patches : Patches
    weights : (N,) Tensor
        How often each is to be drawn, relatively; 0 for background.
    """
    faces = [(name, face) for name, some in sets.items() for face in some]
    owner = {id(face): name for name, face in faces}
    place = own or FACE
    size = round(_OVERSIZE * config.side * span)
    span = size / (_OVERSIZE * config.side)

    def frames(face: Face, view: float) -> NDArray[np.float64]:
        if aligned:
            return place.frames(centring_points(face, own)[None], view)
        return frames_from_boxes(face.box[None], view)

    def cuttings(face: Face) -> NDArray[np.uint8]:
        picture = read_face_image(face)
        every = [frames(face, config.view * span)]
        if owner[id(face)] in ("mtfl", OWN):
            rng = np.random.default_rng(zlib.crc32(face.name.encode()))
            size_of = (picture.shape[1], picture.shape[0])
            found = [background_box(size_of, face.box[None], rng) for _ in range(background)]
            every += [frames_from_boxes(box[None], config.view * span) for box in found if box is not None]
        grey = cut(picture, np.concatenate(every), size, reach=GRID_REACH)
        return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), dtype=np.uint8)

    kept, pixels = _each([face for _, face in faces], cuttings, "Decoding training faces", False)
    names = [owner[id(face)] for face in kept]
    at = invert(np.concatenate([frames(face, config.view) for face in kept]))
    shapes = np.stack([face.points for face in kept]).astype(np.float64)
    distance = place.lengths(transform_points(at, np.stack([centring_points(face, own) for face in kept])))
    unit = np.maximum(distance, 0.5 * np.median(distance))  # as `training_data`: a profile's goes to 0
    labels = {task: torch.tensor([face.attributes.get(task, -1) for face in kept]) for task in TASKS}
    labels["visible"] = torch.from_numpy(
        np.stack([visibility(face, name, flags or {}) for face, name in zip(kept, names, strict=True)])
    )
    labels["face"] = torch.ones(len(kept), dtype=torch.int64)
    weights = torch.tensor([WEIGHTS[name] for name in names])
    pose = labels["pose"]
    share = torch.bincount(pose[pose >= 0], minlength=5) / max(1, int((pose >= 0).sum()))
    rare = torch.where(pose >= 0, share[pose] ** -0.4, 0.0)
    if (pose >= 0).any():
        weights = torch.where(pose >= 0, rare / rare[pose >= 0].mean(), weights)
    points = torch.from_numpy(transform_points(at, shapes).astype(np.float32))
    empty = torch.from_numpy(np.concatenate([each[1:] for each in pixels]))
    more = len(empty)
    fills = {"face": torch.zeros(more).long(), "visible": torch.full((more, shapes.shape[1]), -1)}
    labels = {name: torch.cat([value, fills.get(name, torch.full((more,), -1))]) for name, value in labels.items()}
    patches = Patches(
        torch.cat([torch.from_numpy(np.concatenate([each[:1] for each in pixels])), empty]),
        torch.cat([points, torch.full((more, *shapes.shape[1:]), torch.nan)]),
        torch.cat([torch.from_numpy(unit.astype(np.float32)), torch.ones(more)]),
        labels,
        span,
        torch.zeros(len(kept) + more, 4),
        MIRROR_68 if own is None and shapes.shape[1] == len(MIRROR_68) else place.mirror,
    )
    return patches, torch.cat([weights, torch.zeros(more)])


def centring_points(face: Face, own: OwnPoints | None = None) -> NDArray[np.float64]:
    """The points that centre a face's crop, missing ones filled in: its five, in MTFL's convention, or one's own."""
    if own is not None:
        return own.filled(face.points)
    return filled_five(mtfl_five_from_68(face.points) if len(face.points) == 68 else face.points)


def blended(faces: Sequence[Face], points: NDArray[np.floating], weight: float) -> list[Face]:  # type: ignore[type-arg]
    """Faces whose annotated points are moved towards a teacher's (N, 5, 2) by a weight from 0 to 1."""
    return [
        replace(face, points=((1.0 - weight) * face.points + weight * taught).astype(np.float32))
        for face, taught in zip(faces, points, strict=True)
    ]
