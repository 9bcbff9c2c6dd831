"""The comparison of starts: the same regressor on the same faces, only the start changed.

Every regressor fits every face from every start (`starts`). Where a start takes K shapes, the result is the median of
the K answers, coordinate by coordinate, as in RCPR, and the start's own error is that of the median of its shapes;
answers that are not finite are left out, and a face without any has failed. On some of the faces the same is done in
boxes with noise and on rotated images (`copies`). A regressor that was retrained for a start is a further run.

``mean`` is, for the regression trees, their own start in the box: they begin with a frame, not with a shape. Every
other start is a shape that seeds their frame. RCPR's smart restarts belong to its random starts: where its answers lie
far apart, other shapes are drawn at random. From points it has no others to draw. ``tcdcn-own`` is up to the regressor;
its start's error is that of ``tcdcn-aligned``.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import BatchRegressor, batched
from tcdcn_init.adapters.cascade.batch import median_shape
from tcdcn_init.adapters.cascade.frames import frames_from_boxes
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.confidence import MIN_CONFIDENCE
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.plan import NO_REGRESSOR, POINTS_RUN, Plan, Run, check_plan
from tcdcn_init.eval.measuring.answers import fingerprint
from tcdcn_init.eval.measuring.cases import spread_over
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy
from tcdcn_init.eval.measuring.engine import Record, Shown, measure
from tcdcn_init.eval.metrics import annotated, face_errors, nme, point_errors
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.starts import Start
from tcdcn_init.geometry import filled_five, transform_points

__all__ = ["CURVE_FACES", "Fit", "Measured", "StartFitter", "measure_starts"]

CURVE_FACES = 500
"""Curves are measured on at most so many faces, spread evenly over the data set's list."""


@dataclass(frozen=True)
class Measured:
    """What was found, in fractions of the inter-ocular distance (`box_errors`: of the box's side); NaN is missing.

    Attributes
    ----------
    runs : list of R Run
    start_errors, errors, box_errors : (R, N) ndarray
    point_errors : list of R (N, P) ndarrays
        P is 5 for TCDCN's points, and for others' five.
    curves : dict of str to (R, V, C) ndarray
        "noise" and "roll" -> errors at each of the V values on C faces.
    curve_faces : list of C int
        Their rows.
    unreadable : dict of str to str
        Name of a face -> why there is no image.
    ms_per_face : list of R float
        Milliseconds for the start's shapes and the fits from them; those of TCDCN's points are its first run's.
        Processor time, like `seconds`: what else runs beside hardly matters.
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
    ms_per_face: list[float]
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
    identity: str = "",
    label: str = "Comparing starts",
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
    identity : str
        What the arguments do not say and yet decides the numbers, such as where boxes are from.
    label : str
        Of the progress bar.

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        If there is no face, numbers of points do not fit together, or the journal is of other settings.
    """
    check_plan(faces, plan)
    if journal is not None:
        banks = hashlib.sha256(b"".join(start.bank.shapes.tobytes() for start in plan.starts)).hexdigest()[:16]
        digests = [points.digest for points in plan.others.values()]
        identity += f" runs {plan.runs} shapes {banks} other points {digests} answers "
        identity += fingerprint(plan.initializer, plan.factories.values())
    chosen = spread_over(len(faces), CURVE_FACES)
    curve = frozenset(chosen)
    shown = [Shown(face, (OWN_BOX, *(plan.conditions if k in curve else ()))) for k, face in enumerate(faces)]
    found = measure(
        shown,
        functools.partial(StartFitter, plan),
        seed=plan.seed,
        jobs=jobs,
        journal=journal,
        identity=identity,
        label=label,
    )
    own = [records[0] for records in found.records]
    per_point = _point_errors(own, plan, len(faces[0].points))
    truth = np.stack([face.points for face in faces])
    errors = np.stack([face_errors(array, annotated(truth, array.shape[1])) for array in per_point])
    spent = [record["seconds"] for records in found.records for record in records if record is not None]
    return Measured(
        runs=plan.runs,
        start_errors=_column(own, "start_errors", len(plan.runs)),
        errors=errors,
        box_errors=_column(own, "box_errors", len(plan.runs)),
        point_errors=per_point,
        curves=_curves(plan, [found.records[k][1:] for k in chosen], errors[:, chosen]),
        curve_faces=chosen,
        unreadable=found.unreadable,
        ms_per_face=[round(1000 * float(s), 4) for s in np.mean(spent or np.zeros((1, len(plan.runs))), axis=0)],
        seconds=found.seconds,
    )


def _column(records: Sequence[Record | None], name: str, runs: int) -> NDArray[np.float64]:
    """(R, N) of what each record holds for each run."""
    missing = [np.nan] * runs
    rows = [missing if record is None else record[name] for record in records]
    return np.array(rows, dtype=np.float64).reshape(-1, runs).T


def _point_errors(records: Sequence[Record | None], plan: Plan, count: int) -> list[NDArray[np.float64]]:
    """(N, P) of each run."""
    found = [np.full((len(records), plan.points_of(run, count)), np.nan, dtype=np.float64) for run in plan.runs]
    for k, record in enumerate(records):
        if record is not None:
            for array, values in zip(found, record["point_errors"], strict=True):
                array[k] = values
    return found


def _curves(
    plan: Plan, records: Sequence[Sequence[Record | None]], own: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    by_condition = {
        condition: _column([each[c] for each in records], "errors", len(plan.runs))
        for c, condition in enumerate(plan.conditions)
    }
    by_condition[OWN_BOX] = own
    wanted = {
        "noise": [Condition("noise", value) for value in plan.noises],
        "roll": [Condition("roll", value) for value in plan.rolls],
    }
    return {
        kind: np.stack([by_condition[condition] for condition in conditions], axis=1)
        for kind, conditions in wanted.items()
        if conditions
    }


class StartFitter:
    """Fits copies of faces by all runs of a plan, with everything loaded, and scores them.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.initializer = plan.initializer()
        self.regressors = {key: batched(make()) for key, make in plan.factories.items()}

    def __call__(self, copies: Sequence[Copy]) -> list[Record]:
        """Score copies.

        Parameters
        ----------
        copies : sequence of Copy

        Returns
        -------
        list of dict
            "errors" and "seconds" of each run; of a face as it is also "start_errors", "box_errors" and
            "point_errors".
        """
        records: list[Record] = [{"errors": [], "seconds": []} for _ in copies]
        own = [k for k, copy in enumerate(copies) if copy.condition == OWN_BOX]
        boxes = np.array([copies[k].box for k in own]).reshape(-1, 4)
        for k in own:
            records[k] |= {"start_errors": [], "box_errors": [], "point_errors": []}
        for fit in self.fit(copies):
            truth = np.stack([copy.target(fit.shapes.shape[1]) for copy in copies])
            errors = point_errors(fit.shapes, truth)
            whole = face_errors(errors, annotated(truth))
            for k, record in enumerate(records):
                record["errors"].append(float(whole[k]))
                record["seconds"].append(fit.seconds / len(copies))
            if own:
                by_box = nme(fit.shapes[own], truth[own], "box", boxes)
                started = nme(median_shape(fit.starts[own]), truth[own])
                for k, box_error, start_error in zip(own, by_box.tolist(), started.tolist(), strict=True):
                    records[k]["box_errors"].append(box_error)
                    records[k]["start_errors"].append(start_error)
                    records[k]["point_errors"].append(errors[k].tolist())
        return records

    def fit(self, copies: Sequence[Copy]) -> Iterator[Fit]:
        """Fit copies of faces by all runs.

        Parameters
        ----------
        copies : sequence of Copy

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
        others: dict[str, NDArray[np.float64]] = {}
        for name, find in self.plan.others.items():
            begin = time.process_time()
            points = others[name] = find(copies)
            run = Run(NO_REGRESSOR, "original", name)
            yield Fit(run, points[:, None], points, time.process_time() - begin)
        by_name = {start.name: start for start in self.plan.starts}
        shapes: dict[str, NDArray[np.float64]] = {}
        placing: dict[str, float] = {}
        for start in self.plan.starts:
            begin = time.process_time()
            unsure = (confidence < MIN_CONFIDENCE) if start.points == "sure" else np.zeros(len(five), dtype=np.bool_)
            all_points = others.get(start.name, five)
            given = [None if doubted else points for points, doubted in zip(all_points, unsure.tolist(), strict=True)]
            shapes[start.name] = self._place(start, copies, given)
            placing[start.name] = time.process_time() - begin
        for run in self.plan.runs:
            if run.regressor == NO_REGRESSOR:
                continue
            key = (run.regressor, run.start if run.training == "retrained" else "")
            begin = time.process_time()
            if run.start == "tcdcn-own":
                starts, result = shapes[run.start], self.regressors[key].fit_from_points(images, five, on_bad="nan")
            else:
                starts, result = self._fit(self.regressors[key], by_name[run.start], copies, shapes[run.start])
            yield Fit(run, starts, result, time.process_time() - begin + placing[run.start])

    def _fit(
        self,
        regressor: BatchRegressor,
        start: Start,
        copies: Sequence[Copy],
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
                subset = [copies[k] for k in faces.tolist()]
                return self._place(start, subset, [None] * len(subset), f"restart {attempt}")

            return shapes, regressor.fit_from_shapes(images, shapes, on_bad="nan", redraw=redraw)
        return shapes, regressor.fit_from_shapes(images, shapes, on_bad="nan")

    def _place(
        self,
        start: Start,
        copies: Sequence[Copy],
        five: Sequence[NDArray[np.float64] | None],
        purpose: str = "start",
    ) -> NDArray[np.float64]:
        """A start's shapes for each copy, NaN where it has no points to go by: (N, K, P, 2)."""
        placed = np.full((len(copies), start.count, *start.bank.shapes.shape[1:]), np.nan)
        for k, (copy, found) in enumerate(zip(copies, five, strict=True)):
            try:
                points = filled_five(copy.target(5)) if start.points == "annotated" else found
                placed[k] = start(copy.box, points, face_rng(self.plan.seed, copy.name, purpose))
            except ValueError:
                continue
        return placed
