"""The confidence report: one command that measures, and the tables and plots that it leaves; and the calibration."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import COLOURS, drawn
from tcdcn_init.datasets.afw import read_afw_boxes
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.measuring.cases import TITLES, spread
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.model_report.confidence import Trust, measure_trust, trust_figures
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.backends import BackendName
from tcdcn_init.network.config import DEFAULT_PASSES


def run_trust(
    roots: Mapping[str, Path],
    out: Path,
    *,
    model: str,
    backend: BackendName = "auto",
    passes: int = DEFAULT_PASSES,
    limit: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    command: str = "",
) -> dict[str, Any]:
    """Measure an initializer's trust on data sets and write confidence.json, .md, .svg and .png.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set of five points (`datasets.named.read_dataset`) -> its folder.
    out : pathlib.Path
    model, backend, passes
        See `Initializer`.
    limit : int, optional
        This many faces of each data set, spread evenly.
    seed, jobs : int
    command : str
        What the user typed.

    Returns
    -------
    dict
        What confidence.json holds: "command", "settings", "hardware", "datasets": name -> `trust.trust_figures`.
    """
    make = functools.partial(Initializer, model, backend=backend, passes=passes)
    measured: dict[str, Trust] = {}
    for name, root in roots.items():
        faces = spread(read_dataset(name, root), limit)
        known = read_afw_boxes(root) if name == "afw" else None
        measured[name] = measure_trust(make, faces, seed=seed, known=known, jobs=jobs)
    document: dict[str, Any] = {
        "command": command,
        "settings": {"model": model, "backend": backend, "passes": passes, "limit": limit, "seed": seed},
        "hardware": hardware(),
        "datasets": {name: trust_figures(trust) for name, trust in measured.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "confidence.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "confidence.md").write_text(trust_tables(document["datasets"]))
    plot_trust(document["datasets"], measured, out / "confidence.svg", out / "confidence.png")
    return document


def trust_tables(datasets: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| | copies | expected error, % | actual error, % | good (error <= 10 %), % | mean confidence, % | unsure, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in datasets.items():
        for kind, row in figures["kinds"].items():
            numbers = [row.get(key) for key in ("expected", "actual", "good", "confidence", "unsure")]
            cells = ["" if number is None else f"{100 * number:.1f}" for number in numbers]
            lines.append(f"| {TITLES.get(name, name)}, {kind} | {row['count']} | {' | '.join(cells)} |")
    lines += ["", "| AUROC | " + " | ".join(TITLES.get(name, name) for name in datasets) + " |"]
    lines.append("|---" * (1 + len(datasets)) + "|")
    for key, title in (
        ("auroc background", "faces over boxes without a face"),
        ("auroc failure", "good answers over failures, own, noisy and turned"),
    ):
        cells = ["" if f[key] is None else f"{f[key]:.4f}" for f in datasets.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot_trust(datasets: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Trust], *files: Path) -> None:
    """Draw calibration, risk against coverage, and the confidence of faces and background.

    Parameters
    ----------
    datasets : mapping of str to `trust.trust_figures`
    measured : mapping of str to Trust
        The same data sets.
    *files : pathlib.Path
        Pictures to write, of a kind that matplotlib knows by its suffix.
    """
    with drawn(*files, size=(13, 4.4)) as figure:
        calibration, risk, sure = figure.subplots(1, 3)
        limit = 0.0
        for name, figures in datasets.items():
            label, colour = TITLES.get(name, name), COLOURS.get(name, "#009E73")
            expected = [100 * row["expected"] for row in figures["bins"]]
            actual = [100 * row["actual"] for row in figures["bins"]]
            limit = max(limit, *expected, *actual)
            calibration.plot(expected, actual, marker="o", color=colour, label=label)
            curve = figures["risk"]
            coverage = [100 * share for share in curve["coverage"]]
            risk.plot(coverage, [100 * share for share in curve["failures"]], color=colour, label=label)
            best = [100 * share for share in curve["failures in the best order"]]
            risk.plot(coverage, best, color=colour, linestyle=":", linewidth=1.2)
            trust = measured[name]
            for kind, style in ((0, "-"), (3, "--")):
                _steps(sure, trust.confidence[trust.kind == kind], color=colour, linestyle=style)
        # The diagonal sets the range as well.
        calibration.plot([1.5, 1.2 * limit], [1.5, 1.2 * limit], color="#999999", linewidth=1, zorder=0)
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
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(color="#e5e5e5", linewidth=0.8)
        risk.legend(frameon=False)


def _steps(axis: Any, values: NDArray[np.float64], **style: Any) -> None:
    if len(values):
        ranked = np.concatenate([[0.0], np.sort(values), [1.0]])
        share = np.concatenate([[0.0], 100 * np.arange(1, len(values) + 1) / len(values), [100.0]])
        axis.step(ranked, share, where="post", **style)
