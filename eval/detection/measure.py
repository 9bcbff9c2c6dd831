"""One pass over photographs: every hint of every detector, on the image and its turned copies, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import track
from tcdcn_init.detection.search import face_odds, inside, point_squares, search_by
from tcdcn_init.detection.turned import turned_back
from tcdcn_init.eval.detection.photographs import Photograph
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.geometry import roll_degrees

__all__ = ["TURNS", "Record", "look_at"]

TURNS = (0, 1, 2)
"""Quarters by which copies of a photograph are turned before they are searched."""

Record = dict[str, Any]
"""Of a photograph; JSON can hold it. "faces": its boxes. Of each detector: "hits", rows of the quarter in which a hint
came up, its box in the photograph and its score; "seconds" of each quarter's search. "answers": of each of `TURNS`,
confidence, logarithm of the odds of a face, roll and square of every hint; "asking": seconds that they took."""


def look_at(
    photographs: Sequence[Photograph], detector: str, settings: Settings, journal: Path, label: str
) -> list[Record]:
    """Ask a detector, and an initializer about all that it hints at.

    Parameters
    ----------
    photographs : sequence of Photograph
    detector : str
        `detection.detectors.OWN`, or of its `LAX`.
    settings : Settings
    journal : pathlib.Path
        An interrupted call goes on from it; left in place.
    label : str
        Of the progress bar.

    Returns
    -------
    list of Record
        Of every photograph, in order.
    """
    identity = f"{settings.stated} {detector} {', '.join(each.name for each in photographs)}"
    with Journal(journal, identity) as book:
        done: dict[int, Record] = {piece["number"]: piece for piece in book.pieces}
        waiting = [number for number in range(len(photographs)) if number not in done]
        make_worker = partial(_Worker, detector, settings)
        results = as_finished(make_worker, [photographs[number] for number in waiting], settings.jobs)
        for place, record in track(results, label, total=len(waiting)):
            number = waiting[place]
            done[number] = {"number": number, **record}
            book.append(done[number])
    return [done[number] for number in range(len(photographs))]


class _Worker:
    def __init__(self, detector: str, settings: Settings) -> None:
        self.detector, self.judge = detector, settings.make_initializer()

    def __call__(self, photograph: Photograph) -> Record:
        image, faces = photograph.read()
        return {"name": photograph.name, "faces": _rounded(faces), self.detector: self._hints(image)}

    def _hints(self, image: NDArray[Any]) -> Record:
        rows, seconds = [], []
        for quarter in range(4):
            copy = np.rot90(image, quarter)
            hits, took = _timed(partial(search_by(self.detector, self.judge), copy))
            hits = inside(hits, copy)
            boxes = turned_back(hits.boxes, quarter, image.shape[:2])
            rows.append(np.column_stack([np.full(len(boxes), float(quarter)), boxes, hits.scores]))
            seconds.append(took)
        hints = np.concatenate(rows)
        answers, asking = [], []
        for turn in TURNS:
            copy = np.ascontiguousarray(np.rot90(image, turn))
            boxes = turned_back(hints[:, 1:5], -turn, copy.shape[:2])
            raw, took = _timed(partial(self.judge.raw, copy, boxes, on_bad="nan"))
            squares = turned_back(point_squares(raw.points), turn, image.shape[:2])
            said = [raw.confidence, face_odds(raw, self.judge.calibration), roll_degrees(raw.points), squares]
            answers.append(_rounded(np.column_stack(said), 5))
            asking.append(took)
        return {"hits": _rounded(hints), "seconds": seconds, "answers": answers, "asking": asking}


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    result = call()
    return result, round(time.process_time() - begin, 4)


def _rounded(values: NDArray[np.float64], digits: int = 2) -> list[list[float]]:
    rounded: list[list[float]] = np.round(values, digits).tolist()
    return rounded
