"""Numpy's .npz files, read as files from anywhere: sizes and types are checked before memory is taken for them."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tcdcn_init._shared.files.kinds import wrong_kind

__all__ = ["read_arrays"]

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path: Path, names: Collection[str], most_bytes: int) -> dict[str, NDArray[np.floating[Any]]]:
    """Read arrays of floats from a .npz file. Nothing in it is unpickled.

    Parameters
    ----------
    path : pathlib.Path
    names : collection of str
        Those that it may hold.
    most_bytes : int
        All of them together, unpacked.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If it is no such file, holds anything else or more, or is damaged: the reason, to be said behind its name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if not set(members) <= set(names) or len(members) != len(archive.infolist()):
                raise ValueError(f"it holds {sorted(members)}, expected {' and '.join(sorted(names))}")
            size = sum(info.file_size for info in members.values())
            if size > most_bytes:
                raise ValueError(f"it holds {size} bytes unpacked; expected at most {most_bytes}")
            arrays = {}
            for name, info in members.items():
                with archive.open(info) as file:
                    arrays[name] = _read_array(file, info.file_size, name)
            return arrays
    except Exception as error:  # zipfile, zlib and numpy's header reader raise what they like about hostile files
        raise ValueError("; ".join(filter(None, [str(error), wrong_kind(path, b"PK")]))) from error


def _read_array(file: IO[bytes], size: int, name: str) -> NDArray[np.floating[Any]]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{name!r} is of format {version}; expected {' or '.join(map(str, _HEADERS))}")
    shape, by_columns, dtype = _HEADERS[version](file)
    if dtype.kind != "f":
        raise ValueError(f"{name!r} is no array of floats, but of {dtype}")
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"{name!r} claims the shape {shape} of {dtype}, which is not what it holds")
    data = np.frombuffer(file.read(), dtype=dtype)
    return np.array(data.reshape(shape, order="F" if by_columns else "C"))
