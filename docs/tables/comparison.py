"""Comparisons of starts, from what `tcdcn-init eval` left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TypeVar

from tables.cells import ROOT, both, pair
from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.finding import finding
from tcdcn_init.eval.comparison.plan import POINTS_RUN
from tcdcn_init.eval.comparison.report import Report, RunFigures, RunName, Sweep
from tcdcn_init.eval.comparison.tables.markdown import report_tables
from tcdcn_init.eval.comparison.tables.published import part_tables
from tcdcn_init.eval.measuring.markdown import table

REPORTS = ("aflw", "aflw-paper", "afw", "afw68-dense", "300w-dlib", "300w-68")
"""Folders of docs/results that `tcdcn-init eval` wrote and that have a page."""

_PLOTS = {
    "ced": "Cumulative errors",
    "points": "Change of each point's mean error against the baseline",
    "poses": "Mean error by pose",
    "noise": "Failures by box noise",
    "roll": "Failures by roll",
}
SEEDED = "tcdcn-nearest"

N = TypeVar("N", bound=RunName)


@cache
def report(name: str) -> Report:
    """docs/results/NAME/report.json."""
    return Report.read(ROOT / f"docs/results/{name}/report.json")


def command(name: str) -> str:
    """What wrote a report."""
    return f"    {report(name).command}"


def found(name: str) -> str:
    """What a report's figures say, in sentences."""
    return "\n".join(f"- {sentence}" for sentence in finding(report(name)))


def comparison(name: str) -> str:
    """Regressors from the baseline and from TCDCN's points: failures and mean errors, and in worse conditions."""
    document = report(name)
    wanted = [
        (document.noise, 0.15, "box noise 0.15"),
        (document.noise, 0.2, "box noise 0.2"),
        (document.roll, 45.0, "roll 45°"),
        (document.roll, 180.0, "upside down"),
    ]
    conditions = [(sweep, value, text) for sweep, value, text in wanted if sweep is not None and value in sweep.values]
    rows = []
    for run in document.runs:
        if run.start not in (document.baseline, SEEDED) and not run.is_bare:
            continue
        names = ["none: the points", "", ""] if run.is_bare else _names(run)
        change = "" if run.against is None else _points(run.against.failure)
        cells = [both(run.error.mean, run.error.failure_10), change]
        rows.append([*names, *cells, *(_at(run, sweep, value) for sweep, value, _ in conditions)])
    head = [
        "regressor",
        "trained",
        "start",
        "failures (mean error), %",
        "change of failures",
        *(text for *_, text in conditions),
    ]
    return table(head, rows)


def parts(name: str) -> str:
    """Mean errors by part of the data set, over the distance of the eye centres, beside published ones."""
    found = part_tables(report(name))[0]
    rows = [[" / ".join(filter(None, (cell.text, cell.detail))) for cell in row] for row in found.rows]
    return f"{table(list(found.head), rows)}\n\n{found.note}"


def starts(name: str, regressor: str) -> str:
    """One regressor, as bundled, from each start: upright, in noisy boxes and on turned heads."""
    document = report(name)
    sweeps = (
        (document.noise, (0.1, 0.15, 0.2, 0.3), "box noise {:g}"),
        (document.roll, (45.0, 90.0, 180.0), "roll {:g}°"),
    )
    columns = [
        (sweep, value, unit.format(value))
        for sweep, shown, unit in sweeps
        if sweep is not None
        for value in sweep.values
        if value in shown
    ]
    rows = []
    for run in document.runs:
        if run.regressor == regressor and run.training != "retrained":
            cells = [_at(run, sweep, value, mean=True) for sweep, value, _ in columns]
            rows.append([run.start, both(run.error.mean, run.error.failure_10), *cells])
    return table(["start", "as it is", *(text for *_, text in columns)], rows)


def passes() -> str:
    """The default model with one pass, as it is, and over mirror images too."""
    names = {
        "-1-pass": "one pass, `--passes 1`",
        "": "at most four",
        "-mirror": "and over each crop's mirror image too, `--mirror`, at twice the time",
    }
    rows = []
    for name, text in names.items():
        errors = [run_of(report(f"{dataset}{name}").runs, POINTS_RUN).error for dataset in ("aflw", "afw")]
        rows.append([text, *(pair(error.mean, error.failure_10) for error in errors)])
    return table(["mean error / failures, %", "AFLW", "AFW"], rows)


def run_of(runs: Sequence[N], key: tuple[str, str, str]) -> N:
    return next(run for run in runs if (run.regressor, run.training, run.start) == key)


def _names(run: RunFigures) -> list[str]:
    return [run.regressor, "for this start" if run.training == "retrained" else "as bundled", run.start]


def _points(interval: Interval) -> str:
    text, low, high = (
        f"{100 * part:+.1f}".replace("-", "−") for part in (interval.estimate, interval.low, interval.high)
    )
    return f"{text} ({low} to {high})"


def _at(run: RunFigures, sweep: Sweep, value: float, *, mean: bool = False) -> str:
    """A run in a condition of a report."""
    column = sweep.values.index(value)
    found = run_of(sweep.runs, (run.regressor, run.training, run.start))
    failures = found.failure[column]
    return both(found.mean[column], failures) if mean else f"{100 * failures:.1f}"


def page(name: str) -> str:
    """Every table and plot of a report."""
    folder = ROOT / "docs" / "results" / name
    plots = [f"![{text}]({stem}.png)" for stem, text in _PLOTS.items() if (folder / f"{stem}.png").exists()]
    return "\n\n".join([report_tables(report(name)).rstrip(), *plots]) + "\n"


TABLES: dict[str, Callable[..., str]] = {
    "command": command,
    "parts": parts,
    "found": found,
    "comparison": comparison,
    "starts": starts,
    "passes": passes,
}

PAGES: dict[str, Callable[[], str]] = {f"docs/results/{name}/report.md": partial(page, name) for name in REPORTS}
