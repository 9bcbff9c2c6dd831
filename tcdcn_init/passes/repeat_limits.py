"""When a face gets another pass: its points ask for a crop that lies too far from the one they were found in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tcdcn_init.network.config import ModelConfig, TCDCNConfig
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import Frame

__all__ = ["RepeatLimits", "beyond", "repeat_limits"]


class RepeatLimits(NamedTuple):
    """How far the crop that a face's points ask for may lie from the crop they were found in, without another pass.

    Attributes
    ----------
    degrees : float
        Turn.
    log_scale : float
        Logarithm of the ratio of the sides.
    shift : float
        Distance of the middles, in sides.
    """

    degrees: float
    log_scale: float
    shift: float


def repeat_limits(config: ModelConfig) -> RepeatLimits:
    """When a network's faces get another pass; chosen on held-out faces in good and bad boxes, turned, from the side.

    A second pass over every face costs the paper's network 0.1 points of mean error in good boxes, since its crops of
    training are laid around boxes; a second pass over none leaves rolled heads and bad boxes where they are. Networks
    whose crops of training are also laid around points repeat sooner. Of two stages it is the fine one that is asked
    again: to do so for every face costs half as much time more, and does no more for the points.

    Examples
    --------
    >>> repeat_limits(TCDCNConfig()).degrees
    15.0
    """
    if isinstance(config, TCDCNConfig):
        return RepeatLimits(15.0, 0.2, 0.15 / 1.4)
    return RepeatLimits(7.0, 0.11, 0.07) if isinstance(config, TwoStageConfig) else RepeatLimits(8.0, 0.1, 0.06)


def beyond(limits: RepeatLimits) -> Callable[[Frame, Frame], bool]:
    """The rule itself: whether a frame that is asked for lies beyond limits of the one that points were found in.

    In Python's own numbers, which are compared without an angle or a logarithm: it is asked about each face.

    Parameters
    ----------
    limits : RepeatLimits

    Returns
    -------
    callable
        Takes the frame that points were found in, and the one that they ask for. Points that coincide ask for none.

    Examples
    --------
    >>> is_far = beyond(RepeatLimits(degrees=7.0, log_scale=0.11, shift=0.07))
    >>> is_far(Frame(80, 0, 50, 60), Frame(82, 5, 50, 60)), is_far(Frame(80, 0, 50, 60), Frame(80, 0, 60, 60))
    (False, True)
    """
    least_cosine, most_area = math.cos(math.radians(limits.degrees)), math.exp(2 * limits.log_scale)
    most_shift = limits.shift**2

    def is_far(frame: Frame, wanted: Frame) -> bool:
        a, b, x, y = frame
        c, d, u, v = wanted
        area, other = a * a + b * b, c * c + d * d
        return (
            a * c + b * d < math.sqrt(area * other) * least_cosine
            or not area / most_area < other < area * most_area
            or (u - x) ** 2 + (v - y) ** 2 > area * most_shift
        ) and other > 0.0

    return is_far
