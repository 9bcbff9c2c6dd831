"""What the protocol found, as report.json states it and faces.csv lists it."""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.processes import over_processes
from tcdcn_init._shared.progress import track
from tcdcn_init.confidence import FAILURE
from tcdcn_init.eval.bootstrap import Interval, paired_change, paired_difference
from tcdcn_init.eval.comparison.measure import Measured
from tcdcn_init.eval.comparison.plan import BASELINE, NO_REGRESSOR, Plan, Run
from tcdcn_init.eval.comparison.report import (
    Ced,
    Curve,
    DatasetFacts,
    Differences,
    ModelFacts,
    PartFigures,
    PointsAlone,
    Published,
    Report,
    RunFigures,
    Sweep,
)
from tcdcn_init.eval.measuring.cases import Case, image_names
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.metrics import (
    NO_POSE,
    annotated,
    ced,
    face_errors,
    outer_corner_ratio,
    summarise,
    summarise_points,
    summarise_poses,
    with_missing,
)
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["PUBLISHED", "PUBLISHED_300W", "report_data", "write_faces"]

PUBLISHED = Published(
    "Zhang, Luo, Loy, Tang, ECCV 2014: mean error of five points, % of the inter-ocular distance, as published; each "
    "method in boxes of its own authors' choice, so that a comparison with figures of this report is rough.",
    {
        "aflw": {"TSPM": 15.9, "ESR": 13.0, "CDM": 13.1, "Luxand": 12.4, "RCPR": 11.6, "SDM": 8.5, "TCDCN": 8.0},
        "afw": {"TSPM": 14.3, "ESR": 12.2, "CDM": 11.1, "Luxand": 10.4, "RCPR": 9.3, "SDM": 8.8, "TCDCN": 8.2},
    },
)
"""Figures of others, marked as published."""

PUBLISHED_300W = Published(
    "Zhang, Luo, Loy, Tang, TPAMI 2016, with the figures of others that they cite: mean error of 68 points, % of the "
    "distance of the eye centres.",
    {
        "common": {"TCDCN": 4.80, "CFSS": 4.73, "ESR": 5.28, "SDM": 5.57, "RCPR": 6.18},
        "challenging": {"TCDCN": 8.60, "CFSS": 9.98, "ESR": 17.00, "SDM": 15.40, "RCPR": 17.26},
        "full": {"TCDCN": 5.54, "CFSS": 5.76, "ESR": 7.58, "SDM": 7.50, "RCPR": 8.35},
    },
)
"""The same of 300-W, by its parts."""

_GRID = [round(0.002 * k, 3) for k in range(151)]


class _Pair(NamedTuple):
    """A run and its baseline, on the same faces; and which points are annotated."""

    points: NDArray[np.float64]
    baseline: NDArray[np.float64]
    there: NDArray[np.bool_]


def report_data(
    case: Case, plan: Plan, measured: Measured, *, model: ModelFacts, command: str = "", jobs: int = 1
) -> Report:
    """All figures of a measurement, but for times.

    Parameters
    ----------
    case : Case
    plan : Plan
    measured : Measured
        Of the case's faces.
    model : ModelFacts
        The initializer.
    command : str
        As given.
    jobs : int
        Processes for the intervals, whose numbers do not depend on it.

    Returns
    -------
    Report
    """
    images = image_names(case.faces)
    count = len(case.faces[0].points)
    return Report(
        command=command,
        seed=plan.seed,
        dataset=DatasetFacts(
            name=case.name,
            title=case.title,
            faces=len(case.faces),
            images=len(set(images)),
            points=count,
            boxes=case.boxes,
            boxes_derived=sum(face.box_source == "points" for face in case.faces),
            unreadable={name: _from_root(reason, case) for name, reason in measured.unreadable.items()},
            note=case.note,
        ),
        model=model,
        point_names=list(FIVE_POINTS) if count == 5 else [str(k) for k in range(count)],
        starts=[start.name for start in plan.starts],
        regressors=[NO_REGRESSOR, *plan.regressors],
        baseline=BASELINE,
        runs=_runs(case, measured, images, jobs),
        noise=_sweep(plan, measured, "noise", plan.noises),
        roll=_sweep(plan, measured, "roll", plan.rolls),
        published=PUBLISHED_300W if case.name.startswith("300w") else PUBLISHED,
        hardware=hardware(),
        points_alone=_points_alone(case, measured, images),
    )


def write_faces(path: Path, case: Case, measured: Measured) -> None:
    """Write faces.csv: a row for each face and run, blank where there is no error.

    Names that a spreadsheet would take for a formula, as they begin with =, +, - or @, get a ``./`` before them.

    Parameters
    ----------
    path : pathlib.Path
    case : Case
    measured : Measured
    """
    most = max(array.shape[1] for array in measured.point_errors)
    head = ["name", "image", "pose", "regressor", "training", "start", "start_error", "error", "error_box"]
    images = image_names(case.faces)
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*head, *(f"e{k}" for k in range(most))])
        for k, (face, image) in enumerate(zip(case.faces, images, strict=True)):
            pose = face.attributes.get("pose")
            about = [_harmless(face.name), _harmless(image), NO_POSE if pose is None else TASKS["pose"][pose]]
            for r, run in enumerate(measured.runs):
                numbers = [measured.start_errors[r, k], measured.errors[r, k], measured.box_errors[r, k]]
                numbers += measured.point_errors[r][k].tolist()
                writer.writerow([*about, *run, *(f"{value:.6f}" if np.isfinite(value) else "" for value in numbers)])


def _harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"./{name}" if name[:1] in "=+-@\t\r" else name


def _runs(case: Case, measured: Measured, images: Sequence[str], jobs: int) -> list[RunFigures]:
    poses = [face.attributes.get("pose") for face in case.faces]
    truth = np.stack([face.points for face in case.faces])
    there = [annotated(truth, errors.shape[1]) for errors in measured.point_errors]
    against = _against(measured, there, images, jobs)
    return [
        RunFigures(
            *run,
            start_error=summarise(measured.start_errors[r]),
            error=summarise(measured.errors[r]),
            error_box=summarise(measured.box_errors[r]),
            points=summarise_points(measured.point_errors[r], there[r]),
            poses=summarise_poses(measured.errors[r], poses),
            against=against[r],
            ced=Ced(_GRID, ced(measured.errors[r], _GRID).tolist()),
            parts=_parts(case, measured.errors[r]),
        )
        for r, run in enumerate(measured.runs)
    ]


def _parts(case: Case, errors: NDArray[np.float64]) -> dict[str, PartFigures]:
    """A run's errors by part of a data set of 68 points."""
    truth = np.stack([face.points for face in case.faces])
    if truth.shape[1] != 68:
        return {}
    ratio = outer_corner_ratio(truth)
    if np.isfinite(ratio).any():
        ratio[np.isnan(ratio)] = np.nanmedian(ratio)  # a corner that nobody annotated
    by_corners = errors * ratio
    groups = case.groups or {"all faces": list(range(len(truth)))}
    return {name: PartFigures(summarise(errors[rows]), summarise(by_corners[rows])) for name, rows in groups.items()}


def _points_alone(case: Case, measured: Measured, images: Sequence[str]) -> list[PointsAlone]:
    """Everybody's points on the faces that all have some of; nothing where there are TCDCN's only."""
    rows = [r for r, run in enumerate(measured.runs) if run.regressor == NO_REGRESSOR]
    truth = np.stack([face.points for face in case.faces])
    if len(rows) < 2:
        return []
    answered = np.isfinite(measured.errors[rows])
    shared = np.flatnonzero(answered.all(axis=0)).tolist()
    differences = _Differences([images[k] for k in shared])
    first = measured.point_errors[rows[0]]
    found = []
    for r, has in zip(rows, answered, strict=True):
        points = measured.point_errors[r]
        comparable = r != rows[0] and points.shape == first.shape and len(shared)
        found.append(
            PointsAlone(
                start=measured.runs[r].start,
                points=points.shape[1],
                without=[
                    face.name
                    for face, found_there in zip(case.faces, has.tolist(), strict=True)
                    if not found_there and face.name not in measured.unreadable
                ],
                shared=summarise(measured.errors[r, shared]) if len(shared) else None,
                against=differences(_Pair(points[shared], first[shared], annotated(truth[shared], points.shape[1])))
                if comparable
                else None,
            )
        )
    return found


def _sweep(plan: Plan, measured: Measured, kind: Literal["noise", "roll"], values: Sequence[float]) -> Sweep | None:
    if not values:
        return None
    runs = []
    for run, curve in zip(measured.runs, measured.curves[kind], strict=True):
        if not plan.is_measured(run, kind):
            continue
        summaries = [summarise(errors) for errors in curve]
        runs.append(Curve(*run, [each.failure_10 for each in summaries], [each.mean for each in summaries]))
    return Sweep(list(values), len(measured.curve_faces), runs)


def _against(
    measured: Measured, there: Sequence[NDArray[np.bool_]], images: Sequence[str], jobs: int
) -> list[Differences | None]:
    """Each run's differences against the baseline of the same regressor and training."""
    place = {run: r for r, run in enumerate(measured.runs)}
    wanted = {}
    for r, run in enumerate(measured.runs):
        other = place.get(Run(run.regressor, run.training, BASELINE))
        if other is not None and other != r and len(set(images)) > 1:
            wanted[r] = _Pair(measured.point_errors[r], measured.point_errors[other], there[r])
    found = over_processes(functools.partial(_Differences, images), list(wanted.values()), jobs)
    results: list[Differences | None] = [None] * len(measured.runs)
    for r, result in zip(wanted, track(found, "Intervals", total=len(wanted)), strict=True):
        results[r] = result
    return results


class _Differences:
    """Compares runs on the faces of some images; an object, so that other processes get the images once."""

    def __init__(self, images: Sequence[str]) -> None:
        self.images = images

    def __call__(self, pair: _Pair) -> Differences | None:
        try:
            return self._compare(pair)
        except ValueError:  # too few images for an interval
            return None

    def _compare(self, pair: _Pair) -> Differences:
        ours, theirs = (face_errors(points, pair.there) for points in (pair.points, pair.baseline))
        failed, failed_before = ((~(errors <= FAILURE)).astype(float) for errors in (ours, theirs))
        return Differences(
            nme=paired_difference(with_missing(ours), with_missing(theirs), self.images),
            failure=paired_difference(failed, failed_before, self.images),
            points=[
                self._change(
                    with_missing(a[rows]),
                    with_missing(b[rows]),
                    [self.images[k] for k in np.flatnonzero(rows).tolist()],
                )
                for a, b, rows in zip(pair.points.T, pair.baseline.T, pair.there.T, strict=True)
            ],
        )

    def _change(self, ours: NDArray[np.float64], theirs: NDArray[np.float64], images: Sequence[str]) -> Interval | None:
        try:
            return paired_change(ours, theirs, images)
        except ValueError:  # a baseline without error, or too few images that have the point
            return None


def _from_root(reason: str, case: Case) -> str:
    """A reason that does not depend on where the data set lies."""
    for parent in {face.image.parent for face in case.faces}:
        reason = reason.replace(f"{parent}/", "")
    return reason
