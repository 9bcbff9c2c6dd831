"""Files of cascades: safetensors, their settings as JSON in the metadata, nothing pickled."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.tensor_file import json_object, read_metadata, read_tensors
from tcdcn_init.weights import bundled_file

__all__ = ["cascade_metadata", "read_cascade", "write_cascade"]

T = TypeVar("T")


def write_cascade(
    path: str | os.PathLike[str],
    kind: str,
    settings: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write a cascade.

    Parameters
    ----------
    path : path
    kind : str
        Name of its class; in lower case, the settings' place in the metadata.
    settings : mapping
        What JSON can hold.
    tensors : mapping of str to ndarray
        Among them "mean_shape" (P, 2).
    metadata : mapping of str to str
        Further metadata.
    """
    from safetensors.numpy import save_file

    # safetensors writes the memory of an array as it lies, whatever its strides.
    held = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    text = json.dumps({**settings, "points": len(held["mean_shape"])})
    with replacing(Path(path)) as part:
        save_file(held, part, {**metadata, kind.lower(): text})


def read_cascade(
    model: str | os.PathLike[str],
    kind: str,
    names: Collection[str],
    make: Callable[[dict[str, Any], dict[str, NDArray[Any]], dict[str, str]], T],
    *,
    optional: Collection[str] = (),
) -> T:
    """Read a cascade: one that ships with the package, or a file of `write_cascade`.

    Parameters
    ----------
    model : str or path
        A bundled name, or the path of a .safetensors file.
    kind : str
        Name of its class.
    names : collection of str
        Its tensors'.
    make : callable
        Makes the cascade of settings, tensors and metadata; its KeyError, TypeError or ValueError means that they
        disagree.
    optional : collection of str
        Tensors that it may hold besides.

    Raises
    ------
    FileNotFoundError
        If there is no such file or bundled model.
    ValueError
        If the file is not safetensors, its metadata and its tensors disagree, or a number is not finite.
    """
    own = isinstance(model, os.PathLike) or str(model).endswith(".safetensors")
    path = Path(model) if own else bundled_file(f"{model}.safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"no cascade at {path}; expected a file that {kind}.save wrote")
    try:
        tensors, metadata = read_tensors(path, "np")
    except ValueError as error:
        raise ValueError(
            f"{path} does not hold an {kind}: it {error}; expected a file that {kind}.save wrote"
        ) from error
    try:
        if kind.lower() not in metadata:
            raise ValueError(f"its metadata has no entry {kind.lower()!r}")
        settings = json_object(metadata.pop(kind.lower()))
        points = settings.pop("points")
        if not set(names) <= set(tensors) <= {*names, *optional}:
            raise ValueError(f"its tensors are {sorted(tensors)}; expected {', '.join(sorted(names))}")
        if tensors["mean_shape"].shape != (points, 2):
            raise ValueError(f"mean_shape of shape {tensors['mean_shape'].shape}, but metadata of {points} points")
        return make(settings, tensors, metadata)
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise ValueError(f"{path} does not hold an {kind} ({error}); expected a file that {kind}.save wrote") from error


def cascade_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a cascade's file; a key is its kind in lower case.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not safetensors.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no cascade at {path}; expected a .safetensors or .dat file")
    try:
        return read_metadata(Path(path))
    except ValueError as error:
        raise ValueError(
            f"{path} does not hold a cascade: it {error}; expected a file that a cascade's save wrote"
        ) from error
