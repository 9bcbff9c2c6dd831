"""dlib's serialized ``shape_predictor`` (``.dat``), read and written without dlib.

The file is a stream of integers of one to four bytes, each behind a control byte, so where an integer starts is known
only once all before it were walked. `_starts` walks many blocks at once, from every place where a block's first
integer may start. Nothing in the file is trusted: sizes are held against the bytes that are left before memory
is taken for them, and whatever is wrong is one `DatError` that names the field and the place.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.kinds import wrong_kind
from tcdcn_init._shared.os_errors import naming
from tcdcn_init.adapters.ert.arrays import CascadeArrays

__all__ = ["DatError", "dat_bytes", "read_dat", "read_mean_shape", "write_dat"]

Integers = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_SIGN, _SIZE = 0x80, 0x0F  # parts of a control byte
_LONGEST = 4  # bytes of an integer's magnitude: counts and indices fit, a float's mantissa has three
_BLOCK = 64  # bytes that are walked in step, a column of all blocks at a time
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1 << 22, 1 << 14  # bytes decoded at a time
_BATCH = 1 << 16  # integers taken at a time
_MOST_ROWS = 1 << 16  # of the initial shape: 32,768 points
_MASKS = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], dtype=np.uint32)
_NOT_FINITE = 32000  # exponents from here on are dlib's marks of inf, -inf and nan
_LEAST_EXPONENT = -(1 << 15)  # dlib holds exponents in 16 bits


class DatError(ValueError):
    """A file that is not a whole, sound ``.dat``; the message names the file, the field and the byte offset."""


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
        return _read(_Stream(file, size))


def read_mean_shape(source: str | os.PathLike[str] | bytes) -> NDArray[np.float32]:
    """Read only the start (P, 2) of a predictor, at the file's beginning; arguments and errors as of `read_dat`."""
    with _open(source) as (file, size):
        return _read_mean(_Stream(file, size))


def write_dat(arrays: CascadeArrays, path: str | os.PathLike[str]) -> None:
    """Write a predictor that dlib reads, byte for byte as dlib itself would.

    Parameters
    ----------
    arrays : CascadeArrays
    path : path
    """
    with naming(Path(path)), replacing(Path(path)) as beside, beside.open("wb") as file:
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
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"no predictor at {path}; expected a .dat file of dlib's shape_predictor")
    with path.open("rb") as file:
        try:
            yield file, path.stat().st_size
        except DatError as error:
            reason = wrong_kind(path) or f"{error}; expected a whole .dat file of dlib's shape_predictor"
            raise DatError(f"{path}: {reason}") from error


# Integers ---------------------------------------------------------------------------------------------------------


def _starts(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Offsets of all integers in a stretch that begins with one; the last may run over its end."""
    count = -(-len(data) // _BLOCK)
    blocks = np.zeros((count, _BLOCK), dtype=np.uint8)
    blocks.reshape(-1)[: len(data)] = data
    columns = np.ascontiguousarray(blocks.T)
    columns &= _SIZE
    np.clip(columns, 1, _LONGEST, out=columns)  # a wrong length is found later, where an integer does start
    # Bit e of reach[c, k]: a walk that enters block k at its byte e comes to its byte c.
    reach = np.zeros((_BLOCK + _LONGEST + 1, count), dtype=np.uint8)
    reach[: _LONGEST + 1] = (1 << np.arange(_LONGEST + 1))[:, None]
    here, moved = np.empty(count, dtype=bool), np.empty(count, dtype=np.uint8)
    for c, column in enumerate(columns):
        for length in range(1, _LONGEST + 1):
            np.equal(column, length, out=here)
            np.multiply(reach[c], here.view(np.uint8), out=moved)
            reach[c + 1 + length] |= moved
    # Where each walk enters the next block; then the one true walk, block by block.
    enters = np.zeros((count, _LONGEST + 1), dtype=np.uint8)
    for entry in range(_LONGEST + 1):
        for over in range(1, _LONGEST + 1):
            enters[:, entry] += over * ((reach[_BLOCK + over] >> entry) & 1)
    table, entry = enters.tobytes(), 0
    entries = bytearray(count)
    for k in range(count):
        entries[k] = entry
        entry = table[k * (_LONGEST + 1) + entry]
    walk = np.left_shift(np.uint8(1), np.frombuffer(entries, dtype=np.uint8))
    starts = np.flatnonzero(np.ascontiguousarray(((reach[:_BLOCK] & walk) != 0).T))
    return starts[: np.searchsorted(starts, len(data))]


class _Stream:
    """The integers of a file, decoded a chunk at a time, each with its place."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._chunk = min(max(size // 32, _SMALLEST_CHUNK), _LARGEST_CHUNK)
        self._values: Integers = np.empty(0, dtype=np.int32)
        self._controls = np.empty(0, dtype=np.uint8)
        self._starts = np.empty(0, dtype=np.intp)  # of the values, from the chunk's first byte on
        self._base = self._end = 0  # places of the chunk's first byte and of the one behind its last value
        self._next = 0
        self._tail = b""  # the bytes behind the last value
        self.field = ""  # what is being read

    @property
    def offset(self) -> int:
        """Place of the next integer."""
        if self._next == len(self._values):
            return self._end
        return self._base + int(self._starts[self._next])

    @property
    def left(self) -> int:
        """Bytes from here to the end."""
        return self._size - self.offset

    def fail(self, what: str) -> NoReturn:
        raise DatError(f"{self.field}: {what} (at byte {self.offset} of {self._size})")

    def one(self, low: int, high: int) -> int:
        """The next integer, within a range."""
        if self._next == len(self._values):
            self._decode()
        value = int(self._values[self._next])
        if not low <= value <= high:
            expected = str(low) if low == high else f"{low} to {high}"
            self.fail(f"found {value}; expected {expected}")
        self._next += 1
        return value

    def count(self, least: int) -> int:
        """A number of items, each of which takes `least` bytes or more of what is left."""
        count = self.one(1, 0x7FFFFFFF)
        if count * least > self.left:
            self.fail(f"{count} items take {count * least} bytes or more, but only {self.left} are left")
        return count

    def take(self, count: int) -> tuple[Integers, Bytes]:
        """The next integers, and the control byte of each."""
        if 2 * count > self.left:
            self.fail(f"{count} integers are expected, but only {self.left} bytes are left")
        taken, controls, filled = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.uint8), 0
        while filled < count:
            if self._next == len(self._values):
                self._decode()
            part = self._values[self._next : self._next + count - filled]
            taken[filled : filled + len(part)] = part
            controls[filled : filled + len(part)] = self._controls[self._next : self._next + len(part)]
            filled += len(part)
            self._next += len(part)
        return taken, controls

    def table(self, rows: int, columns: int) -> Iterator[tuple[slice, Integers, Bytes]]:
        """The next rows x columns integers and their control bytes, so many rows at a time that a batch stays small."""
        step = max(1, _BATCH // columns)
        for first in range(0, rows, step):
            part = slice(first, min(first + step, rows))
            taken, controls = self.take((part.stop - first) * columns)
            yield part, taken.reshape(-1, columns), controls.reshape(-1, columns)

    def indices(self, integers: Integers, controls: Bytes) -> Integers:
        """Indices, which dlib reads as integers without a sign."""
        if ((controls & _SIGN).astype(bool) & (integers == 0)).any():
            self.fail("an index before this is a negative zero")
        return integers

    def floats(self, integers: Integers, controls: Bytes) -> NDArray[np.float32]:
        """The floats of (mantissa, exponent) pairs along the last axis."""
        mantissa, exponent = integers[..., 0::2], integers[..., 1::2]
        if ((controls[..., 1::2] & _SIZE) > 2).any():
            self.fail("an exponent before this has more than two bytes")
        if exponent.max() >= _NOT_FINITE:
            self.fail("a number before this is infinite or not a number")
        if exponent.min() < _LEAST_EXPONENT:
            self.fail(f"a number before this has the exponent {exponent.min()}; expected {_LEAST_EXPONENT} or more")
        with np.errstate(over="ignore", under="ignore"):
            values = np.ldexp(mantissa.astype(np.float32), exponent)
        if not np.isfinite(values).all():
            self.fail("a number before this exceeds a float's range")
        return values

    def _decode(self) -> None:
        """Decode the next chunk; the values before it are used up."""
        data = np.frombuffer(b"".join((self._tail, self._file.read(self._chunk), bytes(_LONGEST))), dtype=np.uint8)
        length = len(data) - _LONGEST
        if length == 0:
            self.fail("the file ends here")
        starts = _starts(data[:length])
        control = data[starts]
        sizes = control & _SIZE
        # All four bytes behind each control byte in one gather, whatever their alignment; then those that count.
        quads: NDArray[np.uint32] = np.ndarray((length,), dtype="<u4", buffer=data, offset=1, strides=(1,))
        magnitude = quads[starts] & _MASKS[np.minimum(sizes, _LONGEST)]
        wrong = ((control & 0x70) != 0) | (sizes == 0) | (sizes > _LONGEST) | (magnitude > 0x7FFFFFFF)
        whole = int(wrong.argmax()) if wrong.any() else len(starts)
        end = int(starts[whole]) if whole < len(starts) else int(starts[-1]) + int(sizes[-1]) + 1
        if end > length:
            whole, end = whole - 1, int(starts[whole - 1])
        if whole == 0 and wrong[0] and length >= 1 + min(int(sizes[0]), _LONGEST):
            if magnitude[0] > 0x7FFFFFFF and 1 <= sizes[0] <= _LONGEST:
                self.fail(f"found {magnitude[0]}; expected an integer of 31 bits")
            self.fail(f"0x{control[0]:02x} begins no integer of this format")
        if whole == 0:
            self.fail("the file ends inside an integer")
        values = magnitude[:whole].astype(np.int32)
        np.negative(values, out=values, where=control[:whole] >= _SIGN)
        self._values, self._controls, self._next = values, control, 0
        self._starts = starts
        self._base, self._end = self._end, self._end + end
        self._tail = data[end:length].tobytes()


# Fields -----------------------------------------------------------------------------------------------------------


def _read(stream: _Stream) -> CascadeArrays:
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


def _read_mean(stream: _Stream) -> NDArray[np.float32]:
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


def _read_forests(stream: _Stream, rows: int) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
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


def _read_pixels(stream: _Stream, levels: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
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


# Writing ----------------------------------------------------------------------------------------------------------


def _parts(arrays: CascadeArrays) -> Iterator[bytes]:
    rows = arrays.mean_shape.size
    levels, trees, splits = arrays.thresholds.shape
    pixels = arrays.anchors.shape[1]
    yield _encode(np.array([1, -rows, -1]))
    yield _encode(_pairs(arrays.mean_shape).reshape(-1))
    yield _encode(np.array([levels]))
    for level in range(levels):
        yield _encode(np.array([trees]))
        split = np.concatenate([arrays.split_pixels[level], _pairs(arrays.thresholds[level])], axis=-1)
        for tree in range(trees):
            leaf = np.empty((splits + 1, 2 + 2 * rows), dtype=np.int64)
            leaf[:, :2] = -rows, -1
            leaf[:, 2:] = _pairs(arrays.leaves[level, tree]).reshape(splits + 1, -1)
            yield _encode(np.concatenate([[splits], split[tree].reshape(-1), [splits + 1], leaf.reshape(-1)]))
    yield _encode(np.array([levels]))
    for level in range(levels):
        yield _encode(np.concatenate([[pixels], arrays.anchors[level]]))
    yield _encode(np.array([levels]))
    for level in range(levels):
        yield _encode(np.concatenate([[pixels], _pairs(arrays.deltas[level]).reshape(-1)]))


def _pairs(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Floats as dlib's (mantissa, exponent), along a new last axis: low zero bytes of the mantissa are dropped."""
    fraction, exponent = np.frexp(values)
    mantissa = np.ldexp(fraction, 24).astype(np.int64)
    exponent = exponent.astype(np.int64) - 24
    for _ in range(8):  # as often as dlib tries; a zero passes all of them
        low = (mantissa & 0xFF) == 0
        if not low.any():
            break
        mantissa[low] >>= 8
        exponent[low] += 8
    return np.stack([mantissa, exponent], axis=-1)


def _encode(values: NDArray[np.int64]) -> bytes:
    """Integers as dlib serializes them: a control byte with sign and length, then the magnitude, low bytes first."""
    magnitude = np.abs(values)
    length = 1 + (magnitude > 0xFF).astype(np.intp) + (magnitude > 0xFFFF) + (magnitude > 0xFFFFFF)
    start = np.cumsum(length + 1) - length - 1
    encoded = np.zeros(int(start[-1] + length[-1] + 1), dtype=np.uint8)
    encoded[start] = length | ((values < 0) * 0x80)
    for byte in range(_LONGEST):
        there = length > byte
        encoded[start[there] + 1 + byte] = (magnitude[there] >> (8 * byte)) & 0xFF
    return encoded.tobytes()
