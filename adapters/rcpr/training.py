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
from tcdcn_init.adapters.rcpr.occlusion import Zones
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
    hidden: ArrayLike | None = None,
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
    hidden : (N, P) array_like of bool, optional
        Which points of each face cannot be seen. Then the ferns learn that too, and `RCPRConfig.zones` may ask for
        RCPR's occlusion-centred weighting.
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
    flags = None if hidden is None else _checked_flags(hidden, data.truth.shape[:2])
    rate = None if flags is None else flags.mean(axis=0)
    learned = _empty(config, points, hidden=flags is not None)
    if callable(starts):
        untrained = RCPR(data.mean, learned, bank, config, aspect=data.aspect, layout=layout, hidden_rate=rate)
        starts = starts(untrained, data.truth, data.boxes, rng)
    maker = ShapeChips(data.mean * [data.aspect, 1.0], config.resolution, config.reach)
    chips, owner, started, truth, mirrored = data.cut(maker, starts)
    reference, current, target = (as_complex(points) for points in (maker.reference, started, truth))

    zones = Zones(maker.reference)
    target_hidden, known = _hidden_of_starts(flags, owner, mirrored, data)
    values = np.empty((config.places, len(owner)), dtype=np.uint8)
    for stage in track(range(config.stages), "Training stages"):
        pairs = rng.permuted(np.tile(np.arange(points, dtype=np.int16), (config.places, 1)), axis=1)[:, :2]
        along = rng.uniform(-config.beyond, 1 + config.beyond, config.places).astype(np.float32)
        for first in range(0, len(owner), _BLOCK):
            part = slice(first, first + _BLOCK)
            values[:, part] = sample_levels(chips, owner[part], current[part], pairs, along, mirrored[part]).T
        turn = turns(reference, current)
        missing = np.ascontiguousarray(((target - current) / turn[:, None]).astype(np.complex64).view(np.float32).T)
        residual = np.concatenate([missing, (target_hidden - known).T])
        before = residual.copy()
        learned.pairs[stage], learned.along[stage] = pairs, along
        _fit_stage(learned, stage, values, residual, config, rng, zones, known)
        moved = np.ascontiguousarray((before - residual).T)
        current += np.ascontiguousarray(moved[:, : 2 * points]).view(np.complex64) * turn[:, None]
        known += moved[:, 2 * points :]
    return RCPR(data.mean, learned, bank, config, aspect=data.aspect, layout=layout, hidden_rate=rate)


def _checked_flags(hidden: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    flags = np.asarray(hidden)
    if flags.shape != shape or not np.isin(flags, (0, 1)).all():
        raise ValueError(f"hidden has shape {flags.shape}; expected {shape} of true and false, a row a face")
    return flags.astype(np.bool_)


def _hidden_of_starts(
    flags: NDArray[np.bool_] | None, owner: NDArray[np.intp], mirrored: NDArray[np.bool_], data: TrainingFaces
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each training start, how hidden its points are, and what is believed of them at first; both without columns
    where nothing is known of it."""
    if flags is None:
        nothing = np.empty((len(owner), 0), dtype=np.float32)
        return nothing, nothing.copy()
    each = flags[owner].astype(np.float32)
    if data.partner is not None:
        each[mirrored] = each[mirrored][:, data.partner]
    return each, np.repeat(flags.mean(axis=0, dtype=np.float32)[None], len(owner), axis=0)


def _fit_stage(
    learned: Ferns,
    stage: int,
    values: NDArray[np.uint8],
    residual: NDArray[np.float32],
    config: RCPRConfig,
    rng: np.random.Generator,
    zones: Zones,
    known: NDArray[np.float32],
) -> None:
    """Train the ferns of a stage on levels (S, N), and take their answers off what is missing (2P or 3P, N)."""
    count = residual.shape[1]
    sample = slice(None) if count <= _SAMPLE else rng.choice(count, _SAMPLE, replace=False)
    sampled = values[:, sample].astype(np.float32)
    centred = sampled - sampled.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / centred.shape[1]
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 0))
    inverse = np.where(spread > 1e-3, 1 / np.maximum(spread, 1e-3), 0).astype(np.float32)
    zone = zones.of_places(learned.pairs[stage], learned.along[stage])
    usable = np.flatnonzero(np.bincount(zone, minlength=9) > 1)
    group = config.zones or 1
    for step in range(0, config.ferns, group):
        # Of several ferns to a step each looks at a zone of its own; one alone looks at the whole face.
        seen = rng.choice(usable, group, replace=len(usable) < group) if config.zones else None
        places = [np.arange(len(values))] if seen is None else [np.flatnonzero(zone == which) for which in seen]
        weights = np.ones((count, 1), dtype=np.float32) if seen is None else zones.weights(seen, known, group)
        answer, wanted = np.zeros_like(residual), residual[:, sample]
        for fern, here in enumerate(places):
            bins = _choose_bins(learned, stage, step + fern, values, wanted, centred, inverse, here, rng)
            answer += _fill_leaves(learned, stage, step + fern, bins, residual, config) * weights[:, fern]
        residual -= answer


def _choose_bins(
    learned: Ferns,
    stage: int,
    fern: int,
    values: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    centred: NDArray[np.float32],
    inverse: NDArray[np.float32],
    places: NDArray[np.intp],
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Choose a fern's comparisons among some places by what a sample wants, and sort the starts (N,) by them."""
    count, depth = values.shape[1], learned.compared.shape[2]
    projections = rng.standard_normal((depth, len(wanted))).astype(np.float32) @ wanted
    projections -= projections.mean(axis=1, keepdims=True)
    along = projections @ centred[places].T
    scaled = inverse[np.ix_(places, places)]
    bins = np.zeros(count, dtype=np.intp)
    for bit in range(depth):
        score = np.subtract.outer(along[bit], along[bit])
        score *= scaled
        first, second = (int(places[k]) for k in divmod(int(np.argmax(score)), len(score)))
        difference = values[first].astype(np.int16) - values[second]
        threshold = difference[rng.integers(count)]
        bins <<= 1
        bins |= difference > threshold
        learned.compared[stage, fern, bit] = first, second
        learned.thresholds[stage, fern, bit] = threshold
    return bins


def _fill_leaves(
    learned: Ferns,
    stage: int,
    fern: int,
    bins: NDArray[np.intp],
    residual: NDArray[np.float32],
    config: RCPRConfig,
) -> NDArray[np.float32]:
    """Fill a fern's leaves with what is missing in its bins on average; its answers (2P or 3P, N) as it stores them."""
    leaves = 1 << config.depth
    held = np.bincount(bins, minlength=leaves) + config.shrinkage * len(bins) / 1000
    sums = np.stack([np.bincount(bins, row, leaves) for row in residual], axis=1)
    means = sums / np.maximum(held, 1)[:, None]
    split = learned.leaves.shape[-1]
    moves, scale = _in_steps(means[:, :split])
    learned.leaves[stage, fern], learned.scales[stage, fern] = moves, scale
    stored = [moves.astype(np.float32) * scale]
    if learned.hidden_leaves is not None and learned.hidden_scales is not None:
        changes, scale = _in_steps(means[:, split:])
        learned.hidden_leaves[stage, fern], learned.hidden_scales[stage, fern] = changes, scale
        stored.append(changes.astype(np.float32) * scale)
    return np.concatenate(stored, axis=1).T.take(bins, axis=1)


def _in_steps(values: NDArray[np.float64]) -> tuple[NDArray[np.int8], np.float32]:
    """Values in whole steps of a scale."""
    scale = np.float32(np.abs(values).max() / 127)
    return np.rint(values / scale if scale > 0 else values).astype(np.int8), scale


def _empty(config: RCPRConfig, points: int, *, hidden: bool) -> Ferns:
    """Ferns that move nothing, to be filled."""
    stages, ferns, depth = config.stages, config.ferns, config.depth
    return Ferns(
        np.zeros((stages, config.places, 2), dtype=np.int16),
        np.zeros((stages, config.places), dtype=np.float32),
        np.zeros((stages, ferns, depth, 2), dtype=np.int16),
        np.zeros((stages, ferns, depth), dtype=np.int16),
        np.zeros((stages, ferns, 2**depth, 2 * points), dtype=np.int8),
        np.zeros((stages, ferns), dtype=np.float32),
        np.zeros((stages, ferns, 2**depth, points), dtype=np.int8) if hidden else None,
        np.zeros((stages, ferns), dtype=np.float32) if hidden else None,
    )
