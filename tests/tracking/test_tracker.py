"""The tracker on clips whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from builders import nme, portrait_clip
from tcdcn_init import Initializer
from tcdcn_init.detection import detect_boxes
from tcdcn_init.eval.motion.clips import Shown
from tcdcn_init.geometry import box_from_points
from tcdcn_init.tracking import FaceTracker, OneEuro, TrackedFace
from tcdcn_init.tracking.matching import same_face
from tcdcn_init.tracking.tracker import SEARCH_EVERY


@pytest.fixture(scope="module")
def initializer() -> Initializer:
    return Initializer()


class Oracle:
    """A detector that finds every face all of whose points are visible, and counts how often it is asked."""

    def __init__(self, clip: Sequence[Shown]) -> None:
        self.asked = 0
        self._boxes = {
            id(shown.image): [
                box_from_points(p) for p, seen in zip(shown.points, shown.visible, strict=True) if seen == 5
            ]
            for shown in clip
        }

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        self.asked += 1
        return self._boxes[id(image)]


def follow(clip: Sequence[Shown], initializer: Initializer, **options) -> list[list[TrackedFace]]:
    tracker = FaceTracker(initializer, **{"detector": Oracle(clip)} | options)
    return [tracker.update(shown.image, shown.time) for shown in clip]


def test_a_moving_face_is_followed_and_the_detector_seldom_asked(initializer):
    clip = portrait_clip("moving", 0, 30)
    detector = Oracle(clip)
    answers = follow(clip, initializer, detector=detector)
    assert {tuple((face.id, face.lost) for face in faces) for faces in answers} == {((0, False),)}
    assert [faces[0].age for faces in answers] == list(range(30))
    errors = nme(np.array([faces[0].points for faces in answers]), np.array([shown.points[0] for shown in clip]))
    assert errors.mean() < 0.06
    assert detector.asked == 2  # at 0 and 1 second


def test_the_detector_of_the_package_starts_it(initializer):
    clip = portrait_clip("turning", 0, 4)
    for options in ({"detector": "skimage"}, {"detector": lambda image: detect_boxes(image, "skimage")}):
        answers = follow(clip, initializer, **options)
        assert [[face.id for face in faces] for faces in answers] == [[0]] * 4


def test_a_face_behind_a_wall_is_lost_and_comes_back_as_itself(initializer):
    clip = portrait_clip("occluded", 36, 66)
    answers = follow(clip, initializer)
    hidden = [number for number, shown in enumerate(clip) if not shown.visible[0]]
    back = next(number for number in range(hidden[-1], len(clip)) if clip[number].visible[0] == 5)
    assert all(faces[0].lost and faces[0].confidence == 0 for faces in (answers[k] for k in hidden))
    assert all(not faces[0].lost for faces in answers[back + 5 :])
    assert {face.id for faces in answers for face in faces} == {0}


def test_a_face_that_left_comes_back_as_itself_if_soon(initializer):
    clip = portrait_clip("leaving", 30, 98)
    found = [[face.id for face in faces if not face.lost] for faces in follow(clip, initializer)]
    away = [number for number, shown in enumerate(clip) if not shown.visible[0]]
    assert all(not found[number] for number in away)
    assert found[0] == found[-1] == [0]
    forgotten = follow(clip, initializer, max_lost=0.4)
    assert forgotten[away[-1]] == []
    assert [face.id for face in forgotten[-1]] == [1]


def test_two_faces_that_pass_each_other_stay_who_they_are(initializer):
    clip = portrait_clip("crossing", 36, 66)
    answers = follow(clip, initializer)
    truth = np.array([shown.points.mean(axis=1) for shown in clip])

    def nearest(number: int) -> dict[int, int]:
        return {
            face.id: int(np.linalg.norm(truth[number] - face.points.mean(axis=0), axis=1).argmin())
            for face in answers[number]
        }

    assert nearest(0) == nearest(-1)
    assert sorted(nearest(0).values()) == [0, 1]
    for faces in answers:
        found = [face.points for face in faces if not face.lost]
        assert same_face(found, found).sum() == len(found)


def test_where_there_is_no_face_it_searches_now_and_then(initializer):
    clip = portrait_clip("leaving", 55, 75)
    detector = Oracle(clip)
    assert follow(clip, initializer, detector=detector) == [[]] * 20
    assert detector.asked == pytest.approx(20 / 25 / SEARCH_EVERY, abs=1)


def test_what_a_detector_takes_for_a_face_is_not_one_for_that(initializer):
    clip = portrait_clip("leaving", 55, 57)
    assert follow(clip, initializer, detector=lambda image: [(100, 100, 180, 200)]) == [[], []]


def test_two_boxes_of_one_face_are_one_face(initializer):
    [shown] = clip = portrait_clip("moving", 0, 1)
    box = box_from_points(shown.points[0])
    [[face]] = follow(clip, initializer, detector=lambda image: [box, box + 6, (-90, -90, -20, -20)][:2])
    assert face.id == 0


def test_a_lost_face_is_expected_where_its_motion_leads(initializer):
    clip = portrait_clip("leaving", 25, 45)
    answers = follow(clip, initializer)
    first = next(number for number, faces in enumerate(answers) if faces[0].lost)
    before, after = (answers[number][0].points.mean(axis=0) for number in (first - 1, first))
    truth = [clip[number].points[0].mean(axis=0) for number in (first - 1, first)]
    np.testing.assert_allclose(after - before, truth[1] - truth[0], atol=3.0)


def test_a_tracker_goes_on_from_its_state(initializer):
    clip = portrait_clip("crossing", 40, 54)
    options = {"smoothing": OneEuro(), "detector": Oracle(clip)}
    whole = follow(clip, initializer, **options)
    first, second = FaceTracker(initializer, **options), FaceTracker(initializer, **options)
    for shown in clip[:6]:
        first.update(shown.image, shown.time)
    second.restore(json.loads(json.dumps(first.state())))
    for shown, expected in zip(clip[6:], whole[6:], strict=True):
        found = second.update(shown.image, shown.time)
        assert [(face.id, face.age, face.lost) for face in found] == [(f.id, f.age, f.lost) for f in expected]
        np.testing.assert_array_equal([face.points for face in found], [face.points for face in expected])


def test_smoothing_changes_what_is_shown_and_nothing_else(initializer):
    clip = portrait_clip("moving", 0, 12)
    plain, smooth = follow(clip, initializer), follow(clip, initializer, smoothing=OneEuro())
    for (one,), (other,) in zip(plain, smooth, strict=True):
        np.testing.assert_array_equal(one.face.points, other.face.points)
        np.testing.assert_array_equal(one.points, one.face.points)
    assert not np.allclose(smooth[-1][0].points, plain[-1][0].points, atol=0.5)


def test_time_may_be_given_or_counted(initializer):
    clip = portrait_clip("moving", 0, 3)
    counting = FaceTracker(initializer, detector=Oracle(clip), rate=5.0)
    for shown in clip:
        counting.update(shown.image)
    assert counting.state()["time"] == pytest.approx(0.4)
    with pytest.raises(ValueError, match=r"0\.1, before the last one's, 0\.4"):
        counting.update(clip[0].image, 0.1)
    with pytest.raises(ValueError, match="nan"):
        counting.update(clip[0].image, float("nan"))


@pytest.mark.parametrize("wrong", [{"redetect_every": 0}, {"rate": float("inf")}, {"max_lost": -1}])
def test_a_number_out_of_range_is_named(initializer, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaceTracker(initializer, **wrong)


def test_a_model_without_a_confidence_is_refused():
    with pytest.raises(ValueError, match="tcdcn-mtfl has no confidence"):
        FaceTracker(Initializer("tcdcn-mtfl"))
