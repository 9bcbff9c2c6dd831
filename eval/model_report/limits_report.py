"""The report on limits: one command that measures, and the tables, plots, pictures and sentences that it leaves."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tcdcn_init._shared.plotting import COLOURS, drawn, require_matplotlib
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.measuring.cases import TITLES, spread
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.metrics import NO_POSE
from tcdcn_init.eval.model_report.limits import HIDDEN, SURE, Limits, limits_figures, measure_limits, worst_faces
from tcdcn_init.eval.model_report.worst_faces import Cell, draw_sheet, portrait_cells, worst_cells
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.backends import BackendName
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.tasks import TASKS

_POSES = (*TASKS["pose"], NO_POSE)
_FEW = 20
"""A pose class of fewer faces is not called the worst one: one face would decide."""

_SHEETS = {
    "own box": ("worst", "worst faces in their own box"),
    "profiles": ("worst-profiles", "worst profiles in their own box"),
    "hidden": ("worst-hidden", f"worst faces with {100 * HIDDEN:g} % of the box hidden"),
}


def run_limits(
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
    """Measure an initializer's limits on data sets and write limits.json and .md with their plots and pictures.

    Contact sheets of photographs go into the folder "pictures", which Git is told to ignore.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set of five points (`datasets.named.read_dataset`) -> its folder; at least one.
    out : pathlib.Path
    model, backend, passes
        See `Initializer`.
    limit : int, optional
        This many faces of each data set, spread evenly.
    seed, jobs : int
        See `limits.measure_limits`.
    command : str
        What the user typed.

    Returns
    -------
    dict
        What limits.json holds: "command", "settings", "hardware", "datasets": name -> `limits.limits_figures`, and
        "portrait": see `limits_pictures.portrait_cells`.

    Raises
    ------
    ImportError
        If matplotlib is not installed; said before anything is measured.
    """
    require_matplotlib()
    make = functools.partial(Initializer, model, backend=backend, passes=passes)
    faces = {name: spread(read_dataset(name, root), limit) for name, root in roots.items()}
    measured = {
        name: measure_limits(make, some, seed=seed, jobs=jobs, title=TITLES.get(name, name))
        for name, some in faces.items()
    }
    portrait, portrait_figures = portrait_cells(make())
    document: dict[str, Any] = {
        "command": command,
        "settings": {"model": model, "backend": backend, "passes": passes, "limit": limit, "seed": seed},
        "hardware": hardware(),
        "datasets": {name: limits_figures(limits) for name, limits in measured.items()},
        "portrait": portrait_figures,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "limits.json").write_text(json.dumps(document, indent=1) + "\n")
    plot_limits(document["datasets"], out / "limits.svg", out / "limits.png")
    draw_sheet({"scikit-image's portrait with parts under noise": portrait}, out / "hidden.png", columns=5)
    _draw_worst(measured, out, seed)
    (out / "limits.md").write_text(limits_text(document))
    return document


def _draw_worst(measured: Mapping[str, Limits], out: Path, seed: int) -> None:
    photographs = out / "pictures"
    photographs.mkdir(exist_ok=True)
    (photographs / ".gitignore").write_text("*\n")  # the data sets do not allow their pictures to be passed on
    shapes: dict[str, Sequence[Cell]] = {}
    for name, limits in measured.items():
        title = TITLES.get(name, name)
        for kind, (number, rows) in worst_faces(limits).items():
            file, words = _SHEETS[kind]
            cells = worst_cells(limits, number, rows, photographs=True, seed=seed)
            draw_sheet({f"{title}: {words}": cells}, photographs / f"{file}-{name}.png")
            if kind == "own box":
                shapes[f"{title}: {words}"] = worst_cells(limits, number, rows, photographs=False, seed=seed)
    if shapes:
        draw_sheet(shapes, out / "worst.png", out / "worst.svg")


def limits_text(document: Mapping[str, Any]) -> str:
    """The report as Markdown.

    Parameters
    ----------
    document : mapping
        As `run_limits` returns it.
    """
    datasets, settings = document["datasets"], document["settings"]
    parts = [
        "# Limits",
        f"`{document['command']}`",
        f"What {Path(settings['model']).name} gets wrong by itself, in at most {settings['passes']} looks: turned "
        "heads, hidden parts, and the worst faces. Errors are over the inter-ocular distance, which a turned head "
        "shortens, or, where it says so, over the side of the box; failures are faces with a mean error above 10 %, "
        f"and faces without an answer; unsure is a confidence below {100 * SURE:g} %, and a failure that is not unsure "
        "goes unnoticed. MTFL's held-out faces are those that the model was chosen and calibrated on.",
        "## In short",
    ]
    for name, figures in datasets.items():
        said = "\n".join(f"- {sentence}" for sentence in sentences(figures))
        parts += [f"**{_title(name)}**, {figures['faces']:,} faces:", said]
    parts += ["![Failures by hidden part and by pose class](limits.png)", "## Heads by pose class, in their own box"]
    parts.append(
        "Only faces with all five points annotated are measured: full profiles, with an eye out of sight, are not "
        "among them."
    )
    for name, figures in datasets.items():
        parts += [f"### {_title(name)}", _pose_table(figures)]
    parts += [
        "## Hidden parts",
        "A rectangle covers a part of the face's box, anywhere in it, its aspect half to twice the box's: of flat grey "
        "for half of the faces, of noise for the others. "
        "Points under it and points in sight apart, each with the error that it has and the error that "
        "the model expects of it.",
    ]
    for name, figures in datasets.items():
        parts += [f"### {_title(name)}", _hidden_table(figures)]
    turned = {name: figures for name, figures in datasets.items() if figures["hidden poses"]}
    if turned:
        parts += [f"### By pose class, {100 * HIDDEN:g} % of the box hidden", _hidden_pose_table(turned)]
    parts += [
        "## The worst faces",
        "As shapes, since the data sets do not allow their pictures to be passed on; the command leaves contact sheets "
        "of the photographs in the folder `pictures`, which Git ignores.",
        "![The worst faces of each data set, annotated and found points](worst.png)",
        "And a picture that may be shown: scikit-image's portrait (NASA, public domain), one part after the other "
        "under noise. One face shows what happens and proves nothing.",
        "![A portrait with parts hidden: box, points and confidence](hidden.png)",
    ]
    return "\n\n".join(parts) + "\n"


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """What the figures of one data set say, in words.

    Parameters
    ----------
    figures : mapping
        As `limits.limits_figures` returns it.

    Returns
    -------
    list of str
    """
    own = figures["own box"]
    said = [
        f"Failures in their own boxes: {own['failures']:,} of {own['count']:,} faces ({_percent(own['failure_10'])})"
        + (f", {own['missing']} of them for want of an answer." if own["missing"] else ".")
    ]
    if own["failures unsure"] is not None and own["failures"]:
        unnoticed = own["failures"] - own["failures unsure"]
        said.append(
            f"Of these failures, called unsure: {own['failures unsure']:,}; unnoticed: {unnoticed:,} "
            f"({_percent(unnoticed / own['count'])} of all faces). Unsure in all: {_percent(own['unsure'])} of faces."
        )
    poses = {name: group for name, group in figures["poses"].items() if name != NO_POSE and group["count"] >= _FEW}
    if len(poses) > 1 and own["failures"]:
        worst, best = (choose(poses, key=lambda name: poses[name]["failure_10"]) for choose in (max, min))
        said.append(
            f"Most failures by pose: {worst}, {_percent(poses[worst]['failure_10'])} of its {poses[worst]['count']:,} "
            f"faces; fewest: {best}, {_percent(poses[best]['failure_10'])} of {poses[best]['count']:,}. By the side of "
            f"the box their mean errors are {_percent(poses[worst]['box error'])} and "
            f"{_percent(poses[best]['box error'])}."
        )
    points = {name: own["points"][name]["mean"] for name in FIVE_POINTS}
    worst, best = max(points, key=points.__getitem__), min(points, key=points.__getitem__)
    said.append(
        f"The worst point is the {worst}, off by {_percent(points[worst])} on average; the best the {best}, "
        f"{_percent(points[best])}."
    )
    fills = figures["hidden fills"].items()
    if fills:
        each = ", ".join(
            f"{_percent(group['failure_10'])} under {fill} ({group['count']:,} faces)" for fill, group in fills
        )
        said.append(f"With {100 * HIDDEN:g} % of the box hidden, failures are {each}.")
    return said + [*_hidden_sentences(figures["hidden"]), *_worst_sentences(figures["worst"])]


def _hidden_sentences(hidden: Mapping[str, Any]) -> Iterator[str]:
    shares = [share for share in hidden if float(share) > 0]
    if not shares:
        return
    grown = ", ".join(f"{_percent(hidden[share]['failure_10'])} at {100 * float(share):g} %" for share in shares)
    yield f"With a part of the box hidden, failures go from {_percent(hidden['0']['failure_10'])} to {grown}."
    last = hidden[shares[-1]]
    under, seen = last["hidden points"], last["seen points"]
    if under["error"] is not None and seen["error"] is not None:
        expected = "" if under["expected"] is None else f" (expected: {_percent(under['expected'])})"
        other = "" if seen["expected"] is None else f" (expected: {_percent(seen['expected'])})"
        yield (
            f"At {100 * float(shares[-1]):g} %, hidden points are off by {_percent(under['error'])}{expected}, "
            f"points in sight by {_percent(seen['error'])}{other}."
        )
    if last["failures unsure"] is not None:
        worst = max(shares, key=lambda share: _unnoticed(hidden[share]))
        group = hidden[worst]
        if group["failures"] > group["failures unsure"]:
            yield (
                f"Most go unnoticed at {100 * float(worst):g} %: {group['failures'] - group['failures unsure']:,} of "
                f"{group['failures']:,} failures, {_percent(_unnoticed(group))} of the faces."
            )


def _worst_sentences(worst: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    words = {
        "own box": "The worst face",
        "profiles": "The worst profile",
        "hidden": f"The worst with {100 * HIDDEN:g} % of the box hidden",
    }
    for kind, (first, *_) in worst.items():
        pose = "no pose given" if first["pose"] is None else first["pose"]
        sure = "" if first["confidence"] is None else f", confidence {_percent(first['confidence'], 0)}"
        same = kind == "profiles" and first["name"] == worst["own box"][0]["name"]
        if not same:
            yield f"{words[kind]} is {first['name']} ({pose}): error {_percent(first['error'], 0)}{sure}."
    said = [case["confidence"] for case in worst.get("own box", ()) if case["confidence"] is not None]
    if said:
        noticed = sum(value < SURE for value in said)
        yield f"Called unsure of the {len(said)} worst faces in their own box: {noticed}."


def _pose_table(figures: Mapping[str, Any]) -> str:
    head = ["pose", "faces", "mean error / failures, %", "mean error, % of the box", *FIVE_POINTS]
    head += ["unsure, %", "failures called unsure"] if figures["says"] else []
    rows = []
    for name, group in _with_all(figures["own box"], figures["poses"]):
        row = [name, f"{group['count']:,}", _both(group), f"{100 * group['box error']:.2f}"]
        row += [f"{100 * group['points'][point]['mean']:.2f}" for point in FIVE_POINTS]
        rows.append(row + (_trust_cells(group) if figures["says"] else []))
    return table(head, rows)


def _hidden_table(figures: Mapping[str, Any]) -> str:
    head = ["hidden", "mean error / failures, %"]
    head += ["mean confidence, %", "unsure, %", "failures called unsure"] if figures["says"] else []
    for where in ("hidden points", "points in sight"):
        head += [where, "error, %"] + (["expected, %"] if figures["says"] else [])
    rows = []
    for share, group in figures["hidden"].items():
        row = [f"{100 * float(share):g} %", _both(group)]
        if figures["says"]:
            row += [_number(group["confidence"]), *_trust_cells(group)]
        for where in ("hidden points", "seen points"):
            row += [f"{group[where]['count']:,}", _number(group[where]["error"], 2)]
            row += [_number(group[where]["expected"], 2)] if figures["says"] else []
        rows.append(row)
    return table(head, rows)


def _hidden_pose_table(datasets: Mapping[str, Mapping[str, Any]]) -> str:
    head = ["mean error / failures, %"]
    for name in datasets:
        head += [f"{_title(name)}, whole", "hidden"]
    rows = []
    for pose in ("all", *_POSES):
        row = [pose]
        for figures in datasets.values():
            whole = dict(_with_all(figures["own box"], figures["poses"])).get(pose)
            hidden = dict(_with_all(figures["hidden"][f"{HIDDEN:g}"], figures["hidden poses"])).get(pose)
            row += ["" if group is None else _both(group) for group in (whole, hidden)]
        if any(row[1:]):
            rows.append(row)
    return table(head, rows)


def plot_limits(datasets: Mapping[str, Mapping[str, Any]], *files: Path) -> None:
    """Draw failures by hidden part and by pose class, and how many of them go unnoticed.

    Parameters
    ----------
    datasets : mapping of str to mapping
        Name -> what `limits.limits_figures` returns.
    *files : pathlib.Path
        Pictures to write, of a kind that matplotlib knows by its suffix.
    """
    from matplotlib.lines import Line2D

    says = any(figures["says"] for figures in datasets.values())
    poses = [pose for pose in _POSES if any(pose in figures["poses"] for figures in datasets.values())]
    with drawn(*files, size=(12, 4.8)) as figure:
        hidden, turned = figure.subplots(1, 2, width_ratios=(1, 1.35))
        width = 0.8 / len(datasets)
        for number, (name, figures) in enumerate(datasets.items()):
            colour = COLOURS.get(name, "#009E73")
            shares = [100 * float(share) for share in figures["hidden"]]
            rows = list(figures["hidden"].values())
            hidden.plot(shares, [100 * row["failure_10"] for row in rows], marker="o", color=colour)
            for place, pose in enumerate(poses):
                group = figures["poses"].get(pose)
                if group is None:
                    continue
                x = place + (number - (len(datasets) - 1) / 2) * width
                turned.bar(x, 100 * group["failure_10"], 0.9 * width, color=colour, alpha=0.45 if says else 1.0)
                turned.annotate(f"{group['count']:,}", (x, 100 * group["failure_10"]), (0, 2), fontsize=8,
                                textcoords="offset points", ha="center", color="#444444")  # fmt: skip
                if figures["says"]:
                    turned.bar(x, 100 * _unnoticed(group), 0.9 * width, color=colour)
            if figures["says"]:
                hidden.plot(shares, [100 * _unnoticed(row) for row in rows], color=colour, linestyle=":")
        hidden.set(xlabel="part of the box hidden, %", ylabel="failures (error > 10 %), % of faces", ylim=(0, None))
        hidden.set_title("By hidden part" + (" (dotted: unnoticed)" if says else ""))
        turned.set_xticks(range(len(poses)), [pose.replace(" ", "\n") for pose in poses])
        turned.set(ylabel="failures, % of the class (above: its faces)", ylim=(0, None))
        turned.margins(y=0.08)
        turned.set_title("By pose class, own box" + (" (dark: unnoticed)" if says else ""))
        for axis in (hidden, turned):
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(axis="y", color="#e5e5e5", linewidth=0.8)
            axis.set_axisbelow(True)
        handles: list[Any] = [
            Line2D([], [], color=COLOURS.get(name, "#009E73"), linewidth=5, label=_title(name)) for name in datasets
        ]
        if says:
            label = f"unnoticed (confidence of {100 * SURE:g} % or more)"
            handles.append(Line2D([], [], color="#444444", linestyle=":", label=label))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def _unnoticed(group: Mapping[str, Any]) -> float:
    return float((group["failures"] - group["failures unsure"]) / group["count"])


def _with_all(every: Mapping[str, Any], groups: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [("all", every), *groups.items()]


def _trust_cells(group: Mapping[str, Any]) -> list[str]:
    return [_number(group["unsure"]), f"{group['failures unsure']:,} of {group['failures']:,}"]


def _both(group: Mapping[str, Any]) -> str:
    return f"{100 * group['mean']:.2f} / {100 * group['failure_10']:.1f}"


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{100 * value:.{digits}f}"


def _percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def _title(name: str) -> str:
    return TITLES.get(name, name)
