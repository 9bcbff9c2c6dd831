"""The tables that a report begins with: failures and mean errors, a column for each start."""

from __future__ import annotations

from typing import Literal

from tcdcn_init.eval.comparison.report import Report, grouped
from tcdcn_init.eval.comparison.tables.cells import NOTHING, Cell, Table, difference

__all__ = ["headline_tables"]


def headline_tables(report: Report) -> list[Table]:
    """Failures and mean errors: a row for each regressor and training, a column for each start.

    Each cell holds its paired difference against the baseline. The best of a row is marked; the oracle, which knows
    the annotation, does not compete. None where there is no regressor.
    """
    if all(run.is_bare for run in report.runs):
        return []
    return [
        _headline(report, "failure_10", "failure", "Failures: faces with an error above 10 %, in %"),
        _headline(report, "mean", "nme", "Mean error, % of the inter-ocular distance"),
    ]


def _headline(
    report: Report, figure: Literal["failure_10", "mean"], kind: Literal["failure", "nme"], title: str
) -> Table:
    baseline, digits = report.baseline, 1 if figure == "failure_10" else 2
    rows = []
    for (regressor, training), runs in grouped(report.runs).items():
        values = {start: float(getattr(run.error, figure)) for start, run in runs.items()}
        fair = [value for start, value in values.items() if not start.startswith("oracle")]
        cells = [Cell(regressor), Cell(training)]
        for start in report.starts:
            if start not in runs:
                cells.append(Cell(NOTHING))
                continue
            against = runs[start].against
            best = len(fair) > 1 and not start.startswith("oracle") and values[start] == min(fair)
            detail, tone = difference(against, kind, digits)
            if start == baseline:
                detail = "baseline"
            shown = detail if against is not None or len(fair) > 1 else ""
            cells.append(Cell(f"{100 * values[start]:.{digits}f}", shown, best, tone))
        rows.append(tuple(cells))
    note = ""
    if any(run.against for run in report.runs):
        note = (
            f"Below each figure: paired difference against {baseline} of the same regressor and training, in "
            "percentage points, with its 95 % bootstrap interval; negative is better. "
        )
    note += "Bold: best of the row; the oracle starts from the annotated points and does not compete."
    return Table(title, ("regressor", "training", *report.starts), tuple(rows), note, labels=2)
