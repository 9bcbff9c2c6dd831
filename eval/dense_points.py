"""Dense points as they are used: their errors, what they say of themselves, and the calibration of that.

Faces are looked at in their boxes, as `Initializer(dense=True)` looks at them, each once as it is and once with a
rectangle over a fifth of its box (`perturbation.covered`): a point under it is hidden. Calibrated on held-out faces,
measured on the test parts of LFPW and HELEN; what is hidden also on AFLW's faces with flags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.dense import DenseNetwork
from tcdcn_init.confidence import FAILURE, Calibration, fit_dense_calibration
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.datasets.published.hidden import read_hidden
from tcdcn_init.datasets.published.mtfl import read_mtfl
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.copies import fill_of, occluded_part
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware, hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import Settings, StatedSettings
from tcdcn_init.eval.metrics import Summary, point_errors, summarise
from tcdcn_init.eval.model_report.confidence.figures import ErrorBin, auroc
from tcdcn_init.eval.model_report.hard_faces import HiddenPoints, hidden_table, seen_or_hidden
from tcdcn_init.eval.perturbation import covered, face_rng
from tcdcn_init.initializer import Initializer
from tcdcn_init.passes.dense import DenseAnswers

__all__ = ["DenseFigures", "DenseReport", "dense_table", "fitted_to_dense", "held_out_dense", "run_dense"]

_PHOTOGRAPHS = ("lfpw", "helen", "infants")
_SHARE = 0.2  # of the box that the rectangle covers
_BINS = 10


@dataclass(frozen=True)
class _Asked:
    """Of N faces: expected errors, visibilities, errors in inter-ocular distances, and what is hidden, (N, 68) each."""

    expected: NDArray[np.float32]
    visible: NDArray[np.float32]
    errors: NDArray[np.float64]
    hidden: NDArray[np.bool_]


@dataclass(frozen=True)
class DenseFigures:
    """What was measured.

    Attributes
    ----------
    clean, occluded : Summary
        Of each face's mean error, as it is and a fifth of its box hidden.
    bins : list of ErrorBin
        Expected against actual errors of the points of both, as many in each bin.
    failure_auroc : float or None
        Faces with a mean error up to 10 % over others, told apart by the mean expected error.
    hidden : dict of str to HiddenPoints
        By faces: visible over hidden points, told apart by their visibility.
    """

    clean: Summary
    occluded: Summary
    bins: list[ErrorBin]
    failure_auroc: float | None
    hidden: dict[str, HiddenPoints]


@dataclass(frozen=True)
class DenseReport(Document):
    """dense.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    figures : DenseFigures
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    figures: DenseFigures


def held_out_dense(data: Path) -> list[Face]:
    """Held-out faces of the photographs in a folder, with their 68 points.

    Rendered faces, whose points are exact behind hair and headsets too, have errors of another size: left out.

    Parameters
    ----------
    data : pathlib.Path
        Holds any of lfpw/, helen/, infants/.

    Raises
    ------
    FileNotFoundError
        If the folder holds none of them.
    """
    from tcdcn_init.training.stages.data import training_sets

    sets = training_sets(data, dense=True)
    faces = [face for name in _PHOTOGRAPHS if name in sets for face in sets[name][1]]
    if not faces:
        raise FileNotFoundError(f"{data} holds none of {', '.join(_PHOTOGRAPHS)}; name the folder that does")
    return faces


def fitted_to_dense(model: Path, faces: Sequence[Face], seed: int = 0) -> Calibration:
    """The calibration of expected errors and visibility that fits what a model says of faces.

    Parameters
    ----------
    model : pathlib.Path
        A .safetensors file of dense points, not calibrated.
    faces : sequence of Face
        Held out, with 68 points each.
    seed : int
        Of the occluders.
    """
    asked = _asked(DenseNetwork(model, backend="torch"), Initializer(), faces, seed)
    seen = np.clip(asked.visible.astype(np.float64), 1e-7, 1.0 - 1e-7)
    return fit_dense_calibration(asked.expected, asked.errors, np.log(seen / (1.0 - seen)), ~asked.hidden)


def run_dense(data: Path, out: Path, settings: Settings) -> DenseReport:
    """Measure the bundled dense points, and write dense.json.

    Parameters
    ----------
    data : pathlib.Path
        Folder that holds lfpw/ and helen/; and for what is hidden aflw68/ with mtfl/.
    out : pathlib.Path
        Folder.
    settings : Settings
        Of the initializer; `limit` holds for each set of faces.

    Returns
    -------
    DenseReport

    Raises
    ------
    FileNotFoundError
        If the folder does not hold LFPW and HELEN.
    """
    initializer, dense = settings.make_initializer(), DenseNetwork(backend=settings.backend)
    faces = spread(read_dataset("300w-common", data), settings.limit)
    asked = _asked(dense, initializer, faces, settings.seed)
    clean, occluded = np.split(asked.errors.mean(axis=1), 2)
    order = np.argsort(asked.expected, axis=None)
    good = asked.errors.mean(axis=1) <= FAILURE
    sure = -asked.expected.mean(axis=1)
    hidden = {"LFPW and HELEN, test, a fifth of each box hidden": seen_or_hidden(asked.visible, asked.hidden)}
    if (data / "aflw68").exists() and (data / "mtfl").exists():
        flags = read_hidden(data / "aflw68", dense=True)
        flagged = [face for face in read_mtfl(data / "mtfl", "testing") if face.name in flags]
        flagged = spread(flagged, settings.limit)
        pictures = [read_face_image(face) for face in track(flagged, "Reading AFLW")]
        visible = _answers(dense, initializer, pictures, flagged).visible
        hidden["AFLW"] = seen_or_hidden(visible, np.stack([flags[face.name] for face in flagged]))
    figures = DenseFigures(
        summarise(clean),
        summarise(occluded),
        [
            ErrorBin(float(asked.expected.flat[part].mean()), float(asked.errors.flat[part].mean()), len(part))
            for part in np.array_split(order, _BINS)
        ],
        auroc(sure[good], sure[~good]),
        hidden,
    )
    report = DenseReport(settings.command, settings.stated, hardware(), figures)
    out.mkdir(parents=True, exist_ok=True)
    report.write(out / "dense.json")
    return report


def dense_table(figures: DenseFigures) -> str:
    """What was measured as Markdown."""
    rows = [
        [name, str(of.count), f"{100 * of.mean:.2f} / {100 * of.failure_10:.1f}"]
        for name, of in (("as they are", figures.clean), ("a fifth of the box hidden", figures.occluded))
    ]
    text = table(["LFPW and HELEN, test, in their boxes", "faces", "mean error / failures, %"], rows)
    bins = [[f"{100 * each.expected:.1f}", f"{100 * each.actual:.1f}"] for each in figures.bins]
    text += "\n\n" + table(["expected error of a tenth of the points, %", "actual"], bins)
    text += "\n\n" + hidden_table(figures.hidden)
    if figures.failure_auroc is not None:
        text += f"\n\nFailures told by the mean expected error: AUROC {figures.failure_auroc:.3f}."
    return text


def _asked(dense: DenseNetwork, initializer: Initializer, faces: Sequence[Face], seed: int) -> _Asked:
    """Ask about faces as they are, and then about all with a fifth of the box hidden."""
    pictures, hidden = [], []
    for share in (0.0, _SHARE):
        for face in track(faces, "Reading faces"):
            rectangle = occluded_part(face, share, seed)
            rng = face_rng(seed, face.name, "occluder's noise")
            pictures.append(covered(read_face_image(face), rectangle, rng, fill_of(face, seed)))
            inside = (face.points >= rectangle[:2]) & (face.points <= rectangle[2:])
            hidden.append(inside.all(axis=1) & (share > 0))
    both = [*faces, *faces]
    answers = _answers(dense, initializer, pictures, both)
    truth = np.stack([face.points for face in both])
    return _Asked(answers.expected_error, answers.visible, point_errors(answers.points, truth), np.stack(hidden))


def _answers(
    dense: DenseNetwork, initializer: Initializer, pictures: Sequence[NDArray[Any]], faces: Sequence[Face]
) -> DenseAnswers:
    five = np.concatenate(
        [
            initializer.points(picture, face.box[None])
            for picture, face in track(list(zip(pictures, faces, strict=True)), "Finding five points")
        ]
    )
    return dense.answers(pictures, five)
