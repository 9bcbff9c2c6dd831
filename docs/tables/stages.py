"""Tables of the two-stage model's card, from what `tcdcn-init report --others` and `tcdcn-init ablation` left."""

from __future__ import annotations

import json
from collections.abc import Callable

from tables.cells import ROOT
from tcdcn_init.eval.ablation import INFERENCES, VARIANTS
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


def _by_set(results: dict[str, dict[str, list[float]]]) -> str:
    sets = list(next(iter(results.values())))
    rows = [[title, *("{:.2f} / {:.1f}".format(*figures[name]) for name in sets)] for title, figures in results.items()]
    return table(["mean error / failures, %", *sets], rows)


TABLES: dict[str, Callable[..., str]] = {"hard-faces": hard_faces, "ablation": ablation, "inference": inference}
