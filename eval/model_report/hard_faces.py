"""An initializer on faces that MTFL and AFW have few of: 300-W's, profiles, infants; and what it says is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets import Face, hold_out, hold_out_persons, read_hidden, read_ibug68, read_mtfl
from tcdcn_init.eval.measuring.copies import read_images
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.metrics import Summary, summarise
from tcdcn_init.eval.model_report.confidence.figures import auroc
from tcdcn_init.geometry import box_square, interocular
from tcdcn_init.initializer import Initializer

__all__ = [
    "PROFILE_UNIT",
    "HardFaces",
    "HardFacesReport",
    "HiddenPoints",
    "errors_of",
    "hard_faces",
    "hard_faces_table",
    "hidden_table",
    "seen_or_hidden",
]

PROFILE_UNIT = 0.42
"""What stands for the inter-ocular distance of a face without two eyes, in sides of its box's square."""


@dataclass(frozen=True)
class HiddenPoints:
    """How well hidden points are told from visible ones.

    Attributes
    ----------
    auroc : float or None
        Area under the ROC curve for visible over hidden points; None without points of both kinds.
    visible, hidden : int
        Points of each kind.
    """

    auroc: float | None
    visible: int
    hidden: int


@dataclass(frozen=True)
class HardFaces:
    """What was measured.

    Attributes
    ----------
    errors : dict of str to Summary
        By set, of the mean error over the annotated points; a profile's three are divided by `PROFILE_UNIT` times its
        box's side.
    hidden : dict of str to HiddenPoints
        By set; of a model that says what is visible alone.
    """

    errors: dict[str, Summary]
    hidden: dict[str, HiddenPoints]


@dataclass(frozen=True)
class HardFacesReport(Document):
    """hard_faces.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    measured : HardFaces
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    measured: HardFaces


def hard_faces(initializer: Initializer, root: Path) -> HardFaces:
    """Measure an initializer on the sets beside MTFL and AFW.

    Parameters
    ----------
    initializer : Initializer
    root : pathlib.Path
        Folder that holds any of lfpw/, helen/, cfp_profile/, infants/, and for what is hidden lfpw29/ and aflw68/ with
        mtfl/.

    Returns
    -------
    HardFaces

    Raises
    ------
    FileNotFoundError
        If the folder holds none of them.
    """
    sets: dict[str, list[Face]] = {}
    both = [name for name in ("lfpw", "helen") if (root / name).exists()]
    if both:
        sets["LFPW and HELEN, test"] = [face for name in both for face in read_ibug68(root / name, "test")]
    if (root / "cfp_profile").exists():
        sets["profiles, held out"] = hold_out_persons(read_ibug68(root / "cfp_profile", "train"))[1]
    if (root / "infants").exists():
        sets["infants, held out"] = hold_out(read_ibug68(root / "infants", "train"))[1]
    if not sets:
        raise FileNotFoundError(
            f"{root} holds none of lfpw/, helen/, cfp_profile/, infants/; name the folder that does"
        )
    errors = {name: summarise(errors_of(_answers(initializer, faces)[0], faces)) for name, faces in sets.items()}
    hidden: dict[str, HiddenPoints] = {}
    for name, (folder, images) in {"LFPW, test": ("lfpw29", "lfpw"), "AFLW": ("aflw68", "mtfl")}.items():
        if not ((root / folder).exists() and (root / images).exists()) or "visible" not in initializer.config.outputs:
            continue
        flags = read_hidden(root / folder)
        every = read_mtfl(root / images, "testing") if images == "mtfl" else read_ibug68(root / images, "test")
        flagged = [face for face in every if face.name in flags]
        hidden[name] = seen_or_hidden(
            _answers(initializer, flagged)[1], np.stack([flags[face.name] for face in flagged])
        )
    return HardFaces(errors, hidden)


def errors_of(points: NDArray[Any], faces: Sequence[Face]) -> NDArray[np.float64]:
    """Mean error of each face over its annotated points.

    Parameters
    ----------
    points : (N, 5, 2) ndarray
    faces : sequence of Face
        Five points each, NaN where not annotated.

    Returns
    -------
    (N,) ndarray
        In inter-ocular distances, or where an eye is not annotated in `PROFILE_UNIT` of the box's side.
    """
    truth = np.stack([face.points for face in faces]).astype(np.float64)
    whole = np.isfinite(truth).all(axis=(1, 2))
    sides = box_square(np.stack([face.box for face in faces]))[1]
    unit = np.where(whole, interocular(truth), PROFILE_UNIT * sides)
    known = np.isfinite(truth).all(axis=2)
    off = np.where(known, np.linalg.norm(points - truth, axis=2), 0.0)
    return np.asarray(off.sum(axis=1) / known.sum(axis=1) / unit)


def seen_or_hidden(visible: NDArray[Any], hidden: NDArray[np.bool_]) -> HiddenPoints:
    """How well hidden points are told from visible ones.

    Parameters
    ----------
    visible : (N, 5) ndarray
        ``Initialization.visible`` of each face; NaN where there is no answer.
    hidden : (N, 5) ndarray of bool
        Annotated.

    Returns
    -------
    HiddenPoints

    Examples
    --------
    >>> seen_or_hidden(np.array([[0.9, 0.8, 0.7, 0.9, 0.1]]), np.array([[False, False, False, False, True]]))
    HiddenPoints(auroc=1.0, visible=4, hidden=1)
    """
    there = np.isfinite(visible)
    return HiddenPoints(
        auroc(visible[there & ~hidden], visible[there & hidden]),
        int((there & ~hidden).sum()),
        int((there & hidden).sum()),
    )


def _answers(initializer: Initializer, faces: Sequence[Face]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (N, 5, 2) and visibilities (N, 5) of faces in their boxes; NaN where an image cannot be read."""
    images, _ = read_images(faces)
    points, visible = np.full((len(faces), 5, 2), np.nan, np.float32), np.full((len(faces), 5), np.nan, np.float32)
    for k, face in enumerate(faces):
        if face.image in images:
            [found] = initializer(images[face.image], [face.box], on_bad="nan")
            points[k], visible[k] = found.points, found.visible
    return points, visible


def hard_faces_table(measured: HardFaces) -> str:
    """What `hard_faces` returns as Markdown."""
    rows = [
        [name, str(of.count), f"{100 * of.mean:.2f} / {100 * of.failure_10:.1f}"]
        for name, of in measured.errors.items()
    ]
    text = table(["faces", "", "mean error / failures, %"], rows)
    if measured.hidden:
        text += "\n\n" + hidden_table(measured.hidden)
    return text


def hidden_table(hidden: Mapping[str, HiddenPoints]) -> str:
    """What `seen_or_hidden` returns of several sets as Markdown."""
    rows = [
        [name, f"{of.visible} / {of.hidden}", "" if of.auroc is None else f"{of.auroc:.3f}"]
        for name, of in hidden.items()
    ]
    return table(["visible over hidden points", "visible / hidden", "AUROC"], rows)
