"""TCDCN and its rival, the cascade of 23 networks, trained on the same faces: one command that trains and measures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import drawn
from tcdcn_init._shared.progress import track
from tcdcn_init.crops import as_picture
from tcdcn_init.datasets import Face
from tcdcn_init.datasets.base import read_picture
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.bootstrap import paired_difference
from tcdcn_init.eval.cascaded_cnn.network import CascadedCNN, cut_chips, to_pictures
from tcdcn_init.eval.cascaded_cnn.training import CascadeTraining, train_cascade
from tcdcn_init.eval.measuring.cases import TITLES, image_names, spread
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.metrics import point_errors, summarise, summarise_points, with_missing
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL

TCDCN = PAPER_MODEL
CASCADE = "cascaded CNN"

_COLOURS = {TCDCN: "#0072B2", CASCADE: "#D55E00"}
_BATCHES = (1, 64)
_WARM = 3

Points = Callable[[NDArray[Any], NDArray[np.float64]], NDArray[Any]]


def run_cascaded_cnn(
    roots: Mapping[str, Path],
    out: Path,
    config: CascadeTraining | None = None,
    *,
    limit: int | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Train the cascade on MTFL's training faces, measure it beside TCDCN, and write what was found.

    Both are torch on one thread's batches, from the same decoded pictures and the same boxes; TCDCN looks once, as in
    its paper.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set of five points (`datasets.named.read_dataset`) -> its folder; "mtfl-train" is trained on,
        the others are measured.
    out : pathlib.Path
        Folder for cascaded-cnn.json, .md, .svg, .png and .safetensors, and for ``nets``, one file a network: those that
        are there are not trained again.
    config : CascadeTraining, optional
    limit : int, optional
        This many faces of each data set, spread evenly.
    command : str
        What the user typed.

    Returns
    -------
    dict
        What cascaded-cnn.json holds: "command", "settings", "hardware", "parameters", "milliseconds", and
        "datasets": name -> `compare`.
    """
    config = config or CascadeTraining()
    training = spread(read_dataset("mtfl-train", roots["mtfl-train"]), limit)
    cascade = train_cascade(training, out / "nets", config)
    settings = {**asdict(config), "limit": limit, "training faces": len(training)}
    cascade.save(out / "cascaded-cnn.safetensors", settings)
    tcdcn = Initializer(TCDCN, backend="torch", passes=1)
    datasets = {name: spread(read_dataset(name, root), limit) for name, root in roots.items() if name != "mtfl-train"}
    document = {
        "command": command,
        "settings": settings,
        "hardware": hardware(),
        "parameters": {CASCADE: sum(p.numel() for net in cascade.nets.values() for p in net.parameters())},
        "datasets": {name: compare(tcdcn, cascade, faces) for name, faces in datasets.items()},
        "milliseconds": milliseconds(tcdcn, cascade, next(iter(datasets.values()))),
    }
    write_cascaded_cnn(document, out)
    return document


def compare(tcdcn: Initializer, cascade: CascadedCNN, faces: Sequence[Face]) -> dict[str, Any]:
    """Measure both on the same faces.

    Parameters
    ----------
    tcdcn : Initializer
    cascade : CascadedCNN
    faces : sequence of Face

    Returns
    -------
    dict
        "methods": name -> "overall" and "points" (`metrics.Summary`); "levels": "overall" of the cascade after each of
        its levels; "tcdcn - cascade": interval (`bootstrap.Interval`) of the paired difference of "overall", of
        "failures" and of each point, resampled by image. Errors over the inter-ocular distance.
    """
    truth = np.stack([face.five for face in faces]).astype(np.float64)
    found: dict[str, list[NDArray[Any]]] = {TCDCN: [], **{f"level {k + 1}": [] for k in range(cascade.levels)}}
    for start in track(range(0, len(faces), _BATCHES[-1]), "Measuring both"):
        block = faces[start : start + _BATCHES[-1]]
        pictures = [as_picture(read_picture(face)) for face in block]
        boxes = [face.box[None] for face in block]
        found[TCDCN].append(tcdcn.points(pictures, boxes))
        chips = np.concatenate([cut_chips(picture, box) for picture, box in zip(pictures, boxes, strict=True)])
        for level, points in enumerate(cascade.each_level(torch.from_numpy(chips)), start=1):
            found[f"level {level}"].append(to_pictures(points, np.concatenate(boxes)))
    errors = {name: point_errors(np.concatenate(points), truth) for name, points in found.items()}
    ours, theirs = with_missing(errors[TCDCN]), with_missing(errors[f"level {cascade.levels}"])
    images = image_names(faces)

    def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, Any]:
        return asdict(paired_difference(a, b, images))

    return {
        "faces": len(faces),
        "methods": {
            name: {
                "overall": asdict(summarise(values.mean(axis=1))),
                "points": dict(zip(FIVE_POINTS, map(asdict, summarise_points(values)), strict=True)),
            }
            for name, values in ((TCDCN, ours), (CASCADE, theirs))
        },
        "levels": [asdict(summarise(errors[f"level {level}"].mean(axis=1))) for level in range(1, cascade.levels + 1)],
        "tcdcn - cascade": {
            "overall": difference(ours.mean(axis=1), theirs.mean(axis=1)),
            "failures": difference((ours.mean(axis=1) > 0.1).astype(float), (theirs.mean(axis=1) > 0.1).astype(float)),
            **{name: difference(ours[:, k], theirs[:, k]) for k, name in enumerate(FIVE_POINTS)},
        },
    }


def milliseconds(
    tcdcn: Initializer, cascade: CascadedCNN, faces: Sequence[Face], repeats: int = 40
) -> dict[str, dict[str, dict[str, float]]]:
    """Processor time per face of both, from a decoded picture and its boxes to points, on one thread.

    Both are warmed up and timed in turn, so that whatever else the machine does touches both; processor time does not
    count while other work has the processor.

    Parameters
    ----------
    tcdcn : Initializer
    cascade : CascadedCNN
    faces : sequence of Face
        One of them, the first, is timed; in a batch its box lies a pixel or so elsewhere each time.
    repeats : int

    Returns
    -------
    dict
        "batch 1", "batch 64" -> method -> "median" and "iqr" over the repeats.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    picture = as_picture(read_picture(faces[0]))
    rng = np.random.default_rng(0)
    calls: dict[str, Points] = {TCDCN: tcdcn.points, CASCADE: cascade.points}
    result: dict[str, dict[str, dict[str, float]]] = {}
    for batch in _BATCHES:
        boxes = faces[0].box + rng.uniform(-1.0, 1.0, (batch, 4))
        times: dict[str, list[float]] = {name: [] for name in calls}
        for round_number in range(_WARM + (repeats if batch == 1 else max(3, repeats // 4))):
            for name, call in calls.items():
                call(picture, boxes)  # what ran before it has emptied the processor's caches
                start = time.process_time()
                call(picture, boxes)
                if round_number >= _WARM:
                    times[name].append(1e3 * (time.process_time() - start) / batch)
        result[f"batch {batch}"] = {}
        for name, values in times.items():
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            result[f"batch {batch}"][name] = {"median": float(middle), "iqr": float(high - low)}
    torch.set_num_threads(threads)
    return result


def write_cascaded_cnn(document: Mapping[str, Any], out: Path) -> None:
    """Write cascaded-cnn.json, .md, .svg and .png.

    Parameters
    ----------
    document : mapping
        As `run_cascaded_cnn` returns it.
    out : pathlib.Path
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "cascaded-cnn.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "cascaded-cnn.md").write_text(cascaded_cnn_tables(document))
    plot_cascaded_cnn(document, out / "cascaded-cnn.svg", out / "cascaded-cnn.png")


def cascaded_cnn_tables(document: Mapping[str, Any]) -> str:
    """The figures as Markdown: errors in percent of the inter-ocular distance, with 95 % intervals of differences.

    Parameters
    ----------
    document : mapping
        As `run_cascaded_cnn` returns it.
    """
    settings = document["settings"]
    steps = max(1, settings["training faces"] // settings["batch"])  # an epoch
    lines = [
        "# TCDCN and the cascaded CNN",
        "",
        f"`{document['command']}`",
        "",
        f"The cascade of Sun, Wang, Tang (CVPR 2013) was trained on {settings['training faces']} faces of MTFL, "
        f"{settings['batch']} a step: level 1 for {settings['epochs'] * steps} steps, the small networks for "
        f"{settings['small_epochs'] * steps}. Both find the points in the same boxes; TCDCN looks once.",
        "",
        f"{TCDCN} is the bundled model, trained on MTFL's 8,985 training faces for 300 epochs, over 10,000 steps: "
        "where the cascade had less, its errors are not the method's best. Times do not depend on the training.",
        "",
        f"| mean error / failures at 10 %, % | {TCDCN} | {CASCADE} | difference of the error | of failures |",
        "|---|---|---|---|---|",
    ]
    for name, figures in document["datasets"].items():
        overall = [figures["methods"][method]["overall"] for method in (TCDCN, CASCADE)]
        cells = [f"{100 * row['mean']:.2f} / {100 * row['failure_10']:.1f}" for row in overall]
        paired = figures["tcdcn - cascade"]
        cells += [_interval(paired["overall"]), _interval(paired["failures"])]
        lines.append(f"| **{TITLES.get(name, name)}** ({figures['faces']}) | {' | '.join(cells)} |")
        for point in FIVE_POINTS:
            rows = [figures["methods"][method]["points"][point] for method in (TCDCN, CASCADE)]
            cells = [f"{100 * row['mean']:.2f} / {100 * row['failure_10']:.1f}" for row in rows]
            lines.append(f"| {point} | {' | '.join(cells)} | {_interval(paired[point])} | |")
    lines += ["", "Difference: TCDCN less cascade, with its 95 % interval (BCa, by image).", ""]
    levels = max(len(figures["levels"]) for figures in document["datasets"].values())
    lines += ["| the cascade after | " + " | ".join(f"level {k + 1}" for k in range(levels)) + " |"]
    lines += ["|---" * (1 + levels) + "|"]
    for name, figures in document["datasets"].items():
        cells = [f"{100 * row['mean']:.2f} / {100 * row['failure_10']:.1f}" for row in figures["levels"]]
        lines.append(f"| {TITLES.get(name, name)} | {' | '.join(cells)} |")
    lines += ["", f"| ms a face | {TCDCN} | {CASCADE} | ratio |", "|---|---|---|---|"]
    for batch, row in document["milliseconds"].items():
        ours, theirs = row[TCDCN], row[CASCADE]
        cells = [f"{each['median']:.2f} (IQR {each['iqr']:.2f})" for each in (ours, theirs)]
        lines.append(f"| {batch} | {' | '.join(cells)} | {theirs['median'] / ours['median']:.1f} x |")
    lines += [
        "",
        "Processor time from a decoded picture and its boxes to points, cut included: torch, one thread, warm, both in "
        f"turn, median and interquartile range; {document['hardware']['processor']}.",
    ]
    return "\n".join(lines) + "\n"


def _interval(interval: Mapping[str, Any]) -> str:
    return f"{100 * interval['estimate']:+.2f} ({100 * interval['low']:+.2f} to {100 * interval['high']:+.2f})"


def plot_cascaded_cnn(document: Mapping[str, Any], *files: Path) -> None:
    """Draw the mean error of each point, both methods side by side, a panel per data set.

    Parameters
    ----------
    document : mapping
        As `run_cascaded_cnn` returns it.
    *files : pathlib.Path
        Pictures to write.
    """
    datasets = document["datasets"]
    labels = {TCDCN: TCDCN, CASCADE: f"{CASCADE}, trained on {document['settings']['training faces']} faces"}
    with drawn(*files, size=(4.3 * len(datasets), 4.4)) as figure:
        panels = figure.subplots(1, len(datasets), squeeze=False, sharey=True)[0]
        places = np.arange(len(FIVE_POINTS))
        for panel, (name, figures) in zip(panels, datasets.items(), strict=True):
            for number, method in enumerate((TCDCN, CASCADE)):
                heights = [100 * figures["methods"][method]["points"][point]["mean"] for point in FIVE_POINTS]
                panel.bar(places + 0.4 * (number - 0.5), heights, 0.4, color=_COLOURS[method], label=labels[method])
            panel.set_xticks(places, [point.replace(" ", "\n") for point in FIVE_POINTS])
            panel.set_title(f"{TITLES.get(name, name)}, {figures['faces']} faces")
            panel.tick_params(axis="x", labelsize=9)
        panels[0].set_ylabel("mean error, % of the inter-ocular distance")
        # Above the bars, not over them.
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
