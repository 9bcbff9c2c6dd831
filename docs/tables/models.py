"""Models by themselves, from what `tcdcn-init report` left, and from the files that they are in."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from safetensors import safe_open

from tables.cells import ROOT
from tcdcn_init.datasets import named
from tcdcn_init.eval.measuring.documents import from_json
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.model_report.bad_boxes import BoxReport, box_sentence, box_tables, box_text
from tcdcn_init.eval.model_report.confidence.figures import UNSURE_BELOW, ConfidenceReport
from tcdcn_init.eval.model_report.confidence.report import confidence_tables, confidence_text
from tcdcn_init.eval.model_report.figures import FiguresReport, figures_table
from tcdcn_init.eval.model_report.limits.figures import LimitsReport
from tcdcn_init.eval.model_report.limits.text import limits_text
from tcdcn_init.eval.retraining.figures import BothFigures


@cache
def figures_of(name: str) -> FiguresReport:
    return FiguresReport.read(ROOT / f"docs/figures/{name}.json")


@cache
def _confidence() -> ConfidenceReport:
    return ConfidenceReport.read(ROOT / "docs/confidence/confidence.json")


def figures_command(name: str) -> str:
    """What wrote a model's figures."""
    return f"    {figures_of(name).command}"


def figures(name: str) -> str:
    """A model on held-out MTFL, AFLW and AFW: by point and pose, at any roll, in noisy boxes, under occlusion."""
    return figures_table(figures_of(name).datasets)


def confidence() -> str:
    """The default model's expected against actual errors, and faces against boxes without one."""
    return confidence_tables(_confidence().datasets)


@cache
def _boxes() -> BoxReport:
    return BoxReport.read(ROOT / "docs/boxes/boxes.json")


def boxes() -> str:
    """The default model in boxes of another size."""
    report = _boxes()
    return f"{box_tables(report.datasets)}\n\n{box_sentence(report.datasets)} `{report.command}`"


_THRESHOLDS_ON = ("aflw", "afw")


def _thresholds(name: str) -> list[tuple[float, float | None, float | None, float | None]]:
    """Least confidence, kept faces in their own box, failures among them, kept boxes without a face, of a data set."""
    figures = _confidence().datasets[name]
    if figures.thresholds:
        return [(row.threshold, row.kept, row.failures, row.kept_background) for row in figures.thresholds]
    # A report made before thresholds were measured has one of them, under other names.
    own, empty = LimitsReport.read(ROOT / "docs/limits/limits.json").datasets[name].own_box, figures.views["background"]
    assert own.unsure is not None
    kept = 1 - own.unsure
    return [
        (0.0, 1.0, own.failure_10, 1.0),
        (UNSURE_BELOW, kept, own.unnoticed / (own.count * kept), 1 - empty.unsure),
    ]


def thresholds(form: str = "markdown") -> str:
    """What a least confidence keeps, of faces in their own box and of boxes without a face."""
    found = [_thresholds(name) for name in _THRESHOLDS_ON]
    rows = [
        [f"{each[0][0]:g}", *(_share(number) for _, *numbers in each for number in numbers)]
        for each in zip(*found, strict=True)
    ]
    names = [named.DATASETS[name].title for name in _THRESHOLDS_ON]
    kinds = ("faces kept, %", "failures among them, %", "boxes without a face kept, %")
    if form == "markdown":
        return table(["least confidence", *(f"{name}: {kind}" for name in names for kind in kinds)], rows)
    # Short heads: a simple table of reStructuredText, for docstrings.
    head = ["least", *(f"{name} {kind}" for name in names for kind in ("kept", "failures", "no face"))]
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    rule = "  ".join("=" * width for width in widths)
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _share(number: float | None) -> str:
    return "" if number is None else f"{100 * number:.1f}"


def metadata(path: str) -> dict[str, Any]:
    """Figures on held-out faces that a model file was saved with."""
    with safe_open(ROOT / path, framework="np") as file:
        return dict(json.loads(file.metadata()["figures"])["mtfl-val"])


def rcpr_held_out() -> str:
    """rcpr-mtfl from four starts."""
    figures = metadata("tcdcn_init/models/rcpr-mtfl.safetensors")
    names = {
        "random-1": "one training shape in the box",
        "random-5": "five, their median",
        "restarts": "five, with smart restarts",
        "tcdcn": "five nearest to TCDCN's points (`tcdcn-mtfl`)",
    }
    rows = [
        [text, *(f"{figures[name][key]:.{digits}f}" for key, digits in (("mean", 2), ("median", 2), ("failures", 1)))]
        for name, text in names.items()
    ]
    return table(["start", "mean error, %", "median, %", "failures, %"], rows)


def sdm_held_out() -> str:
    """Both SDMs from both starts."""
    names = {"sdm-mtfl": "TCDCN's points", "sdm-mtfl-box": "the mean shape in the box"}
    rows = []
    for name, trained in names.items():
        figures = metadata(f"tcdcn_init/models/{name}.safetensors")
        cells = [f"{figures[start]['failures']:.1f} ({figures[start]['mean']:.2f})" for start in ("box", "tcdcn")]
        rows.append([f"`{name}`", trained, *cells])
    return table(["", "trained for starts from", "started in the box", "started from TCDCN's points"], rows)


def retrained() -> str:
    """Every regressor that was trained again, from its own start, beside the bundled one."""
    order = ("random", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
    rows = []
    for name in ("sdm", "rcpr", "ert"):
        for start in order:
            figures = from_json(BothFigures, metadata(f"eval/retrained/{name}@{start}.safetensors"))
            cells = [f"{found.mean:.2f} ({found.failures:.1f})" for found in (figures.original, figures.retrained)]
            rows.append([name, start, f"{figures.retrained.start:.1f}", *cells])
    return table(["regressor", "start", "error of the start, %", "as bundled", "retrained"], rows)


TABLES: dict[str, Callable[..., str]] = {
    "figures-command": figures_command,
    "figures": figures,
    "confidence": confidence,
    "thresholds": thresholds,
    "boxes": boxes,
    "rcpr-held-out": rcpr_held_out,
    "sdm-held-out": sdm_held_out,
    "retrained": retrained,
}

PAGES: dict[str, Callable[[], str]] = {
    "docs/confidence/confidence.md": lambda: confidence_text(_confidence()),
    "docs/boxes/boxes.md": lambda: box_text(_boxes()),
    "docs/limits/limits.md": lambda: limits_text(LimitsReport.read(ROOT / "docs/limits/limits.json")),
}
