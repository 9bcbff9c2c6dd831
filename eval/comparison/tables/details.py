"""Every figure of every run, by point, by pose, by noise and by roll."""

from __future__ import annotations

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.finding import Tone, counted, tone_of
from tcdcn_init.eval.comparison.report import Report, Sweep
from tcdcn_init.eval.comparison.tables.cells import NOTHING, Cell, Table, ends, mean_and_failures, names_of, ordered

__all__ = ["detail_tables"]

_DENSE = 12  # more points than this are listed downwards


def detail_tables(report: Report) -> list[Table]:
    """Every figure of every run, then by point, by pose, by noise and by roll where they were measured."""
    tables = [_figures(report), _points(report), _poses(report)]
    sweeps = ((report.noise, "box noise (sd in box sides)"), (report.roll, "roll (degrees)"))
    tables += [_sweep(sweep, text) for sweep, text in sweeps if sweep is not None]
    return [table for table in tables if table.rows]


def _figures(report: Report) -> Table:
    times = (
        {} if report.timings is None else dict(zip(map(names_of, report.runs), report.timings.ms_per_face, strict=True))
    )
    rows = []
    for run in ordered(report.runs):
        error, time = run.error, times.get(names_of(run))
        figures = [
            f"{100 * run.start_error.mean:.2f}",
            *(f"{100 * value:.2f}" for value in (error.mean, error.median, error.p90)),
            *(f"{100 * value:.1f}" for value in (error.failure_10, error.failure_8)),
            f"{error.auc_10:.3f}",
            f"{100 * run.error_box.mean:.2f}",
            str(error.missing),
            NOTHING if time is None else f"{time:.1f}",
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
    runs = [run for run in ordered(report.runs) if len(run.points) == len(names)]
    title = "Mean error of each point, % of the inter-ocular distance"
    if len(names) > _DENSE:
        head = ("point", *(", ".join(part for part in names_of(run) if part != NOTHING) for run in runs))
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
    return ("", False, "") if interval is None else (ends(interval, 0), False, tone_of(interval))


def _poses(report: Report) -> Table:
    runs = ordered(report.runs)
    counts = {name: group.count for run in runs for name, group in run.poses.items()}
    rows = []
    for run in runs:
        cells = [Cell(NOTHING) if name not in run.poses else mean_and_failures(run.poses[name]) for name in counts]
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
        for run in ordered(sweep.runs)
    ]
    head = ("regressor", "training", "start", *(f"{value:g}" for value in sweep.values))
    return Table(f"Failures in % by {text}, {counted(sweep.faces, 'face')}", head, tuple(rows), labels=3)
