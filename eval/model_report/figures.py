"""Figures of an initializer by itself: what a model card states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, ROLLS
from tcdcn_init.eval.measuring.documents import Document
from tcdcn_init.eval.measuring.hardware import Hardware
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.measuring.settings import StatedSettings
from tcdcn_init.eval.metrics import Summary, offset_corrected, summarise, summarise_points, summarise_poses
from tcdcn_init.eval.model_report.measurement import ModelAnswers
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["Accuracy", "FiguresReport", "ModelFigures", "SweepFigures", "figures_table", "model_figures"]


@dataclass(frozen=True)
class Accuracy:
    """Of a task, on the faces that are annotated for it.

    Attributes
    ----------
    share : float
        Of right answers.
    majority : float
        Share of the most frequent class.
    """

    share: float
    majority: float


@dataclass(frozen=True)
class SweepFigures:
    """Errors at one roll, noise or occlusion.

    Attributes
    ----------
    value : float
        Degrees, standard deviation in box sides, or part of the box.
    summary : metrics.Summary
    """

    value: float
    summary: Summary


@dataclass(frozen=True)
class ModelFigures:
    """Of an initializer on a data set; errors over the inter-ocular distance.

    Attributes
    ----------
    faces : int
    boxes_derived : int
        Faces whose box comes from their points.
    overall : metrics.Summary
        In their own boxes; an unreadable image counts as a failure.
    corrected : metrics.Summary, optional
        The same after the mean offset of each point is taken off (`metrics.offset_corrected`).
    points : dict of str to metrics.Summary
        By name.
    poses : dict of str to metrics.Summary
        By class.
    accuracy : dict of str to Accuracy
        By task, where it is annotated.
    roll, noise, occlusion : list of SweepFigures
        On `measurement.SWEEP_FACES` faces.
    """

    faces: int
    boxes_derived: int
    overall: Summary
    points: dict[str, Summary]
    poses: dict[str, Summary]
    accuracy: dict[str, Accuracy]
    roll: list[SweepFigures]
    noise: list[SweepFigures]
    occlusion: list[SweepFigures]
    corrected: Summary | None = None


@dataclass(frozen=True)
class FiguresReport(Document):
    """figures.json.

    Attributes
    ----------
    command : str
    settings : StatedSettings
    hardware : Hardware
    datasets : dict of str to ModelFigures
    """

    command: str
    settings: StatedSettings
    hardware: Hardware
    datasets: dict[str, ModelFigures]


def model_figures(answers: ModelAnswers) -> ModelFigures:
    """Figures of what an initializer answered.

    Parameters
    ----------
    answers : ModelAnswers

    Returns
    -------
    ModelFigures
    """
    faces, own = answers.faces, answers.views["own box"]
    per_face = own.errors.mean(axis=1)
    accuracy = {}
    for task, classes in TASKS.items():
        labels = np.array([face.attributes.get(task, -1) for face in faces])
        known = labels >= 0
        if task in own.outputs and known.any():
            # A face without an answer has none that is right.
            right = np.nan_to_num(own.outputs[task][known], nan=-np.inf).argmax(axis=1) == labels[known]
            right &= np.isfinite(own.outputs[task][known]).all(axis=1)
            most = np.bincount(labels[known], minlength=len(classes)).max()
            accuracy[task] = Accuracy(float(right.mean()), float(most / known.sum()))

    def sweep(kind: str, values: Sequence[float]) -> list[SweepFigures]:
        return [
            SweepFigures(value, summarise(answers.sweep_answers(kind, value).errors.mean(axis=1))) for value in values
        ]

    return ModelFigures(
        faces=len(faces),
        boxes_derived=sum(face.box_source == "points" for face in faces),
        overall=summarise(per_face),
        points=dict(zip(FIVE_POINTS, summarise_points(own.errors), strict=True)),
        poses=summarise_poses(per_face, [face.attributes.get("pose") for face in faces]),
        accuracy=accuracy,
        roll=sweep("roll", ROLLS),
        noise=sweep("noise", NOISES),
        occlusion=sweep("occlusion", OCCLUSIONS),
        corrected=summarise(
            offset_corrected(own.points, np.stack([face.five for face in faces]), [face.name for face in faces]).mean(
                axis=1
            )
        ),
    )


def figures_table(datasets: Mapping[str, ModelFigures]) -> str:
    """Figures of several data sets as a table in Markdown, errors in percent.

    Parameters
    ----------
    datasets : mapping of str to ModelFigures
        By the data set's name.
    """
    found = list(datasets.values())
    rows = [
        ["faces (boxes derived from points)", *(f"{f.faces:,} ({f.boxes_derived})" for f in found)],
        ["**mean error / failures, %**", *(f"**{_percent(f.overall)}**" for f in found)],
        ["the same, each point's mean offset taken off", *(_percent(f.corrected) for f in found)],
        ["median error, %", *(f"{100 * f.overall.median:.2f}" for f in found)],
        ["90th percentile, %", *(f"{100 * f.overall.p90:.2f}" for f in found)],
        ["AUC at 10 %", *(f"{f.overall.auc_10:.3f}" for f in found)],
    ]
    rows += [[point, *(_percent(f.points[point]) for f in found)] for point in FIVE_POINTS]
    rows += [[f"pose {pose}", *(_percent(f.poses.get(pose)) for f in found)] for pose in TASKS["pose"]]
    for task in TASKS:
        cells = [
            f"{100 * f.accuracy[task].share:.1f} ({100 * f.accuracy[task].majority:.1f})" if task in f.accuracy else ""
            for f in found
        ]
        if any(cells):
            rows.append([f"accuracy of {task}, % (of always the commonest)", *cells])
    for k, value in enumerate(ROLLS):
        rows.append([f"{value:g}° roll", *(_percent(f.roll[k].summary) for f in found)])
    for k, value in enumerate(NOISES):
        rows.append([f"{value:g} box noise", *(_percent(f.noise[k].summary) for f in found)])
    for k, value in enumerate(OCCLUSIONS):
        rows.append([f"{value:g} of the box occluded", *(_percent(f.occlusion[k].summary) for f in found)])
    return table(["", *(TITLES.get(name, name) for name in datasets)], rows)


def _percent(summary: Summary | None) -> str:
    return "" if summary is None else f"{100 * summary.mean:.2f} / {100 * summary.failure_10:.1f}"
