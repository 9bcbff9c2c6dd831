"""The curves of a report: what a start changes, drawn for each regressor and training.

Every start has one colour and one line wherever it is drawn (Okabe & Ito's colours, which the colour-blind tell apart,
and dashes for those who see none). The same report makes the same SVG file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tcdcn_init._shared.plotting import STYLE, require_matplotlib, save
from tcdcn_init.eval.comparison.report import Report, RunFigures, RunName, Sweep, bare_points, grouped
from tcdcn_init.eval.metrics import NO_POSE

__all__ = ["draw_plots", "start_colours"]

N = TypeVar("N", bound=RunName)

_COLOURS = {
    "random-1": "#E69F00",
    "random-5": "#D55E00",
    "mean": "#CC79A7",
    "tcdcn-aligned": "#56B4E9",
    "tcdcn-nearest": "#0072B2",
    "oracle": "#009E73",
    "tcdcn": "#666666",
}
_OTHER_COLOURS = ("#000000", "#B8A000", "#7A4B00", "#6A3D9A")
_DASHES = {"random": "--", "mean": "-.", "tcdcn": "-", "oracle": "-"}

# iBUG's 68 points by part of the face: name, first, one past the last.
_PARTS = (("jaw", 0, 17), ("brows", 17, 27), ("nose", 27, 36), ("eyes", 36, 48), ("mouth", 48, 68))

_INK, _GRID = "#333333", "#dddddd"
_WIDTH = 11.5  # inches, of two panels side by side
_TITLE: dict[str, Any] = {"loc": "left", "fontweight": "bold"}


class _Change(NamedTuple):
    """A relative change and its interval."""

    estimate: float
    low: float
    high: float


def draw_plots(report: Report, folder: Path) -> dict[str, Path]:
    """Draw every plot that the report has data for, as SVG and as PNG.

    Parameters
    ----------
    report : Report
    folder : pathlib.Path
        Made if it is not there.

    Returns
    -------
    dict of str to pathlib.Path
        Name of the plot -> its SVG file; the PNG file lies beside it. "ced": cumulative errors; "points": change of
        each point's mean error against the baseline start; "poses": error by pose class; "noise", "roll": failures
        against the box's noise and the head's roll.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    matplotlib = require_matplotlib()
    from matplotlib.figure import Figure

    drawers = {"ced": _draw_ced, "points": _draw_points, "poses": _draw_poses, "noise": _draw_noise, "roll": _draw_roll}
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    style = {**STYLE, "font.size": 12, "axes.edgecolor": _INK, "axes.titlesize": 13}
    for name, draw in drawers.items():
        with matplotlib.rc_context(style):
            figure = Figure(layout="constrained")
            if not draw(figure, report):
                continue
            save(figure, folder / f"{name}.svg", folder / f"{name}.png")
            drawn[name] = folder / f"{name}.svg"
    return drawn


def start_colours(starts: Iterable[str]) -> dict[str, str]:
    """Colour of each start, as #rrggbb: the same in every plot and report for the starts of the protocol.

    Examples
    --------
    >>> start_colours(["random-5", "tcdcn-nearest"])
    {'random-5': '#D55E00', 'tcdcn-nearest': '#0072B2'}
    """
    names = list(starts)
    others = [name for name in names if name not in _COLOURS]
    spare = dict(zip(others, _OTHER_COLOURS * (len(others) // len(_OTHER_COLOURS) + 1), strict=False))
    return {name: _COLOURS.get(name) or spare[name] for name in names}


def _draw_ced(figure: Any, report: Report) -> bool:
    if report.dataset.faces < 2:
        return False
    largest = 0.0
    for axis, runs in _panels(figure, report.runs):
        ranked = []
        for start, run in runs.items():
            grid = [100 * error for error in run.ced.grid]
            largest = max(largest, *grid)
            [line] = axis.plot(grid, [100 * share for share in run.ced.share], **_style(start, report))
            ranked.append((run.error.failure_10, line, f"{_name(start)}  {100 * (1 - run.error.failure_10):.0f} %"))
        ranked.sort(key=lambda entry: entry[0])
        axis.axvline(10, color=_INK, linewidth=0.8, linestyle=":")
        axis.set(xlim=(0, largest), ylim=(0, 100.5))
        axis.legend(
            [line for _, line, _ in ranked],
            [label for *_, label in ranked],
            title="within 10 %",
            title_fontsize=11,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            fontsize=11,
            handlelength=1.9,
            alignment="left",
        )
    return _finish(figure, "error of a face, % of the inter-ocular distance", "faces with at most that error, %")


def _draw_noise(figure: Any, report: Report) -> bool:
    return _draw_sweep(figure, report, report.noise, "noise of the box, sd in box sides")


def _draw_roll(figure: Any, report: Report) -> bool:
    return _draw_sweep(figure, report, report.roll, "roll of the head, degrees")


def _draw_sweep(figure: Any, report: Report, sweep: Sweep | None, label: str) -> bool:
    if sweep is None or not sweep.runs:
        return False
    values = sweep.values
    for axis, runs in _panels(figure, sweep.runs):
        ends = []
        for start, run in runs.items():
            failures = [100 * rate for rate in run.failure]
            axis.plot(values, failures, marker="o", markersize=4, **_style(start, report))
            ends.append((failures, start))
        axis.set_xticks(values, [f"{value:g}" for value in values])
        axis.set_ylim(0, 103)
        _label_ends(axis, values[-1], ends, report)
    return _finish(figure, label, "failures (error > 10 %), % of faces")


def _draw_poses(figure: Any, report: Report) -> bool:
    first = report.runs[0].poses if report.runs else {}
    names = [name for name in first if name != NO_POSE]
    if len(names) < 2:
        return False
    ticks = [f"{name}\n({first[name].count:,})".replace(" profile", "\nprofile") for name in names]
    top = 0.0
    axes = []
    for axis, runs in _panels(figure, report.runs):
        ends = []
        for start, run in runs.items():
            means = [100 * run.poses[name].mean if name in run.poses else float("nan") for name in names]
            axis.plot(range(len(names)), means, marker="o", markersize=5, **_style(start, report))
            ends.append((means, start))
            top = max(top, *means)
        axes.append((axis, ends))
    for axis, ends in axes:
        axis.set_xticks(range(len(names)), ticks, fontsize=10.5)
        axis.set_ylim(0, 1.05 * top)
        _label_ends(axis, len(names) - 1, ends, report)
    return _finish(figure, "pose of the head (faces)", "mean error, % of the inter-ocular distance")


def _draw_points(figure: Any, report: Report) -> bool:
    ours, names = report.seeded_start, report.point_names
    if ours is None:
        return False
    changes = {
        key: _point_changes(runs, ours, report.baseline)
        for key, runs in grouped(report.runs).items()
        if ours in runs and len(runs[ours].points) == len(names)
    }
    changes = {key: found for key, found in changes.items() if any(found)}
    if not changes:
        return False
    # Five points have room for both trainings side by side, 68 have not.
    dense = len(names) > 12
    panels = [[key] for key in changes]
    if not dense:
        panels = [[key for key in changes if key[0] == name] for name in dict.fromkeys(name for name, _ in changes)]
    columns = 1 if dense else min(2, len(panels))
    axes = _grid(figure, len(panels), columns, (_WIDTH if dense else 6.4, 3.6))
    colour = start_colours(report.starts)[ours]
    for axis, keys in zip(axes, panels, strict=True):
        for k, key in enumerate(keys):
            _draw_bars(axis, changes[key], k, len(keys), key[1], colour, capsize=0 if dense else 2.5)
        axis.axhline(0, color=_INK, linewidth=1)
        axis.margins(y=0.1)
        several = len({training for _, training in changes}) > 1
        axis.set_title(", ".join([keys[0][0], _trained(keys[0][1])][: 2 if dense and several else 1]), **_TITLE)
        _tidy(axis)
        if dense:
            _name_parts(axis)
        else:
            axis.set_xticks(range(len(names)), [name.replace(" corner", "").replace(" ", "\n") for name in names])
            axis.tick_params(axis="x", length=0)
    if max(map(len, panels)) > 1:
        handles, labels = max((axis.get_legend_handles_labels() for axis in axes), key=lambda pair: len(pair[0]))
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.supylabel(f"improvement of the mean error, %\n{ours} over {report.baseline}", fontsize=12)
    return True


def _point_changes(runs: Mapping[str, RunFigures], ours: str, baseline: str) -> list[_Change | None]:
    """Relative change of each point's mean error; of one image alone without an interval, of no baseline nothing."""
    against = runs[ours].against
    if against is not None:
        return [None if found is None else _Change(found.estimate, found.low, found.high) for found in against.points]
    if baseline not in runs or baseline == ours:
        return []
    pairs = zip(runs[ours].points, runs[baseline].points, strict=True)
    ratios = [new.mean / old.mean - 1 if old.mean else None for new, old in pairs]
    return [None if ratio is None else _Change(ratio, ratio, ratio) for ratio in ratios]


def _draw_bars(
    axis: Any, changes: Sequence[_Change | None], k: int, count: int, training: str, colour: str, capsize: float
) -> None:
    """The k-th of `count` bars of each point, with its interval."""
    width = 0.8 / count
    known = [(number, change) for number, change in enumerate(changes) if change is not None]
    # The improvement is the change's negative, and so its ends change places.
    below = [100 * max(0.0, change.high - change.estimate) for _, change in known]
    above = [100 * max(0.0, change.estimate - change.low) for _, change in known]
    hollow = training == "retrained"
    axis.bar(
        [number + (k - (count - 1) / 2) * width for number, _ in known],
        [-100 * change.estimate for _, change in known],
        0.9 * width,
        yerr=[below, above] if any(below) or any(above) else None,
        color="white" if hollow else colour,
        edgecolor=colour,
        linewidth=1.2,
        hatch="////" if hollow else None,
        label=_trained(training),
        error_kw={"ecolor": _INK, "elinewidth": 1.0, "capsize": capsize},
    )


def _name_parts(axis: Any) -> None:
    axis.set_xlim(-1, 68)
    axis.set_xticks([(first + last - 1) / 2 for _, first, last in _PARTS], [name for name, *_ in _PARTS])
    axis.tick_params(axis="x", length=0)
    for _, first, _ in _PARTS[1:]:
        axis.axvline(first - 0.5, color=_GRID, linewidth=0.8)


def _panels(figure: Any, runs: Sequence[N]) -> list[tuple[Any, dict[str, N]]]:
    """A panel for each regressor and training: its axis, and its runs by start, TCDCN's own points among them.

    Where others' points are compared, a panel more is theirs alone.
    """
    found, bare = grouped(runs), bare_points(runs)
    alone = {run.start: run for run in runs if run.is_bare}
    others = len(alone) > 1
    axes = _grid(figure, len(found) + others, min(2, len(found) + others), (7.2, 3.9))
    several = len({training for _, training in found}) > 1
    panels = []
    for axis, ((regressor, training), part) in zip(axes, found.items(), strict=False):
        axis.set_title(f"{regressor}, {_trained(training)}" if several else regressor, **_TITLE)
        _tidy(axis)
        panels.append((axis, part if bare is None else {**part, "tcdcn": bare}))
    if others:
        axes[-1].set_title("no regressor: points as they are", **_TITLE)
        _tidy(axes[-1])
        panels.append((axes[-1], alone))
    return panels


def _grid(figure: Any, count: int, columns: int, panel: tuple[float, float]) -> list[Any]:
    if not count:
        return []
    rows = -(-count // columns)
    figure.get_layout_engine().set(h_pad=0.12)
    figure.set_size_inches(_WIDTH if columns > 1 else panel[0], panel[1] * rows + 0.4)
    axes: list[Any] = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel().tolist()
    for axis in axes[count:]:
        axis.remove()
    return axes[:count]


def _tidy(axis: Any) -> None:
    axis.grid(axis="y", color=_GRID, linewidth=0.8)
    axis.tick_params(labelleft=True)


def _finish(figure: Any, across: str, up: str) -> bool:
    if not figure.axes:
        return False
    figure.supxlabel(across, fontsize=12)
    figure.supylabel(up, fontsize=12)
    return True


def _label_ends(axis: Any, x: float, curves: Sequence[tuple[Sequence[float], str]], report: Report) -> None:
    """Names of the curves at their right ends, moved apart where they would overlap."""
    low, high = axis.get_ylim()
    # Where curves end together, the one that was higher on the way is named first.
    shown = sorted((values[-1], sum(values), start) for values, start in curves if values[-1] == values[-1])
    gap = (high - low) / 15
    places = [end for end, *_ in shown]
    # Up from the lowest, then back down from the top: as near to their curves as the gap allows.
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    for k in reversed(range(len(places))):
        places[k] = min(places[k], high if k == len(places) - 1 else places[k + 1] - gap)
    for place, (end, _, start) in zip(places, shown, strict=True):
        height = (place - low) / (high - low)
        style = {**_style(start, report), "linewidth": 1.3, "arrowstyle": "-", "shrinkA": 0, "shrinkB": 5}
        axis.annotate("", (x, end), (1.07, height), textcoords="axes fraction", annotation_clip=False, arrowprops=style)
        axis.text(1.08, height, _name(start), transform=axis.transAxes, va="center", fontsize=11, color=_INK)


def _style(start: str, report: Report) -> dict[str, Any]:
    colour = start_colours([*report.starts, "tcdcn"])[start]
    if start == "tcdcn":
        return {"color": colour, "linewidth": 1.4, "linestyle": ":"}
    stem = start.split("-")[0]
    return {
        "color": colour,
        "linewidth": 2.6 if start == report.seeded_start or start == report.baseline else 1.5,
        "linestyle": _DASHES.get(stem, "-"),
    }


def _name(start: str) -> str:
    return "TCDCN's points" if start == "tcdcn" else start


def _trained(training: str) -> str:
    return "retrained on its start" if training == "retrained" else "as trained"
