"""Published figures beside ours: of a whole data set, and of 300-W by its parts."""

from __future__ import annotations

from tcdcn_init.eval.comparison.finding import counted
from tcdcn_init.eval.comparison.report import Report, bare_points, grouped
from tcdcn_init.eval.comparison.tables.cells import NOTHING, Cell, Table, mean_and_failures, names_of, ordered

__all__ = ["part_tables", "published_figures", "published_note", "published_table"]


def part_tables(report: Report) -> list[Table]:
    """Errors of 68 points by part of the data set, over the eye centres and over the outer eye corners."""
    runs = [run for run in ordered(report.runs) if run.parts]
    if not runs:
        return []
    parts = {name: each.centres.count for name, each in runs[0].parts.items()}
    head = ("regressor", "training", "start", *(f"{name} ({counted(count, 'face')})" for name, count in parts.items()))
    figures = [report.published.figures.get(name, {}) for name in parts]
    methods = list(dict.fromkeys(method for each in figures for method in each))
    others = tuple(
        (*map(Cell, (method, NOTHING, "published")), *(_published(each.get(method)) for each in figures))
        for method in methods
    )
    tables = []
    for figure, title in (("centres", "eye centres"), ("corners", "outer eye corners")):
        rows = tuple(
            (*map(Cell, names_of(run)), *(mean_and_failures(getattr(run.parts[name], figure)) for name in parts))
            for run in runs
        )
        note = "No regressor: TCDCN's five points, scored on those five alone."
        if others and figure == "centres":
            rows, note = rows + others, f"{note} Published, not measured here: {report.published.source}"
        tables.append(Table(f"Mean error by part, % of the distance of the {title}", head, rows, note, labels=3))
    return tables


def published_figures(report: Report) -> list[tuple[str, float, bool]]:
    """Name, mean error as a fraction, and whether it was measured here; least error first. Empty: nothing published.

    Of our runs: the bare points, and each regressor and training from the baseline and from TCDCN's start.
    """
    figures = report.published.figures.get(report.dataset.name)
    if not figures:
        return []
    rows = [(name, value / 100, False) for name, value in figures.items()]
    bare = bare_points(report.runs)
    if bare is not None:
        rows.append(("TCDCN's points, no regressor", bare.error.mean, True))
    for (regressor, training), runs in grouped(report.runs).items():
        note = "" if training == "original" else f", {training}"
        compared = [start for start in (report.baseline, report.seeded_start) if start in runs]
        rows += [(f"{regressor}{note}, from {start}", runs[start].error.mean, True) for start in compared if start]
    return sorted(rows, key=lambda row: row[1])


def published_table(report: Report) -> Table | None:
    """Published mean errors beside ours; None where nothing is published for the data set."""
    rows = [
        (
            Cell(name),
            Cell("measured here" if ours else "published"),
            Cell(f"{100 * value:.2f}" if ours else f"{100 * value:.1f}"),
        )
        for name, value, ours in published_figures(report)
    ]
    if not rows:
        return None
    head = ("method", "", "mean error, %")
    return Table("Published figures beside ours", head, tuple(rows), published_note(report), labels=2)


def published_note(report: Report) -> str:
    """Where published figures are from, and that they are no fair race."""
    source = report.published.source.rstrip(".")
    return (
        f"Published, not measured here: {source}. Their training data differ from ours too: for orientation only. "
        f"Measured here: on {counted(report.dataset.faces, 'face')}."
    )


def _published(value: float | None) -> Cell:
    return Cell(NOTHING if value is None else f"{value:.2f}")
