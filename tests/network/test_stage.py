"""The networks of the two-stage initializer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from builders import lively
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.config import config_from_dict, config_to_dict
from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.network.exporting import export_onnx, largest_difference
from tcdcn_init.network.model_file import load_model, load_network, save_network
from tcdcn_init.network.stage import Stage, TwoStage, in_squares
from tcdcn_init.network.votes import as_places, voted

SMALL = TwoStageConfig(
    StageConfig(side=16, view=2.2, fold=2, widths=(4, 6), layers=(1, 1), feature=8),
    StageConfig(side=24, view=1.1, fold=2, widths=(4, 6, 8), layers=(1, 2, 1), feature=8),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small two-stage model beside its .onnx file."""
    path = tmp_path_factory.mktemp("model") / "two.safetensors"
    save_network(path, lively(TwoStage(SMALL)), {"licence": "none"})
    export_onnx(path)
    return path


@pytest.mark.parametrize("config", [SMALL.coarse, SMALL.fine])
def test_folding_changes_nothing_but_the_number_of_layers(config):
    network = lively(Stage(config))
    crops = torch.rand(5, 1, config.side, config.side)
    ours, folded = network(crops), network.folded()(crops)
    assert set(ours) == set(config.outputs)
    for name, value in ours.items():
        torch.testing.assert_close(folded[name], value, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.folded().modules())


def test_brightness_and_contrast_do_not_matter():
    network = lively(Stage(SMALL.fine))
    crops = torch.rand(3, 1, 24, 24)
    torch.testing.assert_close(network(0.5 * crops + 0.2)["points"], network(crops)["points"], atol=1e-3, rtol=0)


def test_a_vote_moves_with_what_is_seen():
    """Points of equal evidence elsewhere lie elsewhere by as much: votes are relative to their places."""
    network = lively(Stage(SMALL.fine))
    maps = torch.zeros(2, 6, 6, 6)
    maps[0, :, 1, 1] = maps[1, :, 1, 4] = 100.0
    with torch.no_grad():
        network.votes.inner.weight.fill_(0.1)
        network.votes.last.weight[:5].fill_(1.0)  # so strong that this place alone counts
        first, second = network.votes(maps, torch.zeros(2, 8))
    moved = torch.tensor([0.5, 0.0, 0.0, 0.0])
    torch.testing.assert_close(second - first, moved.expand(5, 4), atol=1e-4, rtol=0)


def test_votes_are_those_of_the_whole_convolution():
    """The short way by the mean of the places says what every place's own answer says, weighted and summed."""
    last, maps = nn.Conv2d(6, 15, 1), torch.rand(2, 6, 4, 4) * 9.0
    scores, means = voted(as_places(maps), last, 3)
    answers = last(maps).flatten(2).unflatten(1, (5, 3))
    weights = torch.softmax(answers[:, 0], dim=2)
    torch.testing.assert_close(torch.softmax(scores, dim=2), weights)
    at = (torch.arange(4) + 0.5) / 4 - 0.5
    votes = answers[:, 1:] + torch.stack([at.repeat(4), at.repeat_interleave(4), *torch.zeros(2, 16)])[:, None]
    torch.testing.assert_close(means, (weights[:, None] * votes).sum(dim=3).transpose(1, 2))


@pytest.mark.parametrize("fold", [1, 2, 4])
def test_pixels_are_laid_in_squares_as_pytorch_does(fold):
    crops = torch.rand(3, 1, 8, 12)
    assert torch.equal(in_squares(crops, fold), nn.functional.pixel_unshuffle(crops, fold))


def test_pixels_side_by_side_keep_their_places():
    """What the first convolution sees of one square of pixels comes from that square alone."""
    network = Stage(SMALL.fine).eval()
    crops = torch.rand(1, 1, 24, 24)
    changed = crops.clone()
    changed[..., 4:6, 8:10] = changed[..., 4:6, 8:10].flip(2, 3)  # neither mean nor deviation changes
    seen: list[torch.Tensor] = []
    network.trunk[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(crops), network(changed)
    different = (seen[0] != seen[1]).any(dim=1)[0].nonzero().tolist()
    assert different == [[2, 4]]


def test_the_side_of_a_crop_says_which_stage_is_asked(model):
    network, _ = load_model(model)
    assert isinstance(network, TwoStage)
    for stage in (network.coarse, network.fine):
        crops = torch.rand(2, 1, stage.config.side, stage.config.side)
        torch.testing.assert_close(network(crops)["points"], stage(crops)["points"])


def test_both_backends_say_the_same_of_both_stages(model):
    assert largest_difference(model, batches=(1, 20)) < 1e-4
    ours, theirs = TorchBackend(model), OnnxBackend(model)
    assert ours.config == theirs.config == SMALL
    crops = np.random.default_rng(0).random((3, 16, 16), dtype=np.float32)
    assert set(ours(crops)) == set(theirs(crops)) == set(SMALL.outputs)
    assert ours(crops)["visible"].shape == (3, 5)


def test_a_configuration_survives_its_file(model):
    import json

    stated = json.loads(json.dumps(config_to_dict(SMALL)))
    assert config_from_dict(stated) == SMALL
    stated["fine"] |= {"points": 5, "face": True}  # what every stage is, as earlier files state it
    assert config_from_dict(stated) == SMALL
    assert load_model(model)[0].config == SMALL
    assert "16x16" in load_model(model)[1]["crop"]
    assert "24x24" in load_model(model)[1]["crop"]


def test_it_is_no_network_of_the_trainer(model):
    with pytest.raises(ValueError, match="two stages"):
        load_network(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coarse": StageConfig()}, "expected two sides"),
        ({"coarse": StageConfig(side=40, tasks=())}, "expected the same"),
    ],
)
def test_stages_that_do_not_fit_together(change, message):
    with pytest.raises(ValueError, match=message):
        TwoStageConfig(**change)


def test_levels_without_layers_are_refused():
    with pytest.raises(ValueError, match="two levels or more"):
        StageConfig(widths=(4, 4), layers=(1, 0))
    with pytest.raises(ValueError, match="one of each"):
        StageConfig(widths=(4, 4), layers=(1, 1, 1))
    with pytest.raises(ValueError, match="squares of 4; expected a multiple"):
        StageConfig(side=34)
