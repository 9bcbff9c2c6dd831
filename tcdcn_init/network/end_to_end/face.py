"""One face in ONNX's operators: `passes.stages`, `passes.looks`, and `confidence.Calibration`."""

from __future__ import annotations

import cmath
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.confidence import Calibration
from tcdcn_init.geometry import MIRROR
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.network.end_to_end.crops import Frame, Region
from tcdcn_init.network.end_to_end.graph import Graph, Step, Value
from tcdcn_init.passes import frames
from tcdcn_init.passes.looks import ALIKE, LOOKS, NEAR, Look
from tcdcn_init.passes.repeat_limits import RepeatLimits, repeat_limits
from tcdcn_init.passes.stages import DOUBTS

__all__ = ["Stages"]

# The first look is one as well, and taken in any case.
_LOOKS = (Look(1.0, False, np.inf), *LOOKS)

# Cosine and sine from -180 to 180 degrees: older onnxruntime has none of float64.
_WHOLE_DEGREES = [(number.real, number.imag) for number in (cmath.rect(1.0, math.radians(k)) for k in range(-180, 181))]


class _Answers(NamedTuple):
    """A stage's of one face: (5, 2), in its crop or in the picture; (5,); (2,); (5,)."""

    points: Value
    expected_error: Value
    face: Value
    visible: Value


class Stages(NamedTuple):
    """Both stages' networks in a graph.

    Attributes
    ----------
    graph : Graph
    models : tuple of two onnx.ModelProto
        Coarse and fine, from "crops" to answers.
    config : TwoStageConfig
    calibration : Calibration
    passes : int
        2 or more, as for `stages.ask_stages`.
    image : Value
        (H, W, 3) of uint8.
    """

    graph: Graph
    models: tuple[Any, Any]
    config: TwoStageConfig
    calibration: Calibration
    passes: int
    image: Value

    def answers(self, box: Value) -> list[Value]:
        """Points, confidence, visibility and expected errors of the face in a box (4) of float32.

        Look after look is taken while it is less sure than the next one asks for; the surest counts, and its points
        are the mean of those that are like them.
        """
        g = self.graph
        corners = box.cast(np.float64).shaped(2, 2)
        middle, extent = corners.over("ReduceMean", 0), corners.at(1) - corners.at(0)
        side = (extent.at(0) * extent.at(1)).apply("Sqrt") * self.config.coarse.view

        def look(number: Value, *best: Value) -> Step:
            turns = g.constant([(each.turn.real, each.turn.imag) for each in _LOOKS], np.float64)
            frame = Frame(turns.at(number) * side, middle)
            mirrored = g.constant([each.mirrored for each in _LOOKS], np.bool_).at(number)
            first, found = self._passes(frame, mirrored)
            is_first = number.compare("Equal", 0)
            # Whether the box holds a face is for the first look to say: others may have found a neighbour.
            coarse_face = is_first.choose(first.face, best[-1])
            answers = self._judged(first, found, coarse_face)
            away = (found.points.over("ReduceMean", 0) - middle).apply("Abs").over("ReduceMax")
            above = g.constant([each.above for each in _LOOKS], np.float64).at(number)
            better = answers[1].compare("Greater", best[1].apply("Max", above))
            better = better.apply("And", away.compare("Less", _size(found.points) * NEAR))
            better = better.apply("Or", is_first)
            kept = [better.choose(new, old) for new, old in zip(answers, best, strict=False)]
            below = g.constant([*(each.below for each in _LOOKS[1:]), -1.0], np.float64).at(number)
            return Step([*kept, coarse_face], kept[1].compare("Less", below), [found.points, answers[2]])

        doubles, singles = ((5, 2), (), (5,)), ((5,), (2,))  # as `_judged` and the coarse stage answer
        nothing = [g.constant(np.zeros(shape), np.float64) for shape in doubles]
        nothing += [g.constant(np.zeros(shape), np.float32) for shape in singles]
        *best, _, looks, errors = g.loop(g.constant(len(_LOOKS), np.int64), nothing, look)
        points, confidence, error, visible = best
        apart = (looks - points).over("ReduceSumSquare", 2).apply("Sqrt").over("ReduceMean", 1, keep=True)
        is_alike = apart.compare("LessOrEqual", _size(points) * ALIKE).cast(np.float64)
        counts = (is_alike / (errors * errors)).apply("Unsqueeze", g.constant([2], np.int64))
        points = (looks * counts).over("ReduceSum", 0) / counts.over("ReduceSum", 0)
        expected_error = self._calibrated(error)
        return [points.cast(np.float32), confidence.cast(np.float32), visible, expected_error.cast(np.float32)]

    def _passes(self, frame: Frame, mirrored: Value) -> tuple[_Answers, _Answers]:
        """`stages.ask_stages`: the coarse stage's answers and the fine one's last, their points in the picture."""
        g, image, coarse, fine = self.graph, self.image, self.config.coarse, self.config.fine
        finest = frame.area().apply("Sqrt") * (fine.view / coarse.view / fine.side)
        region = Region.around(image, frame, finest)
        is_upright = frame.turn.at(0).compare("Greater", 0.0).apply("And", frame.turn.at(1).compare("Equal", 0.0))
        crop = g.branch(
            is_upright, lambda: [region.upright(frame, coarse.side)], lambda: [region.turned(frame, coarse.side)]
        )
        first = self._ask(0, crop[0], mirrored)
        first = first._replace(points=frame.placed(first.points))

        def again(_: Value, *state: Value) -> Step:
            here = Frame(*state[:2])
            covering = Region(*state[2:7]).covering(image, here, here.area().apply("Sqrt") / float(fine.side))
            found = self._ask(1, covering.turned(here, fine.side), mirrored)
            found = found._replace(points=here.placed(found.points))
            wanted = _upright_frame(found.points, fine.view, frame)
            return Step([*wanted, *covering, *found], _is_far(here, wanted, repeat_limits(self.config)))

        start = [*_upright_frame(first.points, fine.view, frame), *region, *first]
        return first, _Answers(*g.loop(g.constant(self.passes - 1, np.int64), start, again)[7:])

    def _ask(self, stage: int, crop: Value, mirrored: Value) -> _Answers:
        """A stage about a crop of 0 to 255, or as `repeated.mirror_averaged` about its mirror image too."""
        g, side = self.graph, (self.config.coarse, self.config.fine)[stage].side
        crop = crop * np.float32(1 / 255)

        def both() -> list[Value]:
            ends = [g.constant([value], np.int64) for value in (-1, np.iinfo(np.int64).min, 3, -1)]
            return [g.node("Concat", crop, crop.apply("Slice", *ends), axis=0)]

        crops = g.branch(mirrored, both, lambda: [crop])[0].shaped(-1, 1, side, side)
        plain = _Answers(*g.splice(self.models[stage], {"crops": crops}, _Answers._fields))

        def averaged() -> list[Value]:
            answers = []
            for name, value in plain._asdict().items():
                other = value.at(1)
                if name != "face":
                    other = other.at(g.constant(MIRROR, np.int64))
                if name == "points":
                    other = other * np.array([-1.0, 1.0])
                answers.append((value.at(0) + other) * np.float32(0.5))
            return answers

        return _Answers(*g.branch(mirrored, averaged, lambda: [value.at(0) for value in plain]))

    def _judged(self, first: _Answers, found: _Answers, coarse_face: Value) -> list[Value]:
        """`stages.agreed`, then `confidence.Calibration`: points, confidence, raw expected errors, visibility."""
        points, calibration = found.points, self.calibration
        apart = (points - first.points).over("ReduceSumSquare", 1).apply("Sqrt")
        distance = (points.at(1) - points.at(0)).over("ReduceSumSquare").apply("Sqrt").apply("Max", 1e-9)
        doubt, fine_doubt = (some.expected_error.cast(np.float64) for some in (first, found))
        rest = (apart / distance - doubt * DOUBTS).apply("Max", 0.0)
        raw = (fine_doubt * fine_doubt + rest * rest).apply("Sqrt")
        odds = ((found.face + coarse_face) * np.float32(0.5)).cast(np.float64)
        seen = (odds.at(1) - odds.at(0)).apply("Max", -10.0).apply("Min", 10.0)
        is_face = (seen * calibration.face_weight + calibration.face_intercept).apply("Sigmoid")
        log = self._calibrated(raw).over("ReduceMean").apply("Log")
        is_good = (log * calibration.error_weight + calibration.good_intercept).apply("Sigmoid")
        return [points, is_face * is_good, raw, found.visible.apply("Sigmoid")]

    def _calibrated(self, raw: Value) -> Value:
        """`confidence.Calibration.expected_error`."""
        return (raw.apply("Log") * self.calibration.slope + self.calibration.offset).apply("Exp")


def _size(points: Value) -> Value:
    """Root of the mean square of (5, 2) points' distances from their middle, as in `looks`."""
    return _centroid_size(points - points.over("ReduceMean", 0)) / math.sqrt(5)


def _centroid_size(offsets: Value) -> Value:
    """`geometry.centroid_size` of points whose middle is taken off."""
    return offsets.over("ReduceSumSquare").apply("Sqrt")


def _upright_frame(points: Value, view: float, coarse: Frame) -> Frame:
    """`frames.upright_frame`."""
    middle = points.over("ReduceMean", 0)
    offset = points - middle
    size = _centroid_size(offset)
    whole = coarse.area().apply("Sqrt")
    held = (size * frames.SIDE).apply("Max", whole * frames.SMALLEST).apply("Min", whole * frames.LARGEST)
    side = (((held * view).apply("Log") / 0.02).apply("Round") * 0.02).apply("Exp")
    # Sums and products of complex numbers as those of matrices.
    turn = offset.shaped(1, -1) @ np.concatenate([_product(complex(weight)) for weight in frames.ROLL])
    degrees = (_angle(turn.shaped(2)) * (180.0 / np.pi)).apply("Round").cast(np.int64)
    across = points.graph.constant(_WHOLE_DEGREES, np.float64).at(degrees + 180)
    middle = middle + across @ _product(frames.CENTRE) * size
    step = side / 64.0
    return Frame(across * side, ((middle - coarse.middle) / step).apply("Round") * step + coarse.middle)


def _product(number: complex) -> NDArray[np.float64]:
    """What a row of real and imaginary part is multiplied with to become the product with a complex number."""
    return np.array([[number.real, number.imag], [-number.imag, number.real]])


def _is_far(frame: Frame, wanted: Frame, limits: RepeatLimits) -> Value:
    """`repeat_limits.beyond`."""
    area, other = frame.area(), wanted.area()
    along = (frame.turn * wanted.turn).over("ReduceSum")
    turned = along.compare("Less", (area * other).apply("Sqrt") * float(np.cos(np.radians(limits.degrees))))
    scaled = ((other / area).apply("Log") * 0.5).apply("Abs").compare("Greater", limits.log_scale)
    shifted = (wanted.middle - frame.middle).over("ReduceSumSquare").compare("Greater", area * limits.shift**2)
    return turned.apply("Or", scaled).apply("Or", shifted)


def _angle(vector: Value) -> Value:
    """The angle of a vector, in radians: ONNX has no arctan2."""
    cosine, sine = vector.at(0), vector.at(1)
    ratio = (sine / (cosine.apply("Abs") + 1e-30)).cast(np.float32).apply("Atan").cast(np.float64)
    behind = sine.compare("Less", 0.0).choose(-ratio - np.pi, -ratio + np.pi)
    return cosine.compare("Less", 0.0).choose(behind, ratio)
