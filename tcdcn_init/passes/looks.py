"""Further looks at faces that the network is unsure of, each from the beginning.

With mirror images, then in a wider crop, and where a face stays lost in crops of other sizes and turned by each
quarter. The look that the network is surest of counts, so a lost face is found, and an answer is never exchanged for
one that is thought less of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.regions import Cutter
from tcdcn_init.passes.repeated import Ask
from tcdcn_init.passes.stages import Answers, StageAnswers, ask_stages

__all__ = ["LOOKS", "LOST", "NEAR", "UNSURE", "Look", "surest"]


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


UNSURE, LOST = 0.7, 0.2
"""Confidences below which a face is looked at again, and is also looked for nearer, further off, upside down and lying;
chosen, like the looks, on held-out faces that were turned, hidden in part, or in bad boxes."""

# What a turned crop has to show: other sizes of crop are never wrong by a quarter turn.
_CLEAR = 0.1

LOOKS = (
    Look(1.0, True, UNSURE),
    Look(1.5, True, UNSURE),
    Look(1.2, True, LOST),
    Look(0.7, True, LOST),
    Look(1.8, True, LOST),
    Look(1j, False, LOST, _CLEAR),
    Look(-1.0, False, LOST, _CLEAR),
    Look(-1j, False, LOST, _CLEAR),
)

# How far from the box's middle a further look may find the face, in the face's own size (root of the mean square of the
# points' distances from their middle): about a side of its box. A face further away is a neighbour's.
NEAR = 4.0


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
    if not ((sure < UNSURE) & found.finite).any():
        return found
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
        middles = again.points.mean(axis=1)
        size = np.sqrt(np.square(again.points - middles[:, None]).sum(axis=2).mean(axis=1))
        away = np.abs(middles - boxed[unsure]).max(axis=1)
        better = np.flatnonzero((surer > np.maximum(sure[unsure], above)) & again.finite & (away < NEAR * size))
        rows = unsure[better]
        sure[rows], points[rows] = surer[better], again.points[better]
        for name, values in answers.items():
            values[rows] = said[name][better]
    return StageAnswers(points, answers, found.finite, found.coarse_face, found.settled)
