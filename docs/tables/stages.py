"""Tables of the cards of tcdcn-two-stage and tcdcn-68, from what `report --others`, `ablation` and `dense` left."""

from __future__ import annotations

import json
from collections.abc import Callable

from tables.cells import ROOT
from tcdcn_init.eval.ablation import INFERENCES, VARIANTS
from tcdcn_init.eval.dense_points import DenseReport, dense_table
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.model_report.hard_faces import HardFacesReport, hard_faces_table


def hard_faces() -> str:
    """The default model on 300-W's faces, profiles, infants, and on what is visible."""
    return hard_faces_table(HardFacesReport.read(ROOT / "docs/hard_faces/hard_faces.json").measured)


def ablation() -> str:
    """The fine stage trained without each part of its recipe."""
    content = json.loads((ROOT / "docs/hard_faces/ablation.json").read_text(encoding="utf-8"))
    made = _by_set({VARIANTS[name].title: figures for name, figures in content["results"].items()})
    return f"{made}\n\n`{content['command']}`: {content['epochs']} epochs each."


def inference() -> str:
    """The default model without each of its passes, looks and whole numbers."""
    content = json.loads((ROOT / "docs/hard_faces/inference.json").read_text(encoding="utf-8"))
    made = _by_set({INFERENCES[name].title: figures for name, figures in content["results"].items()})
    return f"{made}\n\n`{content['command']}`: held-out faces, {content['limit']} of a set at most."


def dense() -> str:
    """What the 68 points say of themselves."""
    report = DenseReport.read(ROOT / "docs/dense/dense.json")
    return f"{dense_table(report.figures)}\n\n`{report.command}`"


def dense_line() -> str:
    """The same in a sentence."""
    of = DenseReport.read(ROOT / "docs/dense/dense.json").figures.clean
    return (
        f"68 points, `initialize(image, boxes, dense=True)`, are off by {100 * of.mean:.2f} % of the eye centres' "
        f"distance on the {of.count} faces of 300-W's common test, by more than 10 % on {100 * of.failure_10:.1f} % "
        "of them; what was published on it, beside: [results](results.md)."
    )


def _by_set(results: dict[str, dict[str, list[float]]]) -> str:
    sets = list(next(iter(results.values())))
    rows = [[title, *("{:.2f} / {:.1f}".format(*figures[name]) for name in sets)] for title, figures in results.items()]
    return table(["mean error / failures, %", *sets], rows)


TABLES: dict[str, Callable[..., str]] = {
    "hard-faces": hard_faces,
    "ablation": ablation,
    "inference": inference,
    "dense": dense,
    "dense-line": dense_line,
}
