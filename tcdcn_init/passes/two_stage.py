"""A coarse pass over the box, fine passes over what it found; where that leaves doubt, other looks at the box.

Two passes do for most faces; where the points that the fine one found ask for another crop than the one they were found
in, it is asked again. A face that the network is unsure of is looked at again from the beginning: with mirror images,
then in a wider crop, and where it stays lost in crops turned by each quarter. The look it is surest of counts, so a
lost face is found, and an answer is never exchanged for one that is thought less of.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.crops import frames_from_points
from tcdcn_init.network.config import output_shapes
from tcdcn_init.network.own_points import point_set
from tcdcn_init.network.stage_config import TwoStageConfig
from tcdcn_init.passes.regions import Cutter, Frame, HostCrops
from tcdcn_init.passes.repeated import Ask, RepeatLimits, mirror_averaged

Answers: TypeAlias = Mapping[str, NDArray[np.float32]]

# Sides of the box around a face's points, in sides of the coarse crop: a face outside of this was not found.
SMALLEST, LARGEST = 0.07, 1.4

# Five points as complex numbers times these: a number whose angle is their roll (`geometry.roll_degrees`).
ROLL = np.array([-1, 1, 0, -1, 1]) - 1j * np.array([-1, -1, 0, 1, 1])

# The frame of an upright face of mean 0 and centroid size 1: its side, and its middle as a complex number.
_UNIT = frames_from_points(np.array([[[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]]]) / np.sqrt(8.0), 1.0)[0]
SIDE, CENTRE = float(_UNIT[0, 0]), complex(*_UNIT[:, 2].tolist())

REPEAT = RepeatLimits(5.5, 0.09, 0.055)
"""When the fine stage is asked again; chosen on held-out faces in good and bad boxes, turned, and from the side: to ask
about every face again costs half as much time more, and does no more for the points."""


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
_NEAR = 0.45

# Expected errors of the coarse stage that the fine one may move a point by, and nobody wonders.
DOUBTS = 3.0

ENOUGH = 0.14
"""Mean expected error of the coarse stage, as it says it, below which its points do to start a cascade. Chosen on
held-out faces of 300-W, clean, turned and in bad boxes: dlib's predictor ends where the fine stage's would lead it."""

__all__ = [
    "ENOUGH",
    "LOOKS",
    "LOST",
    "REPEAT",
    "UNSURE",
    "Look",
    "StageAnswers",
    "UprightForm",
    "agreed",
    "ask_stages",
    "is_far",
    "run_stages",
    "upright_frame",
]


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


_FACE = UprightForm(ROLL.tolist(), SIDE, CENTRE)


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


def run_stages(
    ask: Ask,
    config: TwoStageConfig,
    images: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[np.float64]],
    *,
    passes: int,
    enough: float = 0.0,
    on_bad: str,
    sureness: Callable[[Answers], NDArray[np.float64]] | None = None,
    ask_both: Ask | None = None,
    cutter: Callable[[Sequence[NDArray[Any]]], Cutter] = HostCrops,
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Points and further outputs of all boxes of all images.

    Parameters
    ----------
    ask : callable
        Crops (N, side, side) to the answers of the stage that takes that side.
    config : TwoStageConfig
    images : sequence of ndarray
        As `images.as_image` returns them.
    boxes : sequence of (N, 4) ndarray
        The boxes of each image; NaN for a box without an answer.
    passes, enough
        As for `ask_stages`.
    on_bad : {"raise", "nan"}
        What pixels that are not finite under a face do.
    sureness : callable, optional
        Answers to a probability for each face that its points are good: below `UNSURE`, other looks are taken, unless
        the coarse stage was sure `enough`. Without it, none is.
    ask_both : callable, optional
        As `ask`, about mirror images too (`repeated.mirror_averaged`), for those looks; default: made of `ask`.
    cutter : callable
        Each face's image to what cuts its crops, such as `on_device.DeviceCrops`; `ask` is asked about what that cuts.

    Returns
    -------
    points : (N, P, 2) ndarray of float32
        In pixels, of all boxes in order; NaN where there is no answer.
    answers : dict of str to (N, K) ndarray of float32
        By the names of ``config.outputs`` beyond "points"; "expected_error" and "face" are by both stages (`agreed`).

    Raises
    ------
    ValueError
        If pixels under a face are not finite (``on_bad="raise"``), or the network answers what is not.
    """
    all_boxes = np.concatenate([*boxes, np.empty((0, 4))]) if len(boxes) != 1 else boxes[0]
    rows = np.flatnonzero(np.isfinite(all_boxes).all(axis=1))
    if not len(rows):
        return _nothing(len(all_boxes), config)
    owner = np.repeat(np.arange(len(images)), [len(entry) for entry in boxes])
    cut = cutter([images[k] for k in owner[rows]])
    frames = [_box_frame(box, config.coarse.view) for box in all_boxes[rows].tolist()]
    found = ask_stages(ask, config, cut, frames, passes, enough)
    if sureness is not None and passes > 1:  # the coarse stage alone is unsure of every face
        partners = point_set(config).mirror
        both = ask_both or (mirror_averaged(ask, partners) if partners else ask)
        found = _surest(ask, both, config, cut, frames, passes, found, sureness)
    if not found.finite.all():
        if on_bad == "raise":
            bad = all_boxes[rows[np.flatnonzero(~found.finite)[0]]]
            raise ValueError(
                f"the image holds NaN or infinity under box {tuple(bad.tolist())}; replace such pixels, "
                "e.g. with numpy.nan_to_num, or pass on_bad='nan'"
            )
        rows = rows[found.finite]
    elif len(rows) == len(all_boxes):  # as a rule
        return found.points.astype(np.float32), {name: found.answers[name] for name in config.outputs[1:]}
    points, answers = _nothing(len(all_boxes), config)
    points[rows] = found.points[found.finite]
    for name, values in answers.items():
        values[rows] = found.answers[name][found.finite]
    return points, answers


def _nothing(count: int, config: TwoStageConfig) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """What `run_stages` returns of boxes without an answer."""
    answers = {name: np.full((count, *shape), np.nan, np.float32) for name, shape in output_shapes(config).items()}
    return answers.pop("points"), answers


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
        about faces whose points ask for a crop beyond `REPEAT` of the one that they were found in.
    enough : float
        Mean expected error of the coarse stage, as it says it, below which the fine one is not asked.

    Raises
    ------
    ValueError
        If the network answers what is not finite.
    """
    coarse, fine, own = config.coarse, config.fine, config.own
    form = _FACE if own is None else UprightForm(*own.upright)
    boxed = frames
    answers = first = ask(cut.first(frames, coarse.side, fine.view / coarse.view / fine.side))
    shapes = first_shapes = _placed(frames, first["points"])
    settled = first["expected_error"].mean(axis=1) < enough
    rows = np.flatnonzero(~settled).tolist()
    for number in range(passes - 1 if rows else 0):
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
    if settled.all():  # it agrees with itself
        return StageAnswers(_as_array(shapes), first, cut.finite, first["face"], settled)
    points, first_points = _as_array(shapes), _as_array(first_shapes)
    lengths = None if own is None else own.lengths(points)
    said = agreed(points, answers, first_points, first, lengths)
    return StageAnswers(points, said, cut.finite, first["face"], settled)


def is_far(frame: Frame, wanted: Frame) -> bool:
    """Whether a frame lies beyond `REPEAT` of the one that a face was found in.

    Parameters
    ----------
    frame, wanted : Frame
        That one, and the one that the points found in it ask for.
    """
    area, other = frame.a**2 + frame.b**2, wanted.a**2 + wanted.b**2
    return (
        frame.a * wanted.a + frame.b * wanted.b < math.sqrt(area * other) * _MOST_TURNED
        or not area / _MOST_SCALED < other < area * _MOST_SCALED
        or (wanted.x - frame.x) ** 2 + (wanted.y - frame.y) ** 2 > area * REPEAT.shift**2
    )


# What `is_far` compares: the cosine of the turn, and the ratio of the areas.
_MOST_TURNED, _MOST_SCALED = math.cos(math.radians(REPEAT.degrees)), math.exp(2 * REPEAT.log_scale)


def _surest(
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
    sure = np.where(found.settled, 1.0, sureness(found.answers))
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
        better = np.flatnonzero((surer > sure[unsure]) & again.finite & (away < _NEAR))
        rows = unsure[better]
        sure[rows], points[rows] = surer[better], again.points[better]
        for name, values in answers.items():
            values[rows] = said[name][better]
    return StageAnswers(points, answers, found.finite, found.coarse_face, found.settled)


def _box_frame(box: list[float], view: float) -> Frame:
    """`crops.frames_from_boxes` of one box."""
    left, top, right, bottom = box
    side = math.sqrt((right - left) * (bottom - top)) * view
    return Frame(side, 0.0, (left + right) / 2, (top + bottom) / 2)


def upright_frame(shape: Sequence[complex], coarse: Frame, view: float, form: UprightForm = _FACE) -> Frame:
    """``snapped(frames_from_points(shape, view))`` of one face, its side held near that of the coarse crop.

    The grid that its middle is snapped to is laid around the coarse crop's, and moves with it.

    In Python's own numbers: for five points a call of NumPy takes longer than the sum itself.

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
