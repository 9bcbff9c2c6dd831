"""Where the crops of one face lie.

In Python's own numbers: for five points a call of NumPy takes longer than the sum itself.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tcdcn_init.crops import frames_from_points

__all__ = ["CENTRE", "FACE_FORM", "LARGEST", "ROLL", "SIDE", "SMALLEST", "Frame", "UprightForm", "upright_frame"]


class Frame(NamedTuple):
    """Similarity from the square -0.5..0.5 to image pixels: (u, v) to (a u - b v + x, b u + a v + y)."""

    a: float
    b: float
    x: float
    y: float


# Sides of the box around a face's points, in sides of the coarse crop: a face outside of this was not found.
SMALLEST, LARGEST = 0.07, 1.4

# Five points as complex numbers times these: a number whose angle is their roll (`geometry.roll_degrees`).
ROLL = np.array([-1, 1, 0, -1, 1]) - 1j * np.array([-1, -1, 0, 1, 1])

# The frame of an upright face of mean 0 and centroid size 1: its side, and its middle as a complex number.
_UNIT = frames_from_points(np.array([[[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]]]) / np.sqrt(8.0), 1.0)[0]
SIDE, CENTRE = float(_UNIT[0, 0]), complex(*_UNIT[:, 2].tolist())


class UprightForm(NamedTuple):
    """What `upright_frame` must know of a set of points.

    Attributes
    ----------
    roll : list of complex
        The points as complex numbers times these: a number whose angle is their roll.
    side : float
        Side of the frame of an upright shape of mean 0 and centroid size 1.
    centre : complex
        Its middle.
    """

    roll: list[complex]
    side: float
    centre: complex


FACE_FORM = UprightForm(ROLL.tolist(), SIDE, CENTRE)


def upright_frame(shape: Sequence[complex], coarse: Frame, view: float, form: UprightForm = FACE_FORM) -> Frame:
    """``snapped(frames_from_points(shape, view))`` of one face, its side held near that of the coarse crop.

    The grid that its middle is snapped to is laid around the coarse crop's, and moves with it.

    Parameters
    ----------
    shape : sequence of five complex
        The points, x + iy.
    coarse : Frame
        Of the coarse crop.
    view : float
        As of `crops.frames_from_points`.
    form : UprightForm
        Of other points than the five, theirs.
    """
    middle = sum(shape) / len(shape)
    offsets = [point - middle for point in shape]
    size = math.sqrt(sum(abs(offset) ** 2 for offset in offsets))
    whole = math.hypot(coarse.a, coarse.b)
    side = view * min(max(size * form.side, SMALLEST * whole), LARGEST * whole)
    side = math.exp(round(math.log(side) / 0.02) * 0.02)
    turn = sum(offset * weight for offset, weight in zip(offsets, form.roll, strict=True))
    angle = math.radians(round(math.degrees(cmath.phase(turn))))
    across = cmath.rect(1.0, angle)
    centre = middle + across * (size * form.centre)
    step = side / 64.0
    x = coarse.x + round((centre.real - coarse.x) / step) * step
    y = coarse.y + round((centre.imag - coarse.y) / step) * step
    return Frame(side * across.real, side * across.imag, x, y)
