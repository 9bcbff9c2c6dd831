"""Grey crops of a face in ONNX's operators: `passes.regions.Region`, number for number.

Whatever has an x and a y is one vector: every node costs a microsecond, whatever it does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcdcn_init.network.end_to_end.graph import Value
from tcdcn_init.passes import regions

__all__ = ["Frame", "Region"]


class Frame(NamedTuple):
    """`regions.Frame` of one face.

    Attributes
    ----------
    turn : Value
        (2,) of float64: a and b.
    middle : Value
        (2,) of float64: x and y.
    """

    turn: Value
    middle: Value

    def area(self) -> Value:
        """Of the square, in pixels of the picture."""
        return self.turn.over("ReduceSumSquare")

    def reach(self) -> Value:
        """How far from its middle it extends, across and down."""
        return self.turn.apply("Abs").over("ReduceSum") * 0.5

    def matrix(self) -> Value:
        """(2, 2): what rows of offsets in the frame are multiplied with to become offsets in the picture."""
        return (self.turn.at([0, 1, 1, 0]) * [1.0, 1.0, -1.0, 1.0]).shaped(2, 2)

    def placed(self, points: Value) -> Value:
        """(P, 2) of float32 in the frame to (P, 2) of float64 in the picture."""
        return points.cast(np.float64) @ self.matrix() + self.middle


class Region(NamedTuple):
    """`regions.Region`.

    Attributes
    ----------
    pixels : Value
        Grey, (1, 1, size, size) of uint8.
    size : Value
        int64.
    scale, step : Value
        How many of the picture's pixels one of them is wide, and their distance there before means were taken.
    start : Value
        (2,) of float64: first column and row of the picture.
    """

    pixels: Value
    size: Value
    scale: Value
    step: Value
    start: Value

    @classmethod
    def around(cls, image: Value, frame: Frame, pitch: Value) -> Region:
        """That of a frame.

        Parameters
        ----------
        image : Value
            (H, W, 3) of uint8.
        frame : Frame
        pitch : Value
            As of `regions.Region`.
        """
        g = image.graph
        step = (pitch / 1.5).floor().apply("Max", 1.0)
        is_halved = (pitch / step).compare("GreaterOrEqual", 2.0)
        halve = is_halved.cast(np.float64) + 1.0
        scale = step * halve
        reach = frame.reach() + scale * float(regions.MARGIN)
        half = (reach * 2.0 / scale).apply("Ceil") + 1.0
        count = half * halve
        # Columns and rows of the region's grid that lie in the picture; beside the picture, its nearest one.
        end = _extent(image) - 1.0
        start = (frame.middle - reach).floor()
        first = (-(start / step).floor()).apply("Max", 0.0).apply("Min", count - 1.0)
        last = ((end - start) / step).floor().apply("Min", count - 1.0).apply("Max", first)
        low = (start + first * step).apply("Max", 0.0).apply("Min", end)
        stop = (start + last * step).apply("Max", low)
        inside = ((stop - low) / step).floor() + 1.0
        steps = (step + np.zeros(2)).cast(np.int64)
        axes = g.constant([1, 0], np.int64)  # first across, then down
        part = image.apply("Slice", low.cast(np.int64), (stop + 1.0).cast(np.int64), axes, steps)
        sums = (part.cast(np.float32) @ regions.LUMA[:, None]).apply("Squeeze", g.constant([2], np.int64))
        grey = (sums + regions.HALF).cast(np.uint8)
        pads = g.node("Concat", first, count - first - inside, axis=0).cast(np.int64)
        grey = g.node("Pad", grey, pads, g.constant(0, np.uint8), axes, mode="edge")
        size = half.cast(np.int64)

        def halved() -> list[Value]:
            across = size.shaped(1)
            squares = g.node("Concat", across, [2], across, [2], axis=0)
            means = grey.cast(np.float32).apply("Reshape", squares).over("ReduceMean", 1, 3)
            return [(means + np.float32(0.5)).cast(np.uint8)]

        pixels = g.branch(is_halved, halved, lambda: [grey])[0].apply("Unsqueeze", g.constant([0, 1], np.int64))
        return cls(pixels, size, scale, step, start)

    def covering(self, image: Value, frame: Frame, pitch: Value) -> Region:
        """This one where it covers the frame (`regions.Region.covers`), otherwise one around the frame."""
        reach, origin = frame.reach(), self._origin()
        length = self.size.cast(np.float64) * self.scale
        before = (frame.middle - reach).compare("Less", origin).apply("And", self.start.compare("Greater", 0.0))
        behind = (frame.middle + reach).compare("Greater", origin + length)
        behind = behind.apply("And", (self.start + length).compare("Less", _extent(image)))
        leaves = before.apply("Or", behind)
        outside = leaves.at(0).apply("Or", leaves.at(1))
        graph = self.pixels.graph
        return Region(*graph.branch(outside, lambda: Region.around(image, frame, pitch), lambda: self))

    def upright(self, frame: Frame, side: int) -> Value:
        """`regions.Region.upright` as (1, 1, side, side), 0 to 255."""
        # Weights of the region's pixels (across) for the crop's (down): triangles as wide as two of the crop's pixels.
        half = frame.turn.at(0) * 0.5
        middle = frame.middle - self._origin()
        low, high = (((middle + end) / self.scale).cast(np.float32) for end in (-half, half))  # as Pillow keeps them
        pitch = ((high - low).cast(np.float64) / float(side)).shaped(2, 1, 1)
        centres = low.cast(np.float64).shaped(2, 1, 1) + pitch * (np.arange(side)[:, None] + 0.5)
        places = _numbers(self.size) + 0.5
        tent = (1.0 - (places - centres).apply("Abs") / pitch.apply("Max", 1.0)).apply("Max", 0.0)
        # Pillow's weights are whole numbers.
        whole = float(1 << 22)
        weights = (tent / tent.over("ReduceSum", 2, keep=True) * whole).apply("Round")
        # Divided once turned over: older onnxruntime joins turning and product, and then has no product of float64.
        across = _rounded(self.pixels.cast(np.float64) @ (weights.at(0).apply("Transpose", perm=[1, 0]) / whole))
        return _rounded((weights.at(1) / whole) @ across).cast(np.float32)

    def turned(self, frame: Frame, side: int) -> Value:
        """`regions.Region.turned` as (1, 1, side, side), 0 to 255."""
        fold = (frame.area().apply("Sqrt") / self.scale / float(side) / regions.FINEST).floor().apply("Max", 1.0)
        half = self._half()
        away = (frame.middle - self._origin() - half).apply("Abs").over("ReduceMax") + frame.reach()
        is_plain = fold.compare("Equal", 1.0).apply("And", away.compare("Less", half))

        def black_outside() -> list[Value]:
            reduced = self._reduced(fold)
            grid = reduced._grid(frame, side)
            inside = grid.apply("Abs").over("ReduceMax", 3).compare("Less", 1.0).cast(np.float32)
            return [reduced._sampled(grid) * inside]

        return self.pixels.graph.branch(is_plain, lambda: [self._sampled(self._grid(frame, side))], black_outside)[0]

    def _half(self) -> Value:
        """Half of its side in the picture."""
        return self.size.cast(np.float64) * self.scale * 0.5

    def _origin(self) -> Value:
        """(2,) Where the outer edge of the first pixel lies in the picture."""
        return self.start - self.step * 0.5

    def _reduced(self, fold: Value) -> Region:
        """`PIL.Image.reduce`: means of squares, and of what is left of squares at the end.

        Pillow multiplies whole numbers by a rounded reciprocal in place of dividing, which takes one from some means.
        """
        size = (self.size.cast(np.float64) / fold).apply("Ceil").cast(np.int64)
        squares, numbers = (_numbers(self.size) / fold).floor(), _numbers(size)
        down = squares.compare("Equal", numbers.shaped(-1, 1)).cast(np.float64)
        across = squares.shaped(-1, 1).compare("Equal", numbers).cast(np.float64)
        sums = down @ self.pixels.cast(np.float64) @ across
        counts = (down.over("ReduceSum", 1, keep=True) * across.over("ReduceSum", 0)).cast(np.int64)
        reciprocal = self.pixels.graph.constant(1 << 24, np.int64) / counts
        means = (sums.cast(np.int64) + counts / 2) * reciprocal / (1 << 24)
        return Region(means.cast(np.uint8), size, self.scale * fold, self.step, self.start)

    def _grid(self, frame: Frame, side: int) -> Value:
        """(1, side, side, 2) Where the pixels of a frame's crop lie in the region, which reaches from -1 to 1."""
        g, at = self.pixels.graph, (np.arange(side) + 0.5) / side - 0.5
        places = np.stack([*np.meshgrid(at, at, indexing="xy"), np.ones((side, side))], axis=2).reshape(-1, 3)
        middle = (frame.middle - self._origin() - self._half()).shaped(1, 2)
        matrix = g.node("Concat", frame.matrix(), middle, axis=0) / self._half()
        return (g.constant(places, np.float64) @ matrix).shaped(1, side, side, 2)

    def _sampled(self, grid: Value) -> Value:
        """Linear interpolation, and what is left of whole numbers; beyond the region its outermost pixels go on."""
        pixels = self.pixels.cast(np.float64)  # in single precision one in ten thousand would be rounded otherwise
        values = pixels.apply("GridSample", grid, mode="linear", padding_mode="border", align_corners=0)
        return (values + 1e-9).floor().cast(np.float32)  # rounding makes 127.999... of 128


def _rounded(values: Value) -> Value:
    return (values + 0.5).floor()


def _numbers(count: Value) -> Value:
    """0 to count - 1, of float64."""
    g = count.graph
    return g.node("Range", g.constant(0, np.int64), count, g.constant(1, np.int64)).cast(np.float64)


def _extent(image: Value) -> Value:
    """(2,) of float64: width and height."""
    return image.graph.node("Shape", image, like=np.int64).at([1, 0]).cast(np.float64)
