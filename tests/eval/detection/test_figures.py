"""Recall, precision and time from what detectors and an initializer said of photographs."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tcdcn_init.detection import detect_boxes
from tcdcn_init.eval.detection.figures import detection_figures, faces_found, found_in
from tcdcn_init.eval.detection.measure import look_at
from tcdcn_init.eval.detection.photographs import Photograph
from tcdcn_init.eval.detection.report import detection_table
from tcdcn_init.eval.measuring.settings import Settings

FACE, WALL = [0.0, 0.0, 10.0, 10.0], [50.0, 0.0, 60.0, 10.0]


def record(*hints, faces=(FACE,), seconds=(1.0, 1.0, 1.0, 1.0)):
    """Of hints (quarter, certainty, roll, square), the same in every copy."""
    hits = [[quarter, *square, 0.5] for quarter, _, _, square in hints]
    answers = [[[certain, -10.0, roll, *square] for _, certain, roll, square in hints]] * 3
    of = {"hits": hits, "answers": answers, "seconds": list(seconds), "asking": [0.4] * 3}
    return {"name": "photograph", "faces": list(map(list, faces)), "dlib": of}


def ways(*records):
    found = detection_figures(records, ["dlib"]).ways
    return {(way.turned, way.degrees): way for way in found}


def at(way, least):
    return next(point for point in way.points if point.least == least)


def test_what_nobody_marked_counts_against_precision_and_missed_faces_against_recall():
    figures = ways(record((0, 0.9, 0, FACE), (0, 0.6, 0, WALL)), record(faces=[FACE, WALL]))
    sure, unsure = (at(figures["never", 0], least) for least in (0.7, 0.5))
    assert (sure.recall, sure.precision, sure.false) == (0.3333, 1.0, 0)
    assert (unsure.recall, unsure.precision, unsure.false) == (0.3333, 0.5, 1)


def test_of_two_that_are_one_face_the_second_is_false():
    assert faces_found(np.array([FACE, [1.0, 0.0, 11.0, 10.0]]), [FACE]).tolist() == [0, -1]
    assert faces_found(np.array([[2.0, 2.0, 4.0, 4.0], [6.0, 0.0, 16.0, 10.0]]), [FACE]).tolist() == [-1, -1]
    assert faces_found(np.empty((0, 4)), [FACE]).tolist() == []
    assert faces_found(np.array([FACE]), []).tolist() == [-1]


def test_turned_copies_count_and_cost_where_they_are_searched():
    lying = record((1, 0.9, 80, FACE))
    figures = ways(lying)
    assert [at(figures[turned, 0], 0.7).recall for turned in ("never", "where none stand upright", "always")] == [
        0.0,
        1.0,
        1.0,
    ]
    assert [figures[turned, 0].ms for turned in ("never", "always")] == [1000.0, 4400.0]
    upright = record((0, 0.9, 0, FACE), (1, 0.9, 80, WALL), faces=[FACE, WALL])
    squares, more = found_in(upright, "dlib", "where none stand upright", 0, 0.7)
    assert (squares.tolist(), more) == ([FACE], ())
    assert len(found_in(upright, "dlib", "always", 0, 0.7)[0]) == 2


def test_dlib_by_itself_is_what_it_scores_above_nought():
    below = record((0, 0.9, 0, FACE))
    below["dlib"]["hits"][0][5] = -0.2
    assert ways(below)["stock", 0].points[0].recall == 0.0
    assert ways(record((0, 0.9, 0, FACE)))["stock", 0].points[0].recall == 1.0


def _small(portrait):
    return np.ascontiguousarray(portrait[:220, 110:330]), np.array([[66.0, 56.0, 162.0, 176.0]])


def test_measured_ways_find_what_users_find(portrait, tmp_path):
    photographs = [Photograph("portrait", partial(_small, portrait))]
    records = look_at(photographs, "skimage", Settings(), tmp_path / "journal", "test")
    squares, more = found_in(records[0], "skimage", "where none stand upright", 0, 0.7)
    assert (len(squares), more) == (len(detect_boxes(_small(portrait)[0], "skimage")), ())
    assert at(ways_of(records)["never", 0], 0.7).recall == 1.0
    table = detection_table(detection_figures(records, ["skimage"]), 0.7)
    assert "| skimage | always | 100.0 / 100.0 | 0 | 100.0 / 100.0 | 100.0 / 100.0 |" in table.replace("\u00a0", " ")
    # From the journal: nothing is read again.
    assert look_at([Photograph("portrait", pytest.fail)], "skimage", Settings(), tmp_path / "journal", "") == records


def ways_of(records):
    return {(way.turned, way.degrees): way for way in detection_figures(records, ["skimage"]).ways}
