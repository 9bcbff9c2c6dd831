"""Files of SDM that contradict themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tcdcn_init.adapters.sdm.cascade import SDM

BROKEN = {
    "weights short": lambda tensors, settings: (
        {**tensors, "weights": tensors["weights"][:, :-1]},
        settings,
        "weights of shape",
    ),
    "stage missing": lambda tensors, settings: (
        {**tensors, "biases": tensors["biases"][:1]},
        settings,
        "biases of shape",
    ),
    "tensor missing": lambda tensors, settings: (
        {k: v for k, v in tensors.items() if k != "biases"},
        settings,
        "tensors are",
    ),
    "tensor extra": lambda tensors, settings: ({**tensors, "more": np.ones(3)}, settings, "tensors are"),
    "not finite": lambda tensors, settings: (
        {**tensors, "biases": tensors["biases"] * np.inf},
        settings,
        "biases not finite",
    ),
    "mean coincides": lambda tensors, settings: ({**tensors, "mean_shape": np.ones((5, 2))}, settings, "coincide"),
    "other points": lambda tensors, settings: (tensors, {**settings, "points": 6}, "metadata of 6 points"),
    "other config": lambda tensors, settings: (tensors, {**settings, "orientations": 7}, "call for"),
    "absurd config": lambda tensors, settings: (tensors, {**settings, "patch": 1 << 40}, "patch"),
    "bad aspect": lambda tensors, settings: (tensors, {**settings, "aspect": "wide"}, "wide"),
    "unknown setting": lambda tensors, settings: (tensors, {**settings, "depth": 3}, "depth"),
    "no settings": lambda tensors, settings: (tensors, None, "sdm"),
    "no object": lambda tensors, settings: (tensors, [1, 2], "SDM"),
}
"""Name -> what is done to a sound file, and words of the message."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_contradicts_itself_is_refused(seeded, tmp_path, name):
    path = tmp_path / "sdm.safetensors"
    seeded.save(path)
    tensors = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        good = json.loads(file.metadata()["sdm"])
    changed, told, words = BROKEN[name](tensors, good)
    save_file({k: np.ascontiguousarray(v) for k, v in changed.items()}, path, {"sdm": json.dumps(told)} if told else {})
    with pytest.raises(ValueError, match=words) as caught:
        SDM.load(path)
    assert str(path) in str(caught.value)
