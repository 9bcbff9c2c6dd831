"""The integers that dlib serializes, decoded and encoded a block at a time.

Each is of one to four bytes behind a control byte, which states its sign and its length, so where an integer starts is
known only once all before it were walked. `_starts` walks many blocks at once, from every place where a block's first
integer may start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

__all__ = ["DatError", "Stream", "encoded", "float_pairs"]

Integers = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_SIGN, _SIZE = 0x80, 0x0F  # parts of a control byte
_LONGEST = 4  # bytes of an integer's magnitude: counts and indices fit, a float's mantissa has three
_BLOCK = 64  # bytes that are walked in step, a column of all blocks at a time
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1 << 22, 1 << 14  # bytes decoded at a time
_BATCH = 1 << 16  # integers taken at a time
_MASKS = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], dtype=np.uint32)
_NOT_FINITE = 32000  # exponents from here on are dlib's marks of inf, -inf and nan
_LEAST_EXPONENT = -(1 << 15)  # dlib holds exponents in 16 bits


class DatError(ValueError):
    """A file that is not a whole, sound ``.dat``; the message names the file, the field and the byte offset."""


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


class Stream:
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
        """Raise what is wrong, with the field and the place."""
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


def float_pairs(values: NDArray[np.float32]) -> NDArray[np.int64]:
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


def encoded(values: NDArray[np.int64]) -> bytes:
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
