"""The parts of the report on the paper's claim: tables from kept results, each with what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.eval.experiments.cells import (
    ALL,
    BEST,
    BOTH,
    CRITERIA,
    GENTLE_RATE,
    HARMED,
    JUDGING,
    MIDDLE,
    REGIMES,
    SIZES,
    WEIGHTS,
    Cell,
    Form,
    lighter,
    pair,
    training,
    ways_to_stop,
)
from tcdcn_init.eval.experiments.exchange import exchange
from tcdcn_init.eval.experiments.finding import claim, count, exchange_paragraph, interval, stopping_sentence, verdict
from tcdcn_init.eval.experiments.results import OverSeeds, Results, as_error, as_failure
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["SECTIONS", "over"]

_HEAD = (
    "seeds",
    "without",
    "with",
    "mean error",
    "failures",
    "MTFL held out: mean error",
    "AFW: mean error",
    "AFLW says",
)

_PUBLISHED = {"gender": 31.86, "glasses": 32.87, "smile": 32.37, "pose": 28.76, "all": 25.00}
"""AFLW failures in percent as Zhang et al. give them (ECCV 2014); of the points alone 35.62."""


def _changes(found: Results, what: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """A table of variants against baselines: (what a reader calls it, variant, baseline)."""
    lines = []
    for label, variant, baseline in rows:
        cells = [found.change([(variant, baseline)], name) for name in ("aflw", "mtfl-val", "afw")]
        failures = found.change([(variant, baseline)], "aflw", as_failure)
        if cells[0] is None or failures is None:
            lines.append([label, "not run", *["–"] * (len(_HEAD) - 1)])
            continue
        errors = [found.errors(name, "aflw") for name in (baseline, variant)]
        common = errors[0].keys() & errors[1].keys()
        sides = [_both(np.array([each[seed] for seed in common])) for each in errors]
        changes = [
            interval(cells[0]),
            interval(failures, 1),
            *("–" if each is None else interval(each) for each in cells[1:]),
        ]
        lines.append([label, str(cells[0].seeds), *sides, *changes, verdict(cells[0], failures)])
    return table([what, *_HEAD], lines)


def _both(errors: NDArray[np.float64]) -> str:
    """Mean error and failures in percent."""
    return f"{as_error(errors).mean():.2f} / {as_failure(errors).mean():.1f}"


def over(value: OverSeeds | None, digits: int) -> str:
    """A mean over seeds, with half its interval if there are several."""
    if value is None:
        return "–"
    half = "" if value.half is None else f" ± {value.half:.{digits}f}"
    return f"{value.mean:.{digits}f}{half}"


def _sizes(found: Results) -> Iterator[str]:
    for form in reversed(JUDGING):
        rows = []
        for regime in BOTH:
            for faces in SIZES:
                alone, labelled = pair(regime, faces, form=form)
                if form and labelled.name not in found:
                    continue
                label = f"{regime}, {faces:,} faces" if faces else f"{regime}, all faces"
                rows.append((label, labelled.name, alone.name))
        if not rows:
            continue
        yield f"Trainings of {training(form)}:"
        yield _changes(found, "all tasks", rows)
        for regime in BOTH:
            changes = claim(found, regime, form)
            if changes is not None:
                error, failures = changes
                yield (
                    f"Mean over the numbers of faces, {REGIMES[regime].short} (weight {REGIMES[regime].weight:g}): "
                    f"mean error {interval(error)}, failures {interval(failures, 1)} points, {error.seeds} seeds: "
                    f"**{verdict(error, failures)}**."
                )


def _exchange(found: Results) -> Iterator[str]:
    yield exchange_paragraph(found)
    rows = [
        [
            f"{regime}, {rate.faces:,} faces",
            count(rate),
            f"{rate.worth / rate.faces:.1f}" if rate.known else "cannot be told",
        ]
        for regime in BOTH
        for rate in exchange(found, regime)
    ]
    yield table(["with labels", "are worth, without", "times as many"], rows)


def _weights(found: Results) -> Iterator[str]:
    weights = sorted(weight for weight in WEIGHTS if weight is not None)
    for regime in BOTH:
        baseline = Cell(regime, MIDDLE, ())
        cells = [Cell(regime, MIDDLE, ALL, weight) for weight in (*weights, None)]
        rows = [("learned" if cell.weight is None else f"{cell.weight:g}", cell.name, baseline.name) for cell in cells]
        yield _changes(found, f"{regime}, {MIDDLE:,} faces: weight", rows)
        learned = found.runs(cells[-1].name)
        if learned:
            ends = ", ".join(
                f"{task} {np.mean([run['lambdas'][task] for run in learned]):.4f}" for task in learned[0]["lambdas"]
            )
            yield f"Learned weights end at: {ends}."


def _regimes(found: Results) -> Iterator[str]:
    rows = [(regime.short, *_names(pair(name, MIDDLE))) for name, regime in REGIMES.items()]
    yield _changes(found, f"all tasks, {MIDDLE:,} faces", rows)


def _names(cells: Sequence[Cell]) -> tuple[str, str]:
    """Of a pair, the variant first."""
    return cells[1].name, cells[0].name


def _tasks(found: Results) -> Iterator[str]:
    alone, labelled = pair(BEST.regime, BEST.faces)
    one = [(task, Cell(BEST.regime, BEST.faces, (task,), BEST.weight).name, alone.name) for task in TASKS]
    yield _changes(found, f"{_place()}: points and", [*one, ("all tasks", labelled.name, alone.name)])
    answers = [run["datasets"]["mtfl-val"]["accuracy"] for run in found.runs(labelled.name)]
    if answers:
        right = ", ".join(f"{task} {100 * np.mean([run[task] for run in answers]):.0f} %" for task in TASKS)
        yield f"Right answers of the network with all tasks on MTFL's held-out faces: {right}."
    published = ", ".join(f"{task} {value - 35.62:+.1f}" for task, value in _PUBLISHED.items())
    yield f"Published changes of AFLW failures, points (from 35.62 %): {published}."


def _place() -> str:
    faces = f"{BEST.faces:,}" if BEST.faces else "all"
    return f"{BEST.regime}, {faces} faces"


def _where(found: Results) -> Iterator[str]:
    baseline = pair(BEST.regime, BEST.faces)[0].name
    changes = found.change_by_pose(BEST.name, baseline, "aflw")
    if not changes:
        yield "Not run."
        return
    poses = found.runs(BEST.name)[0]["datasets"]["aflw"]["poses"]
    yield (
        "Change of the mean error on AFLW by all tasks, % of it (negative is better), by pose class and point; "
        f"{_place()}, averaged over the seeds that both have:"
    )
    rows = [
        [f"{pose} ({poses[pose]['count']})", *(f"{value:+.1f}" for value in values)] for pose, values in changes.items()
    ]
    yield table(["all tasks (faces)", *FIVE_POINTS], rows)
    length = found.runs(BEST.name)[0]["config"]["network"]["feature"]
    yield (
        "Pearson's |r| between the last layer's weights of a task and of the points' coordinates, averaged over seeds; "
        "of pose, the mean over its five classes. Weights that have nothing to do with each other give "
        f"{np.sqrt(2 / np.pi / (length - 1)):.2f} on average ({length} weights each):"
    )
    rows = [
        [task, *(f"{value:.2f}" for value in values.mean(axis=0)), f"{values.mean():.2f}"]
        for task, values in found.correlation(BEST.name).items()
    ]
    yield table(["", *(f"{point} {axis}" for point in FIVE_POINTS for axis in "xy"), "mean"], rows)


def _stopping(found: Results) -> Iterator[str]:
    yield stopping_sentence(found)
    for cell in (BEST, HARMED):
        variants = ways_to_stop(cell)
        rows = [(title, name, cell.name) for title, name in variants.items()]
        rows.append(("no task at all", replace(cell, tasks=(), weight=0.0).name, cell.name))
        yield _changes(found, f"{cell.regime}, {cell.faces:,} faces, {training(cell.form)}: against no stopping", rows)
        ends = []
        for title, name in variants.items():
            runs = found.runs(name)
            if runs and "fade" not in title:
                epochs = [[str(run["stopped"].get(task, "never")) for run in runs] for task in TASKS]
                ends.append([title, *(", ".join(each) for each in epochs)])
        if ends:
            yield "Epoch after which a task stopped, seed by seed:"
            yield table(["", *TASKS], ends)


def _criteria(found: Results) -> Iterator[str]:
    rows = []
    for stopping in CRITERIA:
        name = replace(BEST, stopping=stopping).name
        held_out = found.over_seeds(name, "mtfl-val")
        stopped = [" ".join(f"{task} {epoch}" for task, epoch in run["stopped"].items()) for run in found.runs(name)]
        rows.append(
            [
                str(stopping.window),
                f"{stopping.epsilon:g}",
                str(len(stopped)),
                over(held_out, 2),
                "; ".join(stopped) or "–",
            ]
        )
    yield table(["window", "threshold", "seeds", "MTFL held out: mean error, %", "stopped after epoch"], rows)


def _rate(found: Results) -> Iterator[str]:
    yield from _form("gentle", f"three times as long at {GENTLE_RATE:g}", ("paper",))(found)
    rows = []
    for alone, light in lighter():
        cells = (replace(light, weight=REGIMES[light.regime].weight), light)
        rows += [(f"{cell.faces:,} faces, weight {cell.weight:g}", cell.name, alone.name) for cell in cells]
    yield _changes(found, "paper: all tasks", rows)


def _form(form: Form, what: str, regimes: Sequence[str]) -> Callable[[Results], Iterator[str]]:
    def section(found: Results) -> Iterator[str]:
        rows = [(f"{regime}: all tasks, {what}", *_names(pair(regime, MIDDLE, form=form))) for regime in regimes]
        rows += [
            (
                f"{regime}: no task, {what}, against the usual",
                pair(regime, MIDDLE, form=form)[0].name,
                pair(regime, MIDDLE)[0].name,
            )
            for regime in regimes
        ]
        yield _changes(found, f"{MIDDLE:,} faces", rows)

    return section


SECTIONS: dict[str, tuple[str, Callable[[Results], Iterator[str]]]] = {
    "sizes": ("Do the tasks help, and with how many faces?", _sizes),
    "exchange": ("What the labels are worth in faces", _exchange),
    "weights": ("How much the tasks may weigh", _weights),
    "regimes": ("The loss and the views", _regimes),
    "tasks": ("Each task by itself", _tasks),
    "where": ("Where the tasks help", _where),
    "stopping": ("Stopping the tasks", _stopping),
    "criteria": ("When a task stops: the choice of window and threshold", _criteria),
    "lengths": ("Three times as long", _form("long", "three times as long", BOTH)),
    "rate": ("Three times as long, at a lower learning rate", _rate),
    "convergence": (
        f"Nine times as long, in the paper's regime at a learning rate of {GENTLE_RATE:g}",
        _form("longest", "nine times as long", BOTH),
    ),
    "sharing": ("Filters of each place", _form("unshared", "filters of each place", ("paper",))),
    "precision": ("May the comparisons be made in bfloat16?", _form("float32", "in float32", ("paper",))),
}
"""Part -> its heading, and what makes its paragraphs."""
