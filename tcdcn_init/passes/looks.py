"""Further looks at faces that the network is unsure of, each from the beginning.

With mirror images, then in a wider crop, and where a face stays lost in crops turned by each quarter. The look that the
network is surest of counts, so a lost face is found, and an answer is never exchanged for one that is thought less of.
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
    """

    turn: complex
    mirrored: bool
    below: float


UNSURE, LOST = 0.7, 0.5
"""Confidences below which a face is looked at again, and is also looked for upside down and lying; chosen, like the
looks, on held-out faces that were turned, hidden in part, or in bad boxes."""

LOOKS = (
    Look(1.0, True, UNSURE),
    Look(1.5, True, UNSURE),
    Look(1j, False, LOST),
    Look(-1.0, False, LOST),
    Look(-1j, False, LOST),
)

# How far from the box's middle a further look may find the face, in sides of the coarse crop: about a side of the box.
# A face further away is a neighbour's.
NEAR = 0.45


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
    centres, sides = (np.array([frame[part] for frame in frames]) for part in (slice(2, 4), 0))
    for turn, mirrored, below in LOOKS:
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
        away = np.abs(again.points.mean(axis=1) - centres[unsure]).max(axis=1) / sides[unsure]
        better = np.flatnonzero((surer > sure[unsure]) & again.finite & (away < NEAR))
        rows = unsure[better]
        sure[rows], points[rows] = surer[better], again.points[better]
        for name, values in answers.items():
            values[rows] = said[name][better]
    return StageAnswers(points, answers, found.finite, found.coarse_face, found.settled)
