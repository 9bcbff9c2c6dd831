"""Networks written to .safetensors files and read from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.tensor_file import read_tensors
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.network.tcdcn import Model, Network, make_model
from tcdcn_init.weights import metadata_for, parse_config

__all__ = ["load_model", "load_network", "save_network"]


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
    network, metadata = load_model(path)
    if isinstance(network, TwoStage | Dense):
        kind = "two stages" if isinstance(network, TwoStage) else f"{network.config.points} dense points"
        raise ValueError(f"{path} is a model of {kind}; expected one network, such as tcdcn-robust's")
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
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not safetensors, its metadata and its tensors' shapes disagree, or a tensor is not finite; the
        message names the tensor. Nothing is built that the file's own tensors do not fill.
    """
    if not path.is_file():
        raise FileNotFoundError(f"model file {path} does not exist; expected the path of a .safetensors file")
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
