"""Stages' convolutions in whole numbers: half the time of float32 on processors with instructions for them.

Weights become signed bytes, per filter, and maps unsigned ones whose ranges are measured on crops of real faces.
Rectifiers vanish into their convolutions, so that maps stay bytes from the first convolution through the layer of low
rank before the shared feature.
Votes and heads, which decide about fractions of a pixel, stay as they are.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.network.backends import TorchBackend
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.dense import dense_points
from tcdcn_init.passes.two_stage import run_stages

__all__ = ["crops_of", "quantised"]


def crops_of(model: Path, faces: Sequence[Face]) -> dict[int, NDArray[np.float32]]:
    """Crops that a model's stages are shown of some faces.

    Parameters
    ----------
    model : pathlib.Path
        The .safetensors file of a model of two stages or of dense points.
    faces : sequence of Face

    Returns
    -------
    dict of int to (N, side, side) ndarray of float32
        By the side of the stage's crops.

    Raises
    ------
    ValueError
        If it is a model of other networks.
    """
    backend = TorchBackend(model)
    config = backend.config
    if not isinstance(config, TwoStageConfig | DenseConfig):
        raise ValueError(f"{model} is no model of stages; expected one: others stay in float32")
    seen: dict[int, list[NDArray[np.float32]]] = {}

    def look(crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        seen.setdefault(crops.shape[1], []).append(crops)
        return backend(crops)

    for face in faces:
        if isinstance(config, DenseConfig):
            dense_points(look, config, [read_face_image(face)], face.five[None])
        else:
            boxes = [face.box[None]]
            run_stages(look, config, [read_face_image(face)], boxes, passes=DEFAULT_PASSES, on_bad="raise")
    return {side: np.concatenate(crops) for side, crops in seen.items()}


def quantised(model: Any, layers: int, crops: NDArray[np.float32]) -> Any:
    """A stage's ONNX model with its first convolutions in whole numbers.

    Parameters
    ----------
    model : onnx.ModelProto
        From "crops" to answers, in float32.
    layers : int
        Convolutions in whole numbers, the model's first ones.
    crops : (N, side, side) ndarray of float32
        What maps' ranges are measured on.

    Returns
    -------
    onnx.ModelProto
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """One crop after the other."""

        def __init__(self) -> None:
            self.rest = iter(crops)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            crop = next(self.rest, None)
            return None if crop is None else {"crops": np.ascontiguousarray(crop[None, None])}

    level = logging.root.level
    with tempfile.TemporaryDirectory() as folder:
        given, prepared, made = (Path(folder) / name for name in ("given.onnx", "prepared.onnx", "made.onnx"))
        onnx.save(model, given)
        logging.root.setLevel(logging.ERROR)  # advice about options
        try:
            quant_pre_process(given, prepared, skip_symbolic_shape=True)
            nodes = onnx.load(prepared).graph.node
            chosen = [
                node.name
                for kind, count in (("Conv", layers), ("Relu", layers), ("Gemm", 1))
                for node in [node for node in nodes if node.op_type == kind][:count]
            ]
            quantize_static(
                prepared,
                made,
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=chosen,
            )
        finally:
            logging.root.setLevel(level)
        return onnx.load(made)
