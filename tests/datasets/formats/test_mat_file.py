"""MATLAB's files: what scipy writes is read, and nothing that is not sound ends the process or takes its memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from tcdcn_init.datasets.formats.mat_file import MOST_BYTES, Cells, read_mat


def cells(*items: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):
        array[k] = item
    return array.reshape(shape or (1, -1), order="F")


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, {"other": np.arange(3.0), "x": value}, **options)
    return file.getvalue()


def read(folder: Path, data: bytes) -> Any:
    (folder / "a.mat").write_bytes(data)
    return read_mat(folder / "a.mat", "x")


NUMBERS = np.array([[1.5, -2.0, np.nan], [np.inf, 300.0, 4.0]])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "i8", "u4", "?"])
def test_numbers_of_all_types_are_read(tmp_path, dtype, compressed):
    values = np.nan_to_num(NUMBERS, posinf=7).astype(dtype) if dtype[0] != "f" else NUMBERS.astype(dtype)
    found = read(tmp_path, saved(values, do_compression=compressed))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values.astype(float))


@pytest.mark.parametrize("compressed", [False, True])
def test_cells_and_texts_are_read(tmp_path, compressed):
    table = cells("a.jpg", "żó.jpg", NUMBERS, cells(NUMBERS, "b"), "", np.empty((0, 0)), shape=(2, 3))
    found = read(tmp_path, saved(table, do_compression=compressed))
    assert isinstance(found, Cells)
    assert found.shape == (2, 3)
    first, second = found.rows()
    assert (first[0], second[0], first[2]) == ("a.jpg", "żó.jpg", "")
    np.testing.assert_array_equal(first[1], NUMBERS)
    assert isinstance(second[1], Cells)
    np.testing.assert_array_equal(second[1].items[0], NUMBERS)
    assert second[2].size == 0


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(0 if kind == 15 else -len(data) % 8)


def matrix(
    kind: int, shape: tuple[int, ...], *parts: bytes, name: bytes = b"x", order: str = "<", flags: int = 0
) -> bytes:
    return element(
        14,
        element(6, struct.pack(f"{order}II", kind | flags << 8, 0), order)
        + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + element(1, name, order)
        + b"".join(parts),
        order,
    )


def file(*elements: bytes, order: str = "<") -> bytes:
    mark = {"<": b"\x00\x01IM", ">": b"\x01\x00MI"}[order]
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(elements)


def test_files_of_the_other_byte_order_are_read(tmp_path):
    numbers = element(9, struct.pack(">2d", 1.5, 2.5), ">")
    found = read(tmp_path, file(matrix(6, (1, 2), numbers, order=">"), order=">"))
    assert found.tolist() == [[1.5, 2.5]]


ONE = element(9, struct.pack("<d", 1.0))
DEEP = matrix(6, (1, 1), ONE, name=b"")
for _ in range(40):
    DEEP = matrix(1, (1, 1), DEEP, name=b"")

NOTHING = matrix(1, (1, 210_000), element(14, b"") * 210_000)

ATTACKS = {
    "empty": (b"", "empty"),
    "short": (b"MATLAB 5.0", "does not begin"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(200), "HDF5"),
    "gzip": (b"\x1f\x8b" + bytes(200), "gzip"),
    "text": (b"name x1 y1\n" * 40, "does not begin"),
    "nothing": (file(), "no variable 'x', but none"),
    "another name": (file(matrix(6, (1, 1), ONE, name=b"y")), "no variable 'x', but 'y'"),
    "half an element": (file(b"\x0e\0\0\0"), "4 bytes are left"),
    "long element": (file(struct.pack("<II", 14, 2**32 - 1)), "4294967295 bytes, but only 0"),
    "long small element": (file(element(14, struct.pack("<I", 9 << 16 | 6) + bytes(4))), "at most 4"),
    "no parts": (file(element(14, b"")), "matrix of 0 parts"),
    "a class number beyond all": (file(matrix(14 + 14, (1, 1), ONE)), "class 28"),
    "struct": (file(matrix(2, (1, 1), ONE)), "class 2"),
    "sparse": (file(matrix(5, (1, 1), ONE)), "class 5"),
    "complex": (file(matrix(6, (1, 1), ONE, ONE, flags=8)), "class 6"),
    "no numbers": (file(matrix(6, (1, 1))), "class 6, 0 parts"),
    "negative shape": (file(matrix(6, (-1, -1), ONE)), "shape"),
    "no shape": (file(matrix(6, (), ONE)), "shape"),
    "claims a matrix of gigabytes": (file(matrix(6, (2**31 - 1, 2**31 - 1), ONE)), "1 numbers for a matrix"),
    "claims gigabytes of cells": (file(matrix(1, (2**31 - 1, 4), DEEP)), "with 1 cells"),
    "cells that are none": (file(matrix(1, (1, 1), ONE)), "cell array"),
    "cells within cells": (file(matrix(1, (1, 1), DEEP)), "more than 16 deep"),
    "half a number": (file(matrix(6, (1, 1), element(9, bytes(7)))), "7 bytes where numbers of 8"),
    "type of no numbers": (file(matrix(6, (1, 1), element(14, b""))), "type 14"),
    "two lines of text": (file(matrix(4, (2, 1), element(4, b"a\0b\0"))), "expected one line"),
    "text that is no utf-8": (file(matrix(4, (1, 1), element(16, b"\xff"))), "utf-8"),
    "half a surrogate": (file(matrix(4, (1, 1), element(4, b"\x00\xd8"))), "code 55296"),
    "no deflate": (file(element(15, b"rubbish")), "decompress"),
    "cut deflate": (file(element(15, zlib.compress(matrix(6, (1, 1), ONE))[:-8])), "ends too early"),
    "two in one": (file(element(15, zlib.compress(ONE + ONE))), "2 elements"),
    "bomb": (file(element(15, zlib.compress(bytes(200_000_000)))), "more than 16000000 bytes"),
    "many bombs": (file(*[element(15, zlib.compress(element(14, bytes(9_000_000))))] * 30), "more than 16000000 bytes"),
    "cells of nothing": (file(element(15, zlib.compress(NOTHING))), "more than 200000 elements"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_one_error_that_names_the_file_and_take_no_memory(tmp_path, name):
    data, message = ATTACKS[name]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"a\.mat cannot be read as a MATLAB file: .*{message}"):
            read(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 5 * MOST_BYTES
    finally:
        tracemalloc.stop()


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.mat").open("wb") as handle:
        handle.truncate(MOST_BYTES + 1)
    with pytest.raises(ValueError, match="expected at most 16000000"):
        read_mat(tmp_path / "a.mat", "x")


WHOLE = saved(cells("a.jpg", NUMBERS, cells(NUMBERS, "b"), shape=(1, 3)))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoiled_files_are_read_or_refused(tmp_path, data):
    spoiled = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(120, len(spoiled) - 1))
        if data.draw(st.booleans()):
            spoiled[place] = data.draw(st.integers(0, 255))
        else:
            del spoiled[place : place + data.draw(st.integers(1, 8))]
    try:
        read(tmp_path, bytes(spoiled))
    except ValueError as error:
        assert "a.mat cannot be read" in str(error)  # noqa: PT017 - either is right
