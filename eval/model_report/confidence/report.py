"""The confidence part of a model report: its table and its plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import COLOURS, drawn
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.model_report.confidence.figures import ConfidenceAnswers, ConfidenceFigures, ConfidenceReport
from tcdcn_init.eval.model_report.measurement import CONFIDENCE_VIEWS

__all__ = [
    "RECOMMENDED",
    "confidence_tables",
    "confidence_text",
    "plot_confidence",
    "thresholds_table",
    "thresholds_text",
]


def confidence_text(report: ConfidenceReport) -> str:
    """The part as Markdown.

    Parameters
    ----------
    report : ConfidenceReport
    """
    parts = [
        "# Confidence",
        f"`{report.command}`",
        f"Does {Path(report.settings.model).name} know when it is unsure? Every face in its own box, in a box with "
        "noise and rotated by any angle, and beside it a box without a face. Errors are over the inter-ocular "
        "distance; an answer is valid up to 10 %, and unsure below a confidence of 50 %.",
        "![Expected and actual errors, risk and coverage, confidence of faces and background](confidence.png)",
        confidence_tables(report.datasets),
    ]
    if all(figures.thresholds for figures in report.datasets.values()):
        parts += ["## A least confidence", thresholds_text(report.datasets), thresholds_table(report.datasets)]
    return "\n\n".join(parts)


def confidence_tables(datasets: Mapping[str, ConfidenceFigures]) -> str:
    """The figures as two tables in Markdown.

    Parameters
    ----------
    datasets : mapping of str to ConfidenceFigures
    """
    rows = []
    for name, figures in datasets.items():
        for view, row in figures.views.items():
            numbers = [row.expected, row.actual, row.valid, row.confidence, row.unsure]
            cells = ["" if number is None else f"{100 * number:.1f}" for number in numbers]
            rows.append([f"{_title(name)}, {view}", f"{row.count:,}", *cells])
    head = [
        "", "copies", "expected error, %", "actual error, %", "valid (error <= 10 %), %", "mean confidence, %",
        "unsure, %",
    ]  # fmt: skip
    areas = [
        ("faces over boxes without a face", [figures.auroc_background for figures in datasets.values()]),
        ("valid answers over failures, all three views", [figures.auroc_failure for figures in datasets.values()]),
    ]
    ranked = [[title, *("" if area is None else f"{area:.4f}" for area in found)] for title, found in areas]
    return f"{table(head, rows)}\n\n{table(['AUROC', *map(_title, datasets)], ranked)}\n"


RECOMMENDED = 0.5
"""The least confidence that the documentation recommends: below it an answer is more likely wrong than right."""


def thresholds_text(datasets: Mapping[str, ConfidenceFigures]) -> str:
    """What a least confidence of `RECOMMENDED` does on each data set, and why it is recommended, in sentences.

    Parameters
    ----------
    datasets : mapping of str to ConfidenceFigures
    """
    said = []
    for name, figures in datasets.items():
        row = next(each for each in figures.thresholds if each.threshold == RECOMMENDED)
        whole = figures.thresholds[0]
        said.append(
            f"{_title(name)}: {_percent(row.kept)} of the faces are kept, failures go from {_percent(whole.failures)} "
            f"to {_percent(row.failures)}, and {_percent(row.kept_background)} of boxes without a face are kept."
        )
    return (
        f"A least confidence of {RECOMMENDED:g} is the one to begin with: confidence is a probability, so below it an "
        "answer is more likely wrong than right. It keeps nearly every face and nearly no box without one. "
        f"{' '.join(said)} A higher one buys fewer failures with faces that were right."
    )


def thresholds_table(datasets: Mapping[str, ConfidenceFigures]) -> str:
    """What least confidences keep, as a table in Markdown.

    Parameters
    ----------
    datasets : mapping of str to ConfidenceFigures
    """
    kinds = ("own box: kept / failures, %", "noisy box: kept / failures, %", "no face: kept, %")
    head = ["least confidence", *(f"{_title(name)}, {kind}" for name in datasets for kind in kinds)]
    rows = []
    for place, threshold in enumerate(next(iter(datasets.values())).thresholds):
        row = [f"{threshold.threshold:g}"]
        for each in (figures.thresholds[place] for figures in datasets.values()):
            row += [
                f"{_number(each.kept)} / {_number(each.failures)}",
                f"{_number(each.kept_noisy)} / {_number(each.failures_noisy)}",
                _number(each.kept_background),
            ]
        rows.append(row)
    return table(head, rows)


def _number(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def plot_confidence(
    datasets: Mapping[str, ConfidenceFigures], measured: Mapping[str, ConfidenceAnswers], *files: Path
) -> None:
    """Draw calibration, risk against coverage, and the confidence of faces and background.

    Parameters
    ----------
    datasets : mapping of str to ConfidenceFigures
    measured : mapping of str to ConfidenceAnswers
        The same data sets.
    *files : pathlib.Path
        Image files to write, of a kind that matplotlib knows by its suffix.
    """
    with drawn(*files, size=(13, 4.4)) as figure:
        calibration, risk, sure = figure.subplots(1, 3)
        largest = 0.0
        for name, figures in datasets.items():
            label, colour = _title(name), COLOURS.get(name, "#009E73")
            expected = [100 * row.expected for row in figures.bins]
            actual = [100 * row.actual for row in figures.bins]
            largest = max(largest, *expected, *actual)
            calibration.plot(expected, actual, marker="o", color=colour, label=label)
            coverage = [100 * share for share in figures.risk.coverage]
            risk.plot(coverage, [100 * share for share in figures.risk.failures], color=colour, label=label)
            best = [100 * share for share in figures.risk.best_failures]
            risk.plot(coverage, best, color=colour, linestyle=":", linewidth=1.2)
            answers = measured[name]
            for view, style in (("own box", "-"), ("background", "--")):
                rows = answers.view == CONFIDENCE_VIEWS.index(view)
                _steps(sure, answers.confidence[rows], color=colour, linestyle=style)
        # The diagonal sets the range as well.
        calibration.plot([1.5, 1.2 * largest], [1.5, 1.2 * largest], color="#999999", linewidth=1, zorder=0)
        calibration.set(
            xscale="log",
            yscale="log",
            xlabel="expected error, % of the inter-ocular distance",
            ylabel="actual error, %",
        )
        for set_ticks in (calibration.set_xticks, calibration.set_yticks):
            set_ticks([2, 3, 5, 10, 15], ["2", "3", "5", "10", "15"])
            set_ticks([], minor=True)
        calibration.set_title("Expected and actual error of points")
        risk.set(xlabel="most confident faces kept, %", ylabel="failures among them, %", ylim=(0, None), xlim=(0, 100))
        risk.set_title("Risk and coverage (dotted: best order)")
        sure.set(xlabel="confidence", ylabel="copies with at most this, %", ylim=(0, 102), xlim=(0, 1))
        sure.set_title("Faces (solid), no face (dashed)")
        for axis in (calibration, risk, sure):
            axis.grid(color="#e5e5e5", linewidth=0.8)
        risk.legend()


def _steps(axis: Any, values: NDArray[np.float64], **style: Any) -> None:
    if len(values):
        ranked = np.concatenate([[0.0], np.sort(values), [1.0]])
        share = np.concatenate([[0.0], 100 * np.arange(1, len(values) + 1) / len(values), [100.0]])
        axis.step(ranked, share, where="post", **style)


def _title(name: str) -> str:
    return TITLES.get(name, name)
