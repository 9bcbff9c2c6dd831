"""How far a rolled head or a bad box throws a regressor, started by itself and started from TCDCN's points.

Every face is shown turned in the plane by given angles, in its own box, and unturned in boxes with noise
(`perturbation.rolled`, `perturbation.noisy_box`). Each regressor fits each copy three times: from its own start in the
box (``mean``: the mean shape), from the five points that the initializer finds on that same copy in that same box
(``tcdcn``), and from the annotated five points (``oracle``), which shows what no better start would mend. The
initializer's points are scored too, as the regressor ``none``. Two limits: to a five-point regressor the oracle start
all but gives the answer away, and one that was trained on seeds' errors alone (``sdm-mtfl``) is at a loss in a box.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import ShapeRegressor
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.bootstrap import paired_change
from tcdcn_init.eval.copies import NOISES, ROLLS, Copy, Kind, make_copy, read_pictures
from tcdcn_init.eval.fitting import fit_from_boxes, fit_from_points
from tcdcn_init.eval.metrics import nme, summarise
from tcdcn_init.eval.runs import check_jobs, fingerprint, measure_groups
from tcdcn_init.initializer import Initializer

STARTS = ("mean", "tcdcn", "oracle")

NO_REGRESSOR = "none"
"""Name under which the initializer's five points are scored."""

FAILURE = 0.1
"""A face fails when its error exceeds this share of the inter-ocular distance, or when there is no error at all."""

# What the two ratios compare.
_RATIO_ROLL, _RATIO_NOISE = 45.0, 0.15


class Cell(NamedTuple):
    """One curve's point: a regressor from one of `STARTS` on copies of one kind and size."""

    regressor: str
    start: str
    kind: Kind
    value: float


@dataclass(frozen=True)
class Plan:
    """What is measured, as other processes are told it.

    Attributes
    ----------
    regressors : mapping of str to callable
        Name -> callable without arguments that makes the regressor, such as an entry point's.
    initializer : callable
        Makes the initializer: `Initializer` itself, or ``functools.partial(Initializer, passes=2)``.
    rolls, noises : tuple of float
    seed : int
        Of the boxes' noise.
    """

    regressors: Mapping[str, Callable[[], ShapeRegressor]]
    initializer: Callable[[], Initializer]
    rolls: tuple[float, ...] = ROLLS
    noises: tuple[float, ...] = NOISES
    seed: int = 0

    @property
    def conditions(self) -> list[tuple[Kind, float]]:
        """Kind and size of the copies."""
        return [*(("roll", value) for value in self.rolls), *(("noise", value) for value in self.noises)]

    @property
    def cells(self) -> list[Cell]:
        """In the order of the rows that `_Worker` makes."""
        runs = [(NO_REGRESSOR, "tcdcn"), *((name, start) for name in self.regressors for start in STARTS)]
        return [Cell(*run, *condition) for condition in self.conditions for run in runs]


def measure_robustness(
    faces: Sequence[Face],
    regressors: Mapping[str, Callable[[], ShapeRegressor]],
    initializer: Callable[[], Initializer] = Initializer,
    *,
    rolls: Sequence[float] = ROLLS,
    noises: Sequence[float] = NOISES,
    seed: int = 0,
    jobs: int = 1,
    journal: Path | None = None,
    settings: str = "",
    title: str = "Robustness",
) -> dict[str, Any]:
    """Measure regressors on rolled copies and on noisy boxes, unseeded and seeded.

    Parameters
    ----------
    faces : sequence of Face
        Of one layout, 5 or iBUG's 68 points.
    regressors : mapping of str to callable
        Name -> callable without arguments that makes the regressor, e.g. ``partial(load_regressor, "ert68-ytf")``.
        It has as many points as the faces, or 5.
    initializer : callable
        Makes the initializer: `Initializer` itself, or ``functools.partial(Initializer, passes=2)``.
    rolls : sequence of float
        Degrees.
    noises : sequence of float
        See `copies.NOISES`. A face's noise has one direction for all of them.
    seed : int
        Of the noise.
    jobs : int
        Processes. They change no number; what they make must then be importable from another process.
    journal : pathlib.Path, optional
        File for finished groups of faces: the same call goes on from it after an interruption. Left in place.
    settings : str
        What the arguments do not say and yet decides the numbers: a journal of other settings is refused, as is one
        of an initializer or regressor that answers otherwise now, such as another file under the same name.
    title : str
        Shown beside the progress.

    Returns
    -------
    dict
        "faces", "boxes derived" (`Face.box_source`), "unreadable" (name -> reason; counted as failures), "seed",
        "seconds" (work of all processes), "regressors": name -> start -> kind ("roll", "noise") -> value ->
        `metrics.Summary` as a dict, and "ratios": name -> what `failure_ratio` returns for "roll" (failures at 45
        degrees over upright ones, seeded) and "noise" (failures at 0.15, seeded over unseeded), where measured.

    Raises
    ------
    ValueError
        If there is no face, a number of points does not fit, or the journal is of other settings.
    """
    plan = Plan(regressors, initializer, tuple(map(float, rolls)), tuple(map(float, noises)), seed)
    _check(faces, plan, jobs)
    told = f"{settings} {list(regressors)} rolls {plan.rolls} noises {plan.noises} seed {seed} faces {len(faces)}"
    if journal is not None:
        told += f" answers {fingerprint(plan.initializer, plan.regressors.values())}"
    pieces = measure_groups(faces, functools.partial(_Worker, plan), jobs=jobs, journal=journal, told=told, title=title)
    errors = np.concatenate([np.array(piece["errors"], dtype=np.float64) for piece in pieces], axis=1)
    per_cell = dict(zip(plan.cells, errors, strict=True))
    return {
        "faces": len(faces),
        "boxes derived": sum(face.box_source == "points" for face in faces),
        "unreadable": {name: reason for piece in pieces for name, reason in piece["unreadable"].items()},
        "seed": seed,
        "seconds": round(sum(piece["seconds"] for piece in pieces), 1),
        "regressors": _summaries(per_cell),
        "ratios": _ratios(per_cell, [str(face.image) for face in faces]),
    }


def failure_ratio(errors: NDArray[Any], baseline: NDArray[Any], images: Sequence[str]) -> dict[str, Any]:
    """Failures of one run over those of another on the same faces.

    Parameters
    ----------
    errors, baseline : (N,) array_like
        Errors of the same faces; NaN fails.
    images : sequence of N str
        Image of each face.

    Returns
    -------
    dict
        "failures" and "baseline" (numbers of faces), "ratio" (None without failures of the baseline), "low" and
        "high": its 95 % BCa interval over images (`bootstrap.paired_change`), None where too few faces fail for one.

    Examples
    --------
    >>> found = failure_ratio(np.array([0.2, 0.01, 0.3, 0.02]), np.array([0.2, 0.2, 0.3, 0.2]), list("abcd"))
    >>> found["failures"], found["baseline"], found["ratio"]
    (2, 4, 0.5)
    """
    ours, theirs = (~(np.asarray(values) <= FAILURE) for values in (errors, baseline))
    result: dict[str, Any] = {"failures": int(ours.sum()), "baseline": int(theirs.sum())}
    if not theirs.any():
        return {**result, "ratio": None, "low": None, "high": None}
    result["ratio"] = result["failures"] / result["baseline"]
    try:
        change = paired_change(ours.astype(float), theirs.astype(float), images)
    except ValueError:  # too few images, or a resample without a failure
        return {**result, "low": None, "high": None}
    return {**result, "low": 1 + change.low, "high": 1 + change.high}


def _check(faces: Sequence[Face], plan: Plan, jobs: int) -> None:
    if not faces:
        raise ValueError("there is no face to measure on; expected at least one")
    check_jobs(jobs)
    if NO_REGRESSOR in plan.regressors:
        raise ValueError(f"a regressor is named {NO_REGRESSOR!r}, which stands for the five points; rename it")
    counts = {len(face.points) for face in faces}
    if len(counts) > 1 or not counts <= {5, 68}:
        raise ValueError(f"faces have {sorted(counts)} points; expected all 5, or all iBUG's 68")
    for name, make in plan.regressors.items():
        points = len(make().mean_shape)
        if points not in (5, *counts):
            raise ValueError(f"regressor {name!r} has {points} points, the faces {counts.pop()}; they cannot be scored")


class _Worker:
    """Measures groups of faces, with everything loaded."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.regressors = [make() for make in plan.regressors.values()]
        self.initializer = plan.initializer()

    def __call__(self, faces: list[Face]) -> dict[str, Any]:
        """Errors of the faces in all cells: (cells, faces), beside the unreadable faces and the seconds it took."""
        start = time.perf_counter()
        pictures, unreadable = read_pictures(faces)
        errors: list[list[float]] = []
        for kind, value in self.plan.conditions:
            copies = [make_copy(face, pictures.get(face.image), kind, value, self.plan.seed) for face in faces]
            errors += [row.tolist() for row in self._errors(faces, copies)]
        return {"errors": errors, "unreadable": unreadable, "seconds": time.perf_counter() - start}

    def _errors(self, faces: Sequence[Face], copies: Sequence[Copy | None]) -> Iterator[NDArray[np.float64]]:
        """A row for each run of `Plan.cells`; NaN for faces without a copy or a fit."""
        there = [k for k, copy in enumerate(copies) if copy is not None]
        good = [copy for copy in copies if copy is not None]
        if not good:
            yield from np.full((1 + len(STARTS) * len(self.regressors), len(faces)), np.nan)
            return
        images = [copy.image for copy in good]

        def scored(found: NDArray[Any]) -> NDArray[np.float64]:
            row = np.full(len(faces), np.nan)
            row[there] = nme(found, np.stack([copy.target(found.shape[1]) for copy in good]))
            return row

        seeds = self.initializer.points(images, [[copy.box] for copy in good], on_bad="nan")
        perfect = np.stack([copy.target(5) for copy in good])
        yield scored(seeds)
        for regressor in self.regressors:
            yield scored(fit_from_boxes(regressor, images, [copy.box for copy in good]))
            yield scored(fit_from_points(regressor, images, seeds))
            yield scored(fit_from_points(regressor, images, perfect))


def _summaries(errors: Mapping[Cell, NDArray[np.float64]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for cell, values in errors.items():
        kinds = result.setdefault(cell.regressor, {}).setdefault(cell.start, {"roll": {}, "noise": {}})
        kinds[cell.kind][f"{cell.value:g}"] = dataclasses.asdict(summarise(values))
    return result


def _ratios(errors: Mapping[Cell, NDArray[np.float64]], images: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in dict.fromkeys(cell.regressor for cell in errors):
        pairs = {
            "roll": (Cell(name, "tcdcn", "roll", _RATIO_ROLL), Cell(name, "tcdcn", "roll", 0.0)),
            "noise": (Cell(name, "tcdcn", "noise", _RATIO_NOISE), Cell(name, "mean", "noise", _RATIO_NOISE)),
        }
        result[name] = {
            kind: failure_ratio(errors[ours], errors[theirs], images)
            for kind, (ours, theirs) in pairs.items()
            if ours in errors and theirs in errors
        }
    return result
