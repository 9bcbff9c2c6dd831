"""Figures of an initializer by itself: what a model card states."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.datasets import Face
from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, ROLLS, Copy, Kind, make_copy, read_pictures
from tcdcn_init.eval.metrics import point_errors, summarise, summarise_points, summarise_poses
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.tasks import TASKS

# Faces, evenly spread, that robustness is measured on: turning a picture takes longer than everything else.
_ROBUST_FACES = 500

_CONDITIONS: dict[Kind, tuple[tuple[float, ...], str, str]] = {
    "roll": (ROLLS, "Turned copies", "° roll"),
    "noise": (NOISES, "Noisy boxes", " box noise"),
    "occlusion": (OCCLUSIONS, "Hidden parts", " of the box hidden"),
}


def model_figures(initializer: Initializer, faces: Sequence[Face], *, robustness: bool = False) -> dict[str, Any]:
    """Measure an initializer on annotated faces.

    Parameters
    ----------
    initializer : Initializer
    faces : sequence of Face
        Five points each; an unreadable image counts as a failure.
    robustness : bool
        Also measure copies turned, in boxes with noise and with a part hidden (`copies.make_copy`), on 500 faces evenly
        spread.

    Returns
    -------
    dict
        "overall", "points" (by name) and "poses" (by class): summaries (`metrics.Summary`) of errors over the
        inter-ocular distance; "boxes derived": faces whose box comes from their points; "accuracy": share of right
        answers per annotated task, beside "majority", the share of the most frequent class; with `robustness`,
        "roll", "noise" and "occlusion": a summary per value.
    """
    read, _ = read_pictures(track(faces, "Reading faces"))
    pictures = [read.get(face.image) for face in faces]
    points, tasks = _run(initializer, [make_copy(*pair, "noise", 0.0, 0) for pair in zip(faces, pictures, strict=True)])
    truth = np.stack([face.five for face in faces]).astype(np.float64)
    errors = point_errors(points, truth)
    per_face = errors.mean(axis=1)
    result: dict[str, Any] = {
        "faces": len(faces),
        "boxes derived": sum(face.box_source == "points" for face in faces),
        "overall": dataclasses.asdict(summarise(per_face)),
        "points": dict(zip(FIVE_POINTS, map(dataclasses.asdict, summarise_points(errors)), strict=True)),
        "poses": {
            name: dataclasses.asdict(summary)
            for name, summary in summarise_poses(per_face, [face.attributes.get("pose") for face in faces]).items()
        },
        "accuracy": {},
        "majority": {},
    }
    for task, chances in tasks.items():
        labels = np.array([face.attributes.get(task, -1) for face in faces])
        known = labels >= 0
        if known.any():
            result["accuracy"][task] = float((chances[known].argmax(axis=1) == labels[known]).mean())
            result["majority"][task] = float(np.bincount(labels[known], minlength=len(TASKS[task])).max() / known.sum())
    if robustness:
        every = max(1, len(faces) // _ROBUST_FACES)
        some = list(zip(faces, pictures, strict=True))[::every]
        for kind, (values, title, _) in _CONDITIONS.items():
            result[kind] = {}
            for value in track(values, title):
                errors = copy_errors(initializer, [make_copy(*pair, kind, value, 0) for pair in some])
                result[kind][f"{value:g}"] = dataclasses.asdict(summarise(errors.mean(axis=1)))
    return result


def copy_errors(initializer: Initializer, copies: Sequence[Copy | None]) -> NDArray[np.float64]:
    """Errors of an initializer on copies of faces.

    Parameters
    ----------
    initializer : Initializer
    copies : sequence of Copy or None
        From `copies.make_copy`.

    Returns
    -------
    (N, 5) ndarray
        In inter-ocular distances; NaN where there is no copy.
    """
    points, _ = _run(initializer, copies)
    truth = np.stack([np.full((5, 2), np.nan) if copy is None else copy.target(5) for copy in copies])
    return point_errors(points, truth)


def _run(
    initializer: Initializer, copies: Sequence[Copy | None]
) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    points = np.full((len(copies), 5, 2), np.nan, dtype=np.float32)
    tasks = {task: np.full((len(copies), len(TASKS[task])), np.nan) for task in initializer.config.tasks}
    there = [k for k, copy in enumerate(copies) if copy is not None]
    good = [copy for copy in copies if copy is not None]
    results = initializer.batch([copy.image for copy in good], [[copy.box] for copy in good], on_bad="nan")
    for k, (face,) in zip(there, results, strict=True):
        points[k] = face.points
        for task, chances in face.attributes.items():
            tasks[task][k] = list(chances.values())
    return points, tasks


def figures_table(figures: dict[str, dict[str, Any]]) -> str:
    """Figures of several data sets as Markdown tables, errors in percent.

    Parameters
    ----------
    figures : dict of str to dict
        Data set's name -> what `model_figures` returns.
    """
    names = list(figures)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]

    def row(label: str, cells: Sequence[str]) -> None:
        lines.append(f"| {label} | " + " | ".join(cells) + " |")

    def percent(summary: dict[str, Any] | None) -> str:
        return "" if summary is None else f"{100 * summary['mean']:.2f} / {100 * summary['failure_10']:.1f}"

    row("faces (boxes derived from points)", [f"{f['faces']} ({f['boxes derived']})" for f in figures.values()])
    row("**mean error / failures, %**", [f"**{percent(f['overall'])}**" for f in figures.values()])
    row("median error, %", [f"{100 * f['overall']['median']:.2f}" for f in figures.values()])
    row("90th percentile, %", [f"{100 * f['overall']['p90']:.2f}" for f in figures.values()])
    row("AUC at 10 %", [f"{f['overall']['auc_10']:.3f}" for f in figures.values()])
    for point in FIVE_POINTS:
        row(point, [percent(f["points"][point]) for f in figures.values()])
    for pose in TASKS["pose"]:
        row(f"pose {pose}", [percent(f["poses"].get(pose)) for f in figures.values()])
    for task in TASKS:
        cells = [
            f"{100 * f['accuracy'][task]:.1f} ({100 * f['majority'][task]:.1f})" if task in f["accuracy"] else ""
            for f in figures.values()
        ]
        if any(cells):
            row(f"accuracy of {task}, % (of always the commonest)", cells)
    for kind, (_, _, unit) in _CONDITIONS.items():
        for value in next(iter(figures.values())).get(kind, {}):
            row(f"{value}{unit}", [percent(f[kind][value]) if kind in f else "" for f in figures.values()])
    return "\n".join(lines) + "\n"
