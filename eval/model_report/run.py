"""`tcdcn-init report`: a model by itself, measured once; its figures, its confidence and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.plotting import require_matplotlib
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.datasets.published.afw import read_afw_boxes
from tcdcn_init.eval.measuring.cases import TITLES, spread
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.hardware import Hardware, hardware
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.bad_boxes import BoxReport, box_figures, box_text
from tcdcn_init.eval.model_report.confidence.figures import ConfidenceReport, confidence_answers, confidence_figures
from tcdcn_init.eval.model_report.confidence.report import confidence_text, plot_confidence
from tcdcn_init.eval.model_report.figures import FiguresReport, figures_table, model_figures
from tcdcn_init.eval.model_report.hard_faces import HardFacesReport, hard_faces, hard_faces_table
from tcdcn_init.eval.model_report.limits.figures import LimitsReport, limits_figures, limits_of
from tcdcn_init.eval.model_report.limits.plots import draw_worst, plot_limits
from tcdcn_init.eval.model_report.limits.text import limits_text
from tcdcn_init.eval.model_report.limits.worst_faces import draw_sheet, portrait_cells
from tcdcn_init.eval.model_report.measurement import PARTS, ModelAnswers, measure_model
from tcdcn_init.initializer import Initializer

__all__ = ["ModelReport", "run_hard_faces", "run_report"]


@dataclass(frozen=True)
class ModelReport:
    """The parts of a report.

    Attributes
    ----------
    figures : FiguresReport or None
    confidence : ConfidenceReport or None
        None of a model without confidence outputs.
    limits : LimitsReport or None
    boxes : BoxReport or None
        Each None where it was not asked for.
    """

    figures: FiguresReport | None
    confidence: ConfidenceReport | None
    limits: LimitsReport | None
    boxes: BoxReport | None


def run_report(roots: Mapping[str, Path], out: Path, settings: Settings, parts: Sequence[str] = PARTS) -> ModelReport:
    """Measure a model by itself and write its report; an interrupted run goes on when repeated.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set of five points (`datasets.named.read_dataset`) -> its folder; at least one.
    out : pathlib.Path
        Gets figures/, confidence/, limits/ and boxes/, each with its .json, its .md and what that shows. Contact sheets
        of photographs go into limits/photographs, which Git is told to ignore.
    settings : Settings
    parts : sequence of str
        Of `measurement.PARTS`: what each needs is measured, and no more.

    Returns
    -------
    ModelReport

    Raises
    ------
    ImportError
        If matplotlib is not installed; said before anything is measured.
    ValueError
        If the model or a part is unknown, or a journal in `out` is of other settings.
    BlockingIOError
        If another process is at work in `out`.
    """
    require_matplotlib()
    initializer = settings.make_initializer()
    initializer.need_five("a model's report")
    faces = {name: spread(read_dataset(name, root), settings.limit) for name, root in roots.items()}
    with alone_in(out):
        journals = {name: out / f"{name}.journal" for name in roots}
        measured = {
            name: measure_model(
                faces[name],
                settings,
                parts=parts,
                known=read_afw_boxes(root) if name == "afw" else None,
                journal=journals[name],
                label=TITLES.get(name, name),
            )
            for name, root in roots.items()
        }
        machine = hardware()
        figures = confidence = limits = boxes = None
        if "figures" in parts:
            figures = _write_figures(measured, out / "figures", settings, machine)
        if "confidence" in parts and {"expected_error", "face"} <= set(initializer.config.outputs):
            confidence = _write_confidence(measured, out / "confidence", settings, machine)
        if "limits" in parts:
            limits = _write_limits(measured, initializer, out / "limits", settings, machine)
        if "boxes" in parts:
            boxes = _write_boxes(measured, out / "boxes", settings, machine)
        for journal in journals.values():
            journal.unlink()
        return ModelReport(figures, confidence, limits, boxes)


def run_hard_faces(root: Path, out: Path, settings: Settings) -> HardFacesReport:
    """Measure a model on the sets beside MTFL and AFW, and write hard_faces/ into its report.

    Parameters
    ----------
    root : pathlib.Path
        As for `hard_faces.hard_faces`.
    out : pathlib.Path
        The report's folder.
    settings : Settings

    Returns
    -------
    HardFacesReport
    """
    measured = hard_faces(settings.make_initializer(), root)
    report = HardFacesReport(settings.command, settings.stated, hardware(), measured)
    folder = out / "hard_faces"
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder / "hard_faces.json")
    write_text(folder / "hard_faces.md", f"# Hard faces\n\n`{settings.command}`\n\n{hard_faces_table(measured)}\n")
    return report


def _write_figures(
    measured: Mapping[str, ModelAnswers], folder: Path, settings: Settings, machine: Hardware
) -> FiguresReport:
    report = FiguresReport(
        settings.command,
        settings.stated,
        machine,
        {name: model_figures(answers) for name, answers in measured.items()},
    )
    folder.mkdir(exist_ok=True)
    report.write(folder / "figures.json")
    head = f"# Figures\n\n`{settings.command}`\n\n"
    write_text(folder / "figures.md", f"{head}{figures_table(report.datasets)}\n")
    return report


def _write_confidence(
    measured: Mapping[str, ModelAnswers], folder: Path, settings: Settings, machine: Hardware
) -> ConfidenceReport:
    said = {name: confidence_answers(answers.views) for name, answers in measured.items()}
    report = ConfidenceReport(
        settings.command,
        settings.stated,
        machine,
        {name: confidence_figures(answers) for name, answers in said.items()},
    )
    folder.mkdir(exist_ok=True)
    report.write(folder / "confidence.json")
    write_text(folder / "confidence.md", confidence_text(report))
    plot_confidence(report.datasets, said, folder / "confidence.svg", folder / "confidence.png")
    return report


def _write_boxes(
    measured: Mapping[str, ModelAnswers], folder: Path, settings: Settings, machine: Hardware
) -> BoxReport:
    report = BoxReport(
        settings.command, settings.stated, machine, {name: box_figures(answers) for name, answers in measured.items()}
    )
    folder.mkdir(exist_ok=True)
    report.write(folder / "boxes.json")
    write_text(folder / "boxes.md", box_text(report))
    return report


def _write_limits(
    measured: Mapping[str, ModelAnswers], initializer: Initializer, folder: Path, settings: Settings, machine: Hardware
) -> LimitsReport:
    portrait, parts = portrait_cells(initializer)
    limits = {name: limits_of(answers) for name, answers in measured.items()}
    report = LimitsReport(
        settings.command,
        settings.stated,
        machine,
        {name: limits_figures(found) for name, found in limits.items()},
        parts,
    )
    folder.mkdir(exist_ok=True)
    report.write(folder / "limits.json")
    plot_limits(report.datasets, folder / "limits.svg", folder / "limits.png")
    draw_sheet({"scikit-image's portrait with parts under noise": portrait}, folder / "occluded.png", columns=5)
    draw_worst(limits, folder, settings.seed)
    write_text(folder / "limits.md", limits_text(report))
    return report
