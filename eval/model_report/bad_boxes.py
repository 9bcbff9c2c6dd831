"""How good a box must be: the initializer in boxes of another size, and in boxes that lie elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tcdcn_init.eval.measuring.answers import Answers
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.copies import SCALES, SHIFTS
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.metrics import Summary, summarise
from tcdcn_init.eval.model_report.confidence.figures import UNSURE_BELOW
from tcdcn_init.eval.model_report.measurement import ModelAnswers

__all__ = ["BoxFigures", "BoxReport", "BoxesFigures", "box_figures", "box_sentence", "box_tables", "box_text"]


@dataclass(frozen=True)
class BoxFigures:
    """In boxes of one size, or off by one distance.

    Attributes
    ----------
    value : float
        Size in the face's own box's, or distance in box sides.
    summary : metrics.Summary
    unsure : float or None
        Share of faces with a confidence below `confidence.UNSURE_BELOW`, or without an answer; None of a model without
        confidence outputs.
    """

    value: float
    summary: Summary
    unsure: float | None


@dataclass(frozen=True)
class BoxesFigures:
    """Of a data set.

    Attributes
    ----------
    faces : int
        `measurement.SWEEP_FACES` at most.
    scale, shift : list of BoxFigures
        By `copies.SCALES` and `copies.SHIFTS`.
    """

    faces: int
    scale: list[BoxFigures]
    shift: list[BoxFigures]


@dataclass(frozen=True)
class BoxReport(Document):
    """boxes.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    datasets : dict of str to BoxesFigures
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    datasets: dict[str, BoxesFigures]


def box_figures(answers: ModelAnswers) -> BoxesFigures:
    """Figures of what an initializer answered in bad boxes.

    Parameters
    ----------
    answers : ModelAnswers

    Returns
    -------
    BoxesFigures
    """
    return BoxesFigures(
        len(answers.sweep),
        [_figures(value, answers.sweep_answers("scale", value)) for value in SCALES],
        [_figures(value, answers.sweep_answers("shift", value)) for value in SHIFTS],
    )


def box_text(report: BoxReport) -> str:
    """The part as Markdown.

    Parameters
    ----------
    report : BoxReport
    """
    parts = [
        "# Boxes",
        f"`{report.command}`",
        f"How good a box must {Path(report.settings.model).name} be given? Faces in their own box, made larger or "
        "smaller about its centre, or moved by a part of its side in any direction. Errors are over the inter-ocular "
        "distance, failures are errors above 10 %, unsure is a confidence below 50 %.",
        box_sentence(report.datasets),
        box_tables(report.datasets),
    ]
    return "\n\n".join(parts) + "\n"


def box_sentence(datasets: Mapping[str, BoxesFigures]) -> str:
    """From what size to what size a box may be: where at most one face in a hundred fails more than in its own box.

    Parameters
    ----------
    datasets : mapping of str to BoxesFigures
    """
    said = []
    for name, figures in datasets.items():
        own = next(row for row in figures.scale if row.value == 1.0).summary.failure_10
        good = [row.value for row in figures.scale if row.summary.failure_10 <= own + 0.01 + 1e-9]
        # From the own box outwards, to the last size before one that is worse.
        low = min(value for value in good if all(v in good for v in SCALES if value <= v <= 1.0))
        high = max(value for value in good if all(v in good for v in SCALES if 1.0 <= v <= value))
        said.append(f"{low:g} to {high:g} on {TITLES.get(name, name)}")
    return (
        "At most one face in a hundred more fails than in the face's own box where the box is of its size times "
        f"{', '.join(said)}."
    )


def box_tables(datasets: Mapping[str, BoxesFigures]) -> str:
    """The figures as two tables in Markdown.

    Parameters
    ----------
    datasets : mapping of str to BoxesFigures
    """
    found = list(datasets.values())
    titles = [f"{TITLES.get(name, name)}, {figures.faces} faces" for name, figures in datasets.items()]
    parts = []
    for head, unit, sweeps in (
        ("size, in the own box's", "{:g} x", [figures.scale for figures in found]),
        ("off by, in box sides", "{:g}", [figures.shift for figures in found]),
    ):
        rows = [[unit.format(row[0].value), *map(_cell, row)] for row in zip(*sweeps, strict=True)]
        parts.append(table([f"{head}: mean error / failures / unsure, %", *titles], rows))
    return "\n\n".join(parts)


def _figures(value: float, answers: Answers) -> BoxFigures:
    unsure = float((~(answers.confidence >= UNSURE_BELOW)).mean()) if answers.has_confidence else None
    return BoxFigures(value, summarise(answers.errors.mean(axis=1)), unsure)


def _cell(figures: BoxFigures) -> str:
    unsure = "" if figures.unsure is None else f" / {100 * figures.unsure:.1f}"
    return f"{100 * figures.summary.mean:.2f} / {100 * figures.summary.failure_10:.1f}{unsure}"
