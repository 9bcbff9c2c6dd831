"""Plots of the paper's experiments, from kept results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.experiments.results import Results, Statistic, as_error, as_failure
from tcdcn_init.eval.experiments.variants import LABELS, PUBLISHED_FAILURES, plan
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["plot_correlation", "plot_stopping", "plot_tasks", "plot_where"]

# Okabe & Ito's colours, distinct to the colour-blind too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73")

_PANELS: tuple[tuple[str, str, Statistic], ...] = (
    ("aflw", "AFLW: failures, %", as_failure),
    ("aflw", "AFLW: mean error, %", as_error),
    ("mtfl-val", "MTFL held out: mean error, %", as_error),
)


def plot_tasks(found: Results, folder: Path) -> Path | None:
    """Draw each variant of "tasks": every training a dot, their mean a bar, the paper's failures beside them.

    Parameters
    ----------
    found : results.Results
    folder : pathlib.Path
        Gets tasks.svg and tasks.png.

    Returns
    -------
    pathlib.Path or None
        tasks.svg; None where no variant was run.
    """
    variants = [name for name in PUBLISHED_FAILURES if name in found]
    if not variants:
        return None
    svg = folder / "tasks.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(11, 3.9)) as figure:
        axes = figure.subplots(1, len(_PANELS), sharey=True)
        for axis, (dataset, title, statistic) in zip(axes, _PANELS, strict=True):
            for place, variant in enumerate(variants):
                value = found.over_seeds(variant, dataset, statistic)
                if value is None:
                    continue
                colour = _COLOURS[variant not in ("points", "all")] if variant != "all" else _COLOURS[2]
                axis.plot(value.values, [place] * len(value.values), "o", color=colour, alpha=0.55, markersize=6)
                axis.plot([value.mean] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=3)
                if statistic is as_failure:
                    published = axis.plot(
                        PUBLISHED_FAILURES[variant], place, "D", color="#555555", fillstyle="none", markersize=7
                    )[0]
            axis.set_title(title, fontsize=11)
            axis.set_yticks(range(len(variants)), [LABELS[variant] for variant in variants])
            _plain(axis, grid="x")
        axes[0].invert_yaxis()
        figure.legend([published], ["published (ECCV 2014)"], loc="outside lower left")
    return svg


def plot_where(found: Results, folder: Path) -> Path | None:
    """Draw the change that smile, pose and all tasks bring to each point in each pose class of AFLW.

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
    changes = {name: found.change_by_pose(name, "points", "aflw") for name in ("smile", "pose", "all")}
    changes = {name: change for name, change in changes.items() if change}
    if not changes:
        return None
    svg = folder / "where.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(2.2 + 3.6 * len(changes), 4.4)) as figure:
        axes = figure.subplots(1, len(changes), sharey=True, squeeze=False)[0]
        largest = max(float(np.abs(list(change.values())).max()) for change in changes.values())
        for axis, (name, change) in zip(axes, changes.items(), strict=True):
            image = _heat(axis, np.array(list(change.values())), "{:+.1f}", cmap="RdBu_r", vmin=-largest, vmax=largest)
            axis.set_yticks(range(len(change)), list(change))
            axis.set_xticks(range(5), FIVE_POINTS, rotation=40, ha="right")
            axis.set_title(LABELS[name], fontsize=11)
        figure.colorbar(image, ax=axes, label="change of the mean error, %", shrink=0.8)
        figure.suptitle("AFLW, against the points alone (blue: better)", fontsize=12)
    return svg


def plot_correlation(found: Results, folder: Path) -> Path | None:
    """Draw how alike the last layer's weights of tasks and of coordinates are.

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
    tables = found.correlation("all")
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
    """Draw the held-out faces' error by epoch for each way to stop, and where a task stopped.

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
    variants = [name for name in plan("stopping") if name in found]
    if not variants:
        return None
    svg = folder / "stopping.svg"
    with drawn(svg, svg.with_suffix(".png"), size=(11, 5)) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(3, 2), height_ratios=(4, 1))
        whole, end = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[:, 1])
        stops = figure.add_subplot(grid[1, 0], sharex=whole)
        for variant, colour in zip(variants, _COLOURS, strict=False):
            curve = found.curve(variant)
            epochs = np.arange(1, curve.shape[1] + 1)
            label = "no task stops" if variant == "all" else LABELS[variant]
            for axis in (whole, end):
                axis.plot(epochs, curve.mean(axis=0), color=colour, linewidth=2, label=label)
                axis.plot(epochs, curve.T, color=colour, linewidth=0.7, alpha=0.5)
            for run in found.runs(variant):
                for task, epoch in run["stopped"].items():
                    # Beside each other, where two ways stop a task after the same epoch.
                    height = list(TASKS).index(task) + 0.25 * (variants.index(variant) - 1.5)
                    stops.plot(epoch, height, "o", color=colour, markersize=5, alpha=0.7)
        finals = np.concatenate([found.curve(variant)[:, -1] for variant in variants])
        best = float(finals.min())
        whole.set_ylim(0.9 * best, 3.0 * best)
        whole.set_title("held-out faces: mean over seeds, and each", fontsize=11)
        end.set_xlim(0.6 * len(epochs), len(epochs))
        end.set_ylim(best - 0.1, 1.2 * float(finals.max()))
        end.set_title("the last epochs", fontsize=11)
        stops.set_yticks(range(len(TASKS)), list(TASKS))
        stops.set_ylim(len(TASKS) - 0.4, -0.6)
        stops.set_ylabel("stops")
        for axis in (whole, end, stops):
            axis.xaxis.get_major_locator().set_params(integer=True)
            _plain(axis, grid="y")
        for axis in (end, stops):
            axis.set_xlabel("epoch")
        whole.set_ylabel("mean error, %")
        whole.legend()
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
