"""A two-stage model as one ONNX file that takes an image and boxes: for C++, Java, the browser.

The arithmetic of `passes.stages`, `passes.looks`, `passes.regions` and `confidence`, in ONNX's operators. A loop takes
box after box, one in it look after look, one in that pass after pass; each stage's network is in the file once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tcdcn_init.confidence import Calibration
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.network.end_to_end.face import Stages
from tcdcn_init.network.end_to_end.graph import Graph, Step, Value

__all__ = ["INPUTS", "OUTPUTS", "end_to_end"]

INPUTS = ("image", "boxes")
"""(H, W, 3) RGB of uint8, and (N, 4) left, top, right, bottom of float32 in pixels, pixel centres at integers."""

OUTPUTS = {"points": (5, 2), "confidence": (), "visible": (5,), "expected_error": (5,)}
"""Outputs and their shapes for each box: members of `Initialization` by these names."""


def end_to_end(stages: tuple[Any, Any], config: TwoStageConfig, calibration: Calibration, passes: int) -> Any:
    """One ONNX model of both stages' models and all that lies between them.

    Parameters
    ----------
    stages : tuple of two onnx.ModelProto
        Coarse and fine, from "crops" to answers.
    config : TwoStageConfig
    calibration : Calibration
    passes : int
        2 or more, as for `stages.ask_stages`.

    Returns
    -------
    onnx.ModelProto
        From `INPUTS` to `OUTPUTS`.
    """
    from onnx import TensorProto, helper

    g = Graph()
    image, boxes = g.input("image", np.uint8), g.input("boxes", np.float32)
    face = Stages(g, stages, config, calibration, passes, image)

    def one(number: Value) -> Step:
        return Step(gathered=face.answers(boxes.at(number)))

    count = g.node("Shape", boxes, like=np.int64, start=0, end=1).shaped()
    for name, value in zip(OUTPUTS, g.loop(count, [], one), strict=True):
        g.name_as(value, name)
    graph = g.made(
        "image and boxes to points",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["faces", 4]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["faces", *shape]) for name, shape in OUTPUTS.items()],
    )
    return helper.make_model(graph, opset_imports=stages[1].opset_import, ir_version=stages[1].ir_version)
