"""The tables of a report, as data that both Markdown and HTML are made from.

Errors are shown in percent of the inter-ocular distance and differences in percentage points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.finding import Tone, counted, finding, heading, signed, tone_of
from tcdcn_init.eval.comparison.report import (
    Differences,
    Report,
    RunName,
    Sweep,
    bare_points,
    grouped,
)
from tcdcn_init.eval.measuring.markdown import plain
from tcdcn_init.eval.measuring.markdown import table as markdown_table
from tcdcn_init.eval.metrics import Summary

__all__ = [
    "Cell",
    "Table",
    "detail_tables",
    "headline_tables",
    "names_of",
    "part_tables",
    "published_figures",
    "published_note",
    "published_table",
    "report_headline",
    "report_tables",
]

N = TypeVar("N", bound=RunName)

_NOTHING = "–"
_DENSE = 12  # more points than this are listed downwards


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
    detail : str
        Said smaller, below.
    best : bool
        Best of its row.
    tone : {"", "better", "worse"}
        What the detail says, where it is beyond chance.
    """

    text: str
    detail: str = ""
    best: bool = False
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """A table, its title and what must be said under it.

    Attributes
    ----------
    title : str
    head : tuple of str
    rows : tuple of tuple of Cell
    note : str
    labels : int
        Columns on the left that name the row.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    labels: int = 1


def report_tables(report: Report) -> str:
    """The finding and every table of a report as Markdown.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        Ends in a newline.
    """
    published = published_table(report)
    tables = [*([] if published is None else [published]), *detail_tables(report)]
    return "\n\n".join([report_headline(report), *map(_markdown, tables)]) + "\n"


def report_headline(report: Report) -> str:
    """The finding and the headline tables of a report as Markdown.

    Parameters
    ----------
    report : Report
    """
    return "\n\n".join(
        [
            f"# {heading(report)}",
            *map(plain, finding(report)),
            *map(_markdown, [*part_tables(report), *headline_tables(report)]),
        ]
    )


def headline_tables(report: Report) -> list[Table]:
    """Failures and mean errors: a row for each regressor and training, a column for each start.

    Each cell holds its paired difference against the baseline. The best of a row is marked; the oracle, which knows
    the annotation, does not compete.
    """
    return [
        _headline(report, "failure_10", "failure", "Failures: faces with an error above 10 %, in %"),
        _headline(report, "mean", "nme", "Mean error, % of the inter-ocular distance"),
    ]


def detail_tables(report: Report) -> list[Table]:
    """Every figure of every run, then by point, by pose, by noise and by roll where they were measured."""
    tables = [_figures(report), _points(report), _poses(report)]
    sweeps = ((report.noise, "box noise (sd in box sides)"), (report.roll, "roll (degrees)"))
    tables += [_sweep(sweep, text) for sweep, text in sweeps if sweep is not None]
    return [table for table in tables if table.rows]


def part_tables(report: Report) -> list[Table]:
    """Errors of 68 points by part of the data set, over the eye centres and over the outer eye corners."""
    runs = [run for run in _ordered(report.runs) if run.parts]
    if not runs:
        return []
    parts = {name: each.centres.count for name, each in runs[0].parts.items()}
    head = ("regressor", "training", "start", *(f"{name} ({counted(count, 'face')})" for name, count in parts.items()))
    figures = [report.published.figures.get(name, {}) for name in parts]
    methods = list(dict.fromkeys(method for each in figures for method in each))
    others = tuple(
        (*map(Cell, (method, _NOTHING, "published")), *(_published(each.get(method)) for each in figures))
        for method in methods
    )
    tables = []
    for figure, title in (("centres", "eye centres"), ("corners", "outer eye corners")):
        rows = tuple(
            (*map(Cell, names_of(run)), *(_mean_and_failures(getattr(run.parts[name], figure)) for name in parts))
            for run in runs
        )
        note = "No regressor: TCDCN's five points, scored on those five alone."
        if others and figure == "centres":
            rows, note = rows + others, f"{note} Published, not measured here: {report.published.source}"
        tables.append(Table(f"Mean error by part, % of the distance of the {title}", head, rows, note, labels=3))
    return tables


def _mean_and_failures(errors: Summary) -> Cell:
    return Cell(f"{100 * errors.mean:.2f}", f"{100 * errors.failure_10:.1f} % fail")


def _published(value: float | None) -> Cell:
    return Cell(_NOTHING if value is None else f"{value:.2f}")


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


def names_of(run: RunName) -> tuple[str, str, str]:
    """Regressor, training and start of a run as a table names them.

    Examples
    --------
    >>> names_of(RunName("none", "original", "tcdcn"))
    ('no regressor', '–', "TCDCN's points")
    """
    if run.is_bare:
        return "no regressor", _NOTHING, "TCDCN's points"
    return run.regressor, run.training, run.start


def _headline(
    report: Report, figure: Literal["failure_10", "mean"], difference: Literal["failure", "nme"], title: str
) -> Table:
    baseline, digits = report.baseline, 1 if figure == "failure_10" else 2
    rows = []
    for (regressor, training), runs in grouped(report.runs).items():
        values = {start: float(getattr(run.error, figure)) for start, run in runs.items()}
        fair = [value for start, value in values.items() if not start.startswith("oracle")]
        cells = [Cell(regressor), Cell(training)]
        for start in report.starts:
            if start not in runs:
                cells.append(Cell(_NOTHING))
                continue
            against = runs[start].against
            best = len(fair) > 1 and not start.startswith("oracle") and values[start] == min(fair)
            detail, tone = _difference(against, difference, digits)
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


def _difference(against: Differences | None, name: Literal["failure", "nme"], digits: int) -> tuple[str, Tone]:
    if against is None:
        return "", ""
    interval: Interval = getattr(against, name)
    return _ends(interval, digits), tone_of(interval)


def _ends(interval: Interval, digits: int) -> str:
    text, low, high = (signed(100 * value, digits) for value in (interval.estimate, interval.low, interval.high))
    return f"{text} ({low} to {high})"


def _figures(report: Report) -> Table:
    times = (
        {} if report.timings is None else dict(zip(map(names_of, report.runs), report.timings.ms_per_face, strict=True))
    )
    rows = []
    for run in _ordered(report.runs):
        error, time = run.error, times.get(names_of(run))
        figures = [
            f"{100 * run.start_error.mean:.2f}",
            *(f"{100 * value:.2f}" for value in (error.mean, error.median, error.p90)),
            *(f"{100 * value:.1f}" for value in (error.failure_10, error.failure_8)),
            f"{error.auc_10:.3f}",
            f"{100 * run.error_box.mean:.2f}",
            str(error.missing),
            _NOTHING if time is None else f"{time:.1f}",
        ]
        rows.append(tuple(map(Cell, (*names_of(run), *figures))))
    head = (
        "regressor", "training", "start", "error of the start", "mean error", "median", "90th percentile",
        "above 10 %", "above 8 %", "AUC to 10 %", "mean by box side", "no result", "ms per face",
    )  # fmt: skip
    note = "Errors in % of the inter-ocular distance, by box side in % of that; shares in % of faces; AUC from 0 to 1."
    return Table("Every figure", head, tuple(rows), note, labels=3)


def _points(report: Report) -> Table:
    names = report.point_names
    runs = [run for run in _ordered(report.runs) if len(run.points) == len(names)]
    title = "Mean error of each point, % of the inter-ocular distance"
    if len(names) > _DENSE:
        head = ("point", *(", ".join(part for part in names_of(run) if part != _NOTHING) for run in runs))
        listed = [
            (Cell(name), *(Cell(f"{100 * run.points[k].mean:.1f}") for run in runs)) for k, name in enumerate(names)
        ]
        return Table(title, head, tuple(listed) if runs else ())
    compared = False
    rows = []
    for run in runs:
        changes = [None] * len(names) if run.against is None else run.against.points
        compared |= any(changes)
        cells = [
            Cell(f"{100 * point.mean:.2f}", *_change(change)) for point, change in zip(run.points, changes, strict=True)
        ]
        rows.append((*map(Cell, names_of(run)), *cells))
    note = (
        f"Below: change of the mean error against {report.baseline}, in %, with its 95 % interval." if compared else ""
    )
    return Table(title, ("regressor", "training", "start", *names), tuple(rows), note, labels=3)


def _change(interval: Interval | None) -> tuple[str, bool, Tone]:
    return ("", False, "") if interval is None else (_ends(interval, 0), False, tone_of(interval))


def _poses(report: Report) -> Table:
    runs = _ordered(report.runs)
    counts = {name: group.count for run in runs for name, group in run.poses.items()}
    rows = []
    for run in runs:
        cells = [Cell(_NOTHING) if name not in run.poses else _mean_and_failures(run.poses[name]) for name in counts]
        rows.append((*map(Cell, names_of(run)), *cells))
    head = ("regressor", "training", "start", *(f"{name} ({counted(count, 'face')})" for name, count in counts.items()))
    title = "Mean error by pose of the head, % of the inter-ocular distance"
    return Table(title, head, tuple(rows) if len(counts) > 1 else (), labels=3)


def _sweep(sweep: Sweep, text: str) -> Table:
    rows = [
        (
            *map(Cell, names_of(run)),
            *(
                Cell(f"{100 * failure:.1f}", f"mean {100 * mean:.1f}")
                for failure, mean in zip(run.failure, run.mean, strict=True)
            ),
        )
        for run in _ordered(sweep.runs)
    ]
    head = ("regressor", "training", "start", *(f"{value:g}" for value in sweep.values))
    return Table(f"Failures in % by {text}, {counted(sweep.faces, 'face')}", head, tuple(rows), labels=3)


def _ordered(runs: Sequence[N]) -> list[N]:
    """The bare points first, then as `report.grouped` orders them."""
    bare = bare_points(runs)
    rest = [run for part in grouped(runs).values() for run in part.values()]
    return ([] if bare is None else [bare]) + rest


def _markdown(table: Table) -> str:
    rows = []
    for row in table.rows:
        texts = [f"**{plain(cell.text)}**" if cell.best else plain(cell.text) for cell in row]
        rows.append(
            [text + (f"<br>{plain(cell.detail)}" if cell.detail else "") for text, cell in zip(texts, row, strict=True)]
        )
    lines = markdown_table([plain(name) for name in table.head], rows)
    return "\n\n".join(part for part in (f"## {plain(table.title)}", lines, plain(table.note)) if part)
