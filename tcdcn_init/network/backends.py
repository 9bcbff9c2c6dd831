"""torch and onnxruntime behind one call: crops in, points and class scores out."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.extras import require
from tcdcn_init._shared.files.kinds import wrong_kind
from tcdcn_init.confidence import Calibration
from tcdcn_init.network.config import DEFAULT_BACKEND, BackendName, ModelConfig, crop_sides, output_shapes
from tcdcn_init.weights import find_model, parse_config

__all__ = ["Backend", "BackendName", "OnnxBackend", "TorchBackend", "check_answers", "load_backend"]

# Crops per call of the network: its maps of this many crops fit the processor's cache, which makes more at once
# slower. Batches of any size are cut into such runs.
_RUN = 16

# The same on a graphics processor, which so few do not fill.
_RUN_ON_DEVICE = 256

_CUDA = "CUDAExecutionProvider"


class Backend(Protocol):
    """What `Initializer` needs of a network."""

    config: ModelConfig
    calibration: Calibration
    metadata: Mapping[str, str]

    def __call__(self, crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run the network.

        Parameters
        ----------
        crops : (N, side, side) ndarray of float32
            Of a model of two stages, the side says which of them is asked. `TorchBackend` takes a Tensor too.

        Returns
        -------
        dict of str to ndarray of float32
            By the config's `outputs`. "points": (N, P, 2) in the crops' frames; each task and "face": (N, classes),
            logarithms of odds; "expected_error": (N, P) in inter-ocular distances.
        """
        ...


def _in_runs(crops: Any, names: tuple[str, ...], run: Any, device: str) -> dict[str, NDArray[np.float32]]:
    count = _RUN if device == "cpu" else _RUN_ON_DEVICE
    parts = [run(crops[k : k + count, None]) for k in range(0, len(crops), count)]
    joined = parts[0] if len(parts) == 1 else [np.concatenate(values) for values in zip(*parts, strict=True)]
    return dict(zip(names, joined, strict=True))


@contextlib.contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """PyTorch on the caller's thread alone, and as it was afterwards.

    A network this small is done before a second thread has woken up; and a pool of threads that has run does not
    survive a fork: the child would wait for it for ever. The number is each thread's own, so callers do not meet.
    """
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    # Each thread has a number of its own; one that is new takes the number set last. Another thread puts that back.
    restoring = threading.Thread(target=torch.set_num_threads, args=(before,))
    restoring.start()
    restoring.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TorchBackend:
    """The network in PyTorch, from a .safetensors file, on the thread that calls; needs the extra ``[torch]``.

    It can be shared between threads and, on the processor, used after a fork.

    Parameters
    ----------
    model : str or path
        As for `weights.find_model`.
    device : str
        As PyTorch names it: "cpu", "cuda", "cuda:1", "mps", ...

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If PyTorch cannot compute on the device here.
    """

    def __init__(self, model: str | Path, device: str = "cpu") -> None:
        path = find_model(model, ".safetensors")
        require("torch", f"{path.name} in PyTorch", "torch")
        import torch

        from tcdcn_init.network.model_file import load_model

        self._torch, self._device = torch, device
        _check_device(torch, device)
        self.metadata: Mapping[str, str]
        network, self.metadata = load_model(path)
        self.calibration = Calibration.from_metadata(self.metadata)
        # Channels last: PyTorch's pooling is several times faster on it.
        self._network = network.folded().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.config = network.config
        check_answers(self, path)

    def __call__(self, crops: Any) -> dict[str, NDArray[np.float32]]:
        """See `Backend`."""
        torch, names = self._torch, self.config.outputs

        def run(part: Any) -> list[NDArray[np.float32]]:
            tensor = part if torch.is_tensor(part) else torch.from_numpy(np.ascontiguousarray(part))
            outputs = self._network(tensor.to(self._device))
            return [outputs[name].cpu().numpy() for name in names]

        with _one_thread(torch), torch.inference_mode():
            return _in_runs(crops, names, run, self._device)


def _check_device(torch: Any, device: str) -> None:
    try:
        torch.zeros(1, device=device).cpu()
    except Exception as error:  # of as many kinds as there are devices
        reason = re.split(r"\n|(?<=\w)\. ", str(error))[0]
        raise ValueError(
            f"PyTorch {torch.__version__} cannot compute on device {device!r} ({reason}); pass device='cpu', or "
            "install the build of PyTorch for that device"
        ) from error


class OnnxBackend:
    """The network in onnxruntime, from a .onnx file, on the thread that calls.

    It can be shared between threads and, on the processor, used after a fork.

    Parameters
    ----------
    model : str or path
        As for `weights.find_model`.
    device : str
        "cpu", or with the package onnxruntime-gpu "cuda", "cuda:1", ...

    Raises
    ------
    ValueError
        If onnxruntime cannot compute on the device here.
    """

    def __init__(self, model: str | Path, device: str = "cpu") -> None:
        import onnxruntime

        self._device = device
        providers = _providers(onnxruntime, device)
        path = find_model(model, ".onnx")
        options = onnxruntime.SessionOptions()
        # A network this small is done before a second thread has woken up.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            # Without its second try at what has failed, which it announces on standard output.
            self._session = onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)
        except Exception as error:  # onnxruntime's own exceptions have no common public base
            advice = wrong_kind(path) or "export it anew"
            raise ValueError(f"{path} is not an ONNX model that onnxruntime can run: {error}; {advice}") from error
        if device != "cpu" and self._session.get_providers()[0] != _CUDA:
            # It has said on standard error which library it misses, and would go on with the processor.
            raise ValueError(
                f"onnxruntime could not begin on device {device!r}; install the CUDA libraries that it names above, or "
                "pass device='cpu'"
            )
        try:
            self.metadata = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} has metadata that is not UTF-8 ({error}); export it anew") from error
        self.config, self.calibration = parse_config(self.metadata, path), Calibration.from_metadata(self.metadata)
        self._check_session(path)
        check_answers(self, path)

    def __call__(self, crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """See `Backend`."""
        names = self.config.outputs

        def run(part: Any) -> Any:
            return self._session.run(names, {"crops": np.ascontiguousarray(part)})

        return _in_runs(crops, names, run, self._device)

    def _check_session(self, path: Path) -> None:
        """Hold the graph's input and outputs against the metadata, before a crop of the size that it states is made."""
        sides, names = crop_sides(self.config), self.config.outputs
        side = sides[0] if len(sides) == 1 else "side"  # of two stages the graph takes either
        inputs, outputs = self._session.get_inputs(), {value.name: value for value in self._session.get_outputs()}
        found = [(value.name, value.type, list(value.shape)[1:]) for value in inputs]
        if found != [("crops", "tensor(float)", [1, side, side])]:
            raise ValueError(
                f"{path} takes {found}; by its metadata expected crops, tensor(float), [1, {side}, {side}]: "
                "export it anew"
            )
        for name in names:
            if name not in outputs or outputs[name].type != "tensor(float)":
                raise ValueError(
                    f"{path} answers {', '.join(outputs)}; by its metadata expected numbers of {', '.join(names)}: "
                    "export it anew"
                )


def _providers(onnxruntime: Any, device: str) -> list[Any]:
    """What a session on a device is made with."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if kind != "cuda" or not (number or "0").isdecimal():
        raise ValueError(
            f"onnxruntime cannot compute on device {device!r}; expected 'cpu', 'cuda' or 'cuda:1', or pass "
            "backend='torch'"
        )
    if _CUDA not in onnxruntime.get_available_providers():
        raise ValueError(
            f"onnxruntime {onnxruntime.__version__} cannot compute on device {device!r}: it has no {_CUDA}; install "
            "onnxruntime-gpu in place of onnxruntime, or pass device='cpu'"
        )
    # What CUDA has no operator for runs on the processor.
    return [(_CUDA, {"device_id": int(number or 0)}), "CPUExecutionProvider"]


def check_answers(backend: Backend, path: Path) -> None:
    """Ask a backend about two crops without a face, before it is asked about one with.

    Parameters
    ----------
    backend : Backend
    path : pathlib.Path
        Its file, for the message.

    Raises
    ------
    ValueError
        If it fails, or its answers have other shapes than its metadata says, or are not finite.
    """
    shapes = output_shapes(backend.config)
    for side in crop_sides(backend.config):
        crops = np.random.default_rng(0).random((2, side, side), dtype=np.float32)
        crops[0] = 0.0
        try:
            answers = backend(crops)
        except Exception as error:  # onnxruntime's and PyTorch's own exceptions have no common base
            raise ValueError(f"{path} holds a network that cannot be run: {error}; export it anew") from error
        for name in backend.config.outputs:
            shape, found = (2, *shapes[name]), answers[name]
            if found.shape != shape or not np.isfinite(found).all():
                raise ValueError(
                    f"{path} answers {name} of shape {found.shape}, finite: {np.isfinite(found).all()}; "
                    f"expected {shape}, finite: get it anew"
                )


def load_backend(model: str | Path, backend: BackendName = DEFAULT_BACKEND, device: str = "cpu") -> Backend:
    """Load a model into a backend.

    Parameters
    ----------
    model : str or path
        A bundled name (`weights.bundled_models`) or a path to a .safetensors or .onnx file.
    backend : {"auto", "onnx", "torch"}
        "auto" takes onnxruntime where the model has a .onnx file, otherwise torch; torch on any device but "cpu".
    device : str
        See `TorchBackend` and `OnnxBackend`.

    Raises
    ------
    ImportError
        If PyTorch is to run it and is not installed.
    ValueError
        If the model or the backend is unknown, or the backend cannot compute on the device here.
    """
    if backend == "torch" or (backend == "auto" and device != "cpu"):
        return TorchBackend(model, device)
    if backend == "onnx":
        return OnnxBackend(model, device)
    if backend == "auto":
        try:
            find_model(model, ".onnx")
        except FileNotFoundError:
            require("torch", f"{find_model(model, '.safetensors').name}, which has no .onnx file beside it,", "torch")
            return TorchBackend(model)
        return OnnxBackend(model)
    raise ValueError(f"unknown backend {backend!r}; expected 'auto', 'onnx' or 'torch'")
