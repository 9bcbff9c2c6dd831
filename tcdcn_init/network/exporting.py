"""Model files made from model files: .safetensors to .onnx, and the proof that both say the same."""

from __future__ import annotations

import contextlib
import itertools
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.extras import require
from tcdcn_init._shared.files import replacing
from tcdcn_init.confidence import Calibration
from tcdcn_init.datasets.base import Face
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.config import DEFAULT_PASSES, crop_sides
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.model_file import load_model
from tcdcn_init.network.quantising import crops_of, quantised
from tcdcn_init.network.stage import Stage, TwoStage
from tcdcn_init.network.tcdcn import Network
from tcdcn_init.weights import metadata_for

__all__ = ["TOLERANCE", "export_end_to_end", "export_onnx", "largest_difference"]

TOLERANCE = 1e-4
"""Largest difference between the backends' points that `export_onnx` accepts, in normalised crop coordinates."""


MOVED = 4e-3
"""Mean distance, in the same coordinates, that whole numbers may move points by."""


def export_onnx(source: Path, faces: Sequence[Face] | None = None) -> Path:
    """Export a model to ONNX beside its .safetensors file, and validate it.

    Parameters
    ----------
    source : pathlib.Path
        The .safetensors file.
    faces : sequence of Face, optional
        Training faces: a model of two stages, or of dense points, gets its convolutions in whole numbers, fitted to
        what these faces show (`quantising`). Without them it stays in float32.

    Returns
    -------
    pathlib.Path
        The .onnx file, batch size free, same metadata.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    RuntimeError
        If the exported model answers differently.
    ValueError
        If there are faces, and the model is neither of two stages nor of dense points.
    """
    onnx = _onnx()
    network, metadata = load_model(source)
    names = network.config.outputs
    crops = None if faces is None else crops_of(source, faces)
    if crops is not None:
        metadata = {**metadata, "precision": "int8"}
    if isinstance(network, TwoStage):
        model = _either(*_stages(network, crops), names, network.config.coarse.side)
    elif isinstance(network, Dense):
        model = _stage(network, crops)
    else:
        model = _exported(network, names)
    onnx.helper.set_model_props(model, metadata_for(network.config, metadata))
    target = source.with_suffix(".onnx")
    with replacing(target) as part:
        onnx.save(model, part)
    if crops is not None:
        # Whole numbers differ, and least where it matters: on faces.
        moved = max(_moved(source, some) for some in crops.values())
        if moved > MOVED:
            raise RuntimeError(f"{target} moves points by {moved:.2g} on average; expected at most {MOVED:g}")
        return target
    difference = largest_difference(source)
    if not difference <= TOLERANCE:  # also of NaN
        raise RuntimeError(f"{target} differs from {source} by {difference:.2g}; expected at most {TOLERANCE:g}")
    return target


def export_end_to_end(source: Path, faces: Sequence[Face] | None = None) -> Path:
    """Export a two-stage model to an ONNX file that takes an image and boxes (`end_to_end`), and run it once.

    Parameters
    ----------
    source : pathlib.Path
        The .safetensors file.
    faces : sequence of Face, optional
        As for `export_onnx`. The file says what the package says with a .onnx file of the same faces.

    Returns
    -------
    pathlib.Path
        Beside the source, its name with ``.end-to-end.onnx``.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    ValueError
        If the model is not one of two stages.
    """
    from tcdcn_init.network.end_to_end import INPUTS, end_to_end

    onnx = _onnx()
    network, metadata = load_model(source)
    if not isinstance(network, TwoStage):
        raise ValueError(
            f"{source} is no model of two stages; expected one, which takes the same passes over every face"
        )
    if network.config.own is not None:
        raise ValueError(f"{source} places points of its own; the file from image to points is of a face's five alone")
    crops = None if faces is None else crops_of(source, faces)
    calibration = Calibration.from_metadata(metadata)
    model = end_to_end(_stages(network, crops), network.config, calibration, DEFAULT_PASSES)
    onnx.helper.set_model_props(model, {**metadata_for(network.config, metadata), "passes": str(DEFAULT_PASSES)})
    target = source.with_suffix(".end-to-end.onnx")
    with replacing(target) as part:
        onnx.save(model, part)
        import onnxruntime

        session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
        given = (np.zeros((90, 120, 3), np.uint8), np.array([[20, 10, 80, 70]], np.float32))
        session.run(None, dict(zip(INPUTS, given, strict=True)))
    return target


def _onnx() -> Any:
    for package in ("onnx", "onnxscript"):  # torch's exporter needs the second
        require(package, "export", "export")
    import onnx

    return onnx


def _stages(network: TwoStage, crops: Mapping[int, NDArray[np.float32]] | None) -> tuple[Any, Any]:
    """Both stages' ONNX models; in whole numbers where there are crops to fit them to."""
    return _stage(network.coarse, crops), _stage(network.fine, crops)


def _stage(stage: Stage | Dense, crops: Mapping[int, NDArray[np.float32]] | None) -> Any:
    model = _exported(stage, stage.config.outputs)
    if crops is None:
        return model
    layers = len(stage.trunk)
    if isinstance(stage, Dense):
        layers += 2 + len(stage.mixing)  # those that join two levels, too: all but what says where the points are
    return quantised(model, layers, crops[stage.config.side])


def _moved(source: Path, crops: NDArray[np.float32]) -> float:
    """Mean distance between the two backends' points of some crops, in normalised crop coordinates."""
    ours, theirs = TorchBackend(source)(crops)["points"], OnnxBackend(source)(crops)["points"]
    return float(np.linalg.norm(ours - theirs, axis=2).mean())


def _exported(network: Network | Stage | Dense, names: tuple[str, ...]) -> Any:
    """One network as an ONNX model from "crops" to its answers, the number of crops free."""
    import torch

    class Ordered(torch.nn.Module):
        """The network with its outputs in a fixed order: ONNX knows no dictionaries."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network.folded()

        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = self.network(crops)
            return tuple(outputs[name] for name in names)

    side = network.config.side
    with _quiet():
        program = torch.onnx.export(
            Ordered().eval(),
            (torch.zeros(2, 1, side, side),),
            input_names=["crops"],
            output_names=list(names),
            dynamic_shapes={"crops": {0: torch.export.Dim("faces")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only None when asked to write a file itself
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:  # stack traces with this machine's paths
        del node.metadata_props[:]
        node.doc_string = ""
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's advice about its own internals, and that torchvision is not there."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _either(coarse: Any, fine: Any, names: tuple[str, ...], side: int) -> Any:
    """Two stages' ONNX models as one: it asks the coarse one about crops of that side, the fine one about others."""
    from onnx import TensorProto, compose, helper

    def branch(model: Any, prefix: str) -> Any:
        graph = compose.add_prefix(model, prefix).graph
        for node in graph.node:
            node.input[:] = ["crops" if name == f"{prefix}crops" else name for name in node.input]
        del graph.input[:]  # the branches see the crops of the whole
        return graph

    nodes = [
        helper.make_node("Shape", ["crops"], ["width"], start=3),
        helper.make_node("Equal", ["width", "coarse side"], ["is coarse"]),
        helper.make_node("Squeeze", ["is coarse"], ["coarse"]),
        helper.make_node(
            "If", ["coarse"], list(names), then_branch=branch(coarse, "coarse/"), else_branch=branch(fine, "fine/")
        ),
    ]
    crops = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["faces", 1, "side", "side"])
    outputs = []
    for output in fine.graph.output:
        outputs.append(type(output)())
        outputs[-1].CopyFrom(output)
    given = [helper.make_tensor("coarse side", TensorProto.INT64, [1], [side])]
    graph = helper.make_graph(nodes, "two stages", [crops], outputs, given)
    return helper.make_model(graph, opset_imports=fine.opset_import, ir_version=fine.ir_version)


def largest_difference(source: Path, batches: tuple[int, ...] = (1, 64), seed: int = 0) -> float:
    """Largest difference between the two backends' points and class scores on random crops.

    Parameters
    ----------
    source : pathlib.Path
        The .safetensors file; its .onnx lies beside it.
    batches : tuple of int
        Batch sizes to compare at.
    seed : int

    Returns
    -------
    float
        In normalised crop coordinates, or logarithms of odds.
    """
    torch_backend, onnx_backend = TorchBackend(source), OnnxBackend(source)
    rng = np.random.default_rng(seed)
    worst = 0.0
    for side, size in itertools.product(crop_sides(torch_backend.config), batches):
        crops: NDArray[np.float32] = rng.random((size, side, side), dtype=np.float32)
        ours, theirs = torch_backend(crops), onnx_backend(crops)
        worst = float(np.max([worst, *(np.abs(ours[name] - theirs[name]).max() for name in ours)]))  # keeps NaN
    return worst
