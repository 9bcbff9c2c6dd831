"""Faces to train on, of MTFL or of a data set of one's own, and what the network has to be for them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.own import KINDS, OwnData, kind_of, summary
from tcdcn_init.datasets.published.mtfl import HOW_TO_GET, hold_out, read_mtfl
from tcdcn_init.network.config.own_points import OwnPoints
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.trainer import TrainingConfig
from tcdcn_init.weights import LICENCE, OWN_LICENCE

__all__ = [
    "TrainingFaces",
    "fitted",
    "labelled_tasks",
    "own_training_faces",
    "parse_swaps",
    "read_training_faces",
]

logger = logging.getLogger("tcdcn_init")


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Faces to train on and faces to validate on.

    Attributes
    ----------
    kept, held_out : list of Face
    about : str
        What a model file says of them under "data".
    licence : str
        Of weights trained on them.
    kind : str
        "MTFL" or "own".
    own : OwnPoints, optional
        Points to learn instead of the five.
    unit : str
        What errors are in percent of.
    """

    kept: list[Face]
    held_out: list[Face]
    about: str
    licence: str = LICENCE
    kind: str = "MTFL"
    own: OwnPoints | None = None
    unit: str = "inter-ocular distance"


def read_training_faces(data: OwnData, swaps: str | None = None, *, skip_bad: bool = False) -> TrainingFaces:
    """Read faces to train on: MTFL's training.txt, or a data set of one's own.

    Parameters
    ----------
    data : OwnData
        Its path is MTFL's folder, or anything that `OwnData.read` reads.
    swaps : str, optional
        Which points of one's own swap in the mirror image, see `parse_swaps`.
    skip_bad : bool
        Leave broken rows out instead of stopping.

    Raises
    ------
    FileNotFoundError, ValueError, BadRows
        If the data do not fit; see `OwnData.read` and `OwnData.split`.
    """
    if swaps is not None and data.points is None:
        raise ValueError(f"points swap as {swaps!r}, but the five points of a face are learned, of which that is known")
    listing = data.path / "training.txt"
    if data.kind is not None or not listing.is_file():
        if not data.path.exists():
            raise FileNotFoundError(f"{data.path} does not exist; expected MTFL's folder, or data of your own")
        if (data.kind or kind_of(data.path)) is None and data.path.is_file():
            raise ValueError(
                f"{data.path} is of none of the forms that are read: {', '.join(KINDS)}; of CSV, the columns image, "
                "x0, y0, x1, y1, ... are expected"
            )
        if (data.kind or kind_of(data.path)) is None:
            raise FileNotFoundError(
                f"{data.path} is no data set that is known here: neither {listing} is there, nor data of your own, as "
                f"{', '.join(KINDS)}, a file or alone in its folder\n{HOW_TO_GET}"
            )
        return own_training_faces(data, data.read(skip_bad=skip_bad), swaps)
    if data != OwnData(data.path):
        raise ValueError(f"{data.path} is MTFL, which is read as it is; leave the options of data of your own out")
    kept, held_out = hold_out(read_mtfl(data.path, "training", skip_bad=skip_bad))
    digest = hashlib.sha256(listing.read_bytes()).hexdigest()[:16]
    about = f"MTFL training.txt (sha256 {digest}), {len(kept)} faces, {len(held_out)} held out"
    return TrainingFaces(kept, held_out, about)


def own_training_faces(data: OwnData, faces: Sequence[Face], swaps: str | None = None) -> TrainingFaces:
    """Faces of one's own, split, with the points that are to be learned.

    Parameters
    ----------
    data : OwnData
    faces : sequence of Face
        As it read them.
    swaps : str, optional
        As for `read_training_faces`.
    """
    if data.points is None:
        faces = [replace(face, points=face.five) for face in faces]
    kept, held_out = data.split(faces)
    own = None
    if data.points is not None:
        own = OwnPoints.of_shapes(
            np.stack([face.points for face in kept]),
            np.stack([face.box for face in kept]),
            [face.unit for face in kept],
            () if swaps is None else parse_swaps(swaps, data.points),
        )
    digest = hashlib.sha256()
    for face in faces:
        digest.update(face.name.encode(errors="surrogateescape") + face.points.tobytes() + face.box.tobytes())
    by = data.hold_out_by or "image"
    about = f"{data.path.name} (sha256 {digest.hexdigest()[:16]}): {summary(faces)}; {len(held_out)} held out by {by}"
    unit = "inter-ocular distance" if own is None or data.layout is not None else "box's side"
    logger.info("%s", about)
    return TrainingFaces(kept, held_out, about, OWN_LICENCE, "own", own, unit)


def parse_swaps(text: str, count: int) -> tuple[int, ...]:
    """Each point's partner in the mirror image, as an option states it.

    Parameters
    ----------
    text : str
        Pairs of numbers from 0, such as "0-1,3-4"; points in no pair are on the middle line. "none": all are.
    count : int
        Number of points.

    Raises
    ------
    ValueError
        If it is not understood, or a point has two partners.

    Examples
    --------
    >>> parse_swaps("0-1, 3-2", 5)
    (1, 0, 3, 2, 4)
    """
    partners = list(range(count))
    pairs = [] if text.strip() == "none" else [part.split("-") for part in text.split(",")]
    for pair in pairs:
        numbers = [int(each) for each in pair if each.strip().isdecimal()]
        if len(pair) != 2 or len(set(numbers)) != 2 or max(numbers) >= count:
            raise ValueError(
                f"points swap as {'-'.join(pair)!r}; expected two numbers from 0 to {count - 1}, as in 0-1,3-4, or none"
            )
        first, second = numbers
        if partners[first] != first or partners[second] != second:
            raise ValueError(
                f"point {first if partners[first] != first else second} swaps twice in {text!r}; name it once"
            )
        partners[first], partners[second] = second, first
    return tuple(partners)


def fitted(config: TrainingConfig, data: TrainingFaces, asked: Collection[str] | None = None) -> TrainingConfig:
    """A recipe fitted to faces: the points that they have, and the tasks that they are labelled for.

    Parameters
    ----------
    config : TrainingConfig
    data : TrainingFaces
    asked : collection of str, optional
        Tasks that were asked for by name, which must be labelled on both sides of the split; others are left out where
        they are not.

    Raises
    ------
    ValueError
        If one that was asked for is not.
    """
    if data.kind == "MTFL":
        return config
    network = replace(config.network, tasks=labelled_tasks(data, config.network.tasks, asked), own=data.own)
    augmentation = config.augmentation
    if data.own is not None:  # boxes of face detectors are none of theirs
        augmentation = replace(augmentation, styles=0.0)
    return replace(config, network=network, augmentation=augmentation)


def labelled_tasks(data: TrainingFaces, tasks: Sequence[str], asked: Collection[str] | None) -> tuple[str, ...]:
    """Those of a recipe's tasks that faces are labelled for; parameters and errors as of `fitted`."""
    labels = {
        task: [{face.attributes.get(task, -1) for face in some} - {-1} for some in (data.kept, data.held_out)]
        for task in tasks
    }
    usable = tuple(task for task in tasks if len(labels[task][0]) > 1 and labels[task][1])
    for task in asked or ():
        if task not in usable:
            trained, held = ([TASKS[task][k] for k in sorted(some)] for some in labels[task])
            raise ValueError(
                f"task {task} cannot be learned: labelled are {' and '.join(trained) or 'none'} of the training faces, "
                f"{' and '.join(held) or 'none'} of those held out; expected two of {', '.join(TASKS[task])} and one: "
                f"label more, in the column {task} of a CSV file, or leave it out of --tasks"
            )
    if usable != tuple(tasks):
        logger.info("not learned, since too few faces are labelled: %s", ", ".join(sorted(set(tasks) - set(usable))))
    return usable
