"""Regressors retrained for every start: the same method, faces and settings, trained on starts that err as in use.

What is compared is a start, not a training: an untouched regressor has learned the errors of one start and meets
others, a retrained one meets those that it has learned. A retrained regressor is NAME@START.safetensors
(`adapters.retrained`) and says in its metadata what it was made of and how well it does from that start on the held-out
tenth of MTFL's training.txt, beside the untouched one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.base import ShapeRegressor, batched, load_regressor
from tcdcn_init.adapters.cascade.batch import median_shape
from tcdcn_init.adapters.cascade.frames import SeededFrames, frames_from_boxes
from tcdcn_init.adapters.cascade.training_starts import seed_residuals
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.training import ERTConfig, start_errors, train_ert
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.adapters.recipes.trees import RECIPES
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.datasets.base import read_picture
from tcdcn_init.eval.metrics import nme
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.retraining.files import retrained_file
from tcdcn_init.eval.retraining.starts import TRAINED_STARTS, training_starts
from tcdcn_init.eval.starts import make_start
from tcdcn_init.geometry import MIRROR, invert, transform_points
from tcdcn_init.initializer import Initializer
from tcdcn_init.shapes import ShapeBank
from tcdcn_init.weights import LICENCE, PAPER_MODEL, find_model

logger = logging.getLogger("tcdcn_init")

_AT_ONCE = 128  # held-out pictures in memory


@dataclass(frozen=True)
class Trainer:
    """How a regressor is retrained.

    Attributes
    ----------
    untouched : str
        The bundled regressor that it stands beside.
    count : int
        Starts of each face.
    settings : str
        What else decides the result.
    train : callable
        Of faces, their starts (N, K, P, 2), the start's name and a seed: the regressor.
    save : callable
        Of a regressor, a path and metadata.
    load : callable
        Of a path.
    """

    untouched: str
    count: int
    settings: str
    train: Callable[[Sequence[Face], NDArray[np.float64], str, int], Any]
    save: Callable[[Any, Path, dict[str, str]], None]
    load: Callable[[Path], ShapeRegressor]


def sdm_trainer(config: SDMConfig | None = None) -> Trainer:
    """`sdm.train_sdm` as the bundled cascades are trained: 6 starts of each face, every second one mirrored."""
    chosen = config or SDMConfig()

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> SDM:
        return train_sdm(faces, starts, config=chosen, mirror=MIRROR, seed=seed)

    return Trainer("sdm-mtfl-box", 6, repr(chosen), train, SDM.save, SDM.load)


def rcpr_trainer(config: RCPRConfig | None = None) -> Trainer:
    """`rcpr.train_rcpr` with the 20 starts of each face that RCPR takes, every second one mirrored."""
    chosen = config or RCPRConfig()

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> RCPR:
        return train_rcpr(faces, starts, config=chosen, mirror=MIRROR, seed=seed)

    return Trainer("rcpr-mtfl", 20, repr(chosen), train, RCPR.save, RCPR.load)


def ert_trainer(options: ERTConfig | None = None, copies: int = 2, side: int = 128) -> Trainer:
    """`ert.train_ert`, the frames of its training pictures off as the starts' frames are.

    dlib takes no start shapes. From a start it learns where the face's frame is believed to be; the shape in it is the
    mean, or a mixture of other faces' shapes. For starts whose shapes say more than their frames (the nearest ones) it
    is retrained in part only.

    Parameters
    ----------
    options : ERTConfig, optional
        Default: those of the recipe ``ert5-mtfl`` with fewer trees a level, so that a file is of 0.7 MB.
    copies : int
        Training pictures of each face.
    side : int
        Of the box in them.
    """
    chosen = options or replace(RECIPES["ert5-mtfl"].config, num_trees_per_cascade_level=190)

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> ERT:
        boxes, truth = np.stack([face.box for face in faces]), np.stack([face.points for face in faces])
        of_boxes = frames_from_boxes(boxes)
        aspect = float(np.median((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])))
        seeded = SeededFrames(transform_points(invert(of_boxes), truth).mean(axis=0), aspect=aspect)
        in_box = start in ("random", "mean")
        true = of_boxes if in_box else seeded.from_annotations(truth)
        frames = seeded.from_shapes(starts)
        errors = start_errors(frames.reshape(-1, 2, 3), np.repeat(true, starts.shape[1], axis=0))
        around: Any = "box" if in_box else "points"
        return train_ert(faces, starts=errors, around=around, copies=copies, side=side, seed=seed, config=chosen)

    def save(model: ERT, path: Path, metadata: dict[str, str]) -> None:
        model.save(path, metadata, leaves="int8")

    return Trainer("ert5-mtfl", 6, f"{chosen}, {copies} copies of side {side}", train, save, ERT.load)


def trainers() -> dict[str, Trainer]:
    """The regressors that can be retrained, by name."""
    return {"ert5-mtfl": ert_trainer(), "sdm-mtfl": sdm_trainer(), "rcpr-mtfl": rcpr_trainer()}


def retrain(
    root: str | Path,
    out: str | Path,
    *,
    starts: Sequence[str] = TRAINED_STARTS,
    regressors: Mapping[str, Trainer] | None = None,
    model: str | Path = PAPER_MODEL,
    seed: int = 0,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Retrain regressors for starts, on MTFL's training.txt but its held-out tenth, and measure them there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        Folder for NAME@START.safetensors. One that is there and was made with the same settings is kept.
    starts : sequence of str
        Of `TRAINED_STARTS`.
    regressors : mapping of str to Trainer, optional
        By name; default: all of `trainers`.
    model : str or path
        The TCDCN model, whose errors on the held-out faces its starts have in training.
    seed : int

    Yields
    ------
    path : pathlib.Path
        A finished file.
    figures : dict
        `start_figures` of the "untouched" and of the "retrained" regressor from that start.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    ValueError
        If a start is unknown, or a file is there that was made with other settings.
    """
    chosen = trainers() if regressors is None else regressors
    unknown = [start for start in starts if start not in TRAINED_STARTS]
    if unknown:
        raise ValueError(f"starts {unknown} are unknown; expected some of {', '.join(TRAINED_STARTS)}")
    kept, held_out = hold_out(read_mtfl(root, "training"))
    digest = hashlib.sha256((Path(root) / "training.txt").read_bytes()).hexdigest()[:16]
    data = f"MTFL training.txt (sha256 {digest}), {len(kept)} faces, {len(held_out)} held out"
    network = hashlib.sha256(find_model(model, ".safetensors").read_bytes()).hexdigest()[:16]
    bank = ShapeBank.from_faces(kept)
    Path(out).mkdir(parents=True, exist_ok=True)
    found: NDArray[np.float32] | None = None
    for start in starts:
        seeded = start.startswith("tcdcn")
        drawn: dict[int, NDArray[np.float64]] = {}
        for name, trainer in chosen.items():
            path = retrained_file(name, start, out)
            recipe = f"retrain {name} for {start}, {trainer.count} starts a face, seed {seed}"
            recipe += f", TCDCN sha256 {network}" if seeded else ""
            told = {"data": data, "recipe": recipe, "settings": trainer.settings, "licence": LICENCE}
            if path.exists():
                yield path, _finished(path, told)
                continue
            if seeded and found is None:
                found = _find_points(held_out, Initializer(model))
            if trainer.count not in drawn:
                errors = None if found is None else seed_residuals(found, [face.points for face in held_out])
                drawn[trainer.count] = training_starts(start, kept, trainer.count, residuals=errors, seed=seed)
            logger.info("Training %s for the start %s", name, start)
            trained = trainer.train(kept, drawn[trainer.count], start, seed)
            # Measured as it is stored, its numbers rounded; and in its place only when it is whole.
            part = path.with_suffix(".unfinished.safetensors")
            trainer.save(trained, part, told)
            both = {"untouched": load_regressor(trainer.untouched), "retrained": trainer.load(part)}
            figures = {
                which: start_figures(regressor, start, bank, held_out, found, seed=seed)
                for which, regressor in both.items()
            }
            trainer.save(trained, part, {**told, "figures": json.dumps({"mtfl-val": figures})})
            part.rename(path)
            yield path, figures


def start_figures(
    regressor: ShapeRegressor,
    start: str,
    bank: ShapeBank,
    faces: Sequence[Face],
    found: NDArray[Any] | None = None,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Errors of a regressor from a start.

    Parameters
    ----------
    regressor : ShapeRegressor
    start : str
        For `eval.starts.make_start`; of several shapes' results the median counts.
    bank : ShapeBank
        Without the faces' own shapes, or nearest shapes are the answer.
    faces : sequence of N Face
    found : (N, 5, 2) array_like, optional
        TCDCN's points, for the starts that begin with them.
    seed : int
        Of random starts.

    Returns
    -------
    dict
        "start" (mean error of the start, the median of its shapes), "mean", "median" (of the result) and "failures"
        (share above 10 %); all in % of the inter-ocular distance or of the faces. A face without a result counts as
        100 %.
    """
    made = make_start(start, bank)
    truth = np.stack([face.points for face in faces])
    fives = {"none": [None] * len(faces), "tcdcn": found, "annotated": truth}[made.points]
    if fives is None:
        raise ValueError(f"start {start!r} begins with TCDCN's points; give them as found")
    begun = np.stack(
        [made(face.box, five, face_rng(seed, face.name, "start")) for face, five in zip(faces, fives, strict=True)]
    )
    many = batched(regressor)
    ended = [
        many.fit_from_shapes([read_picture(face) for face in faces[part]], begun[part], on_bad="nan")
        for part in (slice(first, first + _AT_ONCE) for first in range(0, len(faces), _AT_ONCE))
    ]
    started, errors = (
        100 * np.nan_to_num(nme(shapes, truth), nan=1.0) for shapes in (median_shape(begun), np.concatenate(ended))
    )
    return {
        "start": float(started.mean()),
        "mean": float(errors.mean()),
        "median": float(np.median(errors)),
        "failures": float(100 * (errors > 10).mean()),
    }


def retrained_table(pieces: Iterable[tuple[Path, Mapping[str, Mapping[str, float]]]]) -> str:
    """Figures of `retrain` as a table in Markdown: mean errors, failures in brackets.

    Parameters
    ----------
    pieces : iterable of (path, figures)
        As `retrain` yields them.

    Examples
    --------
    >>> figures = {"start": 24.85, "mean": 3.5, "median": 3.0, "failures": 2.0}
    >>> print(retrained_table([(Path("sdm-mtfl@mean.safetensors"), {"untouched": figures, "retrained": figures})]))
    | regressor | start | error of the start, % | untouched | retrained |
    |---|---|---|---|---|
    | sdm-mtfl | mean | 24.9 | 3.50 (2.0) | 3.50 (2.0) |
    """
    lines = ["| regressor | start | error of the start, % | untouched | retrained |", "|---|---|---|---|---|"]
    for path, figures in pieces:
        name, start = path.stem.split("@")
        cells = [f"{found['mean']:.2f} ({found['failures']:.1f})" for found in figures.values()]
        lines.append(f"| {name} | {start} | {figures['retrained']['start']:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _find_points(faces: Sequence[Face], initializer: Initializer) -> NDArray[np.float32]:
    return np.stack(
        [
            initializer.points(read_picture(face), [face.box])[0]
            for face in track(faces, "Finding TCDCN's points on held-out faces")
        ]
    )


def _finished(path: Path, told: Mapping[str, str]) -> dict[str, Any]:
    """Figures of a file that is there already, made with the same settings."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
        figures: dict[str, Any] = json.loads(metadata["figures"])["mtfl-val"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a file of `tcdcn-init retrain` ({error}); delete it, or name another folder"
        ) from error
    for key, value in told.items():
        if metadata.get(key) != value:
            raise ValueError(
                f"{path} was made with {key} {metadata.get(key)!r}, now {value!r}; "
                "repeat that run's options, delete the file, or name another folder"
            )
    logger.info("%s is there already", path)
    return figures
