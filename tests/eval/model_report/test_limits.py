"""Limits: figures by hand, and their sentences, tables and plots on drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders import FIVE
from tcdcn_init.datasets import Face, read_mtfl
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, fill_of, occluded_part
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.limits.figures import (
    FaceFigures,
    Limits,
    LimitsReport,
    PointFigures,
    limits_figures,
    limits_of,
    worst_faces,
)
from tcdcn_init.eval.model_report.limits.plots import plot_limits
from tcdcn_init.eval.model_report.limits.text import limits_text, sentences
from tcdcn_init.eval.model_report.measurement import measure_model

EYES = 40.0  # apart
BOX = np.array([10.0, 20.0, 90.0, 100.0])  # two eye distances wide


def limits_by_hand(errors: list[float], confidence: list[float], poses: list[int | None]) -> Limits:
    """Faces whose points are all off by the same, whole and with 0.3 of the box occluded, which doubles the error."""
    faces = [
        Face(
            f"{k}.png", Path(f"{k}.png"), FIVE.astype(np.float32), BOX, "given", {} if pose is None else {"pose": pose}
        )
        for k, pose in enumerate(poses)
    ]
    moves = EYES * np.array([errors, 2 * np.array(errors)])[..., None, None] * [0, 1]  # down
    sure = np.array([confidence, confidence])
    expected = np.broadcast_to(sure[..., None] / 10, (2, len(faces), 5))
    occluded = np.zeros((2, len(faces), 5), dtype=bool)
    occluded[1, :, 2] = True
    return Limits(faces, (0.0, 0.3), FIVE + moves, expected, sure, occluded, [fill_of(face, 0) for face in faces])


NAN = float("nan")
HAND = limits_by_hand([0.02, 0.2, 0.3, NAN, 0.06], [0.9, 0.8, 0.1, NAN, 0.4], [2, 0, 4, 2, None])


def test_failures_and_what_the_model_said_of_them_by_hand():
    figures = limits_figures(HAND)
    own = figures.own_box
    assert (own.count, own.missing, own.failures) == (5, 1, 3)
    assert own.mean == pytest.approx((0.02 + 0.2 + 0.3 + 1 + 0.06) / 5)
    assert own.box_error == pytest.approx((0.01 + 0.1 + 0.15 + 1 + 0.03) / 5)
    # Unsure: two below a half, and the face without an answer.
    assert own.unsure == pytest.approx(3 / 5)
    assert (own.failures_unsure, own.unnoticed) == (2, 1)
    assert own.confidence == pytest.approx((0.9 + 0.8 + 0.1 + 0.4) / 4)
    assert {name: group.failures for name, group in figures.poses.items()} == {
        "left profile": 1,
        "frontal": 1,
        "right profile": 1,
        "not annotated": 0,
    }
    assert figures.occlusion[1].faces.failures == 4
    assert figures.occluded_poses["not annotated"].failures == 1


def test_occluded_and_visible_points_are_told_apart():
    whole, part = limits_figures(HAND).occlusion
    assert whole.occluded == PointFigures(0, None, None)
    assert part.occluded.count == 4  # a nose each, of faces with an answer
    assert part.visible.count == 16
    assert part.occluded.error == pytest.approx(2 * (0.02 + 0.2 + 0.3 + 0.06) / 4)
    assert part.occluded.expected == pytest.approx((0.9 + 0.8 + 0.1 + 0.4) / 40)


def test_the_worst_come_first_and_faces_without_an_answer_not_at_all():
    assert worst_faces(HAND) == {"own box": (0, [2, 1, 4, 0]), "profiles": (0, [2, 1]), "occluded": (1, [2, 1, 4, 0])}
    assert worst_faces(HAND, 1)["profiles"] == (0, [2])
    worst = limits_figures(HAND).worst["own box"][0]
    assert worst == FaceFigures("2.png", "right profile", pytest.approx(0.3), 0.1)


def test_sentences_say_what_was_measured():
    said = " ".join(sentences(limits_figures(HAND)))
    assert "Failures in their own boxes: 3 of 5 faces (60.0 %), 1 of them for want of an answer." in said
    assert "called unsure: 2; unnoticed: 1 (20.0 % of all faces)" in said
    assert "failures go from 60.0 % to 80.0 % at 30 %" in said
    assert "The worst face is 2.png (right profile): error 30 %, confidence 10 %." in said
    assert "Most failures by pose" not in said  # of so few faces


def test_the_worst_pose_is_named_where_there_are_faces_enough():
    many = limits_by_hand([0.02] * 30 + [0.2] * 30, [0.9] * 60, [2] * 30 + [4] * 30)
    said = " ".join(sentences(limits_figures(many)))
    assert "Most failures by pose: right profile, 100.0 % of its 30 faces; fewest: frontal, 0.0 % of 30." in said


@pytest.fixture(scope="module")
def limits(answers) -> Limits:
    """Of the default model on eight drawn faces."""
    return limits_of(answers)


def test_the_first_share_is_the_face_as_it_is(limits, answers):
    figures = limits_figures(limits)
    assert figures.own_box.mean == pytest.approx(answers.views["own box"].errors.mean())
    assert figures.occlusion[0].faces.mean == figures.own_box.mean
    assert [each.share for each in figures.occlusion] == list(OCCLUSIONS)
    assert set(figures.occluded_poses) == set(figures.poses)


def test_points_are_occluded_where_the_rectangle_is(limits):
    for place, share in enumerate(limits.shares):
        for k, face in enumerate(limits.faces):
            left, top, right, bottom = occluded_part(face, share, 0)
            inside = [left <= x < right and top <= y < bottom for x, y in face.five]
            assert limits.occluded[place, k].tolist() == inside
    assert limits.occluded.any()


def test_the_model_is_less_sure_of_faces_that_are_half_occluded(limits):
    assert limits.confidence[-1].mean() < limits.confidence[0].mean()
    assert limits.expected[-1].mean() > limits.expected[0].mean()


def test_a_model_without_confidence_outputs_is_measured_all_the_same(small_model, mtfl_root, tmp_path):
    settings = Settings(str(small_model), passes=1, backend="torch", command="typed")
    figures = limits_figures(limits_of(measure_model(read_mtfl(mtfl_root, "testing")[:3], settings)))
    assert not figures.has_confidence
    assert figures.own_box.unsure is None
    assert figures.occlusion[3].visible.expected is None
    report = LimitsReport("typed", settings.stated, hardware(), {"aflw": figures}, [])
    text = limits_text(report)
    assert "confidence, %" not in text
    assert "None" not in text
    report.write(tmp_path / "limits.json")
    assert LimitsReport.read(tmp_path / "limits.json") == report
    pytest.importorskip("matplotlib")
    plot_limits({"aflw": figures}, tmp_path / "limits.svg")


def test_the_same_figures_draw_the_same_file(limits, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        plot_limits({"aflw": limits_figures(limits)}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
