"""The bar plot of the experiment: what each point gains, on all and on occluded faces."""

from __future__ import annotations

from pathlib import Path

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.occlusion.report import POINT_NAMES, Improvement, OcclusionReport

__all__ = ["draw_improvements"]

_COLOURS = {"rcpr": "#0072B2", "rcpr-retrained": "#D55E00"}
_NAMES = {"rcpr": "RCPR, only its start exchanged", "rcpr-retrained": "RCPR, trained for that start"}


def draw_improvements(report: OcclusionReport, *files: Path) -> None:
    """Draw bars, a panel for each condition and kind of faces.

    Parameters
    ----------
    report : OcclusionReport
    *files : pathlib.Path
        .svg and .png.
    """
    panels: dict[tuple[str, str], list[Improvement]] = {}
    for each in report.improvements:
        panels.setdefault((each.condition, each.faces), []).append(each)
    with drawn(*files, size=(11.5, 2.7 * len(panels) + 1.3)) as figure:
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False).ravel()
        for axis, ((condition, faces), found) in zip(axes, panels.items(), strict=True):
            for k, each in enumerate(found):
                _draw_bars(axis, each, k, len(found))
            which = f"{found[0].count} {'occluded ' * (faces == 'occluded')}faces {condition}"
            axis.set_title(which, loc="left", fontweight="bold", fontsize=11)
            axis.axhline(0, color="#333333", linewidth=1)
            axis.grid(axis="y", color="#dddddd", linewidth=0.8)
            axis.margins(x=0.01)
        axes[-1].set_xticks(range(len(POINT_NAMES)), POINT_NAMES, rotation=60, ha="right", fontsize=9)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
        figure.supylabel("improvement of the mean error over five random starts, %", fontsize=11)


def _draw_bars(axis: object, improvement: Improvement, k: int, count: int) -> None:
    width = 0.8 / count
    known = [(number, point) for number, point in enumerate(improvement.points) if point is not None]
    below = [100 * max(0.0, point.estimate - point.low) for _, point in known]
    above = [100 * max(0.0, point.high - point.estimate) for _, point in known]
    axis.bar(  # type: ignore[attr-defined]
        [number + (k - (count - 1) / 2) * width for number, _ in known],
        [100 * point.estimate for _, point in known],
        0.9 * width,
        yerr=[below, above],
        color=_COLOURS.get(improvement.regressor, "#777777"),
        label=_NAMES.get(improvement.regressor, improvement.regressor),
        error_kw={"ecolor": "#333333", "elinewidth": 0.8},
    )
