"""Crops cut in ONNX's operators: to the last bit those of `passes.regions`."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tcdcn_init.network.end_to_end import crops
from tcdcn_init.network.end_to_end.graph import Graph
from tcdcn_init.passes import regions
from tcdcn_init.passes.frames import Frame

SIDE = 24


def session(kind: str) -> Callable[..., np.ndarray]:
    """``cut(image, frame, pitch, wanted)``: a crop over one frame out of the region around another."""
    g = Graph()
    image, pitch = g.input("image", np.uint8), g.input("pitch", np.float64)
    names = ("turn", "middle", "wanted turn", "wanted middle")
    values = [g.input(name, np.float64) for name in names]
    frame, wanted = crops.Frame(*values[:2]), crops.Frame(*values[2:])
    region = crops.Region.around(image, frame, pitch).covering(image, wanted, pitch)
    g.name_as(getattr(region, kind)(wanted, SIDE), "crop")
    double = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [2]) for name in names]
    given: list[Any] = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3]),
        helper.make_tensor_value_info("pitch", TensorProto.DOUBLE, []),
        *double,
    ]
    made = [helper.make_tensor_value_info("crop", TensorProto.FLOAT, [1, 1, SIDE, SIDE])]
    model = helper.make_model(
        g.made("crop", given, made), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    ).SerializeToString()
    started = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def cut(image: np.ndarray, frame: Frame, pitch: float, wanted: Frame) -> np.ndarray:
        numbers = np.array([*frame, *wanted]).reshape(4, 2)
        given = {"image": image, "pitch": np.array(pitch), **dict(zip(names, numbers, strict=True))}
        return np.asarray(started.run(None, given)[0][0, 0])

    return cut


def frames(rng: np.random.Generator, kind: str) -> tuple[Frame, float, Frame]:
    """A frame in or about a picture of (120, 160), how fine the region around it is to be, and one near it."""
    side, x, y = math.exp(rng.uniform(3.0, 5.5)), rng.uniform(-10, 170), rng.uniform(-10, 130)
    frame, pitch = Frame(side, 0.0, x, y), side * rng.uniform(0.3, 1.2) / SIDE
    if kind == "upright":
        return frame, pitch, frame
    turn = cmath.rect(side * rng.uniform(0.3, 1.3), rng.uniform(-np.pi, np.pi))
    return frame, pitch, Frame(turn.real, turn.imag, *rng.normal((x, y), 0.15 * side))


@pytest.mark.parametrize("kind", ["upright", "turned"])
def test_crops_are_those_of_the_package(kind):
    rng = np.random.default_rng(3)
    cut, image = session(kind), rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    image[:, 80:] //= 8
    for _ in range(150):
        frame, pitch, wanted = frames(rng, kind)
        region = regions.Region(image, frame, pitch)
        if not region.covers(wanted):
            region = regions.Region(image, wanted, pitch)
        np.testing.assert_array_equal(cut(image, frame, pitch, wanted), getattr(region, kind)(wanted, SIDE))
