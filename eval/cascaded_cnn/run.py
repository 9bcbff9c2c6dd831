"""TCDCN and its baseline, the cascade of 23 networks, trained on the same faces: training and measuring both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets import Face
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.bootstrap import Interval, paired_difference
from tcdcn_init.eval.cascaded_cnn.network import CascadedCNN, cut_chips, to_image
from tcdcn_init.eval.cascaded_cnn.report import (
    CASCADE,
    CascadedCNNReport,
    DatasetComparison,
    MethodFigures,
    PairedDifferences,
    Spread,
    TimePerFace,
    TrainingFacts,
    write_cascaded_cnn,
)
from tcdcn_init.eval.cascaded_cnn.training import CascadeTraining, train_cascade
from tcdcn_init.eval.measuring.cases import image_names, spread
from tcdcn_init.eval.measuring.copies import OWN_BOX, Copy
from tcdcn_init.eval.measuring.engine import Record, Shown, measure
from tcdcn_init.eval.measuring.hardware import hardware
from tcdcn_init.eval.metrics import point_errors, summarise, summarise_points, with_missing
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import PAPER_MODEL

__all__ = ["compare", "milliseconds", "run_cascaded_cnn"]

_BATCHES = (1, 64)
_WARM = 3

Points = Callable[[NDArray[Any], NDArray[np.float64]], NDArray[Any]]


def run_cascaded_cnn(
    roots: Mapping[str, Path],
    out: Path,
    config: CascadeTraining | None = None,
    *,
    limit: int | None = None,
    command: str = "",
) -> CascadedCNNReport:
    """Train the cascade on MTFL's training faces, measure it beside TCDCN, and write what was found.

    Both are torch on one thread's batches, from the same decoded images and the same boxes; TCDCN makes one pass, as in
    its paper.

    Parameters
    ----------
    roots : mapping of str to path
        Name of a data set of five points (`datasets.named.read_dataset`) -> its folder; "mtfl-train" is trained on,
        the others are measured.
    out : pathlib.Path
        Folder for cascaded-cnn.json, .md, .svg, .png and .safetensors, and for ``nets``, one file a network: those that
        are there are not trained again.
    config : CascadeTraining, optional
    limit : int, optional
        This many faces of each data set, spread evenly.
    command : str
        As given.

    Returns
    -------
    CascadedCNNReport

    Raises
    ------
    ValueError
        If `out` holds networks of other settings.
    BlockingIOError
        If another process is at work in `out`.
    """
    config = config or CascadeTraining()
    with alone_in(out):
        training = spread(read_dataset("mtfl-train", roots["mtfl-train"]), limit)
        cascade = train_cascade(training, out / "nets", config)
        facts = TrainingFacts(**asdict(config), limit=limit, training_faces=len(training))
        cascade.save(out / "cascaded-cnn.safetensors", asdict(facts))
        tcdcn = Initializer(PAPER_MODEL, backend="torch", passes=1)
        datasets = {
            name: spread(read_dataset(name, root), limit) for name, root in roots.items() if name != "mtfl-train"
        }
        report = CascadedCNNReport(
            command=command,
            training=facts,
            hardware=hardware(),
            parameters=sum(p.numel() for net in cascade.nets.values() for p in net.parameters()),
            datasets={name: compare(tcdcn, cascade, faces) for name, faces in datasets.items()},
            milliseconds=milliseconds(tcdcn, cascade, next(iter(datasets.values()))),
        )
        write_cascaded_cnn(report, out)
        return report


def compare(tcdcn: Initializer, cascade: CascadedCNN, faces: Sequence[Face]) -> DatasetComparison:
    """Measure both on the same faces.

    Parameters
    ----------
    tcdcn : Initializer
    cascade : CascadedCNN
    faces : sequence of Face

    Returns
    -------
    DatasetComparison
    """
    levels = cascade.levels

    def score(copies: Sequence[Copy]) -> list[Record]:
        images, boxes = [copy.image for copy in copies], [copy.box[None] for copy in copies]
        chips = np.concatenate([cut_chips(image, box) for image, box in zip(images, boxes, strict=True)])
        found: list[NDArray[Any]] = [tcdcn.points(images, boxes)]
        found += [to_image(points, np.concatenate(boxes)) for points in cascade.each_level(torch.from_numpy(chips))]
        truth = np.stack([copy.points for copy in copies])
        errors = [point_errors(points, truth) for points in found]
        return [{"errors": [each[k].tolist() for each in errors]} for k in range(len(copies))]

    shown = [Shown(face, (OWN_BOX,)) for face in faces]
    measured = measure(shown, lambda: score, label="Measuring both")
    missing = [[float("nan")] * 5] * (1 + levels)
    every = [missing if record is None else record["errors"] for (record,) in measured.records]
    errors = np.array(every).transpose(1, 0, 2)
    ours, theirs = with_missing(errors[0]), with_missing(errors[levels])
    images = image_names(faces)

    def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Interval:
        return paired_difference(a, b, images)

    overall, overall_theirs = ours.mean(axis=1), theirs.mean(axis=1)
    return DatasetComparison(
        faces=len(faces),
        tcdcn=_figures(ours),
        cascade=_figures(theirs),
        levels=[summarise(errors[level].mean(axis=1)) for level in range(1, levels + 1)],
        difference=PairedDifferences(
            overall=difference(overall, overall_theirs),
            failures=difference((overall > FAILURE).astype(float), (overall_theirs > FAILURE).astype(float)),
            points={name: difference(ours[:, k], theirs[:, k]) for k, name in enumerate(FIVE_POINTS)},
        ),
    )


def _figures(errors: NDArray[np.float64]) -> MethodFigures:
    return MethodFigures(summarise(errors.mean(axis=1)), dict(zip(FIVE_POINTS, summarise_points(errors), strict=True)))


def milliseconds(
    tcdcn: Initializer, cascade: CascadedCNN, faces: Sequence[Face], repeats: int = 40
) -> list[TimePerFace]:
    """Processor time per face of both, from a decoded image and its boxes to points, on one thread.

    Both are warmed up and timed in turn, so that whatever else the machine does touches both; processor time does not
    count while other work has the processor.

    Parameters
    ----------
    tcdcn : Initializer
    cascade : CascadedCNN
    faces : sequence of Face
        One of them, the first, is timed; in a batch its box lies a pixel or so elsewhere each time.
    repeats : int

    Returns
    -------
    list of TimePerFace
        Of one face, and of 64.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    image = read_face_image(faces[0])
    rng = np.random.default_rng(0)
    calls: dict[str, Points] = {PAPER_MODEL: tcdcn.points, CASCADE: cascade.points}
    found = []
    for batch in _BATCHES:
        boxes = faces[0].box + rng.uniform(-1.0, 1.0, (batch, 4))
        times: dict[str, list[float]] = {name: [] for name in calls}
        for round_number in range(_WARM + (repeats if batch == 1 else max(3, repeats // 4))):
            for name, call in calls.items():
                call(image, boxes)  # what ran before it has emptied the processor's caches
                start = time.process_time()
                call(image, boxes)
                if round_number >= _WARM:
                    times[name].append(1e3 * (time.process_time() - start) / batch)
        found.append(TimePerFace(batch, *(_spread(values) for values in times.values())))
    torch.set_num_threads(threads)
    return found


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Spread(float(middle), float(high - low))
