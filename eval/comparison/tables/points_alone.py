"""The table of everybody's points, no regressor after them."""

from __future__ import annotations

from typing import Literal

from tcdcn_init.eval.comparison.finding import Tone, counted
from tcdcn_init.eval.comparison.report import PointsAlone, Report
from tcdcn_init.eval.comparison.tables.cells import NOTHING, Cell, Table, difference, points_name

__all__ = ["points_tables"]

_NAMED = 10  # faces that a note lists


def points_tables(report: Report) -> list[Table]:
    """TCDCN's points beside others, on all faces and on those that all have points of; none without others."""
    if not report.points_alone:
        return []
    errors = {run.start: run.error for run in report.runs if run.is_bare}
    shared = report.points_alone[0].shared
    on_shared = f"on the {counted(0 if shared is None else shared.count, 'face')} that all have"
    rows = []
    for alone in report.points_alone:
        error = errors[alone.start]
        row = [Cell(points_name(alone.start)), Cell(str(alone.points)), Cell(f"{error.count - error.missing:,}")]
        row += [Cell(f"{100 * error.mean:.2f}"), Cell(f"{100 * error.failure_10:.1f}")]
        if alone.shared is None:
            row += [Cell(NOTHING), Cell(NOTHING)]
        else:
            row += [
                Cell(f"{100 * alone.shared.mean:.2f}", *_beside(alone, "nme", 2)),
                Cell(f"{100 * alone.shared.failure_10:.1f}", *_beside(alone, "failure", 1)),
            ]
        rows.append(tuple(row))
    head = (
        "no regressor", "points scored", "faces with points", "all faces: mean error", "all faces: failures",
        f"{on_shared}: mean error", f"{on_shared}: failures",
    )  # fmt: skip
    title = "Points as they are: mean error, % of the inter-ocular distance, and failures in %"
    return [Table(title, head, tuple(rows), _note(report))]


def _beside(alone: PointsAlone, kind: Literal["failure", "nme"], digits: int) -> tuple[str, bool, Tone]:
    detail, tone = difference(alone.against, kind, digits)
    return detail, False, tone


def _note(report: Report) -> str:
    parts = ["Of all faces, one without points is a failure with an error of 100 %, here and in every other table."]
    if any(alone.against for alone in report.points_alone):
        parts.append("Below: paired difference against TCDCN's points on the same faces, with its 95 % interval.")
    for alone in report.points_alone:
        if alone.without:
            names = ", ".join(alone.without[:_NAMED])
            more = len(alone.without) - _NAMED
            rest = f" and {more:,} more, all in report.json" if more > 0 else ""
            parts.append(f"No {points_name(alone.start)} for {counted(len(alone.without), 'face')}: {names}{rest}.")
    left_out = [name for name in report.starts if report.roll and name not in {run.start for run in report.roll.runs}]
    if left_out:
        parts.append(f"Rolled heads are not measured from {', '.join(left_out)}: a file has points of upright images.")
    return " ".join(parts)
