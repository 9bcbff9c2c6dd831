"""dlib's serialized ``shape_predictor`` (``.dat``), read and written without dlib.

The file is a stream of integers (`dat_integers`). Nothing in it is trusted: sizes are held against the bytes that are
left before memory is taken for them, and whatever is wrong is one `DatError` that names the field and the place.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.kinds import wrong_kind
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.dat_integers import DatError, Stream, encoded, float_pairs

__all__ = ["DatError", "dat_bytes", "read_dat", "read_mean_shape", "write_dat"]

_MOST_ROWS = 1 << 16  # of the initial shape: 32,768 points


def read_dat(source: str | os.PathLike[str] | bytes) -> CascadeArrays:
    """Read a ``shape_predictor`` that dlib serialized.

    Any number of levels, trees and points and any depth, as long as they are the same throughout, which is all that
    dlib's trainer makes.

    Parameters
    ----------
    source : path or bytes
        The file, or what it holds.

    Returns
    -------
    CascadeArrays

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DatError
        If the bytes are anything but one whole predictor. Reading takes at most twice the file's size in memory,
        and a megabyte.
    """
    with _open(source) as (file, size):
        return _read(Stream(file, size))


def read_mean_shape(source: str | os.PathLike[str] | bytes) -> NDArray[np.float32]:
    """Read only the start (P, 2) of a predictor, at the file's beginning; arguments and errors as of `read_dat`."""
    with _open(source) as (file, size):
        return _read_mean(Stream(file, size))


def write_dat(arrays: CascadeArrays, path: str | os.PathLike[str]) -> None:
    """Write a predictor that dlib reads, byte for byte as dlib itself would.

    Parameters
    ----------
    arrays : CascadeArrays
    path : path
    """
    with replacing(Path(path)) as beside, beside.open("wb") as file:
        for part in _parts(arrays):
            file.write(part)


def dat_bytes(arrays: CascadeArrays) -> bytes:
    """What `write_dat` writes, in memory."""
    return b"".join(_parts(arrays))


@contextmanager
def _open(source: str | os.PathLike[str] | bytes) -> Iterator[tuple[BinaryIO, int]]:
    if isinstance(source, bytes):
        try:
            yield io.BytesIO(source), len(source)
        except DatError as error:
            raise DatError("; ".join(filter(None, [str(error), wrong_kind(source)]))) from None
        return
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"predictor is {source!r}; expected a .dat file's path or content, or a dlib.shape_predictor")
    path = Path(source)
    if not path.is_file():
        named = "" if path.suffix else f"; regressors by name: adapters.base.load_regressor({str(path)!r})"
        raise FileNotFoundError(f"no predictor at {path}; expected a .dat file of dlib's shape_predictor{named}")
    with path.open("rb") as file:
        try:
            yield file, path.stat().st_size
        except DatError as error:
            reason = wrong_kind(path) or f"{error}; expected a whole .dat file of dlib's shape_predictor"
            raise DatError(f"{path}: {reason}") from error


def _read(stream: Stream) -> CascadeArrays:
    mean = _read_mean(stream)
    split_pixels, thresholds, leaves = _read_forests(stream, mean.size)
    anchors, deltas = _read_pixels(stream, levels=len(leaves))
    stream.field = "end of file"
    if stream.left:
        stream.fail(f"{stream.left} bytes follow the predictor; expected none")
    try:
        return CascadeArrays(mean, split_pixels, thresholds, leaves, anchors, deltas)
    except ValueError as error:
        raise DatError(f"the fields do not fit together: {error}") from error


def _read_mean(stream: Stream) -> NDArray[np.float32]:
    stream.field = "version"
    stream.one(1, 1)
    stream.field = "initial_shape rows"
    rows = -stream.one(-_MOST_ROWS, -2)
    if rows % 2:
        stream.fail(f"found {-rows}; expected an even number, two a point")
    stream.field = "initial_shape columns"
    stream.one(-1, -1)
    stream.field = "initial_shape"
    return stream.floats(*stream.take(2 * rows)).reshape(-1, 2)


def _read_forests(stream: Stream, rows: int) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Splits and leaves of all trees; `rows` is the length of a leaf."""
    stream.field = "forests"
    levels = stream.count(least=2)
    stream.field = "forests[0]"
    trees = stream.count(least=2)
    stream.field = "forests[0][0] splits"
    splits = stream.count(least=8)
    if (splits + 1) & splits:
        stream.fail(f"found {splits}; expected 2^depth - 1")
    # The least that all trees can take of the file is the most that they take of memory, or nearly.
    least = levels * trees * (4 + 8 * splits + (splits + 1) * (4 + 4 * rows))
    if least - 2 > stream.left:
        stream.fail(
            f"{levels} levels of {trees} trees with {splits} splits and {rows // 2} points take {least} bytes "
            f"or more, but only {stream.left} are left"
        )
    split_pixels = np.empty((levels, trees, splits, 2), dtype=np.int32)
    thresholds = np.empty((levels, trees, splits), dtype=np.float32)
    leaves = np.empty((levels, trees, splits + 1, rows), dtype=np.float32)
    for level in range(levels):
        if level:
            stream.field = f"forests[{level}]"
            stream.one(trees, trees)
        for tree in range(trees):
            stream.field = f"forests[{level}][{tree}] splits"
            if level or tree:
                stream.one(splits, splits)
            for part, fields, controls in stream.table(splits, 4):
                split_pixels[level, tree, part] = stream.indices(fields[:, :2], controls[:, :2])
                thresholds[level, tree, part] = stream.floats(fields[:, 2:], controls[:, 2:])[:, 0]
            stream.field = f"forests[{level}][{tree}] leaf_values"
            stream.one(splits + 1, splits + 1)
            for part, fields, controls in stream.table(splits + 1, 2 + 2 * rows):
                if (fields[:, 0] != -rows).any() or (fields[:, 1] != -1).any():
                    stream.fail(f"a leaf before this is no matrix of {rows} x 1")
                leaves[level, tree, part] = stream.floats(fields[:, 2:], controls[:, 2:])
    return split_pixels, thresholds, leaves


def _read_pixels(stream: Stream, levels: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Anchors and deltas of the pixels that each level looks at."""
    stream.field = "anchor_idx"
    stream.one(levels, levels)
    stream.field = "anchor_idx[0]"
    pixels = stream.count(least=10 * levels)  # two bytes an anchor, eight a delta
    anchors = np.empty((levels, pixels), dtype=np.int32)
    deltas = np.empty((levels, pixels, 2), dtype=np.float32)
    for level in range(levels):
        stream.field = f"anchor_idx[{level}]"
        if level:
            stream.one(pixels, pixels)
        for part, fields, controls in stream.table(pixels, 1):
            anchors[level, part] = stream.indices(fields, controls)[:, 0]
    stream.field = "deltas"
    stream.one(levels, levels)
    for level in range(levels):
        stream.field = f"deltas[{level}]"
        stream.one(pixels, pixels)
        for part, fields, controls in stream.table(pixels, 4):
            deltas[level, part] = stream.floats(fields, controls)
    return anchors, deltas


def _parts(arrays: CascadeArrays) -> Iterator[bytes]:
    rows = arrays.mean_shape.size
    levels, trees, splits = arrays.thresholds.shape
    pixels = arrays.anchors.shape[1]
    yield encoded(np.array([1, -rows, -1]))
    yield encoded(float_pairs(arrays.mean_shape).reshape(-1))
    yield encoded(np.array([levels]))
    for level in range(levels):
        yield encoded(np.array([trees]))
        split = np.concatenate([arrays.split_pixels[level], float_pairs(arrays.thresholds[level])], axis=-1)
        for tree in range(trees):
            leaf = np.empty((splits + 1, 2 + 2 * rows), dtype=np.int64)
            leaf[:, :2] = -rows, -1
            leaf[:, 2:] = float_pairs(arrays.leaves[level, tree]).reshape(splits + 1, -1)
            yield encoded(np.concatenate([[splits], split[tree].reshape(-1), [splits + 1], leaf.reshape(-1)]))
    yield encoded(np.array([levels]))
    for level in range(levels):
        yield encoded(np.concatenate([[pixels], arrays.anchors[level]]))
    yield encoded(np.array([levels]))
    for level in range(levels):
        yield encoded(np.concatenate([[pixels], float_pairs(arrays.deltas[level]).reshape(-1)]))
