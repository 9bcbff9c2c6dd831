"""Training of an SDM.

A cascade learns to mend the errors that its training starts have. They should be those of the starts it will be given:
the mean shape in a detector's box, or the mean shape on TCDCN's points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.chip_cascade import StartSampler
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.training_faces import TrainingFace, TrainingFaces
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig, SDMFeatures

__all__ = ["train_sdm"]


def train_sdm(
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
        Each point's partner when an image is mirrored (`geometry.MIRROR` for the five points). Then every second
        start is learned in the mirrored image, and the mean shape is symmetric.
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
    chips, owner, current, target, mirrored = data.cut(features, starts)

    descriptors = np.empty((len(owner), weights.shape[1]), dtype=np.float32)
    turns = np.empty((len(owner), 2, 2))
    for stage in range(len(config.spans)):
        for part in track(features.blocks(len(owner)), f"Stage {stage + 1} of {len(config.spans)}"):
            block = chips[owner[part]].astype(np.float32) / np.float32(255)
            block[mirrored[part]] = block[mirrored[part], :, ::-1]
            descriptors[part], turns[part] = features.describe(stage, block, current[part])
        moves = ((target - current) @ np.swapaxes(np.linalg.inv(turns), 1, 2)).reshape(len(owner), -1)
        exact, biases[stage] = _ridge(descriptors, moves, ridge)
        weights[stage] = exact.astype(np.float16)  # as SDM rounds them: the next stage learns from what rounding does
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
