"""Files of regression trees."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from builders import face, random_arrays
from tcdcn_init.adapters.ert import (
    ERT,
)
from tcdcn_init.geometry import (
    interocular,
)


def error(shape, points):
    """Mean distance in units of the inter-ocular distance."""
    return float((np.linalg.norm(shape - points, axis=-1).mean(axis=-1) / interocular(points)).mean())


def test_a_dat_and_dlibs_object_are_the_same_cascade(stock_file, stock, tmp_path):
    one, two = ERT.from_dat(stock_file), ERT.from_dlib(stock)
    np.testing.assert_array_equal(one.arrays.leaves, two.arrays.leaves)
    one.save_dat(tmp_path / "copy.dat")
    assert (tmp_path / "copy.dat").read_bytes() == stock_file.read_bytes()


@pytest.mark.parametrize(("leaves", "tolerance"), [("float32", 0.0), ("float16", 0.01), ("int8", 0.05)])
def test_stored_leaves(trained, tmp_path, leaves, tolerance):
    trained.save(tmp_path / "ert.safetensors", leaves=leaves)
    loaded = ERT.load(tmp_path / "ert.safetensors")
    assert loaded.aspect == trained.aspect
    step = np.abs(trained.arrays.leaves).max(axis=-1, keepdims=True)
    assert (np.abs(loaded.arrays.leaves - trained.arrays.leaves) <= tolerance / 10 * step + 1e-12).all()
    rng = np.random.default_rng(2)
    pairs = [face(rng, rng.uniform(-180, 180)) for _ in range(20)]
    seeds = [points + rng.normal(0, 2, (5, 2)) for _, points in pairs]
    before = np.mean([error(trained.fit_from_points(p, s), q) for (p, q), s in zip(pairs, seeds, strict=True)])
    after = np.mean([error(loaded.fit_from_points(p, s), q) for (p, q), s in zip(pairs, seeds, strict=True)])
    assert after == pytest.approx(before, rel=0.1 if tolerance else 0)


def test_small_leaves_take_a_quarter_of_the_disk(tmp_path):
    regressor = ERT(random_arrays(np.random.default_rng(0), levels=4, trees=50, depth=4, points=68))
    sizes = {}
    for leaves in ("float32", "float16", "int8"):
        regressor.save(tmp_path / leaves, leaves=leaves)
        sizes[leaves] = (tmp_path / leaves).stat().st_size
    assert sizes["float16"] < 0.53 * sizes["float32"]
    assert sizes["int8"] < 0.3 * sizes["float32"]


def stored(**changes):
    arrays = random_arrays(np.random.default_rng(0))
    names = ("mean_shape", "split_pixels", "thresholds", "leaves", "anchors", "deltas")
    tensors = {name: getattr(arrays, name) for name in names} | changes
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if tensor is not None}


SETTINGS = {"ert": '{"aspect": 1.0, "points": 5}'}


HOSTILE = {
    "missing": (stored(leaves=None), "its tensors are"),
    "unknown": (stored(extra=np.zeros(3)), "its tensors are .*extra"),
    "index": (stored(anchors=np.full((2, 7), 5)), r"anchors holds 5 to 5; expected indices in \[0, 5\)"),
    "negative": (stored(split_pixels=np.full((2, 3, 3, 2), -1)), "split_pixels holds -1"),
    "points": (stored(mean_shape=np.ones((6, 2))), "metadata of 5 points"),
    "shape": (stored(deltas=np.zeros((2, 6, 2))), r"deltas has shape \(2, 6, 2\)"),
    "dimensions": (stored(thresholds=np.zeros(18)), "thresholds"),
    "splits": (stored(thresholds=np.zeros((2, 3, 2))), r"2\^depth - 1"),
    "empty": (stored(thresholds=np.zeros((0, 3, 3))), "at least one of each"),
    "nan": (stored(leaves=np.full((2, 3, 4, 10), np.nan)), "leaves holds NaN"),
    "infinite": (stored(deltas=np.full((2, 7, 2), np.inf)), "deltas holds NaN or infinity"),
    "bool": (stored(anchors=np.zeros((2, 7), dtype=bool)), "dtype bool"),
    "scale": (stored(leaf_scale=np.ones(7, dtype=np.float32)), "leaf_scale has shape"),
    "point": (stored(mean_shape=np.ones((5, 2))), "all 5 points of mean_shape coincide"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_cascade_is_refused(tmp_path, name):
    tensors, message = HOSTILE[name]
    save_file(tensors, tmp_path / "bad", metadata=SETTINGS)
    with pytest.raises(ValueError, match=message):
        ERT.load(tmp_path / "bad")


def test_spoiled_files_are_refused(tmp_path):
    good = tmp_path / "good"
    ERT(random_arrays(np.random.default_rng(0))).save(good)
    data = good.read_bytes()
    ERT.load(good)
    attacks = {
        "empty": b"",
        "short": data[:-1],
        "long": data + b"x",
        "huge head": struct.pack("<Q", 1 << 60) + data[8:],
        "text": b"not a file of tensors at all",
        "pickle": b"\x80\x04K\x01.",
    }
    for content in attacks.values():
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(ValueError, match="does not hold an ERT"):
            ERT.load(tmp_path / "bad")
    save_file(stored(), tmp_path / "bad")
    with pytest.raises(ValueError, match="does not hold an ERT"):
        ERT.load(tmp_path / "bad")
    save_file(stored(), tmp_path / "bad", metadata={"ert": '{"aspect": NaN, "points": 5}'})
    with pytest.raises(ValueError, match="aspect is nan"):
        ERT.load(tmp_path / "bad")
    with pytest.raises(FileNotFoundError, match="no cascade at"):
        ERT.load(tmp_path / "absent")
    with pytest.raises(ValueError, match="leaves is 'int4'"):
        ERT(random_arrays(np.random.default_rng(0))).save(good, leaves="int4")
