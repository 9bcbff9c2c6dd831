"""Tables of the two-stage model's card, from what `tcdcn-init report --others` and `tcdcn-init ablation` left."""

from __future__ import annotations

import json
from collections.abc import Callable

from tables.cells import ROOT
from tcdcn_init.eval.ablation import VARIANTS
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.model_report.hard_faces import HardFacesReport, hard_faces_table


def hard_faces() -> str:
    """The default model on 300-W's faces, profiles, infants, and on what is visible."""
    return hard_faces_table(HardFacesReport.read(ROOT / "docs/hard_faces/hard_faces.json").measured)


def ablation() -> str:
    """The fine stage trained without each part of its recipe."""
    content = json.loads((ROOT / "docs/hard_faces/ablation.json").read_text(encoding="utf-8"))
    results = content["results"]
    sets = list(results["whole"])
    rows = [
        [VARIANTS[name].title, *("{:.2f} / {:.1f}".format(*figures[name_of]) for name_of in sets)]
        for name, figures in results.items()
    ]
    made = table(["mean error / failures, %", *sets], rows)
    return f"{made}\n\n`{content['command']}`: {content['epochs']} epochs each."


TABLES: dict[str, Callable[..., str]] = {"hard-faces": hard_faces, "ablation": ablation}
