"""Figures of an initializer by itself: what a model card states."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets import Face
from tcdcn_init.eval.metrics import point_errors, summarise, summarise_points, summarise_poses
from tcdcn_init.eval.perturbation import face_rng, noisy_box, rolled
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.progress import track
from tcdcn_init.tasks import TASKS
from tcdcn_init.training_data import read_picture

ROLLS = (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 180.0)
NOISES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30)

# Faces, evenly spread, that robustness is measured on: turning a picture takes longer than everything else.
_ROBUST_FACES = 500

Case = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]


def model_figures(initializer: Initializer, faces: Sequence[Face], *, robustness: bool = False) -> dict[str, Any]:
    """Measure an initializer on annotated faces.

    Parameters
    ----------
    initializer : Initializer
    faces : sequence of Face
        Five points each; an unreadable image counts as a failure.
    robustness : bool
        Also measure copies turned by `ROLLS` degrees and boxes with noise of `NOISES` (`eval.perturbation`), on 500
        faces evenly spread.

    Returns
    -------
    dict
        "overall", "points" (by name) and "poses" (by class): summaries (`metrics.Summary`) of errors over the
        inter-ocular distance; "boxes derived": faces whose box comes from their points; "accuracy": share of right
        answers per annotated task, beside "majority", the share of the most frequent class; with `robustness`,
        "roll" and "noise": a summary per value.
    """
    cases: list[Case | None] = [_case(face) for face in track(faces, "Reading faces")]
    points, tasks = _run(initializer, cases)
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
        faces, cases = faces[::every], cases[::every]
        result["roll"] = {
            f"{degrees:g}": _robust(initializer, cases, lambda case, _, d=degrees: rolled(case[0], case[1], case[2], d))
            for degrees in track(ROLLS, "Turned copies")
        }
        result["noise"] = {
            f"{sd:g}": _robust(
                initializer,
                cases,
                lambda case, k, s=sd: (case[0], case[1], noisy_box(case[2], s, face_rng(0, faces[k].name, "box"))),
            )
            for sd in track(NOISES, "Noisy boxes")
        }
    return result


def _case(face: Face) -> Case | None:
    try:
        return read_picture(face), face.five.astype(np.float64), face.box
    except ValueError:
        return None


def _run(initializer: Initializer, cases: Sequence[Case | None]) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    points = np.full((len(cases), 5, 2), np.nan, dtype=np.float32)
    tasks = {task: np.full((len(cases), len(TASKS[task])), np.nan) for task in initializer.config.tasks}
    there = [k for k, case in enumerate(cases) if case is not None]
    good = [case for case in cases if case is not None]
    results = initializer.batch([case[0] for case in good], [[case[2]] for case in good], on_bad="nan")
    for k, (face,) in zip(there, results, strict=True):
        points[k] = face.points
        for task, chances in face.attributes.items():
            tasks[task][k] = list(chances.values())
    return points, tasks


def _robust(initializer: Initializer, cases: Sequence[Case | None], perturb: Any) -> dict[str, Any]:
    moved = [None if case is None else perturb(case, k) for k, case in enumerate(cases)]
    points, _ = _run(initializer, moved)
    truth = np.stack([np.full((5, 2), np.nan) if case is None else case[1] for case in moved])
    return dataclasses.asdict(summarise(point_errors(points, truth).mean(axis=1)))


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
    for kind, unit in (("roll", "° roll"), ("noise", " box noise")):
        for value in next(iter(figures.values())).get(kind, {}):
            row(f"{value}{unit}", [percent(f[kind][value]) if kind in f else "" for f in figures.values()])
    return "\n".join(lines) + "\n"
