"""The limits part of a model report: its plot, and the sheets of its worst faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init._shared.plotting import COLOURS, drawn
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.model_report.confidence.figures import UNSURE_BELOW
from tcdcn_init.eval.model_report.limits.figures import OCCLUDED_SHARE, GroupFigures, Limits, LimitsFigures, worst_faces
from tcdcn_init.eval.model_report.limits.text import POSES
from tcdcn_init.eval.model_report.limits.worst_faces import Cell, draw_sheet, worst_cells

__all__ = ["draw_worst", "plot_limits"]

_SHEETS = {
    "own box": ("worst", "worst faces in their own box"),
    "profiles": ("worst-profiles", "worst profiles in their own box"),
    "occluded": ("worst-occluded", f"worst faces with {100 * OCCLUDED_SHARE:g} % of the box occluded"),
}


def plot_limits(datasets: Mapping[str, LimitsFigures], *files: Path) -> None:
    """Draw failures by occluded part and by pose class, and how many of them go unnoticed.

    Parameters
    ----------
    datasets : mapping of str to LimitsFigures
    *files : pathlib.Path
        Image files to write, of a kind that matplotlib knows by its suffix.
    """
    from matplotlib.lines import Line2D

    sure = any(figures.has_confidence for figures in datasets.values())
    poses = [pose for pose in POSES if any(pose in figures.poses for figures in datasets.values())]
    with drawn(*files, size=(12, 4.8)) as figure:
        occluded, by_pose = figure.subplots(1, 2, width_ratios=(1, 1.35))
        width = 0.8 / len(datasets)
        for number, (name, figures) in enumerate(datasets.items()):
            colour = COLOURS.get(name, "#009E73")
            shares = [100 * each.share for each in figures.occlusion]
            failures = [100 * each.faces.failure_10 for each in figures.occlusion]
            occluded.plot(shares, failures, marker="o", color=colour)
            for place, pose in enumerate(poses):
                if pose in figures.poses:
                    x = place + (number - (len(datasets) - 1) / 2) * width
                    _draw_pose(by_pose, x, 0.9 * width, figures.poses[pose], colour, shaded=sure)
            if figures.has_confidence:
                unnoticed = [100 * _unnoticed(each.faces) for each in figures.occlusion]
                occluded.plot(shares, unnoticed, color=colour, linestyle=":")
        occluded.set(xlabel="part of the box occluded, %", ylabel="failures (error > 10 %), % of faces", ylim=(0, None))
        occluded.set_title("By occluded part" + (" (dotted: unnoticed)" if sure else ""))
        by_pose.set_xticks(range(len(poses)), [pose.replace(" ", "\n") for pose in poses])
        by_pose.set(ylabel="failures, % of the class (above: its faces)", ylim=(0, None))
        by_pose.margins(y=0.08)
        by_pose.set_title("By pose class, own box" + (" (dark: unnoticed)" if sure else ""))
        for axis in (occluded, by_pose):
            axis.grid(axis="y", color="#e5e5e5", linewidth=0.8)
        handles: list[Any] = [
            Line2D([], [], color=COLOURS.get(name, "#009E73"), linewidth=5, label=TITLES.get(name, name))
            for name in datasets
        ]
        if sure:
            label = f"unnoticed (confidence of {100 * UNSURE_BELOW:g} % or more)"
            handles.append(Line2D([], [], color="#444444", linestyle=":", label=label))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _draw_pose(axis: Any, x: float, width: float, group: GroupFigures, colour: str, *, shaded: bool) -> None:
    height = 100 * group.failure_10
    axis.bar(x, height, width, color=colour, alpha=0.45 if shaded else 1.0)
    axis.annotate(
        f"{group.count:,}", (x, height), (0, 2), fontsize=8, textcoords="offset points", ha="center", color="#444444"
    )
    if group.failures_unsure is not None:
        axis.bar(x, 100 * _unnoticed(group), width, color=colour)


def _unnoticed(group: GroupFigures) -> float:
    return group.unnoticed / group.count


def draw_worst(measured: Mapping[str, Limits], out: Path, seed: int) -> None:
    """Draw the worst faces: as shapes into worst.png and .svg, as photographs into a folder that Git ignores.

    Parameters
    ----------
    measured : mapping of str to Limits
    out : pathlib.Path
    seed : int
        As the faces were measured with.
    """
    photographs = out / "photographs"
    photographs.mkdir(exist_ok=True)
    (photographs / ".gitignore").write_text("*\n")  # the data sets do not allow their images to be passed on
    shapes: dict[str, Sequence[Cell]] = {}
    for name, limits in measured.items():
        title = TITLES.get(name, name)
        for kind, (place, rows) in worst_faces(limits).items():
            file, words = _SHEETS[kind]
            cells = worst_cells(limits, place, rows, photographs=True, seed=seed)
            draw_sheet({f"{title}: {words}": cells}, photographs / f"{file}-{name}.png")
            if kind == "own box":
                shapes[f"{title}: {words}"] = worst_cells(limits, place, rows, photographs=False, seed=seed)
    if shapes:
        draw_sheet(shapes, out / "worst.png", out / "worst.svg")
