"""Model files made from model files: .safetensors to .onnx, and the proof that both say the same."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.weights import load_network, metadata_for

__all__ = ["TOLERANCE", "export_onnx", "largest_difference"]

TOLERANCE = 1e-4
"""Largest difference between the backends' points that `export_onnx` accepts, in normalised crop coordinates."""


def export_onnx(source: Path) -> Path:
    """Export a model to ONNX beside its .safetensors file, and validate it.

    Parameters
    ----------
    source : pathlib.Path
        The .safetensors file.

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
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter needs it
        import torch
    except ImportError as error:
        raise ImportError(f'export needs onnx and onnxscript: pip install "tcdcn-init[export]" ({error})') from error

    network, metadata = load_network(source)
    names = list(network.config.outputs)

    class Ordered(torch.nn.Module):
        """The network with its outputs in a fixed order: ONNX knows no dictionaries."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network.folded()

        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = self.network(crops)
            return tuple(outputs[name] for name in names)

    side = network.config.side
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's advice about its own internals
        program = torch.onnx.export(
            Ordered().eval(),
            (torch.zeros(2, 1, side, side),),
            input_names=["crops"],
            output_names=names,
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
    onnx.helper.set_model_props(model, metadata_for(network.config, metadata))
    target = source.with_suffix(".onnx")
    with replacing(target) as part:
        onnx.save(model, part)
    difference = largest_difference(source)
    if not difference <= TOLERANCE:  # also of NaN
        raise RuntimeError(f"{target} differs from {source} by {difference:.2g}; expected at most {TOLERANCE:g}")
    return target


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
    side = torch_backend.config.side
    rng = np.random.default_rng(seed)
    worst = 0.0
    for size in batches:
        crops: NDArray[np.float32] = rng.random((size, side, side), dtype=np.float32)
        ours, theirs = torch_backend(crops), onnx_backend(crops)
        worst = float(np.max([worst, *(np.abs(ours[name] - theirs[name]).max() for name in ours)]))  # keeps NaN
    return worst
