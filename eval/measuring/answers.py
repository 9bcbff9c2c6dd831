"""What an initializer by itself answers on copies of faces: the scorer, and its records side by side."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import ShapeRegressor, batched
from tcdcn_init.confidence import Calibration
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy
from tcdcn_init.eval.measuring.engine import Record, Shown, measure
from tcdcn_init.eval.metrics import point_errors
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import point_count

__all__ = ["Answers", "View", "ask_initializer", "fingerprint", "fixed"]

View = Callable[[Face], Condition]
"""How each face is shown: the same condition for all (`fixed`), or the face's own."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Of an initializer, to one view of N faces; NaN where there is no copy or no answer.

    Attributes
    ----------
    points : (N, P, 2) ndarray of float64
        In the copy's image; P is 5 but of models of other points.
    errors : (N, P) ndarray
        Distance of each point to its annotation, in inter-ocular distances, or in `Face.length`; NaN too where a point
        is not annotated.
    outputs : mapping of str to (N, K) ndarray
        The network's raw outputs besides the points.
    calibration : Calibration
        The model's.
    """

    points: NDArray[np.float64]
    errors: NDArray[np.float64]
    outputs: Mapping[str, NDArray[np.float64]]
    calibration: Calibration

    @property
    def has_confidence(self) -> bool:
        """Whether the model has confidence outputs."""
        return {"expected_error", "face"} <= self.outputs.keys()

    @functools.cached_property
    def expected(self) -> NDArray[np.float64]:
        """Calibrated expected errors, (N, P); NaN of a model without confidence outputs."""
        if not self.has_confidence:
            return np.full(self.errors.shape, np.nan)
        return self.calibration.expected_error(self.outputs["expected_error"])

    @functools.cached_property
    def confidence(self) -> NDArray[np.float64]:
        """(N,), 0 to 1; NaN of a model without confidence outputs."""
        if not self.has_confidence:
            return np.full(len(self.errors), np.nan)
        return self.calibration.confidence(self.outputs["expected_error"], self.outputs["face"])

    def take(self, rows: Sequence[int]) -> Answers:
        """The answers to some of the faces."""
        chosen = list(rows)
        outputs = {name: values[chosen] for name, values in self.outputs.items()}
        return Answers(self.points[chosen], self.errors[chosen], outputs, self.calibration)


def fixed(condition: Condition) -> View:
    """The view that shows all faces alike."""
    return lambda face: condition


def ask_initializer(
    faces: Sequence[Face],
    make_initializer: Callable[[], Initializer],
    views: Mapping[str, View],
    *,
    some: Mapping[str, Sequence[int]] | None = None,
    known: Mapping[Path, NDArray[np.float64]] | None = None,
    seed: int = 0,
    jobs: int = 1,
    journal: Path | None = None,
    identity: str = "",
    label: str = "Asking the initializer",
) -> tuple[dict[str, Answers], dict[str, str]]:
    """Show an initializer copies of faces.

    Parameters
    ----------
    faces : sequence of Face
        Five points each, or iBUG's 68; of a model of other points, those.
    make_initializer : callable
        Makes the initializer, in every process.
    views : mapping of str to callable
        By name.
    some : mapping of str to sequence of int, optional
        Views that only these rows of `faces` are shown in; all others show all faces.
    known : mapping of path to (M, 4) ndarray, optional
        Boxes of all faces of an image, where more are known than `faces` has.
    seed, jobs, journal, identity, label
        See `engine.measure`.

    Returns
    -------
    answers : dict of str to Answers
        By the view's name; a row for each face that is shown in it.
    unreadable : dict of str to str
        Name of a face -> why there is no image.
    """
    initializer = make_initializer()  # says at once what is wrong with its arguments
    rows = {name: list((some or {}).get(name, range(len(faces)))) for name in views}
    members = {name: frozenset(numbers) for name, numbers in rows.items()}
    boxes: dict[Path, list[NDArray[np.float64]]] = {}
    for face in faces:
        boxes.setdefault(face.image, []).append(face.box)
    shown, places = [], []
    for k, face in enumerate(faces):
        names = [name for name in views if k in members[name]]
        everyone = np.stack([*boxes[face.image], *(known or {}).get(face.image, [])])
        shown.append(Shown(face, tuple(views[name](face) for name in names), everyone))
        places.append({name: place for place, name in enumerate(names)})
    measured = measure(
        shown,
        functools.partial(_Asker, make_initializer),
        seed=seed,
        jobs=jobs,
        journal=journal,
        identity=identity if journal is None else f"{identity} answers {fingerprint(make_initializer)}",
        label=label,
    )
    found = {
        name: _side_by_side([measured.records[k][places[k][name]] for k in rows[name]], initializer) for name in views
    }
    return found, measured.unreadable


class _Asker:
    """Scores copies by an initializer alone."""

    def __init__(self, make_initializer: Callable[[], Initializer]) -> None:
        self.initializer = make_initializer()

    def __call__(self, copies: Sequence[Copy]) -> list[Record]:
        images, boxes = [copy.image for copy in copies], [[copy.box] for copy in copies]
        raw = self.initializer.raw(images, boxes, on_bad="nan")
        points, outputs = raw.points, raw.outputs
        if self.initializer.config.own is None:
            errors = point_errors(points, np.stack([copy.target(5) for copy in copies]))
        else:
            truth = np.stack([copy.points for copy in copies])
            lengths = np.array([copy.length for copy in copies], dtype=np.float64)
            errors = np.linalg.norm(points - truth, axis=2) / lengths[:, None]
        records: list[Record] = []
        for k, copy in enumerate(copies):
            # What faces are said to be is asked of the face as it is alone.
            wanted = [name for name in outputs if copy.condition == OWN_BOX or name in ("expected_error", "face")]
            records.append(
                {
                    "points": points[k].tolist(),
                    "errors": errors[k].tolist(),
                    "outputs": {name: outputs[name][k].tolist() for name in wanted},
                }
            )
        return records


def _side_by_side(records: Sequence[Record | None], initializer: Initializer) -> Answers:
    count = point_count(initializer.config)
    points, errors = np.full((len(records), count, 2), np.nan), np.full((len(records), count), np.nan)
    # There, whether or not any face has an answer: that a model has confidence outputs is not up to the faces.
    lengths = {"expected_error": count, "face": 2}
    outputs = {
        name: np.full((len(records), length), np.nan)
        for name, length in lengths.items()
        if name in initializer.config.outputs
    }
    for k, record in enumerate(records):
        if record is None:
            continue
        points[k], errors[k] = record["points"], record["errors"]
        for name, values in record["outputs"].items():
            if name not in outputs:
                outputs[name] = np.full((len(records), len(values)), np.nan)
            outputs[name][k] = values
    return Answers(points, errors, outputs, initializer.calibration)


def fingerprint(
    make_initializer: Callable[[], Initializer], regressors: Iterable[Callable[[], ShapeRegressor]] = ()
) -> str:
    """A hash of what an initializer and regressors answer on one image: files may change under their names.

    Parameters
    ----------
    make_initializer : callable
        Makes the initializer.
    regressors : iterable of callable
        Each makes a regressor.
    """
    image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
    box = np.array([30.0, 30.0, 90.0, 90.0])
    points, confidence = make_initializer().points_and_confidence([image], [[box]], on_bad="nan")
    digest = hashlib.sha256(points.tobytes() + confidence.tobytes())
    for make in regressors:
        digest.update(batched(make()).fit_from_boxes([image], [box], on_bad="nan").tobytes())
    return digest.hexdigest()[:16]
