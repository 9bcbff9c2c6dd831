"""The limits part of a model report: sentences computed from its figures, and its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.metrics import NO_POSE
from tcdcn_init.eval.model_report.confidence.figures import UNSURE_BELOW
from tcdcn_init.eval.model_report.limits.figures import (
    OCCLUDED_SHARE,
    FaceFigures,
    GroupFigures,
    LimitsFigures,
    LimitsReport,
    OcclusionFigures,
    PointFigures,
)
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["POSES", "limits_text", "sentences"]

POSES = (*TASKS["pose"], NO_POSE)

_FEW = 20
"""A pose class of fewer faces is not called the worst one: one face would decide."""


def limits_text(report: LimitsReport) -> str:
    """The part as Markdown.

    Parameters
    ----------
    report : LimitsReport
    """
    datasets, settings = report.datasets, report.settings
    parts = [
        "# Limits",
        f"`{report.command}`",
        f"What {Path(settings.model).name} gets wrong by itself, in at most {settings.passes} passes: turned heads, "
        "occlusion, and the worst faces. Errors are over the inter-ocular distance, which a turned head shortens, or, "
        "where it says so, over the side of the box; failures are faces with a mean error above 10 %, and faces "
        f"without an answer; unsure is a confidence below {100 * UNSURE_BELOW:g} %, and a failure that is not unsure "
        "goes unnoticed. MTFL's held-out faces are those that the model was chosen and calibrated on.",
        "## In short",
    ]
    for name, figures in datasets.items():
        said = "\n".join(f"- {sentence}" for sentence in sentences(figures))
        parts += [f"**{_title(name)}**, {figures.faces:,} faces:", said]
    parts += ["![Failures by occluded part and by pose class](limits.png)", "## Heads by pose class, in their own box"]
    parts.append(
        "Only faces with all five points annotated are measured: full profiles, with an eye out of sight, are not "
        "among them."
    )
    for name, figures in datasets.items():
        parts += [f"### {_title(name)}", _pose_table(figures)]
    parts += [
        "## Occlusion",
        "A rectangle covers a part of the face's box, anywhere in it, its aspect half to twice the box's: of flat grey "
        "for half of the faces, of noise for the others. Points under it and visible points apart, each with the error "
        "that it has and the error that the model expects of it.",
    ]
    for name, figures in datasets.items():
        parts += [f"### {_title(name)}", _occlusion_table(figures)]
    occluded = {name: figures for name, figures in datasets.items() if figures.occluded_poses}
    if occluded:
        parts += [f"### By pose class, {100 * OCCLUDED_SHARE:g} % of the box occluded", _occluded_pose_table(occluded)]
    parts += [
        "## The worst faces",
        "As shapes, since the data sets do not allow their images to be passed on; the command leaves contact sheets "
        "of the photographs in the folder `photographs`, which Git ignores.",
        "![The worst faces of each data set, annotated and found points](worst.png)",
        "And an image that may be shown: scikit-image's portrait (NASA, public domain), one part after the other "
        "under noise. One face shows what happens and proves nothing.",
        "![A portrait with parts occluded: box, points and confidence](occluded.png)",
    ]
    return "\n\n".join(parts) + "\n"


def sentences(figures: LimitsFigures) -> list[str]:
    """What the figures of one data set say, in words.

    Parameters
    ----------
    figures : LimitsFigures

    Returns
    -------
    list of str
    """
    return [
        *_own_box_sentences(figures.own_box, figures.poses),
        *_fill_sentences(figures.occluded_fills),
        *_occlusion_sentences(figures.occlusion),
        *_worst_sentences(figures.worst),
    ]


def _own_box_sentences(own: GroupFigures, by_pose: Mapping[str, GroupFigures]) -> Iterator[str]:
    yield (
        f"Failures in their own boxes: {own.failures:,} of {own.count:,} faces ({_percent(own.failure_10)})"
        + (f", {own.missing} of them for want of an answer." if own.missing else ".")
    )
    if own.failures_unsure is not None and own.unsure is not None and own.failures:
        yield (
            f"Of these failures, called unsure: {own.failures_unsure:,}; unnoticed: {own.unnoticed:,} "
            f"({_percent(own.unnoticed / own.count)} of all faces). Unsure in all: {_percent(own.unsure)} of faces."
        )
    poses = {name: group for name, group in by_pose.items() if name != NO_POSE and group.count >= _FEW}
    if len(poses) > 1 and own.failures:
        worst, best = (choose(poses, key=lambda name: poses[name].failure_10) for choose in (max, min))
        yield (
            f"Most failures by pose: {worst}, {_percent(poses[worst].failure_10)} of its {poses[worst].count:,} "
            f"faces; fewest: {best}, {_percent(poses[best].failure_10)} of {poses[best].count:,}. By the side of "
            f"the box their mean errors are {_percent(poses[worst].box_error)} and {_percent(poses[best].box_error)}."
        )
    points = {name: own.points[name].mean for name in FIVE_POINTS}
    worst, best = max(points, key=points.__getitem__), min(points, key=points.__getitem__)
    yield (
        f"The worst point is the {worst}, off by {_percent(points[worst])} on average; the best the {best}, "
        f"{_percent(points[best])}."
    )


def _fill_sentences(fills: Mapping[str, GroupFigures]) -> Iterator[str]:
    each = [f"{_percent(group.failure_10)} under {fill} ({group.count:,} faces)" for fill, group in fills.items()]
    if each:
        yield f"With {100 * OCCLUDED_SHARE:g} % of the box occluded, failures are {', '.join(each)}."


def _occlusion_sentences(occlusion: Sequence[OcclusionFigures]) -> Iterator[str]:
    whole, *grown = occlusion
    if not grown:
        return
    failures = ", ".join(f"{_percent(each.faces.failure_10)} at {100 * each.share:g} %" for each in grown)
    yield f"With a part of the box occluded, failures go from {_percent(whole.faces.failure_10)} to {failures}."
    last = grown[-1]
    if last.occluded.error is not None and last.visible.error is not None:
        yield (
            f"At {100 * last.share:g} %, occluded points are off by {_with_expected(last.occluded)}, visible points by "
            f"{_with_expected(last.visible)}."
        )
    if last.faces.failures_unsure is not None:
        worst = max(grown, key=lambda each: each.faces.unnoticed / each.faces.count)
        group = worst.faces
        if group.unnoticed:
            yield (
                f"Most go unnoticed at {100 * worst.share:g} %: {group.unnoticed:,} of {group.failures:,} failures, "
                f"{_percent(group.unnoticed / group.count)} of the faces."
            )


def _with_expected(points: PointFigures) -> str:
    expected = "" if points.expected is None else f" (expected: {_percent(points.expected)})"
    return "" if points.error is None else f"{_percent(points.error)}{expected}"


def _worst_sentences(worst: Mapping[str, Sequence[FaceFigures]]) -> Iterator[str]:
    words = {
        "own box": "The worst face",
        "profiles": "The worst profile",
        "occluded": f"The worst with {100 * OCCLUDED_SHARE:g} % of the box occluded",
    }
    for kind, (first, *_) in worst.items():
        sure = "" if first.confidence is None else f", confidence {_percent(first.confidence, 0)}"
        same = kind == "profiles" and first.name == worst["own box"][0].name
        if not same:
            pose = first.pose or "no pose given"
            yield f"{words[kind]} is {first.name} ({pose}): error {_percent(first.error, 0)}{sure}."
    said = [face.confidence for face in worst.get("own box", ()) if face.confidence is not None]
    if said:
        noticed = sum(value < UNSURE_BELOW for value in said)
        yield f"Called unsure of the {len(said)} worst faces in their own box: {noticed}."


def _pose_table(figures: LimitsFigures) -> str:
    head = ["pose", "faces", "mean error / failures, %", "mean error, % of the box", *FIVE_POINTS]
    head += ["unsure, %", "failures called unsure"] if figures.has_confidence else []
    rows = []
    for name, group in {"all": figures.own_box, **figures.poses}.items():
        row = [name, f"{group.count:,}", _both(group), f"{100 * group.box_error:.2f}"]
        row += [f"{100 * group.points[point].mean:.2f}" for point in FIVE_POINTS]
        rows.append(row + _unsure_cells(group))
    return table(head, rows)


def _occlusion_table(figures: LimitsFigures) -> str:
    head = ["occluded", "mean error / failures, %"]
    head += ["mean confidence, %", "unsure, %", "failures called unsure"] if figures.has_confidence else []
    for where in ("occluded points", "visible points"):
        head += [where, "error, %"] + (["expected, %"] if figures.has_confidence else [])
    rows = []
    for each in figures.occlusion:
        row = [f"{100 * each.share:g} %", _both(each.faces)]
        if figures.has_confidence:
            row += [_number(each.faces.confidence), *_unsure_cells(each.faces)]
        for points in (each.occluded, each.visible):
            row += [f"{points.count:,}", _number(points.error, 2)]
            row += [_number(points.expected, 2)] if figures.has_confidence else []
        rows.append(row)
    return table(head, rows)


def _occluded_pose_table(datasets: Mapping[str, LimitsFigures]) -> str:
    head = ["mean error / failures, %"]
    for name in datasets:
        head += [f"{_title(name)}, whole", "occluded"]
    rows = []
    for pose in ("all", *POSES):
        row = [pose]
        for figures in datasets.values():
            [occluded] = (each.faces for each in figures.occlusion if each.share == OCCLUDED_SHARE)
            whole = {"all": figures.own_box, **figures.poses}.get(pose)
            under = {"all": occluded, **figures.occluded_poses}.get(pose)
            row += ["" if group is None else _both(group) for group in (whole, under)]
        if any(row[1:]):
            rows.append(row)
    return table(head, rows)


def _unsure_cells(group: GroupFigures) -> list[str]:
    if group.failures_unsure is None:
        return []
    return [_number(group.unsure), f"{group.failures_unsure:,} of {group.failures:,}"]


def _both(group: GroupFigures) -> str:
    return f"{100 * group.mean:.2f} / {100 * group.failure_10:.1f}"


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{100 * value:.{digits}f}"


def _percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def _title(name: str) -> str:
    return TITLES.get(name, name)
