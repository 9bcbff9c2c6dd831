"""Grey crops of a face in ONNX's operators: `passes.regions.Region`, number for number."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tcdcn_init.network.end_to_end.graph import Value
from tcdcn_init.passes import regions

__all__ = ["Frame", "Region"]


class Frame(NamedTuple):
    """`regions.Frame` of one face: numbers of float64."""

    a: Value
    b: Value
    x: Value
    y: Value

    def side(self) -> Value:
        """Side of the square."""
        return (self.a * self.a + self.b * self.b).apply("Sqrt")

    def reach(self) -> Value:
        """How far from its middle it extends, across and down."""
        return (self.a.apply("Abs") + self.b.apply("Abs")) * 0.5

    def placed(self, points: Value) -> Value:
        """(P, 2) of float32 in the frame to (P, 2) of float64 in the picture."""
        g = points.graph
        turn = g.stack(self.a, self.b, -self.b, self.a).shaped(2, 2)
        return points.cast(np.float64) @ turn + g.stack(self.x, self.y)


class Region(NamedTuple):
    """`regions.Region`.

    Attributes
    ----------
    pixels : Value
        Grey, (1, 1, size, size) of float32.
    size : Value
        int64.
    scale, step : Value
        How many of the picture's pixels one of them is wide, and their distance there before means were taken.
    start : Value
        First column and row of the picture.
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
        halve = (pitch / step).compare("GreaterOrEqual", 2.0).cast(np.float64) + 1.0
        scale = step * halve
        reach = frame.reach() + scale * float(regions.MARGIN)
        count = ((reach * 2.0 / scale).apply("Ceil") + 1.0) * halve
        shape = g.node("Shape", image, like=np.int64).cast(np.float64)
        axes = []
        for centre, size in ((frame.y, shape.at(0)), (frame.x, shape.at(1))):
            start = (centre - reach).floor()
            first = (-(start / step).floor()).apply("Max", 0.0).apply("Min", count - 1.0)
            last = ((size - 1.0 - start) / step).floor().apply("Min", count - 1.0).apply("Max", first)
            low = (start + first * step).apply("Max", 0.0).apply("Min", size - 1.0)
            stop = (start + last * step).apply("Max", low) + 1.0
            rows = ((stop - 1.0 - low) / step).floor() + 1.0
            axes.append((start, low, stop, first, count - first - rows))
        (top, low_y, stop_y, above, below), (left, low_x, stop_x, before, behind) = axes
        whole = [g.stack(*pair).cast(np.int64) for pair in ((low_y, low_x), (stop_y, stop_x), (step, step))]
        part = image.apply("Slice", whole[0], whole[1], g.constant([0, 1], np.int64), whole[2])
        grey = ((part.cast(np.float32) @ regions.LUMA[:, None]) + np.float32(0.5)).floor()
        pads = g.stack(above, before, below, behind).cast(np.int64)
        pixels = grey.apply("Squeeze", g.constant([2], np.int64)).apply("Pad", pads, mode="edge")
        # Means of two by two, or of each pixel alone.
        fold, half = halve.cast(np.int64), (count / halve).cast(np.int64)
        pixels = (pixels.apply("Reshape", g.stack(half, fold, half, fold)).over("ReduceMean", 1, 3) + np.float32(0.5)).floor()
        return cls(pixels.apply("Unsqueeze", g.constant([0, 1], np.int64)), half, scale, step, g.stack(left, top))

    def covering(self, image: Value, frame: Frame, pitch: Value) -> Region:
        """This one where it covers the frame (`regions.Region.covers`), otherwise one around the frame."""
        g = self.pixels.graph
        reach, shape = frame.reach(), g.node("Shape", image, like=np.int64).cast(np.float64)
        length = self.size.cast(np.float64) * self.scale
        leaves = []
        for axis in (0, 1):
            start, centre, origin = self.start.at(axis), frame[2 + axis], self._origin(axis)
            before = (centre - reach).compare("Less", origin).apply("And", start.compare("Greater", 0.0))
            behind = (centre + reach).compare("Greater", origin + length)
            leaves += [before, behind.apply("And", (start + length).compare("Less", shape.at(1 - axis)))]
        outside = leaves[0].apply("Or", leaves[1]).apply("Or", leaves[2]).apply("Or", leaves[3])
        return Region(*g.branch(outside, lambda: Region.around(image, frame, pitch), lambda: self))

    def upright(self, frame: Frame, side: int) -> Value:
        """`regions.Region.upright` as (1, 1, side, side), 0 to 255."""
        extent = frame.a / self.scale
        pitch = extent / float(side)
        width = pitch.apply("Max", 1.0)
        # Weights of the region's pixels (across) for the crop's (down): triangles as wide as two of the crop's pixels.
        places = self._places() + 0.5
        weights = []
        for axis in (0, 1):
            start = (frame[2 + axis] - self._origin(axis)) / self.scale - extent * 0.5
            centres = start + pitch * (np.arange(side)[:, None] + 0.5)
            tent = (1.0 - (places - centres).apply("Abs") / width).apply("Max", 0.0)
            weights.append((tent / tent.over("ReduceSum", 1, keep=True)).cast(np.float32))
        across = ((self.pixels @ weights[0].apply("Transpose", perm=[1, 0])) + np.float32(0.5)).floor()
        return ((weights[1] @ across) + np.float32(0.5)).floor()

    def turned(self, frame: Frame, side: int) -> Value:
        """`regions.Region.turned` as (1, 1, side, side), 0 to 255."""
        fold = (frame.side() / self.scale / float(side) / regions.FINEST).floor()
        coarse = fold.compare("Greater", 1.0)
        made = self.pixels.graph.branch(
            coarse, lambda: [self._reduced(fold)._sampled(frame, side)], lambda: [self._sampled(frame, side)]
        )
        return made[0]

    def _origin(self, axis: int) -> Value:
        """Where the outer edge of the first pixel lies in the picture."""
        return self.start.at(axis) - self.step * 0.5

    def _places(self) -> Value:
        """0 to size - 1."""
        g = self.pixels.graph
        zero, one = g.constant(0, np.int64), g.constant(1, np.int64)
        return g.node("Range", zero, self.size, one, like=np.int64).cast(np.float64)

    def _reduced(self, fold: Value) -> Region:
        """`PIL.Image.reduce`: means of squares, and of what is left of squares at the end.

        Pillow multiplies whole numbers by a rounded reciprocal in place of dividing, which takes one from some means.
        """
        size = (self.size.cast(np.float64) / fold).apply("Ceil")
        places, g = (self._places() / fold).floor(), self.pixels.graph
        zero, one = g.constant(0, np.int64), g.constant(1, np.int64)
        squares = g.node("Range", zero, size.cast(np.int64), one, like=np.int64).cast(np.float64).shaped(-1, 1)
        of_square = places.compare("Equal", squares).cast(np.float32)
        sums = (of_square @ self.pixels @ of_square.apply("Transpose", perm=[1, 0])).cast(np.int64)
        counts = of_square.over("ReduceSum", 1, keep=True)
        counts = (counts @ counts.apply("Transpose", perm=[1, 0])).cast(np.int64)
        means = (sums + counts / 2) * (g.constant(1 << 24, np.int64) / counts) / (1 << 24)
        return Region(means.cast(np.float32), size.cast(np.int64), self.scale * fold, self.step, self.start)

    def _sampled(self, frame: Frame, side: int) -> Value:
        """A crop by linear interpolation; beyond the region it is black."""
        g = self.pixels.graph
        a, b, x, y = frame
        size = self.size.cast(np.float64) * self.scale
        at = (np.arange(side) + 0.5) / side - 0.5
        across, down = (grid[..., None] for grid in np.meshgrid(at, at, indexing="xy"))
        turned_x = (a * across - b * down + (x - self._origin(0))) / size * 2.0 - 1.0
        turned_y = (b * across + a * down + (y - self._origin(1))) / size * 2.0 - 1.0
        grid = g.node("Concat", turned_x, turned_y, axis=2).cast(np.float32).shaped(1, side, side, 2)
        values = self.pixels.apply("GridSample", grid, mode="linear", padding_mode="zeros", align_corners=0)
        return (values + np.float32(1e-4)).floor()  # single precision makes 127.99999 of 128
