"""Mutations of dlib's .dat beside dlib itself: what our reader accepts, dlib accepts and reads alike."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import dlib
import numpy as np
from campaign import Result, mutated, run

from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.dat import DatError, dat_bytes, read_dat

# What dlib takes and this reader refuses by design.
_STRICTER = {
    "indices out of range": ("expected indices in",),
    "infinite or not a number": ("infinite or not a number", "exceeds a float's range"),
    "bytes behind the end": ("bytes follow",),
    "trees or points that make no sense": (
        "expected 2^depth - 1", "found 0;", "coincide", "; expected", "items take", "integers are expected",
        "is no matrix", "fields do not fit",
    ),
    "integers that no field can have": ("expected an integer of 31 bits", "begins no integer"),
}  # fmt: skip


def _cascade(rng: np.random.Generator, levels: int, trees: int, depth: int, points: int, pixels: int) -> bytes:
    splits = 2**depth - 1
    return dat_bytes(
        CascadeArrays(
            mean_shape=rng.uniform(0.1, 0.9, (points, 2)),
            split_pixels=rng.integers(0, pixels, (levels, trees, splits, 2)),
            thresholds=rng.normal(0, 40, (levels, trees, splits)),
            leaves=rng.normal(0, 0.02, (levels, trees, splits + 1, 2 * points)),
            anchors=rng.integers(0, points, (levels, pixels)),
            deltas=rng.normal(0, 0.2, (levels, pixels, 2)),
        )
    )


def _dlibs(data: bytes) -> bytes | None:
    """What dlib makes of a file, written again; None of what it refuses."""
    predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)
    # It takes memory for whatever a file claims to hold.
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 200_000_000, before[1]))
    try:
        predictor.__setstate__((data,))
        return bytes(predictor.__getstate__()[0])
    except Exception:  # of C++, by whatever name
        return None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _with_another_integer(data: bytes, rng: random.Random) -> bytes:
    """Data with one of its integers changed, so that all others stay where they are in the file's order."""
    starts, place = [], 0
    while place < len(data):
        starts.append(place)
        place += 1 + (data[place] & 0x0F)
    start = rng.choice(starts)
    value = rng.choice((0, 1, 2, 3, 255, 256, 31_999, 32_000, 32_767, 32_768, 2**24, rng.randrange(2**16)))
    size = max((value.bit_length() + 7) // 8, rng.choice((1, 1, 2, 3, 4)))
    control = size | (0x80 if rng.random() < 0.5 else 0)
    whole = bytes([control]) + value.to_bytes(size, "little")
    return data[:start] + whole + data[start + 1 + (data[start] & 0x0F) :]


def campaign(count: int, seed: int) -> Result:
    """Mutate small cascades of several shapes."""
    generator = np.random.default_rng(seed)
    sizes = [(1, 1, 1, 1, 2), (1, 2, 1, 5, 3), (2, 2, 2, 3, 4), (1, 1, 3, 2, 5)]
    files = [_cascade(generator, *size) for size in sizes]

    def one(rng: random.Random, result: Result) -> str:
        whole = rng.choice(files)
        data = _with_another_integer(whole, rng) if rng.random() < 0.5 else mutated(whole, rng)
        try:
            ours = dat_bytes(read_dat(data))
        except DatError as error:
            message = str(error)
            if _dlibs(data) is None:
                return "refused, by dlib too"
            for reason, words in _STRICTER.items():
                if any(word in message for word in words):
                    return f"refused, though dlib takes it: {reason}"
            return result.fault(f"dlib takes what is refused here ({message})", data.hex())
        except BaseException as error:
            return result.fault(f"raised {type(error).__name__}: {error}", data.hex())
        theirs = _dlibs(data)
        if theirs is None:
            return result.fault("dlib refuses what is accepted here", data.hex())
        if theirs != ours:
            return result.fault("dlib reads other numbers", data.hex())
        return "accepted, as dlib reads it"

    about = "What is accepted, dlib accepts and writes again byte for byte alike; every refusal is one `DatError`."
    return run("dlib's .dat beside dlib", about, count, seed, one)
