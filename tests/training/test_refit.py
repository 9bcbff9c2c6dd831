"""Stopped tasks' heads, fitted anew."""

from __future__ import annotations

import torch

from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.training.afterwards.refit import refit_heads
from tcdcn_init.training.augmentation import AugmentationConfig, Patches, random_views

AUGMENTATION = AugmentationConfig(roll=2.0, wide_probability=0.0, styles=0.0, occlusion=0.0)


def bright_or_dark_halves(count: int = 120) -> Patches:
    """Faces that smile when their lower half is bright, whatever else they are."""
    generator = torch.Generator().manual_seed(0)
    smile = torch.arange(count) % 2
    pixels = torch.randint(0, 60, (count, 112, 112), dtype=torch.uint8, generator=generator)
    pixels[:, 56:] += (150 * smile).to(torch.uint8)[:, None, None]
    labels = {"smile": smile, "glasses": torch.full((count,), -1)}
    return Patches(pixels, torch.zeros(count, 5, 2), torch.ones(count), labels, 1.4, torch.zeros(count, 4))


def test_only_the_heads_asked_for_move_and_they_fit():
    torch.manual_seed(0)
    network = TCDCN(TCDCNConfig(tasks=("glasses", "smile"))).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    patches = bright_or_dark_halves()
    refit_heads(network, ["smile"], patches, AUGMENTATION, seed=3)
    after = network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"heads.smile.weight", "heads.smile.bias"}
    crops, targets = random_views(patches, torch.arange(120), 1.4, 40, AUGMENTATION, torch.Generator().manual_seed(9))
    right = network(crops)["smile"].argmax(dim=1) == targets["smile"]
    assert right.float().mean() > 0.95


def test_the_same_seed_gives_the_same_heads():
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        network = TCDCN(TCDCNConfig(tasks=("smile",))).eval()
        refit_heads(network, ["smile"], bright_or_dark_halves(), AUGMENTATION, seed=3)
        weights.append(network.heads["smile"].get_parameter("weight").clone())
    assert torch.equal(*weights)
