"""MATLAB's files (level 5), as far as annotations need them: cells, real numbers and text, compressed or not.

The format is MathWorks' "MAT-File Format", version 5: elements of a type, a length and data, of which a matrix holds
further ones. Nothing in the file is trusted. Lengths are held against the bytes that are there, which inflating may
not make more than a stated number; whatever is wrong is one `ValueError` that names the file.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files.kinds import wrong_kind

__all__ = ["MOST_BYTES", "Cells", "read_mat"]

MOST_BYTES = 16_000_000
"""Largest file that is read, and most that its compressed parts may hold together: a hundred times AFW's."""

_MOST_ELEMENTS = 200_000  # AFW has 11,000
_DEEPEST = 16  # cells within cells
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _CHAR, _NUMERIC = 1, 4, range(6, 16)
_COMPLEX = 0x08

Value: TypeAlias = "NDArray[np.float64] | str | Cells"


class Cells(NamedTuple):
    """A cell array.

    Attributes
    ----------
    shape : tuple of int
    items : list
        Numbers (ndarray of float64), text (str) or further `Cells`, the first index running fastest, as MATLAB has it.
    """

    shape: tuple[int, ...]
    items: list[Any]

    def rows(self) -> list[list[Any]]:
        """The items of each row of a table of cells; of all that are no table, one row with all of them."""
        if len(self.shape) != 2:
            return [self.items]
        return [self.items[k :: self.shape[0]] for k in range(self.shape[0])]


def read_mat(path: Path, name: str) -> Value:
    """Read one variable of a MATLAB file.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        Of the variable.

    Returns
    -------
    ndarray of float64, str or Cells
        Numbers in MATLAB's shape, a text, or a cell array.

    Raises
    ------
    ValueError
        If the file is not MATLAB's, damaged, larger than `MOST_BYTES`, without that variable, or the variable holds
        anything else. Memory and time are bounded by the file's size, and by `MOST_BYTES` where it is compressed.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is of {path.stat().st_size} bytes; expected at most {MOST_BYTES}")
        return _File(path.read_bytes()).variable(name)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error


class _Element(NamedTuple):
    kind: int
    data: memoryview


class _File:
    def __init__(self, data: bytes) -> None:
        marks: dict[bytes, Literal["<", ">"]] = {b"IM": "<", b"MI": ">"}
        if len(data) < _HEADER or data[126:128] not in marks:
            raise ValueError(wrong_kind(data, b"MATLAB") or "it does not begin as files of MATLAB 5 to 7 do")
        self._order: Literal["<", ">"] = marks[data[126:128]]
        self._data = memoryview(data)[_HEADER:]
        self._left = MOST_BYTES  # to be inflated
        self._count = 0  # of elements

    def variable(self, name: str) -> Value:
        others = []
        for element in self._elements(self._data):
            kind, data = self._inflated(element.data) if element.kind == _COMPRESSED else element
            if kind != _MATRIX:
                continue
            found = self._name(list(itertools.islice(self._elements(data), 3)))
            if found == name:
                return self._value(data, 0)
            others.append(found)
        raise ValueError(f"it holds no variable {name!r}, but {', '.join(map(repr, others[:5])) or 'none'}")

    def _elements(self, data: memoryview) -> Iterator[_Element]:
        """The elements of a stretch."""
        place = 0
        while place < len(data):
            self._count += 1
            if self._count > _MOST_ELEMENTS:
                raise ValueError(f"it holds more than {_MOST_ELEMENTS} elements")
            if len(data) - place < 8:
                raise ValueError(f"{len(data) - place} bytes are left where an element should begin")
            kind, size = struct.unpack_from(f"{self._order}II", data, place)
            begin, end = place + 8, place + 8 + size
            following = end if kind == _COMPRESSED else end + -size % 8
            if kind >> 16:  # a small one: length, type and data in eight bytes
                kind, size = kind & 0xFFFF, kind >> 16
                begin, end, following = place + 4, place + 4 + size, place + 8
                if size > 4:
                    raise ValueError(f"a small element of {size} bytes; expected at most 4")
            if end > len(data):
                raise ValueError(f"an element of {size} bytes, but only {len(data) - begin} are left")
            yield _Element(kind, data[begin:end])
            place = following

    def _inflated(self, data: memoryview) -> _Element:
        inflater = zlib.decompressobj()
        whole = inflater.decompress(data, self._left + 1)
        if len(whole) > self._left:
            raise ValueError(f"its compressed parts hold more than {MOST_BYTES} bytes")
        self._left -= len(whole)
        if not inflater.eof:
            raise ValueError("a compressed part ends too early")
        elements = list(self._elements(memoryview(whole)))
        if len(elements) != 1:
            raise ValueError(f"a compressed part holds {len(elements)} elements; expected one")
        return elements[0]

    def _name(self, parts: list[_Element]) -> str:
        if len(parts) < 3:
            raise ValueError(f"a matrix of {len(parts)} parts; expected flags, dimensions, name and data")
        return bytes(parts[2].data).decode("ascii", "replace")

    def _numbers(self, element: _Element) -> NDArray[Any]:
        if element.kind not in _NUMBERS:
            raise ValueError(f"data of type {element.kind} where numbers should be")
        dtype = np.dtype(_NUMBERS[element.kind]).newbyteorder(self._order)
        if len(element.data) % dtype.itemsize:
            raise ValueError(f"{len(element.data)} bytes where numbers of {dtype.itemsize} bytes should be")
        return np.frombuffer(element.data, dtype=dtype)

    def _value(self, data: memoryview, depth: int) -> Value:
        """The value of a matrix."""
        if not len(data):  # as an empty cell's
            return np.empty((0, 0))
        if depth > _DEEPEST:
            raise ValueError(f"cells lie more than {_DEEPEST} deep")
        parts = list(self._elements(data))
        self._name(parts)
        flags, shape = self._numbers(parts[0]), tuple(self._numbers(parts[1]).tolist())
        if not len(flags) or len(shape) < 2 or min(shape) < 0:
            raise ValueError(f"a matrix of shape {shape}")
        kind, count, content = int(flags[0]) & 0xFF, math.prod(shape), parts[3:]
        if kind == _CELL:
            if len(content) != count or any(part.kind != _MATRIX for part in content):
                raise ValueError(f"a cell array of shape {shape} with {len(content)} cells")
            return Cells(shape, [self._value(part.data, depth + 1) for part in content])
        if kind == _CHAR:
            return self._text(content[0], shape) if content else ""
        if kind not in _NUMERIC or (int(flags[0]) >> 8) & _COMPLEX or len(content) != 1:
            raise ValueError(f"a matrix of class {kind}, {len(content)} parts; expected cells, text or real numbers")
        numbers = self._numbers(content[0])
        if len(numbers) != count:
            raise ValueError(f"{len(numbers)} numbers for a matrix of shape {shape}")
        return numbers.astype(np.float64).reshape(shape, order="F")

    def _text(self, element: _Element, shape: tuple[int, ...]) -> str:
        if shape[0] > 1:
            raise ValueError(f"a text of shape {shape}; expected one line")
        if element.kind in _TEXTS:
            encoding = _TEXTS[element.kind]
            suffix = {"<": "-le", ">": "-be"}[self._order] if element.kind > 16 else ""
            return bytes(element.data).decode(encoding + suffix)
        codes = self._numbers(element)
        if codes.size and not 0 <= codes.min() <= codes.max() < 0xD800:
            raise ValueError(f"a text with a character of code {codes.max()}")
        return "".join(map(chr, codes.tolist()))
