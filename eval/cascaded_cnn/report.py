"""The report on TCDCN and the cascaded CNN: what cascaded-cnn.json holds, its tables and its plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.documents import Document, write_text
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.metrics import Summary
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.weights import PAPER_MODEL

__all__ = [
    "CASCADE",
    "CascadedCNNReport",
    "DatasetComparison",
    "MethodFigures",
    "PairedDifferences",
    "Spread",
    "TimePerFace",
    "TrainingFacts",
    "cascaded_cnn_tables",
    "plot_cascaded_cnn",
    "write_cascaded_cnn",
]

CASCADE = "cascaded CNN"

_COLOURS = {PAPER_MODEL: "#0072B2", CASCADE: "#D55E00"}


@dataclass(frozen=True)
class MethodFigures:
    """Errors of a method over the inter-ocular distance.

    Attributes
    ----------
    overall : metrics.Summary
    points : dict of str to metrics.Summary
        By name.
    """

    overall: Summary
    points: dict[str, Summary]


@dataclass(frozen=True)
class PairedDifferences:
    """TCDCN less cascade on the same faces, resampled by image.

    Attributes
    ----------
    overall, failures : bootstrap.Interval
        Of the mean error, and of the share of faces above 10 %.
    points : dict of str to bootstrap.Interval
        Of each point's mean error.
    """

    overall: Interval
    failures: Interval
    points: dict[str, Interval]


@dataclass(frozen=True)
class DatasetComparison:
    """Both methods on a data set.

    Attributes
    ----------
    faces : int
    tcdcn, cascade : MethodFigures
    levels : list of metrics.Summary
        Of the cascade after each of its levels.
    difference : PairedDifferences
    """

    faces: int
    tcdcn: MethodFigures
    cascade: MethodFigures
    levels: list[Summary]
    difference: PairedDifferences


@dataclass(frozen=True)
class Spread:
    """Of several timings.

    Attributes
    ----------
    median, iqr : float
        Milliseconds; the second is the interquartile range.
    """

    median: float
    iqr: float


@dataclass(frozen=True)
class TimePerFace:
    """Processor time per face.

    Attributes
    ----------
    batch : int
        Faces at once.
    tcdcn, cascade : Spread
    """

    batch: int
    tcdcn: Spread
    cascade: Spread


@dataclass(frozen=True)
class TrainingFacts:
    """How the cascade was trained: `training.CascadeTraining`, and on what.

    Attributes
    ----------
    epochs, small_epochs, batch, learning_rate, weight_decay, seed
        See `training.CascadeTraining`.
    limit : int or None
    training_faces : int
    """

    epochs: int
    small_epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    seed: int
    limit: int | None
    training_faces: int


@dataclass(frozen=True)
class CascadedCNNReport(Document):
    """cascaded-cnn.json.

    Attributes
    ----------
    command : str
        As given.
    training : TrainingFacts
    hardware : Hardware
    parameters : int
        Of the cascade.
    datasets : dict of str to DatasetComparison
    milliseconds : list of TimePerFace
    """

    command: str
    training: TrainingFacts
    hardware: Hardware
    parameters: int
    datasets: dict[str, DatasetComparison]
    milliseconds: list[TimePerFace]


def write_cascaded_cnn(report: CascadedCNNReport, out: Path) -> None:
    """Write cascaded-cnn.json, .md, .svg and .png.

    Parameters
    ----------
    report : CascadedCNNReport
    out : pathlib.Path
    """
    out.mkdir(parents=True, exist_ok=True)
    report.write(out / "cascaded-cnn.json")
    write_text(out / "cascaded-cnn.md", cascaded_cnn_tables(report))
    plot_cascaded_cnn(report, out / "cascaded-cnn.svg", out / "cascaded-cnn.png")


def cascaded_cnn_tables(report: CascadedCNNReport) -> str:
    """The figures as Markdown: errors in percent of the inter-ocular distance, with 95 % intervals of differences.

    Parameters
    ----------
    report : CascadedCNNReport
    """
    training = report.training
    steps = max(1, training.training_faces // training.batch)  # an epoch
    parts = [
        "# TCDCN and the cascaded CNN",
        f"`{report.command}`",
        f"The cascade of Sun, Wang, Tang (CVPR 2013) was trained on {training.training_faces} faces of MTFL, "
        f"{training.batch} a step: level 1 for {training.epochs * steps} steps, the small networks for "
        f"{training.small_epochs * steps}. Both find the points in the same boxes; TCDCN makes one pass.",
        f"{PAPER_MODEL} is the bundled model, trained on MTFL's 8,985 training faces for 300 epochs, over 10,000 "
        "steps: where the cascade had less, its errors are not the method's best. Times do not depend on the training.",
        _error_table(report),
        "Difference: TCDCN less cascade, with its 95 % interval (BCa, by image).",
        _level_table(report),
        _time_table(report),
        "Processor time from a decoded image and its boxes to points, cut included: torch, one thread, warm, both in "
        f"turn, median and interquartile range; {report.hardware.processor}.",
    ]
    return "\n\n".join(parts) + "\n"


def _error_table(report: CascadedCNNReport) -> str:
    head = ["mean error / failures at 10 %, %", PAPER_MODEL, CASCADE, "difference of the error", "of failures"]
    rows = []
    for name, figures in report.datasets.items():
        paired = figures.difference
        rows.append(
            [
                f"**{TITLES.get(name, name)}** ({figures.faces})",
                *(_both(method.overall) for method in (figures.tcdcn, figures.cascade)),
                _interval(paired.overall),
                _interval(paired.failures),
            ]
        )
        for point in FIVE_POINTS:
            cells = [_both(method.points[point]) for method in (figures.tcdcn, figures.cascade)]
            rows.append([point, *cells, _interval(paired.points[point]), ""])
    return table(head, rows)


def _level_table(report: CascadedCNNReport) -> str:
    levels = max(len(figures.levels) for figures in report.datasets.values())
    rows = [[TITLES.get(name, name), *map(_both, figures.levels)] for name, figures in report.datasets.items()]
    return table(["the cascade after", *(f"level {k + 1}" for k in range(levels))], rows)


def _time_table(report: CascadedCNNReport) -> str:
    rows = [
        [
            f"batch {time.batch}",
            *(f"{each.median:.2f} (IQR {each.iqr:.2f})" for each in (time.tcdcn, time.cascade)),
            f"{time.cascade.median / time.tcdcn.median:.1f} x",
        ]
        for time in report.milliseconds
    ]
    return table(["ms a face", PAPER_MODEL, CASCADE, "ratio"], rows)


def _both(summary: Summary) -> str:
    return f"{100 * summary.mean:.2f} / {100 * summary.failure_10:.1f}"


def _interval(interval: Interval) -> str:
    return f"{100 * interval.estimate:+.2f} ({100 * interval.low:+.2f} to {100 * interval.high:+.2f})"


def plot_cascaded_cnn(report: CascadedCNNReport, *files: Path) -> None:
    """Draw the mean error of each point, both methods side by side, a panel per data set.

    Parameters
    ----------
    report : CascadedCNNReport
    *files : pathlib.Path
        Image files to write.
    """
    labels = {PAPER_MODEL: PAPER_MODEL, CASCADE: f"{CASCADE}, trained on {report.training.training_faces} faces"}
    with drawn(*files, size=(4.3 * len(report.datasets), 4.4)) as figure:
        panels = figure.subplots(1, len(report.datasets), squeeze=False, sharey=True)[0]
        places = np.arange(len(FIVE_POINTS))
        for panel, (name, figures) in zip(panels, report.datasets.items(), strict=True):
            for number, (label, method) in enumerate(((PAPER_MODEL, figures.tcdcn), (CASCADE, figures.cascade))):
                heights = [100 * method.points[point].mean for point in FIVE_POINTS]
                panel.bar(places + 0.4 * (number - 0.5), heights, 0.4, color=_COLOURS[label], label=labels[label])
            panel.set_xticks(places, [point.replace(" ", "\n") for point in FIVE_POINTS])
            panel.set_title(f"{TITLES.get(name, name)}, {figures.faces} faces")
            panel.tick_params(axis="x", labelsize=9)
        panels[0].set_ylabel("mean error, % of the inter-ocular distance")
        # Above the bars, not over them.
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
