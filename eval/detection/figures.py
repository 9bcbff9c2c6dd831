"""From records to recall, precision and time, at any certainty from which a hint counts as a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection.search import LEAST_CERTAINTY, certainty, quarters_to_search, sifted
from tcdcn_init.eval.detection.measure import TURNS, Record
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.geometry import box_square

__all__ = [
    "CERTAINTIES",
    "WAYS",
    "DetectionFigures",
    "DetectionReport",
    "Point",
    "Way",
    "detection_figures",
    "faces_found",
    "found_in",
]

CERTAINTIES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""At which curves have their points."""

WAYS = {"never": False, "where none stand upright": None, "always": True}
"""When turned copies are searched, and ``turned`` of `detect_boxes`."""

STOCK_DLIB = 0.0
"""Score from which dlib's detector by itself calls something a face."""

_OFF, _RATIO = 0.5, 2.0


@dataclass(frozen=True)
class Point:
    """What is found at one certainty.

    Attributes
    ----------
    least : float
        Certainty from which a hint counts as a face.
    recall, precision : float
        0 to 1.
    false : int
        Found where nobody marked a face.
    """

    least: float
    recall: float
    precision: float
    false: int


@dataclass(frozen=True)
class Way:
    """One way to search.

    Attributes
    ----------
    detector : str
    turned : str
        Of `WAYS`; "stock" is the detector by itself, without anything that looks closer.
    degrees : int
        By how much the photographs were turned before.
    ms : float
        A photograph, of processor time.
    points : list of Point
    """

    detector: str
    turned: str
    degrees: int
    ms: float
    points: list[Point]


@dataclass(frozen=True)
class DetectionFigures:
    """Of one set of photographs.

    Attributes
    ----------
    photographs, faces : int
    ways : list of Way
    """

    photographs: int
    faces: int
    ways: list[Way]


@dataclass(frozen=True)
class DetectionReport(Document):
    """detection.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    least : float
        The certainty that counts by default, `detection.search.LEAST_CERTAINTY`.
    sets : dict of str to DetectionFigures
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    least: float
    sets: dict[str, DetectionFigures]


def detection_figures(records: Sequence[Record], detectors: Sequence[str]) -> DetectionFigures:
    """All ways to search, at all certainties.

    Parameters
    ----------
    records : sequence of Record
    detectors : sequence of str
        Those that were asked.
    """
    ways = []
    for name in detectors:
        for turn in TURNS:
            if name == "dlib":
                ways.append(_stock(records, turn))
            ways += [_way(records, name, turned, turn) for turned in WAYS]
    return DetectionFigures(len(records), sum(len(record["faces"]) for record in records), ways)


def found_in(
    record: Record, name: str, turned: str, turn: int, least: float
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Squares that are called faces, the surest first, and by which quarters copies were turned that were searched too.

    The same steps as `detection.search.find_faces`.
    """
    quarters = (np.array([row[0] for row in record[name]["hits"]]) - turn) % 4
    answers = np.array(record[name]["answers"][turn], dtype=np.float64).reshape(-1, 7)
    certain, roll, squares = certainty(answers[:, 0], answers[:, 1]), answers[:, 2], answers[:, 3:]

    def rows_of(searched: tuple[int, ...]) -> NDArray[np.intp]:
        some = np.flatnonzero(np.isin(quarters, searched))
        return np.asarray(some[sifted(certain[some], squares[some], least)])

    rows = rows_of((0,))
    more = quarters_to_search(name, WAYS[turned], roll[rows])
    return squares[rows_of((0, *more)) if more else rows], more


def faces_found(squares: NDArray[np.float64], faces: Sequence[Sequence[float]]) -> NDArray[np.intp]:
    """Which annotated face each found one is, -1 where it is none.

    One is the other when their middles lie less than half the annotated box's side apart, and one side is less than
    twice the other. Each face is found once: what comes second is none.

    Parameters
    ----------
    squares : (N, 4) ndarray
        The surest first.
    faces : (M, 4)

    Examples
    --------
    >>> faces_found(np.array([[0, 0, 10, 10], [1, 0, 11, 10], [80, 0, 90, 10]]), [[1, 1, 11, 11]]).tolist()
    [0, -1, -1]
    """
    result = np.full(len(squares), -1, dtype=np.intp)
    left = list(range(len(faces)))
    middles, sides = box_square(np.array(faces, dtype=np.float64).reshape(-1, 4))
    for row, (middle, side) in enumerate(zip(*box_square(squares.reshape(-1, 4)), strict=True)):
        near = [
            (float(np.hypot(*(middles[k] - middle)) / sides[k]), k)
            for k in left
            if 1 / _RATIO < side / sides[k] < _RATIO
        ]
        if near and min(near)[0] < _OFF:
            result[row] = min(near)[1]
            left.remove(int(result[row]))
    return result


def _way(records: Sequence[Record], name: str, turned: str, turn: int) -> Way:
    points = [
        _point(least, records, [found_in(record, name, turned, turn, least)[0] for record in records])
        for least in CERTAINTIES
    ]
    seconds = 0.0
    for record in records:
        of = record[name]
        searched = [(turn + quarter) % 4 for quarter in (0, *found_in(record, name, turned, turn, LEAST_CERTAINTY)[1])]
        share = np.mean(np.isin([row[0] for row in of["hits"]], searched)) if of["hits"] else 0.0
        seconds += sum(of["seconds"][quarter] for quarter in searched) + share * of["asking"][turn]
    return Way(name, turned, 90 * turn, round(1e3 * seconds / len(records), 1), points)


def _stock(records: Sequence[Record], turn: int) -> Way:
    found = []
    for record in records:
        rows = [row for row in record["dlib"]["hits"] if row[0] == turn and row[5] >= STOCK_DLIB]
        found.append(np.array([row[1:5] for row in sorted(rows, key=lambda row: -row[5])]).reshape(-1, 4))
    seconds = sum(record["dlib"]["seconds"][turn] for record in records)
    return Way("dlib", "stock", 90 * turn, round(1e3 * seconds / len(records), 1), [_point(0.0, records, found)])


def _point(least: float, records: Sequence[Record], found: Sequence[NDArray[np.float64]]) -> Point:
    right = false = faces = 0
    for record, squares in zip(records, found, strict=True):
        which = faces_found(squares, record["faces"])
        right, false, faces = (
            right + int((which >= 0).sum()),
            false + int((which < 0).sum()),
            faces + len(record["faces"]),
        )
    return Point(least, round(right / max(faces, 1), 4), round(right / max(right + false, 1), 4), false)
