"""Further looks at faces that the network is unsure of, each from the beginning.

With mirror images, then in a wider crop, and where a face stays lost in crops of other sizes and turned by each
quarter. The look that the network is surest of counts, so a lost face is found, and an answer is never exchanged for
one that is thought less of; where others found about the same, the points are the mean of them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry import centroid_size
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.regions import Cutter
from tcdcn_init.passes.repeated import Ask
from tcdcn_init.passes.stages import Answers, StageAnswers, ask_stages

__all__ = ["ALIKE", "DOUBTFUL", "LOOKS", "LOST", "NEAR", "UNSURE", "Look", "surest"]


class Look(NamedTuple):
    """A further look at a face.

    Attributes
    ----------
    turn : complex
        The coarse crop's turn and size, in those of the first look's.
    mirrored : bool
        Whether mirror images are asked about too.
    below : float
        Confidence up to which it is taken.
    above : float
        Confidence that its answer needs to count.
    """

    turn: complex
    mirrored: bool
    below: float
    above: float = 0.0


DOUBTFUL, UNSURE, LOST = 0.9, 0.7, 0.2
"""Confidences below which a face is looked at again with mirror images, in a wider crop, and is also looked for nearer,
further off, upside down and lying. Chosen, like the looks, on held-out faces that were turned, hidden in part or in bad
boxes."""

# What a turned crop has to show: other sizes of crop are never wrong by a quarter turn.
_CLEAR = 0.1

LOOKS = (
    Look(1.0, True, DOUBTFUL),
    Look(1.5, True, UNSURE),
    Look(1.2, True, LOST),
    Look(0.7, True, LOST),
    Look(1.8, True, LOST),
    Look(1j, False, LOST, _CLEAR),
    Look(-1.0, False, LOST, _CLEAR),
    Look(-1j, False, LOST, _CLEAR),
)

# In the face's own size, the root of the mean square of the points' distances from their middle: how far from the box's
# middle a further look may find the face, about a side of its box, since a face further away is a neighbour's; and how
# far from the surest look's points, on average, another look's may lie to count with them.
NEAR, ALIKE = 4.0, 0.15


def surest(
    ask: Ask,
    ask_both: Ask,
    config: TwoStageConfig,
    cut: Cutter,
    frames: Sequence[Frame],
    passes: int,
    found: StageAnswers,
    sureness: Callable[[Answers], NDArray[np.float64]],
) -> StageAnswers:
    """What was found, exchanged for other looks at the same boxes where these are surer."""
    sure = np.where(found.settled, 1.0, sureness(found.answers))  # where it was asked for no more
    doubtful = np.flatnonzero((sure < DOUBTFUL) & found.finite)
    if not len(doubtful):
        return found
    every = [(np.arange(len(sure)), found.points, found.answers["expected_error"])]
    points, answers = found.points.copy(), {name: values.copy() for name, values in found.answers.items()}
    boxed = np.array([frame[2:] for frame in frames])
    for turn, mirrored, below, above in LOOKS:
        unsure = np.flatnonzero((sure < below) & found.finite)
        if not len(unsure):
            break
        looks = []
        for k in unsure.tolist():
            a, _, x, y = frames[k]
            looks.append(Frame(a * turn.real, a * turn.imag, x, y))
        again = ask_stages(ask_both if mirrored else ask, config, cut.some(unsure.tolist()), looks, passes)
        # Whether the box holds a face is for the first look to say: others may have found a neighbour.
        face = again.answers["face"] + np.float32(0.5) * (found.coarse_face[unsure] - again.coarse_face)
        said = {**again.answers, "face": face}
        surer = sureness(said)
        is_near = np.abs(again.points.mean(axis=1) - boxed[unsure]).max(axis=1) < NEAR * _sizes(again.points)
        better = np.flatnonzero((surer > np.maximum(sure[unsure], above)) & again.finite & is_near)
        rows = unsure[better]
        sure[rows], points[rows] = surer[better], again.points[better]
        for name, values in answers.items():
            values[rows] = said[name][better]
        every.append((unsure, again.points, again.answers["expected_error"]))
    points[doubtful] = _mean_of_alike(points, every)[doubtful]
    return StageAnswers(points, answers, found.finite, found.coarse_face, found.settled)


def _mean_of_alike(
    points: NDArray[np.float64],
    looks: Sequence[tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float32]]],
) -> NDArray[np.float64]:
    """Each point's mean over the looks that found about what the surest did, weighted as errors of their size ask for.

    Parameters
    ----------
    points : (N, P, 2) ndarray
        The surest look's.
    looks : sequence of ((K,) ndarray of int, (K, P, 2) ndarray, (K, P) ndarray)
        Which faces were looked at, their points, and these points' expected errors.
    """
    total, weight = np.zeros_like(points), np.zeros((*points.shape[:2], 1))
    limit = ALIKE * _sizes(points)
    for rows, found, expected in looks:
        apart = np.sqrt(np.square(found - points[rows]).sum(axis=2)).mean(axis=1)
        counts = (apart <= limit[rows])[:, None, None] / np.square(expected, dtype=np.float64)[..., None]
        total[rows] += counts * found
        weight[rows] += counts
    return total / weight


def _sizes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, P, 2) points to (N,) roots of the mean square of their distances from their middle."""
    return centroid_size(points) / math.sqrt(points.shape[1])
