"""`tcdcn-init paper occlusion`: train RCPR on 29 points, start it at random and from TCDCN's points, and compare."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.names import unknown_name
from tcdcn_init._shared.plotting import require_matplotlib
from tcdcn_init.adapters.rcpr import RCPR, RCPRConfig
from tcdcn_init.datasets import Face, hold_out
from tcdcn_init.datasets.published.cofw import READERS
from tcdcn_init.eval.bootstrap import Interval, paired_change
from tcdcn_init.eval.measuring.cases import image_names, spread
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.engine import Measured, Record, Shown, measure
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.metrics import point_errors, summarise, with_missing
from tcdcn_init.eval.occlusion.plots import draw_improvements
from tcdcn_init.eval.occlusion.report import Detection, Improvement, OcclusionReport, OcclusionRun, occlusion_page
from tcdcn_init.eval.occlusion.training import CONFIG, VARIANTS, hidden_in, train_variants, training_bank
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.starts import make_start
from tcdcn_init.initializer import Initializer
from tcdcn_init.shapes import ShapeBank

__all__ = ["CONDITIONS", "RUNS", "detection", "run_occlusion"]

CONDITIONS = {
    "in their boxes": OWN_BOX,
    "in boxes with noise of 0.1": Condition("noise", 0.1),
    "under a rectangle of 30 % of the box": Condition("occlusion", 0.3),
}
"""How faces are shown."""

_BASELINE, _OURS = "random-5", "tcdcn-nearest"

RUNS = tuple((name, start) for name in VARIANTS for start in (_BASELINE, _OURS))
"""Regressor and start of each run."""

_SHOWN = ("in their boxes", "under a rectangle of 30 % of the box")  # in the plot

_NOTE = (
    "RCPR (Burgos-Artizzu, Perona, Dollár, ICCV 2013) with its model of occlusion, from five random training shapes in "
    "the box with smart restarts, as published, and from the five training shapes nearest to TCDCN's points, as the "
    "TCDCN paper starts it: `rcpr` is trained from random shapes, `rcpr-retrained` for TCDCN's starts. Half of the "
    "training copies lie under a rectangle, flat or noise, and the points below it count as hidden; that test copies "
    "under rectangles are of the same kind flatters what is known of hidden points there. Errors are in % of the "
    "distance of the pupils."
)


def run_occlusion(
    dataset: str, root: str | Path, out: Path, settings: Settings | None = None, config: RCPRConfig = CONFIG
) -> OcclusionReport:
    """Train what is not trained yet, measure on the test part, and write the report.

    Parameters
    ----------
    dataset : {"lfpw29", "cofw"}
    root : path
        Its folder.
    out : pathlib.Path
        Folder for regressors/, occlusion.json, occlusion.md and the plot.
    settings : Settings, optional
    config : RCPRConfig

    Returns
    -------
    OcclusionReport

    Raises
    ------
    ValueError
        If the data set is unknown.
    FileNotFoundError, BadRows
        If the folder is not that data set.
    BlockingIOError
        If another process is at work in `out`.
    ImportError
        If matplotlib is not installed; said before anything is trained.
    """
    if dataset not in READERS:
        raise ValueError(unknown_name("data set of 29 points", dataset, READERS))
    settings = settings or Settings()
    require_matplotlib()
    training, test = (READERS[dataset](root, part) for part in ("train", "test"))
    training, test = spread(training, settings.limit), spread(test, settings.limit)
    with alone_in(out):
        files = train_variants(training, out / "regressors", settings, config)
        kept = hold_out(training)[0]
        journal = out / "occlusion.journal"
        measured = measure(
            [Shown(face, tuple(CONDITIONS.values())) for face in test],
            functools.partial(Scorer, files, training_bank(kept), settings),
            seed=settings.seed,
            jobs=settings.jobs,
            journal=journal,
            identity=f"{dataset} {settings.stated} {config}",
            label="Measuring",
        )
        derived = all(face.box_source == "points" for face in test)
        report = OcclusionReport(
            command=settings.command,
            title=f"{dataset.upper()}, {len(test)} test faces",
            note=_NOTE + " Boxes are derived from the annotated points (geometry.box_from_points)." * derived,
            training_faces=len(kept),
            test_faces=len(test),
            settings=settings.stated,
            hardware=hardware(),
            runs=_runs(test, measured, settings.seed),
            improvements=_improvements(test, measured, settings.seed),
        )
        _write(report, out)
        journal.unlink()
    return report


class Scorer:
    """Fits copies by all runs.

    Parameters
    ----------
    files : mapping of str to path
        Of the regressors.
    bank : ShapeBank
        What starts are drawn from.
    settings : Settings
    """

    def __init__(self, files: dict[str, Path], bank: ShapeBank, settings: Settings) -> None:
        self._regressors = {name: RCPR.load(file) for name, file in files.items()}
        self._starts = {name: make_start(name, bank) for name in (_BASELINE, _OURS)}
        self._initializer: Initializer = settings.make_initializer()
        self._seed = settings.seed

    def __call__(self, copies: Sequence[Copy]) -> list[Record]:
        """Errors of each point by each run, and how hidden it is said to be.

        Parameters
        ----------
        copies : sequence of Copy

        Returns
        -------
        list of dict
            "errors" and "hidden", a list of P for each of `RUNS`; NaN where nothing is found or known.
        """
        images, truth = [copy.image for copy in copies], np.stack([copy.points for copy in copies])
        five = self._initializer.points(images, [[copy.box] for copy in copies], on_bad="nan")
        placed = {name: self._place(name, copies, five) for name in self._starts}
        records: list[Record] = [{"errors": [], "hidden": []} for _ in copies]
        for name, start in RUNS:
            regressor = self._regressors[name]
            redraw = functools.partial(self._redraw, copies, five) if start == _BASELINE else None
            shapes, hidden = regressor.fit_with_hidden(images, placed[start], on_bad="nan", redraw=redraw)
            for record, errors, known in zip(records, point_errors(shapes, truth), hidden, strict=True):
                record["errors"].append(errors.tolist())
                record["hidden"].append(known.tolist())
        return records

    def _place(
        self, name: str, copies: Sequence[Copy], five: NDArray[np.floating], purpose: str = "start"
    ) -> NDArray[np.float64]:
        start = self._starts[name]
        placed = np.full((len(copies), start.count, *start.bank.shapes.shape[1:]), np.nan)
        for k, copy in enumerate(copies):
            if start.points == "none" or np.isfinite(five[k]).all():
                placed[k] = start(copy.box, five[k], face_rng(self._seed, copy.name, purpose))
        return placed

    def _redraw(
        self, copies: Sequence[Copy], five: NDArray[np.floating], faces: NDArray[np.intp], attempt: int
    ) -> NDArray[np.float64]:
        return self._place(_BASELINE, [copies[k] for k in faces], five[faces], f"restart {attempt}")


def detection(hidden: ArrayLike, said: ArrayLike) -> Detection:
    """How well hidden points are told from visible ones.

    Parameters
    ----------
    hidden : (N,) array_like of bool
    said : (N,) array_like
        How hidden each is said to be; NaN counts as visible.

    Returns
    -------
    Detection

    Examples
    --------
    >>> detection([True, True, False, False, True], [0.9, 0.8, 0.7, 0.1, 0.6]).precision_at_80
    0.75
    """
    truth, score = np.asarray(hidden, dtype=np.bool_), np.nan_to_num(np.asarray(said, dtype=np.float64), nan=-np.inf)
    count = int(truth.sum())
    if not count:
        return Detection(None, None, 0, len(truth))
    order = np.argsort(-score, kind="stable")
    right, ranked = np.cumsum(truth[order]), score[order]
    # Equal ones are called hidden together.
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(order) - 1)
    precision, recall = right[ends] / (ends + 1), right[ends] / count
    best = float(precision[recall >= 0.8].max())
    return Detection(best, float((np.diff(recall, prepend=0.0) * precision).sum()), count, len(truth))


def _arrays(
    measured: Measured, condition: int, run: int, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, P) errors, and how hidden points are said to be."""
    nothing = [np.nan] * points
    records = [each[condition] for each in measured.records]
    errors, hidden = (
        np.array([nothing if record is None else record[name][run] for record in records], dtype=np.float64)
        for name in ("errors", "hidden")
    )
    return errors, hidden


def _runs(faces: Sequence[Face], measured: Measured, seed: int) -> list[OcclusionRun]:
    runs = []
    for c, (condition, shown) in enumerate(CONDITIONS.items()):
        truth = np.stack([hidden_in(face, shown, seed) for face in faces])
        some = truth.any(axis=1)
        for r, (regressor, start) in enumerate(RUNS):
            errors, said = _arrays(measured, c, r, truth.shape[1])
            runs.append(
                OcclusionRun(
                    condition,
                    regressor,
                    start,
                    summarise(errors.mean(axis=1)),
                    summarise(errors[some].mean(axis=1)) if some.any() else None,
                    detection(truth.ravel(), said.ravel()),
                )
            )
    return runs


def _improvements(faces: Sequence[Face], measured: Measured, seed: int) -> list[Improvement]:
    images = np.array(image_names(faces))
    found = []
    for c, (condition, shown) in enumerate(CONDITIONS.items()):
        if condition not in _SHOWN:
            continue
        truth = np.stack([hidden_in(face, shown, seed) for face in faces])
        before, _ = _arrays(measured, c, RUNS.index(("rcpr", _BASELINE)), truth.shape[1])
        for which, rows in (("all", np.ones(len(faces), dtype=np.bool_)), ("occluded", truth.any(axis=1))):
            if not rows.any() or (which == "occluded" and rows.all()):
                continue
            for regressor in ("rcpr", "rcpr-retrained"):
                after, _ = _arrays(measured, c, RUNS.index((regressor, _OURS)), truth.shape[1])
                names = images[rows].tolist()
                points = [_gain(a, b, names) for a, b in zip(after[rows].T, before[rows].T, strict=True)]
                overall = _gain(after[rows].mean(axis=1), before[rows].mean(axis=1), names)
                found.append(Improvement(condition, which, regressor, int(rows.sum()), overall, points))
    return found


def _gain(after: NDArray[np.float64], before: NDArray[np.float64], images: list[str]) -> Interval | None:
    """By how much smaller errors are, as a fraction of those before."""
    try:
        change = paired_change(with_missing(after), with_missing(before), images)
    except ValueError:  # too few images
        return None
    return Interval(
        -change.estimate, -change.high, -change.low, change.level, change.faces, change.images, change.resamples
    )


def _write(report: OcclusionReport, out: Path) -> None:
    """Write occlusion.json, occlusion.md and the bar plot.

    Parameters
    ----------
    report : OcclusionReport
    out : pathlib.Path
        Folder.
    """
    report.write(out / "occlusion.json")
    write_text(out / "occlusion.md", occlusion_page(report))
    draw_improvements(report, out / "improvement.svg", out / "improvement.png")
