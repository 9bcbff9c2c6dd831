"""The figures of a card, on drawn faces."""

from __future__ import annotations

import pytest

from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, ROLLS
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.figures import FiguresReport, ModelFigures, figures_table, model_figures
from tcdcn_init.tasks import TASKS


@pytest.fixture(scope="module")
def figures(answers) -> ModelFigures:
    return model_figures(answers)


def test_errors_are_those_of_the_faces_in_their_own_boxes(figures, answers):
    errors = answers.views["own box"].errors
    assert figures.overall.mean == pytest.approx(errors.mean())
    assert figures.points["nose"].mean == pytest.approx(errors[:, 2].mean())
    assert sum(pose.count for pose in figures.poses.values()) == figures.faces == 8


def test_sweeps_are_of_rotated_noisy_and_occluded_copies(figures):
    for found, values in ((figures.roll, ROLLS), (figures.noise, NOISES), (figures.occlusion, OCCLUSIONS)):
        assert [each.value for each in found] == list(values)
        assert all(each.summary.count == 8 for each in found)
    assert figures.occlusion[0].summary == figures.noise[0].summary == figures.overall
    assert figures.occlusion[-1].summary.mean > 1.5 * figures.overall.mean


def test_tasks_are_right_as_often_as_their_classes_agree(figures):
    assert set(figures.accuracy) == set(TASKS)
    for accuracy in figures.accuracy.values():
        assert 0 <= accuracy.share <= 1
        assert 1 / 5 <= accuracy.majority <= 1


def test_the_table_has_a_row_for_every_condition(figures):
    table = figures_table({"aflw": figures})
    half = figures.occlusion[-1].summary
    assert f"| 0.5 of the box occluded | {100 * half.mean:.2f} / {100 * half.failure_10:.1f} |" in table
    assert table.count(" of the box occluded |") == len(OCCLUSIONS)
    assert table.count("° roll |") == len(ROLLS)
    assert table.startswith("|  | AFLW |\n")


def test_a_report_is_read_back_as_it_was_written(figures, tmp_path):
    report = FiguresReport("c", Settings(limit=8).stated, hardware(), {"aflw": figures})
    report.write(tmp_path / "figures.json")
    assert FiguresReport.read(tmp_path / "figures.json") == report
