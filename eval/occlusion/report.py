"""occlusion.json: what RCPR gains on 29 points by TCDCN's starts, and how well it knows what is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.metrics import Summary

__all__ = [
    "POINT_NAMES",
    "Detection",
    "Improvement",
    "OcclusionReport",
    "OcclusionRun",
    "occlusion_page",
    "occlusion_tables",
]

POINT_NAMES = (
    *("left brow, outer", "right brow, outer", "left brow, inner", "right brow, inner"),
    *("left brow, top", "left brow, bottom", "right brow, top", "right brow, bottom"),
    *("left eye, outer", "right eye, outer", "left eye, inner", "right eye, inner"),
    *("left eye, top", "left eye, bottom", "right eye, top", "right eye, bottom"),
    *("left pupil", "right pupil", "nose, left", "nose, right", "nose, tip", "nose, bottom"),
    *("mouth, left", "mouth, right", "upper lip, top", "upper lip, bottom", "lower lip, top", "lower lip, bottom"),
    "chin",
)
"""COFW's 29, left and right as seen in the image."""


@dataclass(frozen=True)
class Detection:
    """How well hidden points are told from visible ones, by how hidden the regressor says they are.

    Attributes
    ----------
    precision_at_80 : float or None
        Of the points called hidden, the share that is, where 80 % of the hidden ones are called so; None without any.
    average_precision : float or None
    hidden, points : int
        How many are hidden, of how many.
    """

    precision_at_80: float | None
    average_precision: float | None
    hidden: int
    points: int


@dataclass(frozen=True)
class OcclusionRun:
    """One regressor from one start in one condition.

    Attributes
    ----------
    condition, regressor, start : str
    error, occluded : metrics.Summary
        Of all faces, and of those with hidden points; None without any.
    detection : Detection
    """

    condition: str
    regressor: str
    start: str
    error: Summary
    occluded: Summary | None
    detection: Detection


@dataclass(frozen=True)
class Improvement:
    """How much smaller errors are with a regressor from TCDCN's start than with RCPR from five random ones.

    Attributes
    ----------
    condition, faces, regressor : str
        On which copies, on which of the faces ("all" or "occluded"), and with which regressor.
    count : int
        Of the faces.
    overall : bootstrap.Interval or None
        Of the mean error, as a fraction of the baseline's; positive is better. None where there are too few images.
    points : list of bootstrap.Interval or None
        Of each point.
    """

    condition: str
    faces: str
    regressor: str
    count: int
    overall: Interval | None
    points: list[Interval | None]


@dataclass(frozen=True)
class OcclusionReport(Document):
    """occlusion.json.

    Attributes
    ----------
    command, title, note : str
    training_faces, test_faces : int
    settings : StatedSettings
    hardware : Hardware
    runs : list of OcclusionRun
    improvements : list of Improvement
    """

    command: str
    title: str
    note: str
    training_faces: int
    test_faces: int
    settings: StatedSettings
    hardware: Hardware
    runs: list[OcclusionRun]
    improvements: list[Improvement]


def occlusion_page(report: OcclusionReport) -> str:
    """occlusion.md: the tables, the command and the plot."""
    return (
        f"# RCPR on 29 points from TCDCN's starts: {report.title}\n\n{report.note}\n\n    {report.command}\n\n"
        f"{occlusion_tables(report)}\n\n"
        "![Relative improvement of each point's mean error over RCPR from five random starts](improvement.png)\n"
    )


def occlusion_tables(report: OcclusionReport) -> str:
    """Errors and what is known of hidden points, by condition; and the improvement of the mean error."""
    parts = []
    for condition in dict.fromkeys(run.condition for run in report.runs):
        runs = [run for run in report.runs if run.condition == condition]
        few = next((run.occluded.count for run in runs if run.occluded is not None), 0)
        head = [
            *("regressor", "start", f"mean error, %, {runs[0].error.count} faces", "above 10 %"),
            *(f"mean error, %, {few} occluded faces", "above 10 %"),
            *("precision at 80 % recall", "average precision"),
        ]
        parts += [f"## Faces {condition}", table(head, [_row(run) for run in runs])]
        known = runs[0].detection
        parts.append(
            f"{known.hidden} of {known.points} points are hidden: a precision of "
            f"{100 * known.hidden / known.points:.1f} % needs no knowledge."
        )
    head = ["faces", "", "regressor from TCDCN's nearest shapes", "improvement of the mean error, %"]
    rows = [
        [f"{each.faces} {each.count}", each.condition, each.regressor, _interval(each.overall)]
        for each in report.improvements
    ]
    parts += ["## Improvement over RCPR from five random starts", table(head, rows)]
    return "\n\n".join(parts)


def _row(run: OcclusionRun) -> Sequence[str]:
    cells = [run.regressor, run.start]
    for errors in (run.error, run.occluded):
        cells += ["–", "–"] if errors is None else [f"{100 * errors.mean:.2f}", f"{100 * errors.failure_10:.1f}"]
    known = run.detection
    for value in (known.precision_at_80, known.average_precision):
        cells.append("–" if value is None else f"{100 * value:.0f} %")
    return cells


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{100 * interval.estimate:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
