"""Training of an SDM, and the starts it is trained from.

A cascade learns to mend the errors that its training starts have. They should be those of the starts it will be given:
the mean shape in a detector's box, or the mean shape on TCDCN's points.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.chip_cascade import ChipCascade, StartSampler
from tcdcn_init.adapters.chip_training import TrainingFaces
from tcdcn_init.adapters.ert_training import TrainingFace
from tcdcn_init.adapters.layouts import IndexMap
from tcdcn_init.adapters.sdm import SDM
from tcdcn_init.adapters.sdm_features import SDMConfig, SDMFeatures
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.geometry import MIRROR, box_square, centroid_size, interocular, roll_degrees
from tcdcn_init.initializer import Initializer
from tcdcn_init.progress import track
from tcdcn_init.recipes import LICENCE
from tcdcn_init.shapes import from_box_units, to_box_units
from tcdcn_init.training_data import read_picture
from tcdcn_init.weights import PAPER_MODEL


def fit_sdm(
    faces: Iterable[TrainingFace],
    starts: ArrayLike | StartSampler,
    *,
    config: SDMConfig | None = None,
    ridge: float = 0.01,
    mirror: Sequence[int] | None = None,
    layout: IndexMap | None = None,
    seed: int = 0,
) -> SDM:
    """Train a cascade for the starts that it will be given.

    A stage learns from where the stages before it have left the points of the training starts.

    Parameters
    ----------
    faces : iterable of `Face` records or of (image, points, box)
        The image is an array or a path, the points are (P, 2) pixels, the box (left, top, right, bottom).
    starts : (N, K, P, 2) array_like, or callable
        K starts of each face, in pixels; or what draws them: `box_starts`, `seed_starts`, any
        `chip_cascade.StartSampler`.
    config : SDMConfig, optional
    ridge : float
        Penalty on the squared weights, a start's share.
    mirror : (P,) sequence of int, optional
        Each point's partner when a picture is mirrored (`geometry.MIRROR` for the five points). Then every second
        start is learned in the mirrored picture, and the mean shape is symmetric.
    layout : mapping, optional
        As for `SDM`.
    seed : int
        For drawing starts: the same seed, faces, machine and number of threads give the same weights.

    Returns
    -------
    SDM

    Raises
    ------
    ValueError
        If there is no face, a face cannot be used (it is named), or arrays do not fit together.

    Notes
    -----
    Memory: 4 bytes x N x K x P x `SDMConfig.length` for the descriptors, and N chips of about 160 x 160 bytes.
    """
    if not ridge > 0:
        raise ValueError(f"ridge is {ridge}; expected a number above 0")
    config = config or SDMConfig()
    data = TrainingFaces.of(faces, mirror)
    points = len(data.mean)
    weights = np.zeros((len(config.spans), points * config.length, 2 * points), dtype=np.float32)
    biases = np.zeros((len(config.spans), 2 * points))
    if callable(starts):
        untrained = SDM(data.mean, weights, biases, config, aspect=data.aspect, layout=layout)
        starts = starts(untrained, data.truth, data.boxes, np.random.default_rng(seed))
    features = SDMFeatures(data.mean * [data.aspect, 1.0], config)
    chips, owner, current, target, turned = data.cut(features, starts)

    descriptors = np.empty((len(owner), weights.shape[1]), dtype=np.float32)
    turns = np.empty((len(owner), 2, 2))
    for stage in range(len(config.spans)):
        for part in track(features.blocks(len(owner)), f"Stage {stage + 1} of {len(config.spans)}"):
            block = chips[owner[part]].astype(np.float32) / np.float32(255)
            block[turned[part]] = block[turned[part], :, ::-1]
            descriptors[part], turns[part] = features.describe(stage, block, current[part])
        moves = ((target - current) @ np.swapaxes(np.linalg.inv(turns), 1, 2)).reshape(len(owner), -1)
        exact, biases[stage] = _ridge(descriptors, moves, ridge)
        weights[stage] = exact.astype(np.float16)  # as SDM rounds them: the next stage sees what rounding does
        moves = (descriptors @ weights[stage] + biases[stage]).reshape(current.shape)
        current += moves @ np.swapaxes(turns, 1, 2)
    return SDM(data.mean, weights, biases, config, aspect=data.aspect, layout=layout)


def _ridge(
    descriptors: NDArray[np.float32], moves: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (F, 2P) and biases (2P,) of least squares with a penalty on the weights."""
    from scipy.linalg import solve

    count, length = descriptors.shape
    gram, cross = np.zeros((length, length)), np.zeros((length, moves.shape[1]))
    for first in range(0, count, 4096):  # products in float32, their sum in float64
        part = descriptors[first : first + 4096]
        gram += part.T @ part
        cross += part.T @ moves[first : first + 4096].astype(np.float32)
    mean, mean_move = descriptors.mean(axis=0, dtype=np.float64), moves.mean(axis=0)
    gram -= count * np.outer(mean, mean)
    cross -= count * np.outer(mean, mean_move)
    gram[np.diag_indices(length)] += ridge * count
    weights = np.asarray(solve(gram, cross, assume_a="pos", overwrite_a=True))
    return weights, mean_move - mean @ weights


# Starts -----------------------------------------------------------------------------------------------------------


def box_starts(
    count: int = 6, *, shift: float = 0.05, log_scale: float = 0.05, shapes: Literal["mean", "random"] = "mean"
) -> StartSampler:
    """Starts in face boxes that err as a detector's boxes do.

    Parameters
    ----------
    count : int
        Starts of each face.
    shift : float
        Standard deviation of the box's shift along each axis, in sides of its square.
    log_scale : float
        Standard deviation of the logarithm of its scale.
    shapes : {"mean", "random"}
        The mean shape, or another face's shape as it lies in that face's box: the start of RCPR (Burgos-Artizzu,
        Perona, Dollár, ICCV 2013).

    Returns
    -------
    chip_cascade.StartSampler
    """
    if count < 1 or shapes not in ("mean", "random"):
        raise ValueError(f"count is {count}, shapes {shapes!r}; expected at least 1, and 'mean' or 'random'")

    def draw(
        model: ChipCascade, truth: NDArray[np.float64], boxes: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        size = (len(boxes), count)
        side = box_square(boxes)[1][:, None, None]
        middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + shift * side * rng.standard_normal((*size, 2))
        half = (boxes[:, None, 2:] - boxes[:, None, :2]) / 2 * np.exp(log_scale * rng.standard_normal((*size, 1)))
        moved = np.concatenate([middle - half, middle + half], axis=-1)
        if shapes == "mean":
            return model.starts_from_boxes(moved)
        bank = to_box_units(truth, boxes)
        # 1 to N - 1 further on: any face but the same.
        others = (np.arange(len(boxes))[:, None] + rng.integers(1, max(2, len(boxes)), size)) % len(boxes)
        return from_box_units(bank[others], moved)

    return draw


def seed_residuals(points: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """How five points of a network or a detector err: samples for `seed_starts`.

    Parameters
    ----------
    points, truth : (M, 5, 2) array_like
        Found and annotated points, in pixels, of faces that the network was not trained on.

    Returns
    -------
    (M, 5, 2) ndarray
        Found minus annotated, turned back by the face's roll, in units of its centroid size.

    Examples
    --------
    >>> face = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> seed_residuals([face + [0, 5]], [face])[0, 0].round(3).tolist()
    [0.0, 0.094]
    """
    found, true = np.asarray(points, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if found.shape != true.shape or true.ndim != 3 or true.shape[1:] != (5, 2) or not np.isfinite(found - true).all():
        raise ValueError(f"points have shape {found.shape}, truth {true.shape}; expected (M, 5, 2), finite")
    return np.asarray((found - true) @ np.swapaxes(np.linalg.inv(_face_frames(true)), 1, 2))


def seed_starts(residuals: ArrayLike, count: int = 6) -> StartSampler:
    """Starts as a network's five points give them, its errors drawn from samples.

    Each is the mean shape carried onto the face's own five points, moved by the errors of a face drawn at random, as
    `SDM.fit_from_points` starts.

    Parameters
    ----------
    residuals : (M, 5, 2) array_like
        As `seed_residuals` gives them.
    count : int
        Starts of each face.

    Returns
    -------
    chip_cascade.StartSampler
        Also for models of more points whose layout gives all five.
    """
    samples = _checked_residuals(residuals)
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1")

    def draw(
        model: ChipCascade, truth: NDArray[np.float64], boxes: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        five = model.seeded.layout.of_shape(truth)
        if five.shape[1] != 5:
            raise ValueError(
                f"{model.seeded.layout.name} give only {five.shape[1]} of the five points; draw other starts"
            )
        return model.starts_from_points(erring_points(five, samples, count, rng))

    return draw


def erring_points(five: ArrayLike, residuals: ArrayLike, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Five points of faces as a network would find them, its errors drawn from samples.

    Parameters
    ----------
    five : (N, 5, 2) array_like
        Annotated points, in pixels.
    residuals : (M, 5, 2) array_like
        As `seed_residuals` gives them.
    count : int
        Draws for each face.
    rng : numpy.random.Generator

    Returns
    -------
    (N, count, 5, 2) ndarray of float64

    Examples
    --------
    >>> face = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    >>> low = seed_residuals([face + [0, 5]], [face])
    >>> erring_points([2 * face], low, 1, np.random.default_rng(0))[0, 0, 0].round(3).tolist()
    [60.0, 90.0]
    """
    samples, true = _checked_residuals(residuals), np.asarray(five, dtype=np.float64)
    errors = samples[rng.integers(len(samples), size=(len(true), count))]
    return np.asarray(true[:, None] + errors @ np.swapaxes(_face_frames(true), 1, 2)[:, None])


def _checked_residuals(residuals: ArrayLike) -> NDArray[np.float64]:
    samples = np.asarray(residuals, dtype=np.float64)
    if samples.ndim != 3 or samples.shape[1:] != (5, 2) or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(
            f"residuals have shape {samples.shape}; expected (M, 5, 2), finite, as seed_residuals gives them"
        )
    return samples


def _face_frames(five: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn and scale (..., 2, 2) of faces: from upright centroid sizes to pixels."""
    angle, size = np.radians(roll_degrees(five)), centroid_size(five)
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    return np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)


# The bundled cascade ----------------------------------------------------------------------------------------------


def recipe_starts(starts: str, held_out: Sequence[Face], initializer: Initializer, count: int = 6) -> StartSampler:
    """The training starts of a recipe for five points.

    Parameters
    ----------
    starts : {"tcdcn", "box", "random"}
        The mean shape on TCDCN's points, whose errors are measured on the held-out faces; the mean shape in a
        detector's box; other faces' shapes in the box.
    held_out : sequence of Face
    initializer : Initializer
    count : int
        Starts of each face.

    Raises
    ------
    ValueError
        If it is another name.
    """
    if starts == "tcdcn":
        found = [
            initializer.points(read_picture(face), [face.box])[0]
            for face in track(held_out, "Measuring TCDCN's errors on held-out faces")
        ]
        return seed_starts(seed_residuals(found, [face.points for face in held_out]), count)
    if starts == "box":
        return box_starts(count)
    if starts == "random":
        return box_starts(count, shapes="random")
    raise ValueError(f"starts is {starts!r}; expected 'tcdcn', 'box' or 'random'")


def train_sdm(
    root: str | Path,
    out: str | Path,
    *,
    starts: Literal["tcdcn", "box", "random"] = "tcdcn",
    model: str | Path = PAPER_MODEL,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        File to write (.safetensors).
    starts : {"tcdcn", "box", "random"}
        What it will start from: the mean shape on TCDCN's points, whose errors are measured on the held-out faces; the
        mean shape in a detector's box; other faces' shapes in the box.
    model : str or path
        The TCDCN model.
    seed : int

    Returns
    -------
    dict
        `start_figures` of the held-out faces, for both kinds of start.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    """
    kept, held_out = hold_out(read_mtfl(root, "training"))
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer)
    sdm = fit_sdm(kept, sampler, mirror=MIRROR, seed=seed)
    figures = start_figures(sdm, held_out, initializer)
    data = training_data(root, len(kept), len(held_out))
    sdm.save(out, recipe_metadata("train_sdm", data, starts, seed, model, figures))
    return figures


def training_data(root: str | Path, kept: int, held_out: int) -> str:
    """What a regressor trained on MTFL's training.txt says of its data."""
    digest = hashlib.sha256((Path(root) / "training.txt").read_bytes()).hexdigest()
    return f"MTFL training.txt (sha256 {digest[:16]}), {kept} faces, {held_out} held out"


def recipe_metadata(
    trainer: str, data: str, starts: str, seed: int, model: str | Path, figures: dict[str, dict[str, float]]
) -> dict[str, str]:
    """What the file of a recipe's cascade says about itself, for its `save`."""
    return {
        "data": data,
        "recipe": f"{trainer}, starts {starts}, seed {seed}" + (f", TCDCN {model}" if starts == "tcdcn" else ""),
        "licence": LICENCE,
        "figures": json.dumps({"mtfl-val": figures}),
    }


def start_figures(sdm: SDM, faces: Sequence[Face], initializer: Initializer) -> dict[str, dict[str, float]]:
    """Errors of a five-point cascade on annotated faces, from both kinds of start.

    Parameters
    ----------
    sdm : SDM
    faces : sequence of Face
    initializer : Initializer
        Finds the points of the seeded starts.

    Returns
    -------
    dict
        Of "box" (the mean shape in the face's box) and "tcdcn" (the mean shape on TCDCN's points): "start" and
        "mean", the mean error of the start and of the result, "median", and "failures", the share of faces above 10 %;
        all in % of the inter-ocular distance or of the faces. "tcdcn" has also "points", the error of TCDCN's points.
        A start that cannot be used counts as an error of 100 %.
    """
    truth = np.stack([face.points for face in faces])[:, None]
    starts, ends = np.empty((2, len(faces), 2, 5, 2))
    found = np.empty((len(faces), 1, 5, 2))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        picture = read_picture(face)
        found[number] = initializer.points(picture, [face.box])
        starts[number] = [sdm.starts_from_boxes(face.box), sdm.starts_from_points(found[number, 0])]
        ends[number] = sdm.predict_many(picture, starts[number], on_bad="nan")
    eyes = interocular(truth)[..., None]
    started, ended, points = (
        100 * np.nan_to_num((np.linalg.norm(shapes - truth, axis=-1) / eyes).mean(axis=-1), nan=1.0)
        for shapes in (starts, ends, found)
    )
    figures = {
        name: {
            "start": float(started[:, k].mean()),
            "mean": float(ended[:, k].mean()),
            "median": float(np.median(ended[:, k])),
            "failures": float(100 * (ended[:, k] > 10).mean()),
        }
        for k, name in enumerate(("box", "tcdcn"))
    }
    figures["tcdcn"]["points"] = float(points.mean())
    return figures
