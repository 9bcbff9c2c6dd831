"""What a run counts, and what the simulation of one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcdcn_init.scale.report import RunReport, summary_of
from tcdcn_init.scale.simulation import simulate


def row(image, status, face=None, confidence=None, error=None):
    return {"image": image, "face": face, "status": status, "confidence": confidence, "error": error}


ROWS = [
    row("a.jpg", "ok", 0, 0.05),
    row("a.jpg", "ok", 1, 1.0),
    row("a.jpg", "failed", 2, error="face 2 lies outside"),
    row("b.jpg", "no face"),
    row("c.jpg", "failed", error="it is damaged"),
    row("d.jpg", "ok", 0, None),
]


def test_rows_are_counted():
    summary = summary_of("part-000000", ROWS, 2.0)
    assert (summary.images, summary.faces, summary.without_face) == (3, 3, 1)
    assert (summary.unreadable, summary.unused, summary.unknown) == (1, 1, 1)
    assert summary.confidence == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert summary.failures == [("a.jpg", "face 2 lies outside"), ("c.jpg", "it is damaged")]


def test_a_report_is_the_sum_of_its_parts(tmp_path):
    many = [row(f"{k}.jpg", "failed", error="it is damaged") for k in range(50)]
    parts = [summary_of("part-000000", ROWS, 2.0), summary_of("part-000001", ROWS, 1.0), summary_of("p", many, 1.0)]
    report = RunReport.of(parts, Path("out"), 3.5, Path("page.html"))
    assert (report.parts, report.images, report.faces, report.unreadable) == (3, 6, 6, 52)
    assert sum(report.confidence) == 4
    assert report.worker_seconds == 4.0
    report.write(tmp_path / "r.json", tmp_path / "r.txt")
    assert json.loads((tmp_path / "r.json").read_text())["without_face"] == 2
    text = (tmp_path / "r.txt").read_text()
    assert text.startswith("6 faces in 6 images -> out (3 parts)\n")
    assert "0.9 to 1.0   50.0%             2  ####" in text
    assert "c.jpg: it is damaged" in text
    assert 'all of them have rows whose status is "failed"' in text
    assert "of unknown confidence: 2 faces" in text
    assert "page.html" in text


def test_a_run_without_losses_takes_the_work_over_the_cores():
    run = simulate(1000, 36.0, 10)
    assert (run.hours, run.busy, run.redone) == (1.0, 1.0, 0.0)


def test_who_hands_out_pieces_limits_the_cores():
    assert simulate(1000, 1.0, 100, handing_out=0.1).hours == pytest.approx(0.1 * 1000 / 3600, rel=0.02)


def test_lost_machines_cost_half_a_piece_of_each_core():
    run = simulate(50_000, 360.0, 100, machine=1, lost_after=10.0, back_after=0.0)
    # A core's machine is lost once in ten hours, in the midst of a piece of a tenth of an hour.
    assert run.redone == pytest.approx(0.5 * 0.1 / 10.0, rel=0.25)
    assert run.busy == pytest.approx(1.0 - run.redone, abs=0.005)
    assert simulate(10_000, 3600.0, 100, machine=1, lost_after=10.0, back_after=0.0).redone > 5 * run.redone
