"""A model of points of one's own, measured on a data set of them: `tcdcn-init eval --dataset csv --model OWN`.

Nothing starts from such points, so that there is nothing to compare: their errors are all that there is.
"""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init.confidence import UNSURE_BELOW
from tcdcn_init.datasets.own import OwnData, summary
from tcdcn_init.eval.measuring.answers import ask_initializer, fixed
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.copies import OWN_BOX
from tcdcn_init.eval.measuring.documents import Document, write_text
from tcdcn_init.eval.measuring.hardware import Hardware, hardware
from tcdcn_init.eval.measuring.markdown import plain, table
from tcdcn_init.eval.measuring.settings import Settings, StatedSettings
from tcdcn_init.eval.metrics import Summary, annotated, face_errors, summarise, summarise_points

__all__ = ["OwnPointsReport", "own_points_text", "run_own_points"]


@dataclass(frozen=True)
class OwnPointsReport(Document):
    """report.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    data : str
        What was measured on: faces, boxes, what is annotated.
    unit : str
        What errors are fractions of.
    error : metrics.Summary
        Of faces, each the mean over its annotated points.
    points : list of metrics.Summary
        Of each point, over the faces that have it annotated.
    unsure : float or None
        Share of faces with a confidence below `confidence.UNSURE_BELOW`; None of a model that does not say.
    unreadable : dict of str to str
        Name of a face -> why there is no image; it counts as a failure.
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    data: str
    unit: str
    error: Summary
    points: list[Summary]
    unsure: float | None
    unreadable: dict[str, str]


def run_own_points(data: OwnData, out: Path, settings: Settings) -> OwnPointsReport:
    """Measure a model of one's own points; an interrupted run goes on when repeated.

    Parameters
    ----------
    data : OwnData
        Of the model's points; all faces are measured.
    out : pathlib.Path
        Folder for report.json, report.md and faces.csv.
    settings : Settings

    Returns
    -------
    OwnPointsReport

    Raises
    ------
    ValueError, BadRows, FileNotFoundError
        If the data cannot be read, or have another number of points than the model.
    BlockingIOError
        If another process is at work in `out`.
    """
    own = settings.make_initializer().config.own
    if own is None:
        raise ValueError(f"{settings.model} places the five points of a face; expected a model of points of your own")
    faces = spread(dataclasses.replace(data, points=own.count).read(), settings.limit)
    with alone_in(out):
        journal = out / "eval.journal"
        views, unreadable = ask_initializer(
            faces,
            settings.make_initializer,
            {"own box": fixed(OWN_BOX)},
            seed=settings.seed,
            jobs=settings.jobs,
            journal=journal,
            identity=str(settings.stated),
            label=data.path.name,
        )
        answers = views["own box"]
        there = annotated(np.stack([face.points for face in faces]))
        errors = face_errors(answers.errors, there)
        report = OwnPointsReport(
            command=settings.command,
            settings=settings.stated,
            hardware=hardware(),
            data=f"{data.path.name}: {summary(faces)}",
            unit="the side of the box's square" if data.layout is None else "the distance of the eyes",
            error=summarise(errors),
            points=summarise_points(answers.errors, there),
            unsure=float((answers.confidence < UNSURE_BELOW).mean()) if answers.has_confidence else None,
            unreadable=unreadable,
        )
        with replacing(out / "faces.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["name", "error", *(f"e{k}" for k in range(own.count)), "confidence"])
            for face, error, each, sure in zip(faces, errors, answers.errors, answers.confidence, strict=True):
                numbers = [error, *each.tolist(), sure]
                writer.writerow([face.name, *(f"{value:.6f}" if np.isfinite(value) else "" for value in numbers)])
        report.write(out / "report.json")
        write_text(out / "report.md", own_points_text(report))
        journal.unlink()
        return report


def own_points_text(report: OwnPointsReport) -> str:
    """The report as Markdown, which ends in a newline."""
    rows = [("all points", report.error), *((f"point {k}", each) for k, each in enumerate(report.points))]
    head = ("", "faces", "mean error, %", "median, %", "90 % are below, %", "failures, %")
    cells = [
        [name, str(each.count), *(f"{100 * value:.2f}" for value in (each.mean, each.median, each.p90)),
         f"{100 * each.failure_10:.1f}"]
        for name, each in rows
    ]  # fmt: skip
    unsure = "" if report.unsure is None else f" The model is unsure of {100 * report.unsure:.1f} % of them."
    return (
        f"# {plain(report.settings.model)} on points of its own\n\n{plain(report.data)}.{unsure}\n\n"
        f"{table(head, cells)}\n\n"
        f"Errors are in percent of {report.unit}; above 10 % a face has failed. Points that are not annotated are left "
        "out.\n"
    )
