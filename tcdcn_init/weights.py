"""Model files: bundled or the user's own, and what their metadata promises.

A model is NAME.safetensors, and NAME.onnx beside it for the onnxruntime backend. Both carry the same metadata, all
of it text: "architecture" (JSON of `network.config.NetworkConfig`: layers, tasks and the crop contract), "crop" (the
contract in words), "data", "recipe", "licence" and "figures" (JSON).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.names import unknown_name
from tcdcn_init._shared.tensor_file import json_object, read_tensors
from tcdcn_init.network.config import ModelConfig, TCDCNConfig, config_from_dict, config_to_dict
from tcdcn_init.network.stage_config import TwoStageConfig

if TYPE_CHECKING:
    from tcdcn_init.network.tcdcn import Model, Network

__all__ = [
    "DEFAULT_MODEL",
    "LICENCE",
    "PAPER_MODEL",
    "bundled_file",
    "bundled_models",
    "find_model",
    "is_path",
    "load_model",
    "load_network",
    "metadata_for",
    "parse_config",
    "save_network",
]

DEFAULT_MODEL = "tcdcn-robust"

PAPER_MODEL = "tcdcn-mtfl"
"""The paper's own network: what the bundled regressors' training starts err like, and the baseline of comparisons."""


def bundled_file(name: str) -> Path:
    """Path of a file that ships in tcdcn_init/models/.

    Raises
    ------
    FileNotFoundError
        If there is none of that name; the message suggests near ones.

    Examples
    --------
    >>> bundled_file("tcdcn-mtfl.safetensors").name
    'tcdcn-mtfl.safetensors'
    """
    folder = Path(str(resources.files("tcdcn_init") / "models"))
    path = folder / name
    if not path.is_file():
        there = sorted(p.name for p in folder.iterdir() if p.suffix in (".safetensors", ".onnx", ".npz"))
        raise FileNotFoundError(f"{name!r} is not bundled: {unknown_name('file', name, there)}")
    return path


def bundled_models() -> list[str]:
    """Names of the models that ship with the package.

    Examples
    --------
    >>> "tcdcn-mtfl" in bundled_models()
    True
    """
    folder = Path(str(resources.files("tcdcn_init") / "models"))
    return sorted(path.stem for path in folder.glob("tcdcn-*.safetensors"))


def is_path(model: str | Path) -> bool:
    """Whether a model is named by the path of a file, and not by a bundled name."""
    return isinstance(model, Path) or str(model).endswith((".safetensors", ".onnx"))


def find_model(model: str | Path, suffix: str) -> Path:
    """File of a model: a bundled name, or a path to the user's own file.

    Parameters
    ----------
    model : str or path
        A name of `bundled_models`, or a path to a .safetensors or .onnx file.
    suffix : {".safetensors", ".onnx"}
        Kind of file wanted; a path's own suffix is exchanged for it.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests near ones.
    FileNotFoundError
        If a path was given and the file is not there.
    """
    text = str(model)
    if is_path(model):
        path = Path(model).with_suffix(suffix)
        if not path.is_file():
            raise FileNotFoundError(
                f"model file {path} does not exist; expected a file that `tcdcn-init train` or `export` wrote"
            )
        return path
    names = bundled_models()
    if text not in names:
        message = unknown_name("model", text, names)
        raise ValueError(f"{message} (a model of your own is given by the path of its .safetensors file)")
    return bundled_file(text + suffix)


def metadata_for(config: ModelConfig, extra: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a model file."""
    first = config.coarse if isinstance(config, TwoStageConfig) else config
    crop = (
        f"grey {first.side}x{first.side} in [0, 1], antialiased, border pixels go on outside the image; "
        f"square around the box's centre, side {first.view} x sqrt(width x height) of the box"
    )
    if isinstance(config, TwoStageConfig):
        crop += (
            f"; then {config.fine.side}x{config.fine.side}, upright by the first points, around the box that a "
            f"detector would put around them, side {config.fine.view} x that"
        )
    return {**extra, "architecture": json.dumps(config_to_dict(config)), "crop": crop}


def parse_config(metadata: Mapping[str, str] | None, path: Path) -> ModelConfig:
    """The architecture that a model file's metadata declares.

    Raises
    ------
    ValueError
        If the metadata is missing or malformed.
    """
    try:
        return config_from_dict(json_object((metadata or {})["architecture"]))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not say what it is: its 'architecture' metadata is missing or malformed ({error}); "
            "expected a file written by `tcdcn-init train` or `tcdcn-init export`"
        ) from error


def save_network(path: Path, network: Model, extra: Mapping[str, str]) -> None:
    """Write a network to a .safetensors file with its metadata.

    Parameters
    ----------
    path : pathlib.Path
    network : Model
        Its weights are rounded to half precision, the paper's network apart, which moves points by a thousandth of a
        pixel of the crop and halves the file.
    extra : mapping of str to str
        More metadata: data, recipe, licence, figures.
    """
    from safetensors.torch import save_file

    half = not isinstance(network.config, TCDCNConfig)
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).detach().contiguous()
        for name, value in network.state_dict().items()
    }
    with replacing(path) as part:
        save_file(tensors, part, metadata_for(network.config, extra))


def load_network(path: Path) -> tuple[Network, dict[str, str]]:
    """Read a network that takes every crop from a .safetensors file, as the trainer handles it.

    Returns and errors are those of `load_model`; a model of two stages is a ValueError too.
    """
    from tcdcn_init.network.stage import TwoStage

    network, metadata = load_model(path)
    if isinstance(network, TwoStage):
        raise ValueError(f"{path} is a model of two stages; expected one network, such as tcdcn-robust's")
    return network, metadata


def load_model(path: Path) -> tuple[Model, dict[str, str]]:
    """Read a network, or the networks of two stages, from a .safetensors file.

    Returns
    -------
    network : Model
        In evaluation mode.
    metadata : dict of str to str

    Raises
    ------
    ValueError
        If the file is not safetensors, its metadata and its tensors' shapes disagree, or a tensor is not finite; the
        message names the tensor. Nothing is built that the file's own tensors do not fill.
    """
    import torch

    from tcdcn_init.network.tcdcn import make_model

    try:
        tensors, metadata = read_tensors(path, "pt")
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    config = parse_config(metadata, path)
    # Without memory, and without a draw from the caller's random numbers: the file's tensors become the network's.
    with torch.device("meta"):
        network = make_model(config)
    wanted = network.state_dict()
    for name, like in wanted.items():
        found = tensors.get(name)
        if found is None or found.shape != like.shape or found.is_floating_point() != like.is_floating_point():
            shape = "no such tensor" if found is None else f"shape {tuple(found.shape)} of {found.dtype}"
            raise ValueError(
                f"{path}: its metadata declares {name} of shape {tuple(like.shape)}, but the file has {shape}; "
                "the two do not belong together: get or export the file anew"
            )
        tensors[name] = found.to(like.dtype, copy=True)  # the file's own may be maps of it
        if not tensors[name].isfinite().all():
            raise ValueError(f"{path} is not valid: {name} holds NaN or infinity; get or train it anew")
    unknown = sorted(set(tensors) - set(wanted))
    if unknown:
        raise ValueError(
            f"{path} holds tensors that its metadata does not declare: {', '.join(unknown)}; export it anew"
        )
    network.load_state_dict(tensors, assign=True)
    return network.eval(), metadata


LICENCE = "weights trained on research data (MTFL): research use; code BSD-3-Clause; data not included"
