"""Training of RCPR: ferns whose comparisons correlate with what is still wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.chip_cascade import ShapeChips, StartSampler
from tcdcn_init.adapters.chip_training import TrainingFaces
from tcdcn_init.adapters.ert_training import TrainingFace
from tcdcn_init.adapters.layouts import IndexMap
from tcdcn_init.adapters.rcpr import RCPR, STARTS
from tcdcn_init.adapters.rcpr_ferns import Ferns, RCPRConfig, as_complex, look, turns
from tcdcn_init.adapters.sdm_training import recipe_metadata, recipe_starts, training_data
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.geometry import MIRROR, interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.progress import track
from tcdcn_init.shapes import to_box_units
from tcdcn_init.training_data import read_picture
from tcdcn_init.weights import PAPER_MODEL

TRAINING_STARTS = 20
"""Starts of a training face, RCPR's number."""

_SAMPLE = 20_000  # starts, of which a stage's comparisons are chosen
_BLOCK = 4096  # starts whose levels are read at once


def fit_rcpr(
    faces: Iterable[TrainingFace],
    starts: ArrayLike | StartSampler,
    *,
    config: RCPRConfig | None = None,
    mirror: Sequence[int] | None = None,
    layout: IndexMap | None = None,
    seed: int = 0,
) -> RCPR:
    """Train a cascade for the starts that it will be given.

    A fern compares the two places whose difference correlates most with a random projection of the moves that are still
    missing (Cao, Wei, Wen, Sun, "Face alignment by explicit shape regression", CVPR 2012); each of its bins says the
    mean of them, shrunk towards none where few training starts fall.

    Parameters
    ----------
    faces : iterable of `Face` records or of (image, points, box)
        The image is an array or a path, the points are (P, 2) pixels, the box (left, top, right, bottom).
    starts : (N, K, P, 2) array_like, or callable
        K starts of each face, in pixels; RCPR takes 20. Or what draws them: `sdm_training.box_starts` with
        ``shapes="random"``, `sdm_training.seed_starts`, any `chip_cascade.StartSampler`. None should be made of the
        face's own shape.
    config : RCPRConfig, optional
    mirror : (P,) sequence of int, optional
        Each point's partner when a picture is mirrored (`geometry.MIRROR` for the five points). Then every second
        start is learned in the mirrored picture, and the mean shape is symmetric.
    layout : mapping, optional
        As for `RCPR`.
    seed : int
        For drawing starts, places, projections and thresholds: the same seed, faces and machine give the same cascade.

    Returns
    -------
    RCPR

    Raises
    ------
    ValueError
        If there is no face, a face cannot be used (it is named), or arrays do not fit together.

    Notes
    -----
    Memory: N x K x (`RCPRConfig.places` + 40 P) bytes, and N chips of about 144 x 144 bytes.
    """
    config = config or RCPRConfig()
    data = TrainingFaces.of(faces, mirror)
    rng = np.random.default_rng(seed)
    points = len(data.mean)
    bank = to_box_units(data.truth, data.boxes)
    if callable(starts):
        untrained = RCPR(data.mean, _empty(config, points), bank, config, aspect=data.aspect, layout=layout)
        starts = starts(untrained, data.truth, data.boxes, rng)
    maker = ShapeChips(data.mean * [data.aspect, 1.0], config.resolution, config.reach)
    chips, owner, started, truth, turned = data.cut(maker, starts)
    reference, current, target = (as_complex(points) for points in (maker.reference, started, truth))

    learned = _empty(config, points)
    values = np.empty((config.places, len(owner)), dtype=np.uint8)
    for stage in track(range(config.stages), "Training stages"):
        pairs = rng.permuted(np.tile(np.arange(points, dtype=np.int16), (config.places, 1)), axis=1)[:, :2]
        along = rng.uniform(-config.beyond, 1 + config.beyond, config.places).astype(np.float32)
        for first in range(0, len(owner), _BLOCK):
            part = slice(first, first + _BLOCK)
            values[:, part] = look(chips, owner[part], current[part], pairs, along, turned[part]).T
        turn = turns(reference, current)
        missing = np.ascontiguousarray(((target - current) / turn[:, None]).astype(np.complex64).view(np.float32).T)
        before = missing.copy()
        _fit_stage(learned, stage, values, missing, config, rng)
        current += np.ascontiguousarray((before - missing).T).view(np.complex64) * turn[:, None]
        learned.pairs[stage], learned.along[stage] = pairs, along
    return RCPR(data.mean, learned, bank, config, aspect=data.aspect, layout=layout)


def _fit_stage(
    learned: Ferns,
    stage: int,
    values: NDArray[np.uint8],
    missing: NDArray[np.float32],
    config: RCPRConfig,
    rng: np.random.Generator,
) -> None:
    """Train the ferns of a stage on levels (M, N), and take what they say off the missing moves (2P, N)."""
    count = missing.shape[1]
    sample = rng.choice(count, min(count, _SAMPLE), replace=False)
    sampled = values[:, sample].astype(np.float32)
    centred = sampled - sampled.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / len(sample)
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0))
    inverse = np.where(spread > 1e-3, 1 / np.maximum(spread, 1e-3), 0).astype(np.float32)
    for fern in range(config.ferns):
        projections = rng.standard_normal((config.depth, len(missing))).astype(np.float32) @ missing[:, sample]
        projections -= projections.mean(axis=1, keepdims=True)
        along = projections @ centred.T
        bins = np.zeros(count, dtype=np.intp)
        for bit in range(config.depth):
            score = np.subtract.outer(along[bit], along[bit])
            score *= inverse
            first, second = divmod(int(np.argmax(score)), len(score))
            difference = values[first].astype(np.int16) - values[second]
            threshold = difference[rng.integers(count)]
            bins <<= 1
            bins |= difference > threshold
            learned.compared[stage, fern, bit] = first, second
            learned.thresholds[stage, fern, bit] = threshold
        held = np.bincount(bins, minlength=1 << config.depth) + config.shrinkage * count / 1000
        sums = np.stack([np.bincount(bins, row, 1 << config.depth) for row in missing], axis=1)
        leaves = sums / np.maximum(held, 1)[:, None]
        scale = np.float32(np.abs(leaves).max() / 127)
        steps = np.rint(leaves / scale if scale > 0 else leaves)
        learned.leaves[stage, fern], learned.scales[stage, fern] = steps, scale
        missing -= (learned.leaves[stage, fern].astype(np.float32) * scale).T.take(bins, axis=1)


def _empty(config: RCPRConfig, points: int) -> Ferns:
    """Ferns that say nothing, to be filled."""
    stages, ferns, depth = config.stages, config.ferns, config.depth
    return Ferns(
        np.zeros((stages, config.places, 2), dtype=np.int16),
        np.zeros((stages, config.places), dtype=np.float32),
        np.zeros((stages, ferns, depth, 2), dtype=np.int16),
        np.zeros((stages, ferns, depth), dtype=np.int16),
        np.zeros((stages, ferns, 2**depth, 2 * points), dtype=np.int8),
        np.zeros((stages, ferns), dtype=np.float32),
    )


# The bundled cascade ----------------------------------------------------------------------------------------------


def train_rcpr(
    root: str | Path,
    out: str | Path,
    *,
    starts: Literal["random", "box", "tcdcn"] = "random",
    model: str | Path = PAPER_MODEL,
    config: RCPRConfig | None = None,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Train the five-point cascade on MTFL's training.txt but its held-out tenth, and measure it there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        File to write (.safetensors).
    starts : {"random", "box", "tcdcn"}
        What it will start from: other faces' shapes in a detector's box, the mean shape there, or the mean shape on
        TCDCN's points, whose errors are measured on the held-out faces.
    model : str or path
        The TCDCN model.
    config : RCPRConfig, optional
    seed : int

    Returns
    -------
    dict
        `median_figures` of the held-out faces.

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    """
    kept, held_out = hold_out(read_mtfl(root, "training"))
    initializer = Initializer(model)
    sampler = recipe_starts(starts, held_out, initializer, TRAINING_STARTS)
    rcpr = fit_rcpr(kept, sampler, config=config, mirror=MIRROR, seed=seed)
    figures = median_figures(rcpr, held_out, initializer)
    data = training_data(root, len(kept), len(held_out))
    rcpr.save(out, recipe_metadata("train_rcpr", data, starts, seed, model, figures))
    return figures


def median_figures(rcpr: RCPR, faces: Sequence[Face], initializer: Initializer) -> dict[str, dict[str, float]]:
    """Errors of a five-point cascade on annotated faces, from several kinds of start.

    Parameters
    ----------
    rcpr : RCPR
    faces : sequence of Face
    initializer : Initializer
        Finds the points of the seeded start.

    Returns
    -------
    dict
        Of "random-1" and "random-5" (training shapes drawn for the face, the median of the results), "restarts" (the
        same five with smart restarts) and "tcdcn" (the five shapes nearest to TCDCN's points): "mean", "median" and
        "failures" (above 10 %) of the error, in % of the inter-ocular distance or of the faces. A face that cannot be
        fitted counts as an error of 100 %.
    """
    truth = np.stack([face.points for face in faces])
    count = min(STARTS, len(rcpr.shapes))
    ends = np.empty((4, *truth.shape))
    for number, face in enumerate(track(faces, "Measuring the cascade")):
        picture = read_picture(face)
        starts = rcpr.random_starts([face.box], count, seed=(number, 0))
        single = rcpr.predict_many(picture, starts, on_bad="nan")
        ends[0, number] = single[0, 0]
        ends[1, number] = np.nanmedian(single[0], axis=0)
        redraw = partial(_redrawn, rcpr, face, number, count)
        ends[2, number] = rcpr.predict_median(picture, starts, redraw=redraw, on_bad="nan")[0]
        ends[3, number] = rcpr.fit_points(picture, initializer.points(picture, [face.box]))[0]
    errors = 100 * np.nan_to_num((np.linalg.norm(ends - truth, axis=-1)).mean(axis=-1) / interocular(truth), nan=1.0)
    return {
        name: {
            "mean": float(error.mean()),
            "median": float(np.median(error)),
            "failures": float(100 * (error > 10).mean()),
        }
        for name, error in zip(("random-1", "random-5", "restarts", "tcdcn"), errors, strict=True)
    }


def _redrawn(
    rcpr: RCPR, face: Face, number: int, count: int, faces: NDArray[np.intp], attempt: int
) -> NDArray[np.float64]:
    """New starts of a single face, by its number and the attempt's."""
    return rcpr.random_starts([face.box], count, seed=(number, attempt))
