"""Figures of followed faces, from trackers whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from builders import FIVE
from tcdcn_init.eval.motion.clips import Shown
from tcdcn_init.eval.motion.following import follow, summary
from tcdcn_init.initialization import Initialization
from tcdcn_init.tracking import TrackedFace

BLANK = np.zeros((4, 4, 3), np.uint8)


def clip(visible: Sequence[int]) -> list[Shown]:
    """A face that stands still."""
    return [
        Shown(BLANK, number / 25, FIVE[None].copy(), np.array([points])) for number, points in enumerate(visible)
    ]  # fmt: skip


class Scripted:
    """A tracker that answers with an id and an offset in each frame, or None."""

    def __init__(self, answers: Sequence[tuple[int, float] | None]) -> None:
        self._answers = iter(answers)

    def update(self, frame: np.ndarray, time: float) -> list[TrackedFace]:
        answer = next(self._answers)
        if answer is None:
            return []
        points = (FIVE + [answer[1], 0]).astype(np.float32)
        return [TrackedFace(answer[0], points, Initialization(points, [0, 0, 9, 9]), 0, False)]


def figures(visible: Sequence[int], answers: Sequence[tuple[int, float] | None]):
    [face], false = follow(Scripted(answers), clip(visible), ["face"])  # type: ignore[arg-type]
    return face, summary([face], false)


def test_a_face_that_is_followed_all_along():
    face, of = figures([5] * 4, [(7, 4.0)] * 4)
    assert (face.first, face.frames, face.found, face.changes, face.returns) == (0, 4, 4, 0, [])
    assert of.error == pytest.approx(4.0 / 40.0)
    assert (of.found, of.false, of.slowest) == (1.0, 0, None)


def test_frames_count_from_the_first_in_which_it_was_found():
    face, of = figures([5] * 4, [None, None, (0, 0.0), None])
    assert (face.first, face.frames, face.found) == (2, 2, 1)
    assert of.never_found == 0


def test_a_face_that_is_back_is_found_after_so_many_frames():
    visible = [5, 5, 2, 0, 0, 3, 5, 5, 5, 5]
    late = [(0, 0.0), (0, 0.0), None, None, None, None, None, None, (0, 0.0), (0, 0.0)]
    face, of = figures(visible, late)
    assert face.returns == [2]
    assert (of.returns, of.in_time, of.slowest) == (1, 1, 2)
    never, of = figures(visible, late[:-2] + [None, None])
    assert never.returns == [None]
    assert (of.in_time, of.slowest) == (0, None)
    at_once, _ = figures(visible, [*late[:5], *[(0, 0.0)] * 5])
    assert at_once.returns == [0]


def test_what_is_covered_in_part_is_no_absence():
    face, _ = figures([5, 5, 3, 3, 3, 5], [(0, 0.0)] * 2 + [None] * 3 + [(0, 0.0)])
    assert face.returns == []


def test_another_id_is_a_change_and_a_face_where_none_is_false():
    visible = [5, 5, 0, 0, 0, 5]
    face, of = figures(visible, [(0, 0.0), (0, 0.0), (0, 0.0), None, (1, 300.0), (2, 0.0)])
    assert face.changes == 1
    assert of.false == 2


def test_a_face_that_was_never_found_counts_as_that_alone():
    [seen], _ = follow(Scripted([(0, 1.0)] * 3), clip([5] * 3), ["seen"])  # type: ignore[arg-type]
    [unseen], _ = follow(Scripted([None] * 3), clip([5] * 3), ["unseen"])  # type: ignore[arg-type]
    of = summary([seen, unseen], 0)
    assert (of.faces, of.never_found, of.found) == (2, 1, 1.0)
