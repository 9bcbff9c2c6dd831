"""A two-stage model as one ONNX file that takes an image and boxes: for C++, Java, the browser.

The arithmetic is `passes.stages.ask_stages`'s and `passes.regions.Region`'s, written in ONNX's operators: thinning,
grey, the upright crop, the turned ones, both stages' networks, agreement, confidence. A loop takes box after box.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tcdcn_init.confidence import Calibration
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.network.graph import Graph, Value
from tcdcn_init.passes import frames, regions
from tcdcn_init.passes.repeat_limits import RepeatLimits, repeat_limits
from tcdcn_init.passes.stages import DOUBTS

__all__ = ["INPUTS", "OUTPUTS", "end_to_end"]

INPUTS = ("image", "boxes")
"""(H, W, 3) RGB of uint8, and (N, 4) left, top, right, bottom of float32 in pixels, pixel centres at integers."""

OUTPUTS = {"points": (5, 2), "confidence": (), "visible": (5,), "expected_error": (5,)}
"""Outputs and their shapes for each box: members of `Initialization` by these names."""


_Frame: TypeAlias = tuple[Value, Value, Value, Value]
"""Similarity from the square -0.5..0.5 to image pixels: a and b of the matrix [[a, -b], [b, a]], x and y."""


class _Region(NamedTuple):
    """`regions.Region`: grey pixels (1, 1, size, size), how many of the picture's one of them is wide, first column and
    row of the picture, their step before means were taken, and the size.
    """

    pixels: Value
    scale: Value
    start: Value
    step: Value
    size: Value

    def origin(self, axis: int) -> Value:
        """Where the outer edge of the first pixel lies in the picture."""
        return self.start.at(axis) - self.step * 0.5


def end_to_end(
    stages: tuple[Any, Any], config: TwoStageConfig, calibration: Calibration, passes: int, names: tuple[str, ...]
) -> Any:
    """One ONNX model of both stages' models and all that lies between them.

    Parameters
    ----------
    stages : tuple of two onnx.ModelProto
        Coarse and fine, from "crops" to answers.
    config : TwoStageConfig
    calibration : Calibration
    passes : int
        2 or more, as for `stages.ask_stages`.
    names : tuple of str
        Of the stages' answers.

    Returns
    -------
    onnx.ModelProto
        From `INPUTS` to `OUTPUTS`.
    """
    from onnx import TensorProto, helper

    body = Graph("face/")
    image, boxes = body.input("image", np.uint8), body.input("boxes", np.float32)
    box = boxes.apply("Gather", body.input("number", np.int64)).cast(np.float64)
    answers = _face(body, stages, config, calibration, passes, image, box)
    for name, value in zip(OUTPUTS, answers, strict=True):
        body.nodes.append(helper.make_node("Identity", [value.name], [f"face/{name}"]))
    body.nodes.append(helper.make_node("Identity", ["going"], ["face/going"]))
    condition = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    number = helper.make_tensor_value_info("number", TensorProto.INT64, [])
    inner = body.made(
        "face",
        [number, condition],
        [
            helper.make_tensor_value_info("face/going", TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(f"face/{n}", TensorProto.FLOAT, shape) for n, shape in OUTPUTS.items()),
        ],
    )
    outer = Graph("all/")
    count = outer.node("Shape", outer.input("boxes", np.float32), like=np.int64, start=0, end=1).shaped()
    outer.nodes.append(helper.make_node("Loop", [count.name, ""], list(OUTPUTS), body=inner))
    graph = outer.made(
        "image and boxes to points",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["faces", 4]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["faces", *shape]) for name, shape in OUTPUTS.items()],
    )
    return helper.make_model(graph, opset_imports=stages[1].opset_import, ir_version=stages[1].ir_version)


def _face(
    g: Graph,
    stages: tuple[Any, Any],
    config: TwoStageConfig,
    calibration: Calibration,
    passes: int,
    image: Value,
    box: Value,
) -> tuple[Value, Value, Value, Value]:
    """`OUTPUTS` of one face."""
    asked = ("points", "expected_error", "face", "visible")
    coarse, fine = config.coarse, config.fine
    corners = [box.at(k) for k in range(4)]
    x, y = (corners[0] + corners[2]) * 0.5, (corners[1] + corners[3]) * 0.5
    side = ((corners[2] - corners[0]) * (corners[3] - corners[1])).apply("Sqrt") * coarse.view
    zero = side * 0.0
    frame = (side, zero, x, y)
    boxed = frame
    region = _region(image, frame, side * (fine.view / coarse.view / fine.side))
    crop = _upright_crop(region, frame, coarse.side) * np.float32(1 / 255)
    first = g.splice(stages[0], {"crops": crop}, asked)
    first_points = _placed(first[0], frame)
    points, answers = first_points, first
    goes_on: Value | None = None
    for number in range(passes - 1):
        before = frame
        frame, fine_side = _upright_frame(points, fine.view, boxed)
        region = _covering(region, image, frame, fine_side / fine.side)
        crop = _turned_crop(region, frame, fine.side) * np.float32(1 / 255)
        found = g.splice(stages[1], {"crops": crop}, asked)
        placed = _placed(found[0], frame)
        if number == 0:
            points, answers = placed, found
            continue
        # The pass is computed of every face, and counts where it is asked for.
        far = _is_far(before, frame, repeat_limits(config))
        goes_on = far if goes_on is None else goes_on.apply("And", far)
        points = goes_on.choose(placed, points)
        answers = [goes_on.choose(new, old) for new, old in zip(found, answers, strict=True)]
    # As `stages.agreed`, then as `confidence.Calibration`.
    apart = ((points - first_points) * (points - first_points)).over("ReduceSum", 1).apply("Sqrt")
    eyes = points.at(1) - points.at(0)
    distance = (eyes * eyes).over("ReduceSum").apply("Sqrt").apply("Max", 1e-9)
    doubt, fine_doubt = (some[1].shaped(5).cast(np.float64) for some in (first, answers))
    rest = (apart / distance - doubt * DOUBTS).apply("Max", 0.0)
    raw = (fine_doubt * fine_doubt + rest * rest).apply("Sqrt")
    expected = (raw.apply("Log") * calibration.slope + calibration.offset).apply("Exp")
    odds = ((answers[2] + first[2]).shaped(2) * np.float32(0.5)).cast(np.float64)
    seen = (odds.at(1) - odds.at(0)).apply("Max", -10.0).apply("Min", 10.0)
    is_face = (seen * calibration.face_weight + calibration.face_intercept).apply("Sigmoid")
    log = expected.over("ReduceMean").apply("Log")
    is_good = (log * calibration.error_weight + calibration.good_intercept).apply("Sigmoid")
    return (
        points.cast(np.float32),
        (is_face * is_good).cast(np.float32),
        answers[3].apply("Sigmoid").shaped(5),
        expected.cast(np.float32),
    )


def _placed(points: Value, frame: _Frame) -> Value:
    """(1, 5, 2) in a frame to (5, 2) of float64 in the picture."""
    g = points.graph
    a, b, x, y = frame
    given = points.cast(np.float64).shaped(5, 2)
    turn = g.node("Concat", a.shaped(1), b.shaped(1), (-b).shaped(1), a.shaped(1), axis=0).shaped(2, 2)
    return given @ turn + g.stack(x, y)


def _upright_frame(points: Value, view: float, coarse: _Frame) -> tuple[_Frame, Value]:
    """`frames.upright_frame` of one face."""
    middle = points.over("ReduceMean", 0)
    offset = points - middle
    size = (offset * offset).over("ReduceSum").apply("Sqrt")
    whole = coarse[0]
    held = (size * frames.SIDE).apply("Max", whole * frames.SMALLEST).apply("Min", whole * frames.LARGEST)
    side = (((held * view).apply("Log") / 0.02).apply("Round") * 0.02).apply("Exp")
    # The sum of the products of complex numbers, (x + iy) times ROLL.
    roll, centre = frames.ROLL, frames.CENTRE
    cosine = (offset * np.stack([roll.real, -roll.imag], axis=1)).over("ReduceSum")
    sine = (offset * np.stack([roll.imag, roll.real], axis=1)).over("ReduceSum")
    angle = (_angle(sine, cosine) * (180.0 / np.pi)).apply("Round") * (np.pi / 180.0)
    cos, sin = angle.apply("Cos"), angle.apply("Sin")
    step = side / 64.0
    x = middle.at(0) + (cos * centre.real - sin * centre.imag) * size
    y = middle.at(1) + (sin * centre.real + cos * centre.imag) * size
    x, y = (((value - at) / step).apply("Round") * step + at for value, at in zip((x, y), coarse[2:], strict=True))
    return (side * cos, side * sin, x, y), side


def _is_far(frame: _Frame, wanted: _Frame, limits: RepeatLimits) -> Value:
    """`repeat_limits.beyond`."""
    area, other = (each[0] * each[0] + each[1] * each[1] for each in (frame, wanted))
    along = frame[0] * wanted[0] + frame[1] * wanted[1]
    turned = along.compare("Less", (area * other).apply("Sqrt") * float(np.cos(np.radians(limits.degrees))))
    scaled = ((other / area).apply("Log") * 0.5).apply("Abs").compare("Greater", limits.log_scale)
    x, y = wanted[2] - frame[2], wanted[3] - frame[3]
    shifted = (x * x + y * y).compare("Greater", area * limits.shift**2)
    return turned.apply("Or", scaled).apply("Or", shifted)


def _angle(sine: Value, cosine: Value) -> Value:
    """The angle of a vector, in radians: ONNX has no arctan2."""
    ratio = (sine / (cosine.apply("Abs") + 1e-30)).cast(np.float32).apply("Atan").cast(np.float64)
    behind = sine.compare("Less", 0.0).choose(-ratio - np.pi, -ratio + np.pi)
    return cosine.compare("Less", 0.0).choose(behind, ratio)


def _region(image: Value, frame: _Frame, pitch: Value) -> _Region:
    """`regions.Region`."""
    g = image.graph
    a, b, x, y = frame
    step = (pitch / 1.5).floor().apply("Max", 1.0)
    halve = (pitch / step).compare("GreaterOrEqual", 2.0).cast(np.float64) + 1.0
    scale = step * halve
    reach = (a.apply("Abs") + b.apply("Abs")) * 0.5 + scale * float(regions.MARGIN)
    count = ((reach * 2.0 / scale).apply("Ceil") + 1.0) * halve
    shape = g.node("Shape", image, like=np.int64).cast(np.float64)
    axes = []
    for centre, size in ((y, shape.at(0)), (x, shape.at(1))):
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
    shape = g.stack(half, fold, half, fold)
    pixels = (pixels.apply("Reshape", shape).over("ReduceMean", 1, 3) + np.float32(0.5)).floor()
    return _Region(
        pixels.apply("Unsqueeze", g.constant([0, 1], np.int64)),
        scale,
        g.stack(left, top),
        step,
        half,
    )


def _upright_crop(region: _Region, frame: _Frame, side: int) -> Value:
    """`regions.Region.upright` as (1, 1, side, side)."""
    g = region.pixels.graph
    extent = frame[0] / region.scale
    pitch = extent / float(side)
    width = pitch.apply("Max", 1.0)
    # Weights of the region's pixels (across) for the crop's (down): triangles as wide as two of the crop's pixels.
    places = (
        g.node("Range", g.constant(0, np.int64), region.size, g.constant(1, np.int64), like=np.int64).cast(np.float64)
        + 0.5
    )
    weights = []
    for axis in (0, 1):
        start = (frame[2 + axis] - region.origin(axis)) / region.scale - extent * 0.5
        centres = start + pitch * (np.arange(side)[:, None] + 0.5)
        tent = (1.0 - (places - centres).apply("Abs") / width).apply("Max", 0.0)
        weights.append((tent / tent.over("ReduceSum", 1, keep=True)).cast(np.float32))
    across = ((region.pixels @ weights[0].apply("Transpose", perm=[1, 0])) + np.float32(0.5)).floor()
    return ((weights[1] @ across) + np.float32(0.5)).floor()


def _turned_crop(region: _Region, frame: _Frame, side: int) -> Value:
    """`regions.Region.turned` as (1, 1, side, side)."""
    g = region.pixels.graph
    a, b, x, y = frame
    size = region.size.cast(np.float64) * region.scale
    at = (np.arange(side) + 0.5) / side - 0.5
    across, down = (grid[..., None] for grid in np.meshgrid(at, at, indexing="xy"))
    turned_x = (a * across - b * down + (x - region.origin(0))) / size * 2.0 - 1.0
    turned_y = (b * across + a * down + (y - region.origin(1))) / size * 2.0 - 1.0
    grid = g.node("Concat", turned_x, turned_y, axis=2).cast(np.float32).shaped(1, side, side, 2)
    values = region.pixels.apply("GridSample", grid, mode="linear", padding_mode="zeros", align_corners=0)
    return (values + np.float32(1e-4)).floor()  # single precision makes 127.99999 of 128


def _covering(region: _Region, image: Value, frame: _Frame, pitch: Value) -> _Region:
    """The region where it covers the frame (`regions.Region.covers`), otherwise one around the frame."""
    from onnx import helper

    g = region.pixels.graph
    reach = (frame[0].apply("Abs") + frame[1].apply("Abs")) * 0.5
    shape = g.node("Shape", image, like=np.int64).cast(np.float64)
    length = region.size.cast(np.float64) * region.scale
    leaves = []
    for axis in (0, 1):
        start, centre = region.start.at(axis), frame[2 + axis]
        origin = start - region.step * 0.5
        before = (centre - reach).compare("Less", origin).apply("And", start.compare("Greater", 0.0))
        behind = (centre + reach).compare("Greater", origin + length)
        leaves += [before, behind.apply("And", (start + length).compare("Less", shape.at(1 - axis)))]
    outside = leaves[0].apply("Or", leaves[1]).apply("Or", leaves[2]).apply("Or", leaves[3])
    # Each branch is a graph of its own, which sees this one's values by their names.
    branches = {}
    for name in ("then", "else"):
        inner = Graph(f"{g.name()}/")
        image_there, *rest = (inner.input(value.name, value.dtype) for value in (image, *frame, pitch))
        made = region if name == "else" else _region(image_there, (rest[0], rest[1], rest[2], rest[3]), rest[4])
        outputs = []
        for value in made:
            outputs.append(inner.name())
            inner.nodes.append(helper.make_node("Identity", [value.name], [outputs[-1]]))
        known = [helper.make_empty_tensor_value_info(output) for output in outputs]
        branches[f"{name}_branch"] = inner.made(name, [], known)
    results = [g.name() for _ in region]
    g.nodes.append(helper.make_node("If", [outside.name], results, **branches))
    return _Region(*(Value(g, name, value.dtype) for name, value in zip(results, region, strict=True)))
