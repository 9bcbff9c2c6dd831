"""The comparison of starts: the same regressor on the same faces, only the start changed.

Every regressor fits every face from every start (`starts`). Where a start takes K shapes, the result is the median of
the K answers, coordinate by coordinate, as in RCPR, and the start's own error is that of the median of its shapes;
answers that are not finite are left out, and a face without any has failed. On some of the faces the same is done in
boxes with noise and on turned pictures (`copies`). A regressor that was retrained for a start is a further run.

``mean`` is, for the regression trees, their own start in the box: they begin with a frame, not with a shape. Every
other start is a shape that seeds their frame. RCPR's smart restarts belong to its random starts: where its answers lie
far apart, other shapes are drawn at random. From points it has no others to draw.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import BatchRegressor, batched
from tcdcn_init.adapters.cascade.batch import median_shape
from tcdcn_init.adapters.cascade.frames import frames_from_boxes
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.confidence import MIN_CONFIDENCE
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Plan, Run, check_plan
from tcdcn_init.eval.measuring.cases import spread_over
from tcdcn_init.eval.measuring.copies import Copy, Kind, make_copy, read_pictures
from tcdcn_init.eval.measuring.runs import fingerprint, measure_groups
from tcdcn_init.eval.metrics import nme, point_errors
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.starts import Start
from tcdcn_init.geometry import transform_points

CURVE_FACES = 500
"""Curves are measured on at most so many faces, spread evenly over the data set's list."""

# Copies fitted at once, which bounds the memory that turned pictures take.
_AT_ONCE = 64


@dataclass(frozen=True)
class Measured:
    """What was found, in fractions of the inter-ocular distance (`box_errors`: of the box's side); NaN is missing.

    Attributes
    ----------
    runs : list of R Run
    start_errors, errors, box_errors : (R, N) ndarray
    point_errors : list of R (N, P) ndarrays
        P is 5 for TCDCN's points.
    curves : dict of str to (R, V, C) ndarray
        "noise" and "roll" -> errors at each of the V values on C faces.
    curve_faces : list of C int
        Their numbers.
    unreadable : dict of str to str
        Name of a face -> why there is no picture.
    ms_per_face : dict of str to float
        "regressor|training|start" -> milliseconds for the start's shapes and the fits from them; those of TCDCN's
        points are its first run's. Processor time, like `seconds`: what else runs beside hardly matters.
    seconds : float
        Of all processes.
    """

    runs: list[Run]
    start_errors: NDArray[np.float64]
    errors: NDArray[np.float64]
    box_errors: NDArray[np.float64]
    point_errors: list[NDArray[np.float64]]
    curves: dict[str, NDArray[np.float64]]
    curve_faces: list[int]
    unreadable: dict[str, str]
    ms_per_face: dict[str, float]
    seconds: float


class Fit(NamedTuple):
    """One run's answer on some copies.

    Attributes
    ----------
    run : Run
    starts : (N, K, P, 2) ndarray
    shapes : (N, P, 2) ndarray
        The median of the K results.
    seconds : float
    """

    run: Run
    starts: NDArray[np.float64]
    shapes: NDArray[np.float64]
    seconds: float


def measure_starts(
    faces: Sequence[Face],
    plan: Plan,
    *,
    jobs: int = 1,
    journal: Path | None = None,
    settings: str = "",
    title: str = "Comparing starts",
) -> Measured:
    """Measure all runs of a plan.

    Parameters
    ----------
    faces : sequence of Face
        Of one layout, 5 or iBUG's 68 points.
    plan : Plan
    jobs : int
        Processes. They change no number; what the plan makes must then be importable from another process.
    journal : pathlib.Path, optional
        File for finished groups of faces: the same call goes on from it after an interruption. Left in place.
    settings : str
        What the arguments do not say and yet decides the numbers, such as where boxes are from.
    title : str
        Shown beside the progress.

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        If there is no face, numbers of points do not fit together, or the journal is of other settings.
    """
    check_plan(faces, plan)
    told = ""
    if journal is not None:
        told = f"{settings} runs {plan.runs} noises {plan.noises} rolls {plan.rolls} seed {plan.seed} "
        told += f"faces {len(faces)}, {_digest(faces, plan)} "
        told += f"answers {fingerprint(plan.initializer, plan.factories.values())}"
    chosen = spread_over(len(faces), CURVE_FACES)
    marked = [(face, k in set(chosen)) for k, face in enumerate(faces)]
    make = functools.partial(Worker, plan)
    pieces = measure_groups(marked, make, jobs=jobs, journal=journal, told=told, title=title)
    return _joined(plan, pieces, chosen, faces)


class Worker:
    """Fits groups of faces, with everything loaded.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.initializer = plan.initializer()
        self.regressors = {key: batched(make()) for key, make in plan.factories.items()}

    def __call__(self, group: list[tuple[Face, bool]]) -> dict[str, Any]:
        """Errors of faces, each with whether it is one of the curves'.

        Parameters
        ----------
        group : list of (Face, bool)

        Returns
        -------
        dict
            "start_errors", "box_errors", "point_errors": for each run, for each face; "curves": for each run and
            condition, for each face of the curves; "unreadable"; "fits" and "run_seconds": how many faces each run
            fitted, and its time; "seconds".
        """
        begin = time.process_time()
        pictures, unreadable = read_pictures([face for face, _ in group])
        seed, curve = self.plan.seed, [face for face, marked in group if marked]
        wanted: list[tuple[Face, Kind, float]] = [(face, "noise", 0.0) for face, _ in group]
        wanted += [(face, *condition) for condition in self.plan.conditions for face in curve]
        runs, count, fits = len(self.plan.runs), len(group), 0
        start_errors, box_errors = np.full((2, runs, count), np.nan)
        points: list[Any] = [None] * runs
        curves = np.full((runs, len(wanted) - count), np.nan)
        spent = np.zeros(runs)
        for first in range(0, len(wanted), _AT_ONCE):
            copies: dict[int, Copy] = {}
            for k, (face, kind, value) in enumerate(wanted[first : first + _AT_ONCE], start=first):
                copy = make_copy(face, pictures.get(face.image), kind, value, seed)
                if copy is not None:
                    copies[k] = copy
            rows = np.array(list(copies), dtype=np.intp)
            as_they_are = rows < count
            clean = [copy for k, copy in copies.items() if k < count]
            names = [wanted[k][0].name for k in copies]
            fits += len(copies)
            for r, fit in enumerate(self.fit(list(copies.values()), names)):
                spent[r] += fit.seconds
                number = fit.shapes.shape[1]
                if points[r] is None:
                    points[r] = np.full((count, number), np.nan)
                if clean:
                    truth = np.stack([copy.target(number) for copy in clean])
                    boxes = np.stack([copy.box for copy in clean])
                    at, shapes = rows[as_they_are], fit.shapes[as_they_are]
                    points[r][at] = point_errors(shapes, truth)
                    box_errors[r, at] = nme(shapes, truth, "box", boxes)
                    start_errors[r, at] = nme(median_shape(fit.starts[as_they_are]), truth)
                if not as_they_are.all():
                    turned = [copy.target(number) for k, copy in copies.items() if k >= count]
                    curves[r, rows[~as_they_are] - count] = nme(fit.shapes[~as_they_are], np.stack(turned))
        return {
            "start_errors": start_errors.tolist(),
            "box_errors": box_errors.tolist(),
            "point_errors": [array.tolist() for array in points],
            "curves": curves.reshape(runs, len(self.plan.conditions), len(curve)).tolist(),
            "unreadable": unreadable,
            "fits": fits,
            "run_seconds": spent.tolist(),
            "seconds": time.process_time() - begin,
        }

    def fit(self, copies: Sequence[Copy], names: Sequence[str]) -> Iterator[Fit]:
        """Fit copies of faces by all runs.

        Parameters
        ----------
        copies : sequence of Copy
        names : sequence of str
            The faces', which decide what random starts draw.

        Yields
        ------
        Fit
            In the order of `Plan.runs`.
        """
        begin = time.process_time()
        images = [copy.image for copy in copies]
        boxes = [[copy.box] for copy in copies]
        found, confidence = self.initializer.points_and_confidence(images, boxes, on_bad="nan")
        five = found.astype(np.float64)
        yield Fit(POINTS_RUN, five[:, None], five, time.process_time() - begin)
        by_name = {start.name: start for start in self.plan.starts}
        shapes: dict[str, NDArray[np.float64]] = {}
        placing: dict[str, float] = {}
        for start in self.plan.starts:
            begin = time.process_time()
            unsure = (confidence < MIN_CONFIDENCE) if start.points == "sure" else np.zeros(len(five), dtype=np.bool_)
            given = [None if doubted else points for points, doubted in zip(five, unsure.tolist(), strict=True)]
            shapes[start.name] = self._place(start, copies, names, given)
            placing[start.name] = time.process_time() - begin
        for run in self.plan.runs[1:]:
            key = (run.regressor, run.start if run.training == "retrained" else "")
            begin = time.process_time()
            starts, result = self._fit(self.regressors[key], by_name[run.start], copies, names, shapes[run.start])
            yield Fit(run, starts, result, time.process_time() - begin + placing[run.start])

    def _fit(
        self,
        regressor: BatchRegressor,
        start: Start,
        copies: Sequence[Copy],
        names: Sequence[str],
        shapes: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Starts (N, K, P, 2) as the regressor takes them, and its results (N, P, 2)."""
        images = [copy.image for copy in copies]
        if start.name == "mean" and isinstance(regressor, ERT):
            boxes = np.array([copy.box for copy in copies]).reshape(-1, 4)
            own = transform_points(frames_from_boxes(boxes), regressor.mean_shape)
            return own[:, None], regressor.fit_from_boxes(images, boxes, on_bad="nan")
        if start.points == "none" and start.name != "mean" and isinstance(regressor, RCPR):

            def redraw(faces: NDArray[np.intp], attempt: int) -> NDArray[np.float64]:
                few = [copies[k] for k in faces.tolist()]
                return self._place(
                    start, few, [names[k] for k in faces.tolist()], [None] * len(few), f"restart {attempt}"
                )

            return shapes, regressor.fit_from_shapes(images, shapes, on_bad="nan", redraw=redraw)
        return shapes, regressor.fit_from_shapes(images, shapes, on_bad="nan")

    def _place(
        self,
        start: Start,
        copies: Sequence[Copy],
        names: Sequence[str],
        five: Sequence[NDArray[np.float64] | None],
        purpose: str = "start",
    ) -> NDArray[np.float64]:
        """A start's shapes for each copy, NaN where it has no points to go by: (N, K, P, 2)."""
        placed = np.full((len(copies), start.count, *start.bank.shapes.shape[1:]), np.nan)
        for k, (copy, name, found) in enumerate(zip(copies, names, five, strict=True)):
            points = copy.target(5) if start.points == "annotated" else found
            try:
                placed[k] = start(copy.box, points, face_rng(self.plan.seed, name, purpose))
            except ValueError:
                continue
        return placed


def _digest(faces: Sequence[Face], plan: Plan) -> str:
    """A hash of what the faces are said to be, and of the shapes that starts are drawn from."""
    digest = hashlib.sha256()
    for face in faces:
        digest.update(face.name.encode() + face.points.tobytes() + face.box.tobytes())
    for start in plan.starts:
        digest.update(start.bank.shapes.tobytes())
    return digest.hexdigest()[:16]


def _joined(plan: Plan, pieces: Sequence[Mapping[str, Any]], chosen: list[int], faces: Sequence[Face]) -> Measured:
    """The groups' results side by side."""

    def beside(name: str) -> NDArray[np.float64]:
        return np.concatenate([np.array(piece[name], dtype=np.float64) for piece in pieces], axis=-1)

    runs = plan.runs
    per_point = [
        np.concatenate([np.array(piece["point_errors"][r], dtype=np.float64) for piece in pieces])
        for r in range(len(runs))
    ]
    errors = np.stack([array.mean(axis=1) for array in per_point])
    conditions = beside("curves")
    found = dict(zip(plan.conditions, np.moveaxis(conditions, 1, 0), strict=True))
    found["noise", 0.0] = errors[:, chosen]
    curves = {
        kind: np.stack([found[kind, value] for value in values], axis=1)  # type: ignore[index]
        for kind, values in (("noise", plan.noises), ("roll", plan.rolls))
        if values
    }
    fits = sum(piece["fits"] for piece in pieces)
    spent = np.sum([piece["run_seconds"] for piece in pieces], axis=0).tolist()
    return Measured(
        runs=runs,
        start_errors=beside("start_errors"),
        errors=errors,
        box_errors=beside("box_errors"),
        point_errors=per_point,
        curves=curves,
        curve_faces=chosen,
        unreadable={name: reason for piece in pieces for name, reason in piece["unreadable"].items()},
        ms_per_face={
            "|".join(run): round(1000 * float(s) / max(fits, 1), 4) for run, s in zip(runs, spent, strict=True)
        },
        seconds=round(sum(piece["seconds"] for piece in pieces), 1),
    )
