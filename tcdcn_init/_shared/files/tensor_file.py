"""Safetensors files, read as files from anywhere: nothing in them is believed before it is checked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from tcdcn_init._shared.files.kinds import wrong_kind

__all__ = ["json_object", "read_metadata", "read_tensors"]


def read_tensors(path: Path, framework: Literal["np", "pt"]) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    The format holds nothing executable, and its sizes are held against the file's before anything is read.

    Parameters
    ----------
    path : pathlib.Path
    framework : {"np", "pt"}
        Arrays of numpy, or tensors of PyTorch.

    Returns
    -------
    tensors : dict of str to array or Tensor
    metadata : dict of str to str

    Raises
    ------
    ValueError
        If it is not safetensors or is cut short, or a tensor holds no real numbers: what the file is, to be said behind
        its name. Whether the numbers are finite is for whoever makes something of them to check.
    """
    with _opened(path, framework) as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    for name, tensor in tensors.items():
        kind = str(tensor.dtype)
        if "int" not in kind and "float" not in kind:
            raise ValueError(f"is not valid: {name} has dtype {kind}, not numbers")
    return tensors, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file alone; errors as of `read_tensors`."""
    with _opened(path, "np") as file:
        return dict(file.metadata() or {})


@contextlib.contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, TypeError, ValueError, AttributeError) as error:  # the last: dtypes that numpy has not
        kind = wrong_kind(path) or "get it anew"
        raise ValueError(f"is not a safetensors file, or is cut short: {error}; {kind}") from error


def json_object(text: str) -> dict[str, Any]:
    """An object of a file's metadata.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is not JSON, or not an object.

    Examples
    --------
    >>> json_object('{"side": 40}')
    {'side': 40}
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is JSON that lies too deep") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"it is JSON of {str(value)[:40]!r}; expected an object")
    return dict(value)
