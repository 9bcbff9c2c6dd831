"""Plots of the paper's experiments, from kept results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.experiments.cells import (
    ALL,
    BEST,
    BOTH,
    HARMED,
    JUDGING,
    MIDDLE,
    REGIMES,
    WEIGHTS,
    Cell,
    pair,
    training,
    ways_to_stop,
)
from tcdcn_init.eval.experiments.exchange import exchange, judged_form, sizes_run
from tcdcn_init.eval.experiments.finding import NOTABLE
from tcdcn_init.eval.experiments.results import Results, as_error, as_failure
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["plot_correlation", "plot_exchange", "plot_gains", "plot_stopping", "plot_weights", "plot_where"]

# Okabe & Ito's colours, distinct to the colour-blind too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def plot_gains(found: Results, folder: Path) -> Path | None:
    """Draw what all tasks change on AFLW, by the number of training faces.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets gains.svg and gains.png.

    Returns
    -------
    pathlib.Path or None
        gains.svg; None where nothing was run.
    """
    svg = folder / "gains.svg"
    judged = {regime: judged_form(found, regime) for regime in BOTH}
    cells = {(regime, form): pairs for form in JUDGING for regime in BOTH if (pairs := sizes_run(found, regime, form))}
    if not cells:
        return None
    with drawn(svg, svg.with_suffix(".png"), size=(10.5, 4.9)) as figure:
        panels = ((as_error, "mean error, points"), (as_failure, "failures, points"))
        for axis, (statistic, title) in zip(figure.subplots(1, 2), panels, strict=True):
            axis.axhline(0, color="black", linewidth=1)
            if statistic is as_error:
                axis.axhspan(-NOTABLE, NOTABLE, color="#eeeeee", label="of no note")
            for place, ((regime, form), pairs) in enumerate(cells.items()):
                changes = [found.change([(labelled.name, alone.name)], "aflw", statistic) for alone, labelled in pairs]
                faces = _faces(found, pairs)
                axis.errorbar(
                    faces * (0.96 + 0.03 * place),
                    [change.estimate for change in changes if change],
                    [change.half for change in changes if change],
                    color=_COLOURS[BOTH.index(regime)], marker="o", capsize=4,
                    alpha=1.0 if form == judged[regime] else 0.4, linewidth=1.5,
                    linestyle="-" if form == judged[regime] else "--" if form else ":",
                    label=f"{REGIMES[regime].short}, {training(form)}",
                )  # fmt: skip
            axis.set_title(f"AFLW: change by all four tasks, {title}", fontsize=11)
            _faces_axis(axis, _faces(found, [both for pairs in cells.values() for both in pairs]))
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return svg


def _faces(found: Results, pairs: Sequence[tuple[Cell, Cell]]) -> NDArray[np.float64]:
    return np.array([found.trained_on(alone.name) for alone, _ in pairs], dtype=np.float64)


def _faces_axis(axis: Any, faces: NDArray[np.float64]) -> None:
    ticks = np.unique(faces)
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("training faces")
    _plain(axis, grid="y")


def plot_exchange(found: Results, folder: Path) -> Path | None:
    """Draw how errors fall with the number of faces, and what labels are worth in faces.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets exchange.svg and exchange.png.

    Returns
    -------
    pathlib.Path or None
        exchange.svg; None where "sizes" was not run.
    """
    rates = {regime: found_rates for regime in BOTH if (found_rates := exchange(found, regime))}
    if not rates:
        return None
    svg = folder / "exchange.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(10.5, 4.6)) as figure:
        left, right = figure.subplots(1, 2)
        right.axhline(1, color="black", linewidth=1)
        for regime, colour in zip(BOTH, _COLOURS, strict=False):
            if regime not in rates:
                continue
            pairs = sizes_run(found, regime)
            faces = _faces(found, pairs)
            for number, (style, label) in enumerate((("o--", "points alone"), ("o-", "with all tasks"))):
                errors = [over.mean for both in pairs if (over := found.over_seeds(both[number].name, "aflw"))]
                left.plot(faces, errors, style, color=colour, fillstyle=("none", "full")[number],
                          label=f"{REGIMES[regime].short}, {label}")  # fmt: skip
            known = [rate for rate in rates[regime] if rate.known]
            if known:
                told = np.array([[rate.worth, rate.low, rate.high] for rate in known]).T
                worth, low, high = told / [rate.faces for rate in known]
                right.errorbar(
                    [rate.faces for rate in known], worth, [worth - low, high - worth],
                    color=colour, marker="o", capsize=4, label=REGIMES[regime].short,
                )  # fmt: skip
        left.set_title("AFLW: mean error, %", fontsize=11)
        right.set_title("one face with labels is worth so many without", fontsize=11)
        right.set_yscale("log")
        right.set_ylim(0.1, 10)
        right.set_yticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
        right.set_yticks([], minor=True)
        if not any(rate.known for each in rates.values() for rate in each):
            right.text(0.5, 0.75, "cannot be told: too few seeds,\nor errors that hardly fall with more faces",
                       ha="center", transform=right.transAxes)  # fmt: skip
        for axis in (left, right):
            _faces_axis(axis, np.array([rate.faces for each in rates.values() for rate in each], dtype=np.float64))
            if axis.get_legend_handles_labels()[0]:
                axis.legend(fontsize=9)
    return svg


def plot_weights(found: Results, folder: Path) -> Path | None:
    """Draw the error by the weight of the tasks.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets weights.svg and weights.png.

    Returns
    -------
    pathlib.Path or None
        weights.svg; None where nothing was run.
    """
    weights = sorted(weight for weight in WEIGHTS if weight is not None)
    svg = folder / "weights.svg"
    if not any(Cell(regime, MIDDLE, ALL, weight).name in found for regime in BOTH for weight in weights):
        return None
    panels = (("mtfl-val", as_error, "MTFL held out: mean error, %"), ("aflw", as_error, "AFLW: mean error, %"),
              ("aflw", as_failure, "AFLW: failures, %"))  # fmt: skip
    with drawn(svg, svg.with_suffix(".png"), size=(12, 4.2)) as figure:
        for axis, (dataset, statistic, title) in zip(figure.subplots(1, 3), panels, strict=True):
            for regime, colour in zip(BOTH, _COLOURS, strict=False):
                cells = [Cell(regime, MIDDLE, (), 0.0), *(Cell(regime, MIDDLE, ALL, weight) for weight in weights)]
                places = [(place, found.over_seeds(cell.name, dataset, statistic)) for place, cell in enumerate(cells)]
                kept = [(place, value) for place, value in places if value is not None]
                axis.plot([place for place, _ in kept], [value.mean for _, value in kept], "-", color=colour,
                          label=REGIMES[regime].short)  # fmt: skip
                for place, value in kept:
                    axis.plot([place] * len(value.values), value.values, "o", color=colour, alpha=0.55)
            axis.set_title(title, fontsize=11)
            axis.set_xticks(range(len(weights) + 1), ["0", *(f"{weight:g}" for weight in weights)])
            axis.set_xlabel("weight of each task")
            _plain(axis, grid="y")
        axis.legend()
    return svg


def plot_where(found: Results, folder: Path) -> Path | None:
    """Draw the change that all tasks bring to each point in each pose class of AFLW, where they change the most.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets where.svg and where.png.

    Returns
    -------
    pathlib.Path or None
        where.svg; None where nothing is there to compare.
    """
    change = found.change_by_pose(BEST.name, pair(BEST.regime, BEST.faces)[0].name, "aflw")
    if not change:
        return None
    svg = folder / "where.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(6.2, 4.4)) as figure:
        axis = figure.subplots()
        values = np.array(list(change.values()))
        largest = float(np.abs(values).max())
        image = _heat(axis, values, "{:+.1f}", cmap="RdBu_r", vmin=-largest, vmax=largest)
        axis.set_yticks(range(len(change)), list(change))
        axis.set_xticks(range(5), FIVE_POINTS, rotation=40, ha="right")
        axis.set_title("AFLW: all tasks against none (blue: better)", fontsize=11)
        figure.colorbar(image, label="change of the mean error, %", shrink=0.8)
    return svg


def plot_correlation(found: Results, folder: Path) -> Path | None:
    """Draw how alike the last layer's weights of tasks and of coordinates are, where tasks change the most.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets correlation.svg and correlation.png.

    Returns
    -------
    pathlib.Path or None
        correlation.svg; None where the network of all tasks was not trained.
    """
    tables = found.correlation(BEST.name)
    if not tables:
        return None
    rows = [(task, None) if len(table) == 1 else (task, k) for task, table in tables.items() for k in range(len(table))]
    labels = [task if number is None else f"pose: {TASKS[task][number]}" for task, number in rows]
    svg = folder / "correlation.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(9, 4.8)) as figure:
        axis = figure.subplots()
        image = _heat(axis, np.concatenate(list(tables.values())), "{:.2f}", cmap="viridis", vmin=0.0)
        axis.set_yticks(range(len(labels)), labels)
        axis.set_xticks(range(10), [f"{point} {way}" for point in FIVE_POINTS for way in "xy"], rotation=40, ha="right")
        figure.colorbar(image, label="|r| of last-layer weights")
    return svg


def plot_stopping(found: Results, folder: Path) -> Path | None:
    """Draw the held-out faces' error by epoch for each way to stop, and each task's errors with where it stops.

    Where the tasks harm the most, or, if that was not run, where they change the most.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets stopping.svg and stopping.png.

    Returns
    -------
    pathlib.Path or None
        stopping.svg; None where nothing was run.
    """
    cell = HARMED if any(name in found for name in ways_to_stop(HARMED).values()) else BEST
    ways = {"no task stops": cell.name, **ways_to_stop(cell)}
    ways = {title: name for title, name in ways.items() if name in found}
    if cell.name not in found:
        return None
    svg = folder / "stopping.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(11, 6.8)) as figure:
        grid = figure.add_gridspec(2, 4, height_ratios=(3, 2))
        whole, end = figure.add_subplot(grid[0, :2]), figure.add_subplot(grid[0, 2:])
        for (title, name), colour in zip(ways.items(), _COLOURS, strict=False):
            curve = found.curve(name)
            epochs = np.arange(1, curve.shape[1] + 1)
            for axis in (whole, end):
                axis.plot(epochs, curve.mean(axis=0), color=colour, linewidth=2, label=title)
                axis.plot(epochs, curve.T, color=colour, linewidth=0.6, alpha=0.4)
        finals = np.concatenate([found.curve(name)[:, -1] for name in ways.values()])
        whole.set_title(f"{cell.regime}, {cell.faces:,} faces: held-out faces, mean over seeds, and each", fontsize=11)
        whole.set_ylabel("mean error, %")
        whole.set_ylim(0.9 * float(finals.min()), 3.0 * float(finals.min()))
        whole.legend(fontsize=9)
        end.set_xlim(0.6 * len(epochs), len(epochs))
        end.set_ylim(float(finals.min()) - 0.1, 1.2 * float(finals.max()))
        end.set_title("the last epochs", fontsize=11)
        for place, task in enumerate(TASKS):
            axis = figure.add_subplot(grid[1, place])
            for side, style, label in (("train", "--", "trained faces"), ("validation", "-", "held-out faces")):
                axis.plot(epochs, found.curve(cell.name, task, side).mean(axis=0), style, color="#333333", label=label)
            for run in found.runs(next((name for title, name in ways.items() if "itself" in title), "")):
                if task in run["stopped"]:
                    axis.axvline(run["stopped"][task], color=_COLOURS[1], linewidth=1, alpha=0.6)
            axis.set_title(f"{task}: cross-entropy", fontsize=11)
            axis.set_xlabel("epoch")
            axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
            _plain(axis, grid="y")
        axis.legend(fontsize=8)
        for axis in (whole, end):
            _plain(axis, grid="y")
        for axis in figure.axes:
            axis.xaxis.get_major_locator().set_params(integer=True)
    return svg


def _heat(axis: Any, values: NDArray[np.float64], form: str, **style: Any) -> Any:
    """A heat map with its numbers written in."""
    image = axis.imshow(values, aspect="auto", **style)
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        axis.text(column, row, form.format(value), ha="center", va="center", fontsize=9, color=ink)
    return image


def _plain(axis: Any, grid: Any) -> None:
    axis.grid(axis=grid, color="#dddddd", linewidth=0.8)
