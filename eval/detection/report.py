"""`tcdcn-init detection`: its run, its page, its plot, and what it found that nobody marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tcdcn_init._shared.drawing import overlay
from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.plotting import drawn, require_matplotlib
from tcdcn_init.detection.search import LEAST_CERTAINTY
from tcdcn_init.eval.detection.figures import (
    DetectionFigures,
    DetectionReport,
    Point,
    Way,
    detection_figures,
    faces_found,
    found_in,
)
from tcdcn_init.eval.detection.measure import Record, look_at
from tcdcn_init.eval.detection.photographs import Photograph, afw_photographs, training_sheets
from tcdcn_init.eval.measuring.cases import spread_over
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import Settings

__all__ = ["TITLES", "detection_table", "detection_text", "run_detection"]

TITLES = {"sheets": "Sheets of held-out training photographs", "afw": "AFW"}

_COLOURS = {"tcdcn": "#009E73", "dlib": "#0072B2", "skimage": "#D55E00"}
_LINES = {"never": ":", "where none stand upright": "-", "always": "--"}
_CELL, _COLUMNS = 128, 12
_RULE = (
    "A face counts as found where the middle of the square around the points lies less than half the annotated box's "
    "side from that box's middle, and neither side is twice the other; each face once. Everything else counts against "
    "precision, a face that nobody marked too: AFW leaves out many in the background. Times are of one core."
)


def run_detection(
    roots: Mapping[str, Path], detectors: Sequence[str], out: Path, settings: Settings
) -> DetectionReport:
    """Measure detectors on photographs; an interrupted run goes on when it is repeated.

    Parameters
    ----------
    roots : mapping of str to path
        "sheets" -> folder with mtfl/ and the other training sets, "afw" -> folder of AFW; either or both.
    detectors : sequence of str
        `detection.detectors.OWN`, or of its `LAX`.
    out : pathlib.Path
        Gets detection.json, detection.md, its plot, and photographs/, which Git is told to ignore: what was found that
        is not annotated.
    settings : Settings

    Returns
    -------
    DetectionReport
    """
    require_matplotlib()
    read = {"sheets": training_sheets, "afw": afw_photographs}
    photographs = {}
    for name, root in roots.items():
        every = read[name](root)
        photographs[name] = [every[k] for k in spread_over(len(every), settings.limit)]
    with alone_in(out):
        # One for each detector: another one is measured without those that were.
        journals = {(name, each): out / f"{name}-{each}.journal" for name in roots for each in detectors}
        apart = {
            (name, each): look_at(photographs[name], each, settings, journal, f"{TITLES[name]}, {each}")
            for (name, each), journal in journals.items()
        }
        records = {
            name: [reduce(or_, of) for of in zip(*(apart[name, each] for each in detectors), strict=True)]
            for name in roots
        }
        figures = {name: detection_figures(records[name], detectors) for name in roots}
        report = DetectionReport(settings.command, settings.stated, hardware(), LEAST_CERTAINTY, figures)
        report.write(out / "detection.json")
        write_text(out / "detection.md", detection_text(report))
        plot_detection(report, out / "detection.svg", out / "detection.png")
        folder = out / "photographs"
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")  # the data sets do not allow their images to be passed on
        for name in roots:
            for detector in detectors:
                draw_unmarked(photographs[name], records[name], detector, folder / f"unmarked-{name}-{detector}.jpg")
        for journal in journals.values():
            journal.unlink()
    return report


def detection_text(report: DetectionReport) -> str:
    """The page as Markdown.

    Parameters
    ----------
    report : DetectionReport
    """
    about = (
        f"`tcdcn`, the default, is the initializer's own search: the coarse stage of "
        f"`{Path(report.settings.model).name}`, asked about windows all over the image, gives hints, at any roll, and "
        f"both stages together say which are faces: those of a certainty of {report.least:g} or more. For the others a "
        "library's detector of upright faces, asked for more than it would call a face by itself, gives the hints. "
        "Copies of the image turned by quarters are searched never, where no upright face was found, or always; the "
        "second is done unless told otherwise, and by `tcdcn` only on the copy in which faces that it saw lie are "
        "upright. The certainty was chosen on sheets of held-out training photographs."
    )
    parts = ["# Finding faces", f"`{report.command}`", about, _RULE]
    for name, figures in report.sets.items():
        parts += [f"## {TITLES.get(name, name)}", detection_table(figures, report.least)]
    return "\n\n".join([*parts, "![Recall against precision](detection.png)"]) + "\n"


def detection_table(figures: DetectionFigures, least: float) -> str:
    """Recall, precision and time at one certainty, upright and on turned photographs.

    Parameters
    ----------
    figures : DetectionFigures
    least : float
    """
    rows = []
    for way in figures.ways:
        if way.degrees:
            continue
        turned = [each for each in figures.ways if (each.detector, each.turned) == (way.detector, way.turned)]
        cells = []
        for each in turned:
            point = _at(each, least)
            cells += [f"{100 * point.recall:.1f}\u00a0/\u00a0{100 * point.precision:.1f}"]
            if not each.degrees:
                cells += [str(point.false)]
        detector, turn = ("dlib by itself", "") if way.turned == "stock" else (way.detector, way.turned)
        rows.append([detector, turn, *cells, *(f"{each.ms:.0f}" for each in turned[:2])])
    head = [
        "detector",
        "turned copies",
        "recall / precision, %",
        "unmarked",
        "turned by 90°",
        "by 180°",
        "ms",
        "ms, turned",
    ]
    return f"{figures.photographs} photographs, {figures.faces} faces.\n\n{table(head, rows)}"


def plot_detection(report: DetectionReport, *files: Path) -> None:
    """Draw recall against precision.

    Parameters
    ----------
    report : DetectionReport
    *files : pathlib.Path
        Of kinds that matplotlib knows by their suffix.
    """
    with drawn(*files, size=(6.2 * len(report.sets), 4.8)) as figure:
        axes = figure.subplots(1, len(report.sets), squeeze=False)[0]
        for axis, (name, figures) in zip(axes, report.sets.items(), strict=True):
            for way in figures.ways:
                if way.degrees:
                    continue
                colour = _COLOURS.get(way.detector, "#555555")
                x, y = ([100 * getattr(point, key) for point in way.points] for key in ("precision", "recall"))
                if way.turned == "stock":
                    axis.plot(x, y, marker="*", markersize=12, linestyle="none", color=colour, label="dlib by itself")
                    continue
                point = _at(way, report.least)
                axis.plot(x, y, color=colour, linestyle=_LINES[way.turned], label=f"{way.detector}, {way.turned}")
                axis.plot(100 * point.precision, 100 * point.recall, marker="o", color=colour)
            axis.set(title=TITLES.get(name, name), xlabel="precision, %", ylabel="recall, %")
            axis.set_xlim(left=max(70.0, axis.get_xlim()[0]))  # below, nobody would set it
            axis.grid(color="#e5e5e5", linewidth=0.8)
        axis.legend(title="detector, turned copies", fontsize=9)


def draw_unmarked(photographs: Sequence[Photograph], records: Sequence[Record], detector: str, file: Path) -> None:
    """A contact sheet of what was found where no face is annotated, the surest first in each photograph.

    Parameters
    ----------
    photographs, records : sequences
        In the same order.
    detector : str
    file : pathlib.Path
    """
    cells: list[NDArray[np.uint8]] = []
    for photograph, record in zip(photographs, records, strict=True):
        squares, _ = found_in(record, detector, "always", 0, LEAST_CERTAINTY)
        unmarked = squares[faces_found(squares, record["faces"]) < 0]
        image = photograph.read()[0] if len(unmarked) else np.zeros((1, 1), dtype=np.uint8)
        for square in unmarked:
            middle, reach = (square[:2] + square[2:]) / 2, square[2] - square[0]
            view = np.concatenate([middle - reach, middle + reach])
            crop = Image.fromarray(overlay(image, boxes=[square])).crop(tuple(np.rint(view).astype(int).tolist()))
            cells.append(np.asarray(crop.resize((_CELL, _CELL), Image.Resampling.LANCZOS)))
    rows = max(1, -(-len(cells) // _COLUMNS))
    sheet = np.full((rows * _CELL, _COLUMNS * _CELL, 3), 255, dtype=np.uint8)
    for number, cell in enumerate(cells):
        row, column = divmod(number, _COLUMNS)
        sheet[row * _CELL : (row + 1) * _CELL, column * _CELL : (column + 1) * _CELL] = cell
    Image.fromarray(sheet).save(file)


def _at(way: Way, least: float) -> Point:
    return min(way.points, key=lambda point: abs(point.least - least))
