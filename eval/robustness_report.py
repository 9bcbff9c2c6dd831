"""The robustness report: one command that measures, and the tables and curves that it leaves."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.backends import BackendName
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.cases import TITLES, boxed_by_points, spread
from tcdcn_init.eval.hardware import hardware
from tcdcn_init.eval.markdown import table
from tcdcn_init.eval.robustness import NO_REGRESSOR, STARTS, measure_robustness
from tcdcn_init.initializer import DEFAULT_PASSES, Initializer
from tcdcn_init.plotting import require_matplotlib
from tcdcn_init.weights import DEFAULT_MODEL

_FIVE, _DENSE = ("ert5-mtfl", "sdm-mtfl"), ("ert68-ytf",)
REGRESSORS = {"afw68": _DENSE, "aflw": _FIVE, "afw": _FIVE, "mtfl-val": _FIVE, "ytf68-val": _DENSE}
"""The regressors measured on each data set: the test sets, and the splits on which to choose."""

_STARTS = {"mean": "its own start", "tcdcn": "TCDCN's points", "oracle": "annotated points"}
_HEADS = {"roll": "roll", "noise": "box noise"}

# Okabe & Ito's colours, distinct to the colour-blind too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")

_STYLES: dict[str, dict[str, Any]] = {
    "mean": {"linewidth": 2.2, "linestyle": "--", "marker": "o", "markersize": 6, "markerfacecolor": "white"},
    "tcdcn": {"linewidth": 2.2, "marker": "o", "markersize": 6},
    "oracle": {"linewidth": 1.2, "alpha": 0.6},
}
_POINTS_STYLE: dict[str, Any] = {"linewidth": 1.3, "linestyle": ":", "color": "#777777"}


def run_robustness(
    roots: Mapping[str, str | Path],
    out: Path,
    *,
    regressors: Mapping[str, Sequence[str]] = REGRESSORS,
    model: str = DEFAULT_MODEL,
    backend: BackendName = "torch",
    passes: int = DEFAULT_PASSES,
    boxes: Literal["given", "points"] = "given",
    limit: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    command: str = "",
) -> dict[str, Any]:
    """Measure data sets and write robustness.json, .md, .svg and .png; an interrupted run goes on when repeated.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set (`datasets.named.read_dataset`) -> its folder.
    out : pathlib.Path
        Folder for the results.
    regressors : mapping of str to sequence of str
        Data set -> names for `adapters.base.load_regressor`, which knows installed packages' too.
    model, backend, passes
        See `Initializer`.
    boxes : {"given", "points"}
        The faces' own boxes; or, for all, the ones that `geometry.box_from_points` makes of their annotation: those of
        a detector in the style that the bundled regressors were trained on.
    limit : int, optional
        This many faces of each data set, spread evenly over its list, instead of all.
    seed, jobs
        See `robustness.measure_robustness`.
    command : str
        What the user typed, to be stated in the results.

    Returns
    -------
    dict
        What robustness.json holds: "command", "settings", "hardware", and "datasets": name -> what
        `measure_robustness` returns.

    Raises
    ------
    ValueError
        If no data set is given, one has no regressors, or a name is unknown.
    FileNotFoundError
        If a folder is not that data set.
    ImportError
        If matplotlib is not installed; said before anything is measured.
    """
    require_matplotlib()
    if not roots:
        raise ValueError("no data set given; name at least one: afw68 or aflw, and its folder")
    for name in roots:
        if not regressors.get(name):
            raise ValueError(f"no regressor is named for data set {name!r}; there are some for {', '.join(regressors)}")
    if boxes not in ("given", "points"):
        raise ValueError(f"boxes is {boxes!r}; expected 'given' or 'points'")
    every = {name: spread(read_dataset(name, root), limit) for name, root in roots.items()}
    if boxes == "points":
        every = {name: [boxed_by_points(face) for face in faces] for name, faces in every.items()}
    settings = {"model": model, "backend": backend, "passes": passes, "boxes": boxes, "limit": limit, "seed": seed}
    out.mkdir(parents=True, exist_ok=True)
    journals = {name: out / f"robustness-{name}.journal" for name in every}
    measured = {
        name: measure_robustness(
            faces,
            {regressor: functools.partial(load_regressor, regressor) for regressor in regressors[name]},
            functools.partial(Initializer, model, backend=backend, passes=passes),
            seed=seed,
            jobs=jobs,
            journal=journals[name],
            settings=json.dumps(settings),
            title=TITLES.get(name, name),
        )
        for name, faces in every.items()
    }
    document = {"command": command, "settings": settings, "hardware": hardware(), "datasets": measured}
    (out / "robustness.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "robustness.md").write_text(robustness_tables(measured))
    plot_robustness(measured, out / "robustness.svg", out / "robustness.png")
    for journal in journals.values():
        journal.unlink()
    return document


def robustness_tables(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as Markdown: failures and mean errors in percent, and the two ratios.

    Parameters
    ----------
    measured : mapping of str to mapping
        Data set -> what `robustness.measure_robustness` returns.
    """
    parts = []
    for name, result in measured.items():
        unread = f", {len(result['unreadable'])} of them unreadable" if result["unreadable"] else ""
        parts.append(f"### {TITLES.get(name, name)}: {result['faces']} faces{unread}")
        for kind, unit in (("roll", "°"), ("noise", "")):
            values = list(next(_runs(result))[2][kind])
            if not values:
                continue
            head = [f"Failures (mean error), %, by {_HEADS[kind]}", "start", *(f"{value}{unit}" for value in values)]
            rows = [
                [regressor, start, *(_failures(summaries[kind][value]) for value in values)]
                for regressor, start, summaries in _runs(result)
            ]
            parts.append(table(head, rows))
        rows = [
            [_label(name), *(_ratio(result["ratios"][name].get(kind)) for kind in ("roll", "noise"))]
            for name in _order(result["ratios"])
        ]
        head = [
            "Failures as a ratio (95 % interval)",
            "roll 45° / upright, seeded",
            "box noise 0.15, seeded / unseeded",
        ]
        parts.append(table(head, rows))
    return "\n\n".join(parts) + "\n"


def plot_robustness(measured: Mapping[str, Mapping[str, Any]], *files: Path) -> None:
    """Draw failures against roll and against box noise, a row of two panels for each data set.

    Parameters
    ----------
    measured : mapping of str to mapping
        As for `robustness_tables`.
    *files : pathlib.Path
        Pictures to write, of a kind that matplotlib knows by its suffix.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    matplotlib = require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    with matplotlib.rc_context({"font.size": 12, "svg.hashsalt": "tcdcn-init"}):
        figure = Figure(figsize=(10, 4.6 * len(measured)), layout="constrained")
        parts = figure.subfigures(len(measured), 1, squeeze=False)[:, 0]
        for part, (name, result) in zip(parts, measured.items(), strict=True):
            row = part.subplots(1, 2, sharey=True)
            _draw_row(row, result)
            part.suptitle(f"{TITLES.get(name, name)}, {result['faces']} faces", fontweight="bold")
            handles, labels = row[0].get_legend_handles_labels()
            columns = len(result["regressors"])
            # Filled up with nothing, so that each regressor's curves have a column of their own.
            empty = len(STARTS) * columns - len(handles)
            part.legend(
                handles + [Line2D([], [], linestyle="none")] * empty,
                labels + [""] * empty,
                loc="outside lower center",
                ncols=columns,
                frameon=False,
                fontsize=11,
                handlelength=3.2,
            )
        for file in files:
            # No date: the same figures make the same file.
            figure.savefig(file, dpi=130, metadata={"Date": None} if file.suffix == ".svg" else None)


def _draw_row(row: Any, result: Mapping[str, Any]) -> None:
    names = [name for name in result["regressors"] if name != NO_REGRESSOR]
    colours = dict(zip(names, _COLOURS * len(names), strict=False))
    for axis, kind in zip(row, ("roll", "noise"), strict=True):
        for regressor, start, summaries in _runs(result, labels=False):
            values = [float(value) for value in summaries[kind]]
            failures = [100 * summary["failure_10"] for summary in summaries[kind].values()]
            if regressor == NO_REGRESSOR:
                style, label = _POINTS_STYLE, "TCDCN's five points themselves"
            else:
                style, label = {"color": colours[regressor], **_STYLES[start]}, f"{regressor}, from {_STARTS[start]}"
            axis.plot(values, failures, label=label, **style)
        axis.set_xticks(values, [f"{value:g}" for value in values])
        axis.set_ylim(0, 103)
        axis.grid(axis="y", color="#dddddd", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    row[0].set_xlabel("roll of the head, degrees")
    row[1].set_xlabel("noise of the box, sd in box sides")
    row[0].set_ylabel("failures (error > 10 %), % of faces")


def _runs(result: Mapping[str, Any], labels: bool = True) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Regressor, start, summaries by kind and value; the bare points last."""
    for name in _order(result["regressors"]):
        for start, summaries in result["regressors"][name].items():
            yield (_label(name), _STARTS[start], summaries) if labels else (name, start, summaries)


def _order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name == NO_REGRESSOR)


def _label(regressor: str) -> str:
    return "no regressor" if regressor == NO_REGRESSOR else regressor


def _failures(summary: Mapping[str, Any]) -> str:
    return f"{100 * summary['failure_10']:.1f} ({100 * summary['mean']:.1f})"


def _ratio(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    counts = f"{found['failures']} / {found['baseline']}"
    if found["ratio"] is None:
        return counts
    interval = "" if found["low"] is None else f" ({found['low']:.2f} to {found['high']:.2f})"
    return f"{counts} = **{found['ratio']:.2f}**{interval}"
