"""Limits: figures by hand, and a whole report on drawn faces."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tcdcn_init.cli import app
from tcdcn_init.datasets import Face, read_mtfl
from tcdcn_init.eval.measuring.copies import OCCLUSIONS, filling, hidden_part
from tcdcn_init.eval.model_report.figures import model_figures
from tcdcn_init.eval.model_report.limits import Limits, limits_figures, measure_limits, worst_faces
from tcdcn_init.eval.model_report.limits_report import limits_text, plot_limits, sentences
from tcdcn_init.initializer import Initializer

FIVE = np.array([[0, 0], [10, 0], [5, 5], [2, 9], [8, 9]], dtype=np.float32)
BOX = np.array([-5.0, -5.0, 15.0, 15.0])


def limits_by_hand(errors: list[float], confidence: list[float], poses: list[int | None]) -> Limits:
    """Faces whose points are all off by the same, whole and with 0.3 of the box hidden, which doubles the error."""
    faces = [
        Face(f"{k}.png", Path(f"{k}.png"), FIVE, BOX, "given", {} if pose is None else {"pose": pose})
        for k, pose in enumerate(poses)
    ]
    moves = 10 * np.array([errors, 2 * np.array(errors)])[..., None, None] * [0, 1]  # down
    sure = np.array([confidence, confidence])
    expected = np.broadcast_to(sure[..., None] / 10, (2, len(faces), 5))
    hidden = np.zeros((2, len(faces), 5), dtype=bool)
    hidden[1, :, 2] = True
    return Limits(faces, (0.0, 0.3), FIVE + moves, expected, sure, hidden, [filling(face, 0) for face in faces])


NAN = float("nan")
HAND = limits_by_hand([0.02, 0.2, 0.3, NAN, 0.06], [0.9, 0.8, 0.1, NAN, 0.4], [2, 0, 4, 2, None])


def test_failures_and_what_the_model_said_of_them_by_hand():
    figures = limits_figures(HAND)
    own = figures["own box"]
    assert (own["count"], own["missing"], own["failures"]) == (5, 1, 3)
    assert own["mean"] == pytest.approx((0.02 + 0.2 + 0.3 + 1 + 0.06) / 5)
    assert own["box error"] == pytest.approx((0.01 + 0.1 + 0.15 + 1 + 0.03) / 5)  # the box is two eye distances wide
    # Unsure: two below a half, and the face without an answer.
    assert own["unsure"] == pytest.approx(3 / 5)
    assert own["failures unsure"] == 2
    assert own["confidence"] == pytest.approx((0.9 + 0.8 + 0.1 + 0.4) / 4)
    assert {name: group["failures"] for name, group in figures["poses"].items()} == {
        "left profile": 1,
        "frontal": 1,
        "right profile": 1,
        "not annotated": 0,
    }
    assert figures["hidden"]["0.3"]["failures"] == 4
    assert figures["hidden poses"]["not annotated"]["failures"] == 1


def test_hidden_points_and_points_in_sight_are_told_apart():
    figures = limits_figures(HAND)["hidden"]
    assert figures["0"]["hidden points"] == {"count": 0, "error": None, "expected": None}
    assert figures["0.3"]["hidden points"]["count"] == 4  # a nose each, of faces with an answer
    assert figures["0.3"]["seen points"]["count"] == 16
    assert figures["0.3"]["hidden points"]["error"] == pytest.approx(2 * (0.02 + 0.2 + 0.3 + 0.06) / 4)
    assert figures["0.3"]["hidden points"]["expected"] == pytest.approx((0.9 + 0.8 + 0.1 + 0.4) / 40)


def test_the_worst_come_first_and_faces_without_an_answer_not_at_all():
    assert worst_faces(HAND) == {"own box": (0, [2, 1, 4, 0]), "profiles": (0, [2, 1]), "hidden": (1, [2, 1, 4, 0])}
    assert worst_faces(HAND, 1)["profiles"] == (0, [2])
    worst = limits_figures(HAND)["worst"]["own box"][0]
    assert worst == {"name": "2.png", "pose": "right profile", "error": pytest.approx(0.3), "confidence": 0.1}


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
def limits(mtfl_root: Path) -> Limits:
    """Of the default model on eight drawn faces."""
    return measure_limits(Initializer, read_mtfl(mtfl_root, "testing"))


def test_the_first_copy_is_the_face_as_it_is(limits, mtfl_root):
    figures = limits_figures(limits)
    alone = model_figures(Initializer(), read_mtfl(mtfl_root, "testing"))
    assert figures["own box"]["mean"] == pytest.approx(alone["overall"]["mean"], rel=1e-4)
    assert figures["hidden"]["0"]["mean"] == figures["own box"]["mean"]
    assert list(figures["hidden"]) == [f"{share:g}" for share in OCCLUSIONS]
    assert set(figures["hidden poses"]) == set(figures["poses"]) == set(alone["poses"])


def test_points_are_hidden_where_the_rectangle_is(limits):
    for number, share in enumerate(limits.shares):
        for k, face in enumerate(limits.faces):
            left, top, right, bottom = hidden_part(face, share, 0)
            inside = [left <= x < right and top <= y < bottom for x, y in face.five]
            assert limits.hidden[number, k].tolist() == inside
    assert limits.hidden.any()


def test_the_model_is_less_sure_of_faces_that_are_half_hidden(limits):
    assert limits.confidence[-1].mean() < limits.confidence[0].mean()
    assert limits.expected[-1].mean() > limits.expected[0].mean()


def test_processes_change_no_number(limits):
    again = measure_limits(Initializer, limits.faces[:3], jobs=2)
    for name in ("found", "expected", "confidence", "hidden"):
        np.testing.assert_array_equal(getattr(again, name), getattr(limits, name)[:, :3])


def test_a_face_without_a_picture_is_a_failure_that_is_noticed(limits, tmp_path):
    gone = Face("gone.png", tmp_path / "gone.png", FIVE, BOX)
    figures = limits_figures(measure_limits(Initializer, [*limits.faces[:1], gone], shares=(0.0,)))
    assert figures["own box"]["missing"] == 1
    assert figures["poses"]["not annotated"]["failures"] == figures["poses"]["not annotated"]["failures unsure"] == 1
    assert figures["hidden poses"] == {}
    assert [case["name"] for case in figures["worst"]["own box"]] == [limits.faces[0].name]


def test_a_model_that_does_not_say_is_measured_all_the_same(small_model, limits, tmp_path):
    make = functools.partial(Initializer, small_model, passes=1)
    figures = limits_figures(measure_limits(make, limits.faces[:3]))
    assert not figures["says"]
    assert figures["own box"]["unsure"] is None
    assert figures["hidden"]["0.3"]["seen points"]["expected"] is None
    settings = {"model": str(small_model), "passes": 1}
    text = limits_text({"command": "typed", "settings": settings, "datasets": {"aflw": figures}})
    assert "confidence, %" not in text
    assert "None" not in text
    pytest.importorskip("matplotlib")
    plot_limits({"aflw": figures}, tmp_path / "limits.svg")


@pytest.mark.parametrize(("faces", "shares", "words"), [(0, (0.0,), "no face"), (1, (0.3,), "hidden parts from 0")])
def test_impossible_orders_are_refused(limits, faces, shares, words):
    with pytest.raises(ValueError, match=words):
        measure_limits(Initializer, limits.faces[:faces], shares=shares)


# --- the command


@pytest.fixture(scope="module")
def report(mtfl_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of the command on four faces of each data set."""
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("limits") / "report"
    result = CliRunner().invoke(app, ["limits", "--mtfl", str(mtfl_root), "--out", str(out), "--limit", "4"])
    assert result.exit_code == 0, result.output
    return out, result.output


def _strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_report_states_what_was_measured(report):
    out, printed = report
    document = _strict((out / "limits.json").read_text())
    assert list(document["datasets"]) == ["mtfl-val", "aflw"]
    assert document["settings"]["limit"] == 4
    text = (out / "limits.md").read_text()
    assert text == limits_text(document)
    for figures in document["datasets"].values():
        for sentence in sentences(figures):
            assert sentence in text
            assert sentence in " ".join(printed.split("\n"))
    for picture in ("limits.png", "worst.png", "hidden.png"):
        assert f"]({picture})" in text
        assert (out / picture).read_bytes()[:4] == b"\x89PNG"


def test_photographs_are_kept_from_git_and_the_rest_has_none(report):
    out, _ = report
    assert (out / "pictures/.gitignore").read_text() == "*\n"
    sheets = {path.name for path in (out / "pictures").glob("*.png")}
    assert {"worst-aflw.png", "worst-hidden-aflw.png", "worst-mtfl-val.png"} <= sheets
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        *("limits.json", "limits.md", "limits.png", "limits.svg", "worst.png", "worst.svg", "hidden.png")
    }
    assert "<image" not in (out / "worst.svg").read_text()


def test_the_portrait_is_sure_until_all_of_it_is_hidden(report):
    out, _ = report
    parts = {part["hidden"]: part for part in _strict((out / "limits.json").read_text())["portrait"]}
    assert parts["nothing hidden"]["error"] < 0.1
    assert parts["nothing hidden"]["confidence"] > 0.5 > parts["all of it"]["confidence"]


def test_the_same_figures_draw_the_same_file(limits, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        plot_limits({"aflw": limits_figures(limits)}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_data_set_must_be_named(tmp_path):
    result = CliRunner().invoke(app, ["limits", "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert "no data set given" in result.output
