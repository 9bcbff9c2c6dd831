"""Files of RCPR that contradict themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tcdcn_init.adapters.rcpr.cascade import RCPR

BROKEN = {
    "leaves short": lambda tensors, settings: (
        {**tensors, "leaves": tensors["leaves"][:, :-1]},
        settings,
        "leaves of shape",
    ),
    "along flat": lambda tensors, settings: ({**tensors, "along": tensors["along"][0]}, settings, "pairs of shape"),
    "tensor missing": lambda tensors, settings: (
        {k: v for k, v in tensors.items() if k != "scales"},
        settings,
        "tensors are",
    ),
    "tensor extra": lambda tensors, settings: ({**tensors, "more": np.ones(3)}, settings, "tensors are"),
    "scales infinite": lambda tensors, settings: (
        {**tensors, "scales": tensors["scales"] * np.inf},
        settings,
        "scales",
    ),
    "pairs beyond": lambda tensors, settings: ({**tensors, "pairs": tensors["pairs"] + 1}, settings, "pairs names"),
    "compared beyond": lambda tensors, settings: (
        {**tensors, "compared": tensors["compared"] - 100},
        settings,
        "compared names",
    ),
    "thresholds beyond": lambda tensors, settings: (
        {**tensors, "thresholds": np.full(tensors["thresholds"].shape, 1 << 20)},
        settings,
        "thresholds",
    ),
    "mean coincides": lambda tensors, settings: ({**tensors, "mean_shape": np.ones((5, 2))}, settings, "coincide"),
    "no shapes": lambda tensors, settings: (
        {**tensors, "shapes": tensors["shapes"][:0]},
        settings,
        "shapes have shape",
    ),
    "shapes NaN": lambda tensors, settings: (
        {**tensors, "shapes": tensors["shapes"] * np.float16(np.nan)},
        settings,
        "shapes not finite",
    ),
    "other points": lambda tensors, settings: (tensors, {**settings, "points": 6}, "metadata of 6 points"),
    "other stages": lambda tensors, settings: (tensors, {**settings, "stages": 13}, "call for"),
    "bad aspect": lambda tensors, settings: (tensors, {**settings, "aspect": "wide"}, "wide"),
    "unknown setting": lambda tensors, settings: (tensors, {**settings, "colour": 3}, "colour"),
    "no settings": lambda tensors, settings: (tensors, None, "rcpr"),
    "no object": lambda tensors, settings: (tensors, [1, 2], "RCPR"),
}
"""Name -> what is done to a sound file, and words of the message."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_contradicts_itself_is_refused(rcpr, tmp_path, name):
    from safetensors import safe_open

    path = tmp_path / "rcpr.safetensors"
    rcpr.save(path)
    with safe_open(path, framework="np") as file:
        good = json.loads(file.metadata()["rcpr"])
    changed, told, words = BROKEN[name](load_file(path), good)
    save_file(
        {k: np.ascontiguousarray(v) for k, v in changed.items()}, path, {"rcpr": json.dumps(told)} if told else {}
    )
    with pytest.raises(ValueError, match=words) as caught:
        RCPR.load(path)
    assert str(path) in str(caught.value)
