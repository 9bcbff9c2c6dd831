"""A coarse pass over crops, then fine passes, each over crops that are laid upright around the points before.

Two passes do for most faces; where the points that the fine one found ask for another crop than the one they were found
in, it is asked again.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import FACE_FORM, Frame, UprightForm, upright_frame
from tcdcn_init.passes.regions import Cutter
from tcdcn_init.passes.repeat_limits import beyond, repeat_limits
from tcdcn_init.passes.repeated import Ask

__all__ = ["DOUBTS", "ENOUGH", "Answers", "StageAnswers", "agreed", "ask_stages"]

Answers: TypeAlias = Mapping[str, NDArray[np.float32]]

# Expected errors of the coarse stage that the fine one may move a point by, and nobody wonders.
DOUBTS = 3.0

ENOUGH = 0.14
"""Mean expected error of the coarse stage, as it says it, below which its points do to start a cascade. Chosen on
held-out faces of 300-W, clean, turned and in bad boxes: dlib's predictor ends where the fine stage's would lead it."""


class StageAnswers(NamedTuple):
    """What both stages say of N faces.

    Attributes
    ----------
    points : (N, P, 2) ndarray
        The fine stage's, in image pixels.
    answers : dict of str to ndarray
        As `backends.Backend` describes them; "expected_error" and "face" by both stages (`agreed`).
    finite : (N,) ndarray of bool
        False where an image of floats holds NaN or infinity under the face; the rest of such a row means nothing.
    coarse_face : (N, 2) ndarray
        "face" by the coarse stage alone.
    settled : (N,) ndarray of bool
        Whose answers are the coarse stage's, which was sure enough.
    """

    points: NDArray[np.float64]
    answers: Answers
    finite: NDArray[np.bool_]
    coarse_face: NDArray[np.float32]
    settled: NDArray[np.bool_]


def ask_stages(
    ask: Ask,
    config: TwoStageConfig,
    cut: Cutter,
    frames: Sequence[Frame],
    passes: int,
    enough: float = 0.0,
) -> StageAnswers:
    """Ask the coarse stage about crops, then the fine one, each time about crops centred by the points before.

    Parameters
    ----------
    ask : callable
        Crops (N, side, side) to the answers of the stage that takes that side.
    config : TwoStageConfig
    cut : Cutter
        Of the N faces' images, such as `regions.HostCrops`.
    frames : sequence of N Frame
        Of the coarse crops, N at least 1.
    passes : int
        At most: the coarse stage's, which is always one, and the fine stage's. After the first of these, it is asked
        about faces whose points ask for a crop beyond `repeat_limits` of the one that they were found in.
    enough : float
        Mean expected error of the coarse stage, as it says it, below which the fine one is not asked.

    Raises
    ------
    ValueError
        If the network answers what is not finite.
    """
    coarse, fine, own = config.coarse, config.fine, config.own
    form = FACE_FORM if own is None else UprightForm(*own.upright)
    is_far = beyond(repeat_limits(config))
    boxed = frames
    answers = first = ask(cut.first(frames, coarse.side, fine.view / coarse.view / fine.side))
    shapes = first_shapes = _placed(frames, first["points"])
    settled = first["expected_error"].mean(axis=1) < enough
    if settled.all():
        return StageAnswers(_as_array(shapes), first, cut.finite, first["face"], settled)
    rows = np.flatnonzero(~settled).tolist()
    for number in range(passes - 1):
        wanted = [upright_frame(shapes[k], boxed[k], fine.view, form) for k in rows]
        if number:
            far = [k for k, both in enumerate(zip(frames, wanted, strict=True)) if is_far(*both)]
            rows, wanted = [rows[k] for k in far], [wanted[k] for k in far]
            if not rows:
                break
        frames = wanted
        found = ask(cut.further(frames, fine.side, rows))
        placed = _placed(frames, found["points"])
        if len(rows) == len(shapes):
            answers, shapes = found, placed
            continue
        answers, shapes = {name: values.copy() for name, values in answers.items()}, shapes.copy()
        for name, values in answers.items():
            values[rows] = found[name]
        for k, shape in zip(rows, placed, strict=True):
            shapes[k] = shape
    points, first_points = _as_array(shapes), _as_array(first_shapes)
    lengths = None if own is None else own.lengths(points)
    said = agreed(points, answers, first_points, first, lengths)
    return StageAnswers(points, said, cut.finite, first["face"], settled)


def _placed(frames: Sequence[Frame], points: NDArray[np.float32]) -> list[list[complex]]:
    """(N, P, 2) points in the frames to image pixels, x + iy."""
    shapes = []
    for (a, b, x, y), each in zip(frames, points.tolist(), strict=True):
        turn, middle = complex(a, b), complex(x, y)
        shapes.append([turn * complex(*point) + middle for point in each])
        if not cmath.isfinite(sum(shapes[-1])):
            raise ValueError("the model's answer is not finite; its weights are damaged: get or train it anew")
    return shapes


def _as_array(shapes: list[list[complex]]) -> NDArray[np.float64]:
    return np.array(shapes, dtype=np.complex128)[..., None].view(np.float64)


def agreed(
    points: NDArray[np.float64],
    answers: Answers,
    first_points: NDArray[np.float64],
    first: Answers,
    lengths: NDArray[np.float64] | None = None,
) -> Answers:
    """The fine stage's answers, less sure of themselves where the coarse stage contradicts them.

    A point that the fine stage moves by more than the coarse stage's own doubt allows has been lost by one of the two:
    the rest of its way counts as expected error too. And a face is what both take for one.

    Parameters
    ----------
    points, first_points : (N, P, 2) ndarray
        Of the fine and of the coarse stage, in the same coordinates.
    answers, first : dict of str to ndarray
        Theirs.
    lengths : (N,) ndarray, optional
        What errors are counted in, where that is not the distance of the five points' eyes.

    Returns
    -------
    dict of str to ndarray
    """
    apart, eyes = points - first_points, points[:, 1] - points[:, 0]
    lengths = np.hypot(eyes[:, 0], eyes[:, 1]) if lengths is None else lengths
    moved = np.hypot(apart[..., 0], apart[..., 1]) / np.maximum(lengths, 1e-9)[:, None]
    rest = np.maximum(moved - DOUBTS * first["expected_error"], 0.0)
    expected = np.hypot(answers["expected_error"], rest).astype(np.float32)
    return {**answers, "expected_error": expected, "face": np.float32(0.5) * (answers["face"] + first["face"])}
