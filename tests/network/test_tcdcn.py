"""The network against the paper's table, and its shortcuts against what they stand for."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.tcdcn import TCDCN, LocallyConnected


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture
def network() -> TCDCN:
    torch.manual_seed(0)
    network = TCDCN()
    with torch.no_grad():  # gains as training may leave them, negative ones included
        for gain in network.gains:
            gain.copy_(torch.randn_like(gain))
    return network.eval()


def test_every_layer_has_the_papers_number_of_parameters():
    network = TCDCN()
    assert [count(layer) for layer in network.convolutions] == [416, 6_960, 27_712, 16_448]
    assert count(network.feature) == 25_700
    heads = {name: count(head) for name, head in network.heads.items()}
    assert heads == {"points": 1_010, "pose": 505, "gender": 202, "glasses": 202, "smile": 202}
    assert sum(heads.values()) == 2_121
    gains = 16 + 48 + 64 + 64  # one a map, as in Sun et al. 2013
    assert count(network) == 416 + 6_960 + 27_712 + 16_448 + 25_700 + 2_121 + gains


def test_without_shared_filters_there_are_about_3_4_million_parameters():
    network = TCDCN(TCDCNConfig(shared_filters=False))
    assert 3.35e6 < count(network) < 3.45e6
    assert network(torch.rand(2, 1, 40, 40))["points"].shape == (2, 5, 2)


def test_unshared_filters_that_are_all_alike_are_a_convolution():
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 4, 5)
    local = LocallyConnected(3, 4, 5, side=8)
    with torch.no_grad():
        local.weight.copy_(convolution.weight.reshape(4, -1).expand(64, 4, 75))
        local.bias.copy_(convolution.bias[:, None, None].expand(4, 8, 8))
    maps = torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(local(maps), convolution(maps), atol=1e-5, rtol=1e-5)


def test_an_unshared_filter_acts_at_its_own_place_alone():
    torch.manual_seed(0)
    local = LocallyConnected(2, 3, 3, side=6)
    maps = torch.randn(1, 2, 8, 8)
    before = local(maps)
    with torch.no_grad():
        local.weight[2 * 6 + 5] += 1.0
    changed = (local(maps) - before).abs().sum(dim=1)[0] > 0
    assert changed.nonzero().tolist() == [[2, 5]]


def test_pooling_before_the_hyperbolic_tangent_is_the_papers_order(network):
    crops = torch.rand(3, 1, 40, 40)

    maps = crops - crops.mean(dim=(2, 3), keepdim=True)
    maps = maps / (maps.square().mean(dim=(2, 3), keepdim=True).sqrt() + 1e-3)
    for index, (convolution, gain) in enumerate(zip(network.convolutions, network.gains, strict=True)):
        maps = gain.abs() * torch.tanh(convolution(maps)).abs()
        if index < 3:
            maps = functional.max_pool2d(maps, 2)
    expected = torch.tanh(network.feature(maps.flatten(1))).abs()

    torch.testing.assert_close(network.shared_feature(crops), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_gains_folded_into_the_next_layer_leave_the_function_as_it_is(shared):
    torch.manual_seed(0)
    network = TCDCN(TCDCNConfig(widths=(4, 6, 8, 5), feature=12, shared_filters=shared))
    with torch.no_grad():
        for gain in network.gains:
            gain.copy_(torch.randn_like(gain))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = network.folded()
    assert not any(name.startswith("gains") for name, _ in folded.named_parameters())
    crops = torch.rand(3, 1, 40, 40)
    with torch.inference_mode():
        expected, outputs = network(crops), folded(crops)
    for name, value in expected.items():
        torch.testing.assert_close(outputs[name], value, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.inference_mode():  # folding twice is folding once
        torch.testing.assert_close(folded.folded()(crops)["points"], outputs["points"])


def test_brightness_and_contrast_do_not_matter(network):
    crops = torch.rand(2, 1, 40, 40)
    with torch.inference_mode():
        bright, faint = network(crops), network(0.3 * crops + 0.5)
    torch.testing.assert_close(faint["points"], bright["points"], atol=0.01, rtol=0.0)


def test_a_flat_crop_gives_finite_answers(network):
    outputs = network(torch.full((1, 1, 40, 40), 0.5))
    assert all(torch.isfinite(value).all() for value in outputs.values())


def test_every_parameter_learns(network):
    crops = torch.rand(4, 1, 40, 40)
    sum(value.square().sum() for value in network(crops).values()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("tasks", [(), ("smile",), ("pose", "gender")])
def test_tasks_can_be_chosen(tasks):
    outputs = TCDCN(TCDCNConfig(tasks=tasks))(torch.rand(2, 1, 40, 40))
    assert list(outputs) == ["points", *tasks]


def test_other_sides_and_widths_are_built():
    config = TCDCNConfig(side=56, widths=(4, 8), kernels=(5, 4), feature=12, tasks=())
    assert config.sides() == [52, 23]
    network = TCDCN(config)
    assert network.feature.in_features == 8 * 23 * 23
    assert network(torch.rand(1, 1, 56, 56))["points"].shape == (1, 5, 2)
