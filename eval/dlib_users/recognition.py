"""What better points are worth to face recognition: same-person pairs that it misses, with dlib's 68 points and seeded.

As the package face_recognition does it: the 68 points align the face, dlib's residual network describes it by 128
numbers, and two descriptions nearer than 0.6 are of one person.
"""

from __future__ import annotations

import functools
import re
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
from tcdcn_init.eval.measuring.copies import Copy
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.engine import Record, Shown, measure
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.images import as_bytes

__all__ = [
    "THRESHOLD",
    "PairFigures",
    "RecognitionReport",
    "compare_recognition",
    "pair_figures",
    "recognition_table",
    "two_videos",
]

THRESHOLD = 0.6
"""Distance above which face_recognition takes two faces for two persons."""

_POINTS = {"plain": "dlib's 68 points", "seeded": "the same file, seeded by `SeededShapePredictor`"}


@dataclass(frozen=True)
class PairFigures:
    """Of one way to the points in one condition.

    Attributes
    ----------
    missed : float
        Share of the same-person pairs that are farther apart than `THRESHOLD`.
    confused : float
        Share of the pairs of two persons that are nearer.
    distance : float
        Median distance of same-person pairs.
    """

    missed: float
    confused: float
    distance: float


@dataclass(frozen=True)
class RecognitionReport(Document):
    """What `compare_recognition` found.

    Attributes
    ----------
    command : str
    persons, detected, pairs, strangers : int
        How many; faces that dlib's detector found, the others have boxes around their points; same-person pairs, and
        pairs of two persons.
    model : str
        What seeds.
    figures : dict of str to dict of str to PairFigures
        By "plain" and "seeded", and by condition.
    """

    command: str
    persons: int
    detected: int
    pairs: int
    strangers: int
    model: str
    figures: dict[str, dict[str, PairFigures]]


def two_videos(faces: Sequence[Face], limit: int | None = None) -> list[tuple[Face, Face]]:
    """One frame each of two videos of a person, as far from each other as there are.

    Parameters
    ----------
    faces : sequence of Face
        Frames of YouTube Faces (`datasets.published.ytf68`), whose names end with a video's number and the frame's.
    limit : int, optional
        Persons at most, evenly spread.

    Returns
    -------
    list of (Face, Face)

    Raises
    ------
    ValueError
        If there is no person with two videos.
    """
    videos: dict[str, dict[str, Face]] = {}
    for face in faces:
        match = re.fullmatch(r"(?:.*/)?(.+)_(\d)\d\.\w+", face.name)
        if match:
            videos.setdefault(match[1], {}).setdefault(match[2], face)
    pairs = [(next(iter(each.values())), next(reversed(each.values()))) for each in videos.values() if len(each) > 1]
    if not pairs:
        raise ValueError("no person has frames of two videos; expected names such as Some_Person_12.jpg, video 1")
    step = max(1, len(pairs) // (limit or len(pairs)))
    return pairs[::step][:limit]


def compare_recognition(
    pairs: Sequence[tuple[Face, Face]],
    predictor: Path,
    encoder: Path,
    settings: Settings,
    *,
    journal: Path | None = None,
) -> RecognitionReport:
    """Describe the faces of same-person pairs from both ways to their points, and count what is missed.

    Parameters
    ----------
    pairs : sequence of (Face, Face)
        Of one person each.
    predictor, encoder : pathlib.Path
        dlib's shape_predictor_68_face_landmarks.dat and dlib_face_recognition_resnet_model_v1.dat.
    settings : Settings
    journal : pathlib.Path, optional
        See `engine.measure`.

    Raises
    ------
    ImportError
        If dlib is not installed.
    ValueError
        If a face has no image, since a pair would be lost, or there are fewer than two persons.
    """
    if len(pairs) < 2:
        raise ValueError(f"there are {len(pairs)} persons; expected two at least, to take one for the other")
    faces, detected = in_dlib_boxes([face for pair in pairs for face in pair])
    conditions = tuple(CONDITIONS.values())
    measured = measure(
        [Shown(face, conditions) for face in faces],
        functools.partial(_Scorer, predictor, encoder, settings),
        seed=settings.seed,
        jobs=settings.jobs,
        journal=journal,
        identity=f"recognition {predictor.name} {encoder.name} {settings.model}",
        label="Describing",
    )
    if measured.unreadable or any(record is None for records in measured.records for record in records):
        raise ValueError(f"faces without an image: {measured.unreadable}; leave their persons out")
    figures: dict[str, dict[str, PairFigures]] = {way: {} for way in _POINTS}
    for way in _POINTS:
        for k, name in enumerate(CONDITIONS):
            described = [records[k] for records in measured.records]
            figures[way][name] = pair_figures(np.array([record[way] for record in described if record is not None]))
    count = len(pairs)
    strangers = 2 * count * (count - 1)
    model = Path(settings.model).name
    return RecognitionReport(settings.command, count, detected, count, strangers, model, figures)


def recognition_table(report: RecognitionReport) -> str:
    """Pairs missed, and taken for one person though they are two."""
    rows = [
        [_POINTS[way], *(f"{100 * each.missed:.1f} / {100 * each.confused:.1f}" for each in conditions.values())]
        for way, conditions in report.figures.items()
    ]
    return table(["same-person pairs missed / strangers confused, %", *CONDITIONS], rows)


def pair_figures(described: NDArray[np.float64]) -> PairFigures:
    """How well descriptions tell persons apart.

    Parameters
    ----------
    described : (2N, D) ndarray
        Two of each person, one after the other.

    Returns
    -------
    PairFigures

    Examples
    --------
    >>> pair_figures(np.array([[0.0], [0.5], [1.0], [2.0]]))
    PairFigures(missed=0.5, confused=0.25, distance=0.75)
    """
    person = np.arange(len(described)) // 2
    apart = np.linalg.norm(described[:, None] - described[None], axis=2)
    strangers = apart[person[:, None] < person]
    same = np.linalg.norm(described[0::2] - described[1::2], axis=1)
    return PairFigures(float((same > THRESHOLD).mean()), float((strangers <= THRESHOLD).mean()), float(np.median(same)))


class _Scorer:
    def __init__(self, predictor: Path, encoder: Path, settings: Settings) -> None:
        dlib = require_dlib()
        self._plain: Any = dlib.shape_predictor(str(predictor))
        self._seeded = SeededShapePredictor(self._plain, initializer=settings.make_initializer())
        self._encoder: Any = dlib.face_recognition_model_v1(str(encoder))

    def __call__(self, copies: Sequence[Copy]) -> list[Record]:
        return [self._record(copy) for copy in copies]

    def _record(self, copy: Copy) -> Record:
        pixels = as_bytes(copy.image)
        rgb = np.ascontiguousarray(np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels)
        box = as_rectangle(copy.box)
        ways = {"plain": self._plain(rgb, box), "seeded": self._seeded(rgb, box)}
        return {way: list(self._encoder.compute_face_descriptor(rgb, shape)) for way, shape in ways.items()}
