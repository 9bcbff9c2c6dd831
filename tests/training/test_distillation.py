"""A teacher's points: where they lie, and that they come between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.geometry import MIRROR
from tcdcn_init.network.tcdcn import TCDCN, Network
from tcdcn_init.training.augmentation import AugmentationConfig, Patches
from tcdcn_init.training.data import load_patches
from tcdcn_init.training.distillation import taught_points, with_teacher
from tcdcn_init.training.faces import read_training_faces
from tcdcn_init.training.recipes import recipe, train_network

# Not its own mirror image.
ANSWER = torch.tensor([[-0.2, -0.15], [0.16, -0.1], [0.02, 0.0], [-0.1, 0.2], [0.12, 0.22]])


@pytest.fixture(scope="module")
def patches(mtfl_root: Path, small_network) -> Patches:
    faces, _ = hold_out(read_mtfl(mtfl_root, "training"))
    return load_patches(faces[:70], small_network, AugmentationConfig())


@pytest.fixture(scope="module")
def stubborn(small_network) -> Network:
    """Sees the same points in every crop."""
    network = TCDCN(small_network).eval()
    with torch.no_grad():
        network.heads["points"].get_parameter("weight").zero_()
        network.points_bias.copy_(ANSWER.flatten())
    return network


def test_answers_are_carried_back_from_where_the_teacher_looked(patches, stubborn):
    taught = taught_points(stubborn, patches)
    # Half of the views are mirrored: on average it answers the mean of the shape and its mirror image.
    mirrored = ANSWER[list(MIRROR)] * torch.tensor([-1.0, 1.0])
    angle, scale = patches.later[:, 0], patches.later[:, 1].exp()
    cos, sin = scale * angle.cos(), scale * angle.sin()
    linear = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
    expected = (ANSWER + mirrored) / 2 @ linear.transpose(1, 2) + patches.later[:, None, 2:]
    # 16 views with shifts of 0.02 sides: their mean is off by 0.005 sides or so.
    assert (taught - expected).abs().mean() < 0.01
    assert (taught - expected).abs().max() < 0.04
    assert torch.equal(taught, taught_points(stubborn, patches))
    assert not torch.equal(taught, taught_points(stubborn, patches, seed=1))


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_points_lie_between_annotation_and_teacher(patches, stubborn, weight):
    taught = taught_points(stubborn, patches)
    mixed = with_teacher(patches, stubborn, weight)
    assert torch.allclose(mixed.points, (1 - weight) * patches.points + weight * taught, atol=1e-6)
    assert mixed.pixels is patches.pixels
    assert torch.equal(mixed.unit, patches.unit)


def test_a_weight_beyond_the_teacher_is_refused(patches, stubborn):
    with pytest.raises(ValueError, match=r"weight is 1.5; expected 0 to 1"):
        with_teacher(patches, stubborn, 1.5)


def test_a_teacher_and_its_weight_belong_together(mtfl_root, small_model, tmp_path):
    with pytest.raises(ValueError, match=r"weight of 0.5, and no teacher is given; name one: --teacher MODEL"):
        train_network(read_training_faces(OwnData(mtfl_root)), tmp_path, recipe("tcdcn-robust"), "tcdcn-robust")
    with pytest.raises(ValueError, match=r"weight of 0.0, and .*small.safetensors would be ignored"):
        train_network(
            read_training_faces(OwnData(mtfl_root)), tmp_path, recipe("tcdcn-quick"), "tcdcn-quick", teacher=small_model
        )
    with pytest.raises(ValueError, match=r"teacher is 2.0; expected the weight of its points"):
        replace(recipe("tcdcn-quick"), teacher=2.0)


def test_a_taught_model_says_so(mtfl_root, small_model, small_network, tmp_path):
    from tcdcn_init.network.model_file import load_network, save_network

    teacher = tmp_path / "teacher.safetensors"
    save_network(teacher, load_network(small_model)[0], {"recipe": "the first"})
    config = replace(recipe("tcdcn-quick"), network=small_network, epochs=1, batch=32, teacher=0.5)
    target = train_network(
        read_training_faces(OwnData(mtfl_root)), tmp_path / "run", config, "second", weights=teacher, teacher=teacher
    )
    assert load_network(target)[1]["recipe"] == "the first; then second, seed 0, 1 epochs, taught by (the first)"
