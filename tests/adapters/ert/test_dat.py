from __future__ import annotations

import bz2
import contextlib
import gzip
import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import random_arrays
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.dat import DatError, dat_bytes, read_dat, read_mean_shape, write_dat

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(a: CascadeArrays, b: CascadeArrays) -> bool:
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(CascadeArrays))


def integer(value: int) -> bytes:
    """dlib's integer, written down once more so that the module is not tested by itself."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def number(mantissa: int, exponent: int) -> bytes:
    return integer(mantissa) + integer(exponent)


def leaf(*values: bytes, rows: int = -2, columns: int = -1) -> bytes:
    return integer(rows) + integer(columns) + b"".join(values or (number(1, -1), number(0, 40)))


# One point, one level, one tree of one split, two pixels: small enough to spoil field by field.
FIELDS = {
    "version": integer(1),
    "rows": integer(-2),
    "columns": integer(-1),
    "initial_shape": number(1, -1) + number(3, -2),
    "levels": integer(1),
    "trees": integer(1),
    "splits": integer(1),
    "idx1": integer(0),
    "idx2": integer(1),
    "thresh": number(-5, 2),
    "leaf_count": integer(2),
    "leaf0": leaf(),
    "leaf1": leaf(number(-3, -4), number(7, -9)),
    "anchor_levels": integer(1),
    "anchor_count": integer(2),
    "anchors": integer(0) * 2,
    "delta_levels": integer(1),
    "delta_count": integer(2),
    "deltas": number(1, -3) * 4,
}


def small(**changes: bytes) -> bytes:
    return b"".join({**FIELDS, **changes}.values())


def test_a_file_written_by_hand():
    arrays = read_dat(small())
    np.testing.assert_array_equal(arrays.mean_shape, [[0.5, 0.75]])
    np.testing.assert_array_equal(arrays.split_pixels, [[[[0, 1]]]])
    np.testing.assert_array_equal(arrays.thresholds, [[[-20]]])
    np.testing.assert_array_equal(arrays.leaves, [[[[0.5, 0], [-3 / 16, 7 / 512]]]])
    np.testing.assert_array_equal(arrays.anchors, [[0, 0]])
    np.testing.assert_array_equal(arrays.deltas, np.full((1, 2, 2), 0.125))
    assert arrays.depth == 1


def test_dlibs_own_file_is_read_and_written_byte_for_byte(stock, stock_file, tmp_path):
    data = stock_file.read_bytes()
    arrays = read_dat(stock_file)
    assert arrays.leaves.shape == (6, 40, 8, 10)
    assert same(arrays, read_dat(data))
    write_dat(arrays, tmp_path / "again.dat")
    assert (tmp_path / "again.dat").read_bytes() == data
    np.testing.assert_array_equal(read_mean_shape(stock_file), arrays.mean_shape)


@QUICK
@given(
    st.fixed_dictionaries(
        {"levels": st.integers(1, 3), "trees": st.integers(1, 4), "depth": st.integers(1, 5)}
        | {"points": st.integers(2, 80), "pixels": st.integers(1, 300)}
    ),
    st.integers(0, 1000),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e20]),
)
def test_what_is_written_is_read_back_by_us_and_by_dlib(sizes, seed, scale):
    dlib = pytest.importorskip("dlib")
    rng = np.random.default_rng(seed)
    arrays = random_arrays(rng, **sizes)
    # Round numbers have short mantissas, zeros a strange exponent, the smallest floats are subnormal.
    leaves = (arrays.leaves * scale).astype(np.float32)
    leaves.reshape(-1)[: leaves.size // 2] = rng.choice([0, 1, -1, 256, -65536, 2.0**-149, 3e38], leaves.size // 2)
    arrays = replace(arrays, leaves=leaves)
    data = dat_bytes(arrays)
    assert same(read_dat(data), arrays)
    predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)
    predictor.__setstate__((data,))
    assert predictor.__getstate__()[0] == data


ATTACKS = {
    "empty": (b"", "version: the file ends here"),
    "text": (b"hello, world", "version: 0x68 begins no integer"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "version: 0x1f begins no integer"),
    "zeros": (bytes(100), "version: 0x00 begins no integer"),
    "version 2": (small(version=integer(2)), "version: found 2; expected 1"),
    "positive rows": (small(rows=integer(2)), "initial_shape rows: found 2"),
    "odd rows": (small(rows=integer(-3)), "initial_shape rows: found -3; expected an even number"),
    "no rows": (small(rows=integer(0)), "initial_shape rows: found 0"),
    "endless rows": (small(rows=integer(-(2**31) + 1)), "initial_shape rows: found"),
    "many rows": (small(rows=integer(-60000)), "initial_shape: 120000 integers are expected, but only"),
    "two columns": (small(columns=integer(-2)), "initial_shape columns: found -2; expected -1"),
    "infinite start": (small(initial_shape=number(1, 32000) * 2), "initial_shape: a number before this is infinite"),
    "nan start": (small(initial_shape=number(1, 32002) * 2), "initial_shape: a number before this is infinite"),
    "huge start": (small(initial_shape=number(1, 200) * 2), "initial_shape: a number before this exceeds"),
    "an exponent below dlib's": (small(thresh=number(1, -32769)), "exponent -32769; expected -32768 or more"),
    "an exponent of four bytes": (
        small(deltas=number(1, -(2**24)) * 4),
        "exponent before this has more than two bytes",
    ),
    "a small exponent in four bytes": (small(thresh=integer(1) + b"\x84\x08\0\0\0"), "more than two bytes"),
    "minus zero as a pixel": (small(idx1=b"\x81\0"), "index before this is a negative zero"),
    "minus zero as an anchor": (small(anchors=b"\x81\0" * 2), "index before this is a negative zero"),
    "no levels": (small(levels=integer(0)), "forests: found 0"),
    "negative levels": (small(levels=integer(-5)), "forests: found -5"),
    "endless levels": (small(levels=integer(2**31 - 1)), "forests: 2147483647 items take"),
    "too many levels": (small(levels=integer(20)), "splits: 20 levels of 1 trees"),
    "too many trees": (small(trees=integer(20)), "splits: 1 levels of 20 trees"),
    "a second level missing": (small(levels=integer(2)), "but only|expected"),
    "no trees": (small(trees=integer(0)), r"forests\[0\]: found 0"),
    "no splits": (small(splits=integer(0)), r"forests\[0\]\[0\] splits: found 0"),
    "two splits": (small(splits=integer(2)), r"splits: found 2; expected 2\^depth - 1"),
    "endless splits": (
        small(splits=integer(2**30 - 1)),
        r"splits: 1073741823 items take 8589934584 bytes or more, but only \d+ are left",
    ),
    "negative pixel": (small(idx1=integer(-1)), "split_pixels holds -1"),
    "far pixel": (small(idx2=integer(2)), r"split_pixels holds 0 to 2; expected indices in \[0, 2\)"),
    "wide pixel": (small(idx2=b"\x08" + bytes(7) + b"\x01"), "0x08 begins no integer"),
    "pixel beyond 31 bits": (small(idx2=integer(2**32 - 1)), "found 4294967295; expected an integer of 31 bits"),
    "nan threshold": (small(thresh=number(1, 32002)), "a number before this is infinite or not a number"),
    "one leaf": (small(leaf_count=integer(1)), r"leaf_values: found 1; expected 2"),
    "many leaves": (small(leaf_count=integer(2**31 - 1)), r"leaf_values: found 2147483647; expected 2"),
    "long leaf": (small(leaf1=leaf(*[number(1, 0)] * 4, rows=-4)), r"leaf_values: a leaf before this is no matrix"),
    "wide leaf": (small(leaf1=leaf(columns=-2)), "a leaf before this is no matrix of 2 x 1"),
    "infinite leaf": (small(leaf0=leaf(number(1, 32001), number(1, 0))), "infinite"),
    "other levels of anchors": (small(anchor_levels=integer(2)), "anchor_idx: found 2; expected 1"),
    "no anchors": (small(anchor_count=integer(0)), r"anchor_idx\[0\]: found 0"),
    "endless anchors": (small(anchor_count=integer(2**31 - 1)), r"anchor_idx\[0\]: 2147483647 items take"),
    "far anchor": (small(anchors=integer(1) * 2), "anchors holds 1 to 1"),
    "negative anchor": (small(anchors=integer(-1) * 2), "anchors holds -1"),
    "other levels of deltas": (small(delta_levels=integer(7)), "deltas: found 7; expected 1"),
    "fewer deltas": (small(delta_count=integer(1)), r"deltas\[0\]: found 1; expected 2"),
    "nan delta": (small(deltas=number(1, 32002) * 4), r"deltas\[0\]: a number before this is infinite"),
    "padded by an integer": (small() + integer(1), "end of file: 2 bytes follow"),
    "padded by a zero": (small() + b"\0", "end of file: 1 bytes follow"),
    "twice": (small() * 2, "bytes follow the predictor"),
    "coinciding points": (
        small(
            rows=integer(-4),
            initial_shape=number(1, -1) * 4,
            leaf0=leaf(*[number(1, 0)] * 4, rows=-4),
            leaf1=leaf(*[number(1, 0)] * 4, rows=-4),
        ),
        "all 2 points of mean_shape coincide",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name):
    data, message = ATTACKS[name]
    with pytest.raises(DatError, match=message) as raised:
        read_dat(data)
    assert "at byte" in str(raised.value) or "fit together" in str(raised.value)


def test_every_truncation_is_found():
    data = small()
    for length in range(len(data)):
        with pytest.raises(DatError, match="at byte"):
            read_dat(data[:length])


def test_a_large_files_truncation_is_found(stock_file):
    data = stock_file.read_bytes()
    for length in np.linspace(1, len(data) - 1, 60).astype(int):
        with pytest.raises(DatError, match="at byte"):
            read_dat(data[:length])


@QUICK
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data):
    with pytest.raises(DatError):
        read_dat(data)


@QUICK
@given(st.lists(st.sampled_from([integer(v) for v in (-4, -2, -1, 0, 1, 2, 3, 255, 2**24, 2**31 - 1)]), max_size=60))
def test_random_integers_are_read_or_refused(tokens):
    data = b"".join([integer(1), integer(-2), integer(-1), *tokens])
    with contextlib.suppress(DatError):
        assert same(read_dat(data), read_dat(dat_bytes(read_dat(data))))


@QUICK
@given(data=st.data())
def test_spoiled_files_are_read_or_refused(data, stock_file):
    """A changed byte is refused, or changes numbers only: what comes back is always sound."""
    spoiled = bytearray(stock_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.one_of(st.integers(0, 200), st.integers(0, len(spoiled) - 1)))
        if data.draw(st.booleans()):
            spoiled[place] = data.draw(st.integers(0, 255))
        else:
            del spoiled[place : place + data.draw(st.integers(1, 8))]
    try:
        arrays = read_dat(bytes(spoiled))
    except DatError:
        return
    replace(arrays)  # passes all checks again


def peak(data: bytes) -> int:
    tracemalloc.start()
    try:
        read_dat(data)
    except DatError:
        pass
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return taken


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    "data",
    [
        dat_bytes(random_arrays(np.random.default_rng(0), levels=2, trees=300, depth=4, points=68, pixels=300)),
        dat_bytes(random_arrays(np.random.default_rng(0), levels=1, trees=1, depth=15, points=3, pixels=500)),
        dat_bytes(random_arrays(np.random.default_rng(0), levels=1, trees=1, depth=1, points=3, pixels=150_000)),
        dat_bytes(random_arrays(np.random.default_rng(0), levels=1, trees=1, depth=1, points=30_000, pixels=1)),
        small(levels=integer(2**31 - 1)) + integer(1) * MEGABYTE,
        small(trees=integer(MEGABYTE)) + integer(1) * MEGABYTE,
        small(splits=integer(2**17 - 1)) + integer(1) * MEGABYTE,
        small(rows=integer(-60000)) + integer(1) * MEGABYTE,
        small(anchor_count=integer(MEGABYTE // 10)) + integer(0) * MEGABYTE,
    ],
    ids=["wide", "deep", "pixels", "points", "levels", "trees", "splits", "rows", "anchors"],
)
def test_memory_stays_below_twice_the_file(data):
    assert peak(data) <= 2 * len(data) + MEGABYTE


def test_a_small_file_cannot_ask_for_memory():
    for data, _ in ATTACKS.values():
        assert peak(data) <= 2 * MEGABYTE


def test_megabytes_of_integers_where_floats_should_be_are_refused():
    """The shortest, the longest and mixed ones: a reader that goes byte by byte would not come to an end."""
    rng = np.random.default_rng(0)
    mixed = b"".join(integer(int(v)) for v in rng.integers(0, 2 ** rng.integers(1, 31, 20_000)))
    for tail in (integer(1) * 2 * MEGABYTE, integer(2**30) * 800_000, mixed * 40):
        with pytest.raises(DatError):
            read_dat(small(levels=integer(1), trees=integer(2000)) + tail)
        with pytest.raises(DatError):
            read_dat(small(rows=integer(-2), splits=integer(2**15 - 1)) + tail)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no predictor at .*absent\.dat"):
        read_dat(tmp_path / "absent.dat")
    with pytest.raises(FileNotFoundError):
        read_mean_shape(tmp_path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bz2.compress(small()), r"compressed by bzip2; unpack it first \(bunzip2\)"),
        (gzip.compress(small(), mtime=0), "compressed by gzip"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"", "empty"),
        (small() + b"\n", "1 bytes follow the predictor"),
        (small()[:-1], "only 15 bytes are left"),
    ],
)
def test_a_file_that_is_something_else_is_named_for_what_it_is(tmp_path, content, kind):
    (tmp_path / "model.dat").write_bytes(content)
    with pytest.raises(DatError, match=rf"model\.dat: .*{kind}"):
        read_dat(tmp_path / "model.dat")


def test_what_is_written_replaces_a_file_whole_or_not_at_all(tmp_path):
    arrays = read_dat(small())
    write_dat(arrays, tmp_path / "new" / "a.dat")
    assert (tmp_path / "new" / "a.dat").read_bytes() == dat_bytes(arrays)
    with pytest.raises(AttributeError):
        write_dat(None, tmp_path / "new" / "a.dat")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.dat"]


def wide(value: int, size: int) -> bytes:
    """An integer in more bytes than it needs."""
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


@QUICK
@given(
    st.sampled_from(["initial_shape", "thresh", "idx1", "anchors", "deltas"]),
    st.integers(-(2**24), 2**24),
    st.integers(-40_000, 31_999),
    st.integers(1, 4),
)
def test_what_is_accepted_dlib_accepts_too_and_reads_alike(field, mantissa, exponent, size):
    dlib = pytest.importorskip("dlib")
    size = max(size, (abs(exponent).bit_length() + 7) // 8)
    float_ = integer(mantissa) + wide(exponent, size)
    data = small(
        **{
            field: {"initial_shape": float_ * 2, "deltas": float_ * 4, "anchors": wide(0, size) * 2}.get(
                field, float_ if field == "thresh" else wide(0, size)
            )
        }
    )
    predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)
    try:
        ours = dat_bytes(read_dat(data))
    except DatError:
        return
    predictor.__setstate__((data,))
    assert predictor.__getstate__()[0] == ours


def test_a_regressors_name_or_nothing_is_no_predictor():
    with pytest.raises(FileNotFoundError, match=r"no predictor at sdm-mtfl; .*load_regressor\('sdm-mtfl'\)"):
        read_dat("sdm-mtfl")
    with pytest.raises(TypeError, match=r"predictor is None; expected a \.dat file's path or content"):
        read_dat(None)
