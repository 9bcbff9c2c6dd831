"""Plots: what is drawn, what is left out, and that a report always makes the same file."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tcdcn_init.eval.comparison.plots import draw_plots, start_colours
from tcdcn_init.eval.comparison.report import bare_points, grouped

pytest.importorskip("matplotlib")


def with_points_unknown(report, places):
    """The report without a change against the baseline for some of the points."""
    runs = []
    for run in report.runs:
        if run.against is not None:
            points = [None if k in places else change for k, change in enumerate(run.against.points)]
            run = dataclasses.replace(run, against=dataclasses.replace(run.against, points=points))
        runs.append(run)
    return dataclasses.replace(report, runs=runs)


def test_every_plot_is_drawn_and_the_same_report_makes_the_same_svg(draw_report, tmp_path) -> None:
    report = draw_report(faces=20, regressors=("sdm-mtfl",), trainings=("original",))
    drawn = draw_plots(report, tmp_path / "a")
    assert set(drawn) == {"ced", "points", "poses", "noise", "roll"}
    again = draw_plots(report, tmp_path / "b")
    for name, path in drawn.items():
        assert path.read_bytes() == again[name].read_bytes()
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert b"<dc:date>" not in path.read_bytes()


def test_what_was_not_measured_is_left_out(draw_report, tmp_path) -> None:
    few = draw_report(faces=20, sweeps=False, poses=False, starts=("mean", "oracle"), regressors=("sdm-mtfl",))
    assert set(draw_plots(few, tmp_path)) == {"ced"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ced.png", "ced.svg"]
    alone = dataclasses.replace(few, runs=[run for run in few.runs if run.regressor == "none"])
    assert draw_plots(alone, tmp_path) == {}


def test_points_without_an_interval_leave_a_gap(draw_report, tmp_path) -> None:
    few = draw_report(faces=20, sweeps=False, poses=False, regressors=("sdm-mtfl",), trainings=("original",))
    assert "points" in draw_plots(with_points_unknown(few, {0}), tmp_path)
    assert "points" not in draw_plots(with_points_unknown(few, set(range(5))), tmp_path / "none")


def test_dense_shapes_are_drawn_and_one_face_is_not(draw_report, tmp_path) -> None:
    dense = draw_report(
        points=68, faces=8, sweeps=False, regressors=("ert68-300w",), starts=("random-5", "tcdcn-nearest")
    )
    assert "points" in draw_plots(dense, tmp_path / "dense")
    one = draw_report(faces=1, sweeps=False, regressors=("sdm-mtfl",))
    assert set(draw_plots(one, tmp_path / "one")) == {"points"}  # one face makes no curve, and no interval


def test_a_start_has_one_colour_everywhere_and_no_two_share_one(report) -> None:
    names = [*report.starts, "random-20", "oracle-1", "tcdcn-nearest-3"]
    colours = start_colours(names)
    assert len(set(colours.values())) == len(names)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in colours.values())
    assert start_colours(["mean"])["mean"] == colours["mean"]


def test_the_papers_regressor_comes_first_and_bare_points_are_no_group(draw_report) -> None:
    report = draw_report(faces=20, sweeps=False, regressors=("sdm-mtfl", "rcpr-mtfl"))
    assert [name for name, _ in grouped(report.runs)] == ["rcpr-mtfl", "rcpr-mtfl", "sdm-mtfl", "sdm-mtfl"]
    assert bare_points(report.runs).start == "tcdcn"


def test_the_start_that_a_report_is_about(report) -> None:
    starts = ["tcdcn-aligned", "random-5", "tcdcn-nearest-3"]
    assert dataclasses.replace(report, starts=starts).seeded_start == "tcdcn-nearest-3"
    assert dataclasses.replace(report, starts=["random-5", "oracle"]).seeded_start is None
