"""Training of RCPR: ferns whose comparisons correlate with what is still wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.chip_cascade import ShapeChips, StartSampler
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.training_faces import TrainingFace, TrainingFaces
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig, as_complex, sample_levels, turns
from tcdcn_init.shapes import to_box_units

__all__ = ["train_rcpr"]

_SAMPLE = 20_000  # starts, of which a stage's comparisons are chosen
_BLOCK = 4096  # starts whose levels are read at once


def train_rcpr(
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
    missing (Cao, Wei, Wen, Sun, "Face alignment by explicit shape regression", CVPR 2012); each of its bins holds the
    mean of them, shrunk towards none where few training starts fall.

    Parameters
    ----------
    faces : iterable of `Face` records or of (image, points, box)
        The image is an array or a path, the points are (P, 2) pixels, the box (left, top, right, bottom).
    starts : (N, K, P, 2) array_like, or callable
        K starts of each face, in pixels; RCPR takes 20. Or what draws them: `training_starts.box_starts` with
        ``shapes="random"``, `training_starts.seed_starts`, any `chip_cascade.StartSampler`. None should be made of the
        face's own shape.
    config : RCPRConfig, optional
    mirror : (P,) sequence of int, optional
        Each point's partner when an image is mirrored (`geometry.MIRROR` for the five points). Then every second
        start is learned in the mirrored image, and the mean shape is symmetric.
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
    chips, owner, started, truth, mirrored = data.cut(maker, starts)
    reference, current, target = (as_complex(points) for points in (maker.reference, started, truth))

    learned = _empty(config, points)
    values = np.empty((config.places, len(owner)), dtype=np.uint8)
    for stage in track(range(config.stages), "Training stages"):
        pairs = rng.permuted(np.tile(np.arange(points, dtype=np.int16), (config.places, 1)), axis=1)[:, :2]
        along = rng.uniform(-config.beyond, 1 + config.beyond, config.places).astype(np.float32)
        for first in range(0, len(owner), _BLOCK):
            part = slice(first, first + _BLOCK)
            values[:, part] = sample_levels(chips, owner[part], current[part], pairs, along, mirrored[part]).T
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
    """Train the ferns of a stage on levels (M, N), and take their moves off the missing ones (2P, N)."""
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
    """Ferns that move nothing, to be filled."""
    stages, ferns, depth = config.stages, config.ferns, config.depth
    return Ferns(
        np.zeros((stages, config.places, 2), dtype=np.int16),
        np.zeros((stages, config.places), dtype=np.float32),
        np.zeros((stages, ferns, depth, 2), dtype=np.int16),
        np.zeros((stages, ferns, depth), dtype=np.int16),
        np.zeros((stages, ferns, 2**depth, 2 * points), dtype=np.int8),
        np.zeros((stages, ferns), dtype=np.float32),
    )
