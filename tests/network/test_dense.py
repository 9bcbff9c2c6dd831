"""The network of dense points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders import lively
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.config import config_from_dict, config_to_dict
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.exporting import export_onnx, largest_difference
from tcdcn_init.network.model_file import load_model, load_network, save_network

SMALL = DenseConfig(side=32, widths=(4, 6, 8), layers=(1, 2, 1), maps=6, mixing=1, points=7)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model beside its .onnx file."""
    path = tmp_path_factory.mktemp("model") / "dense.safetensors"
    save_network(path, lively(Dense(SMALL)), {"licence": "none"})
    export_onnx(path)
    return path


@pytest.mark.parametrize("config", [SMALL, DenseConfig(side=24, widths=(4, 4), layers=(1, 2), maps=5, mixing=0)])
def test_folding_changes_nothing_but_the_number_of_layers(config):
    network = lively(Dense(config))
    crops = torch.rand(5, 1, config.side, config.side)
    ours, folded = network(crops), network.folded()(crops)
    assert set(ours) == set(config.outputs)
    for name, value in ours.items():
        torch.testing.assert_close(folded[name], value, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.folded().modules())


def test_a_point_moves_with_what_is_seen():
    """The same dot two places of the maps further on gives the same points two places further on."""
    config = DenseConfig(side=64, widths=(4, 6), layers=(1, 1), maps=6, mixing=1, points=7)
    network = lively(Dense(config))
    with torch.no_grad():
        network.last.weight[:7] *= 1000.0  # so strong that the surest place alone counts
    crops = torch.zeros(2, 1, 64, 64)
    crops[0, 0, 24:26, 24:26] = crops[1, 0, 24:26, 40:42] = 1.0
    first, second = network(crops)["points"]
    torch.testing.assert_close(second - first, torch.tensor([16 / 64, 0.0]).expand(7, 2), atol=1e-3, rtol=0)


def test_scores_are_for_training():
    network = Dense(SMALL)
    assert network.train()(torch.rand(2, 1, 32, 32))["scores"].shape == (2, 7, 16)
    assert set(network.eval()(torch.rand(2, 1, 32, 32))) == set(SMALL.outputs)


def test_both_backends_say_the_same(model):
    assert largest_difference(model, batches=(1, 20)) < 1e-4
    ours, theirs = TorchBackend(model), OnnxBackend(model)
    assert ours.config == theirs.config == SMALL
    crops = np.random.default_rng(0).random((3, 32, 32), dtype=np.float32)
    assert {name: value.shape for name, value in ours(crops).items()} == {
        "points": (3, 7, 2), "expected_error": (3, 7), "visible": (3, 7)
    }  # fmt: skip


def test_a_configuration_survives_its_file(model):
    assert config_from_dict(json.loads(json.dumps(config_to_dict(SMALL)))) == SMALL
    network, metadata = load_model(model)
    assert network.config == SMALL
    assert "32x32" in metadata["crop"]
    with pytest.raises(ValueError, match="7 dense points"):
        load_network(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 40}, "expected a multiple of 16"),
        ({"layers": (1, 1)}, "one of each per level"),
        ({"widths": (4,), "layers": (1,)}, "two levels or more"),
        ({"maps": 0}, "expected more than 0"),
        ({"side": 1024, "maps": 1024}, "64 MB"),
        ({"mixing": -1}, "mixing is -1"),
    ],
)
def test_what_cannot_be_built_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DenseConfig(**change)
