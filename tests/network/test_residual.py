"""The residual network: its size, its shortcuts, its heads, and that it trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.config import ResidualConfig, config_from_dict, config_to_dict
from tcdcn_init.network.exporting import export_onnx
from tcdcn_init.network.model_file import load_network, save_network
from tcdcn_init.network.residual import PointRefinement, ResidualTCDCN
from tcdcn_init.network.tcdcn import make_network
from tcdcn_init.training.afterwards.refinement import HIDDEN, fit_refinement
from tcdcn_init.training.augmentation import AugmentationConfig
from tcdcn_init.training.data import load_crops, load_patches
from tcdcn_init.training.measuring import measure
from tcdcn_init.training.objective import MultiTaskObjective, ObjectiveConfig
from tcdcn_init.training.trainer import Trainer, TrainingConfig

SMALL = ResidualConfig(side=32, widths=(8, 8, 16), blocks=(1, 1, 1), feature=24)


@pytest.fixture(params=[0, 6], ids=["plain", "refined"])
def network(request: pytest.FixtureRequest) -> ResidualTCDCN:
    torch.manual_seed(0)
    network = ResidualTCDCN(replace(SMALL, refinement=request.param))
    with torch.no_grad():
        for parameter in network.parameters():  # also those that start at 0
            parameter.add_(0.1 * torch.randn_like(parameter))
        network.train()
        network(torch.rand(16, 1, 32, 32))  # statistics of the normalisations
    return network.eval()


def test_the_bundled_architecture_keeps_to_its_budget():
    for config in (ResidualConfig(), ResidualConfig(refinement=HIDDEN)):
        assert sum(p.numel() for p in ResidualTCDCN(config).parameters()) <= 1_500_000


def test_folding_changes_no_answer(network):
    crops = torch.rand(5, 1, 32, 32)
    with torch.no_grad():
        before, after = network(crops), network.folded()(crops)
    assert before.keys() == after.keys() == set(SMALL.outputs)
    for name in before:
        torch.testing.assert_close(before[name], after[name], atol=1e-4, rtol=1e-4)
    assert not [name for name in network.folded().state_dict() if "norm" in name]


def test_brightness_and_contrast_do_not_matter(network):
    crops = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        plain, other = network(crops), network(0.4 * crops + 0.2)
    # A correction's windows follow the points, and multiply what little the offset of the deviation leaves.
    torch.testing.assert_close(
        plain["points"], other["points"], atol=1e-2 if network.config.refinement else 1e-3, rtol=1e-3
    )


def test_expected_errors_are_above_zero(network):
    with torch.no_grad():
        assert (network(5 * torch.randn(50, 1, 32, 32))["expected_error"] > 0).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": (8, 8), "blocks": (1,)}, "one of each per stage"),
        ({"widths": (8,), "blocks": (0,)}, "one of each per stage"),
        ({"side": 40}, "input side 40 cannot be halved 4 times"),
        ({"refinement": -1}, "refinement is -1; expected a whole number"),
        ({"refinement": 8, "widths": (8,), "blocks": (1,)}, "refinement is 8 on 1 stages; expected 0, or at least two"),
        ({"tasks": ("age",)}, "unknown task 'age'"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ResidualConfig(**fields)


def test_a_configuration_names_its_network():
    assert config_from_dict(config_to_dict(SMALL)) == SMALL
    with pytest.raises(ValueError, match="unknown network 'heatmap'"):
        config_from_dict({"network": "heatmap"})


def test_background_teaches_the_face_head_alone():
    objective = MultiTaskObjective(ObjectiveConfig(), ())
    outputs = {
        "points": torch.zeros(2, 5, 2, requires_grad=True),
        "expected_error": torch.full((2, 5), 0.1, requires_grad=True),
        "face": torch.zeros(2, 2, requires_grad=True),
    }
    targets = {"points": torch.ones(2, 5, 2), "unit": torch.ones(2), "face": torch.tensor([1, 0])}
    objective.total(objective(outputs, targets), active=()).backward()
    for name in ("points", "expected_error"):
        assert outputs[name].grad[0].abs().min() > 0
        assert not outputs[name].grad[1].any()
    assert outputs["face"].grad.abs().min() > 0


def test_the_best_expected_error_is_the_mean_distance():
    objective = MultiTaskObjective(ObjectiveConfig(), ())
    distances = torch.tensor([0.02, 0.04, 0.09])
    points = torch.zeros(3, 5, 2)
    points[:, :, 0] = distances[:, None]
    targets = {"points": torch.zeros(3, 5, 2), "unit": torch.ones(3), "face": torch.ones(3, dtype=torch.long)}

    def loss(expected: float) -> float:
        outputs = {"points": points, "expected_error": torch.full((3, 5), expected), "face": torch.zeros(3, 2)}
        return float(objective(outputs, targets)["expected_error"])

    assert loss(0.05) < min(loss(0.045), loss(0.055))


def test_a_correction_begins_by_moving_nothing():
    torch.manual_seed(0)
    refinement = PointRefinement((3, 4), feature=5, hidden=6)
    points = 0.4 * torch.rand(2, 5, 2) - 0.2
    maps = [torch.rand(2, 3, 16, 16), torch.rand(2, 4, 8, 8)]
    assert torch.equal(refinement(points, maps, torch.rand(2, 5)), points)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_correction_looks_around_its_point(axis):
    """Of maps that hold their own coordinates, the middle of a window is the point."""
    side, points = 32, 0.6 * torch.rand(2, 5, 2) - 0.3
    places = (torch.arange(side) + 0.5) / side - 0.5
    ramp = (places if axis == 0 else places[:, None]).expand(side, side)[None, None].expand(2, 1, side, side)
    refinement = PointRefinement((1, 1), feature=1, hidden=1)
    with torch.no_grad():
        refinement.first.zero_()
        refinement.first[:, 1 + 7 * 7 // 2] = 1.0  # after the feature: the middle of the 7x7 window
        refinement.first_bias.fill_(1.0)  # above 0, where the units let everything through
        refinement.last[:, :, axis] = 1.0
        moved = refinement(points, [ramp, torch.zeros(2, 1, 16, 16)], torch.zeros(2, 1)) - points
    torch.testing.assert_close(moved[..., axis], points[..., axis] + 1.0, atol=1e-5, rtol=0)
    assert not moved[..., 1 - axis].any()


def test_a_correction_is_learned_and_changes_the_points_alone(mtfl_root: Path):
    faces, held = hold_out(read_mtfl(mtfl_root, "training"))
    augmentation = AugmentationConfig()
    patches, validation = load_patches(faces, SMALL, augmentation), load_crops(held, SMALL)
    torch.manual_seed(0)
    network = ResidualTCDCN(SMALL).eval()
    with torch.no_grad():
        network.points_bias.copy_(patches.points[patches.faces].mean(dim=0).flatten())
    refined = fit_refinement(network, patches, augmentation, validation, hidden=8, epochs=60)
    objective = MultiTaskObjective(ObjectiveConfig(), ())
    before, after = (measure(each, validation, objective)["nme"] for each in (network, refined))
    assert after < 0.9 * before
    with torch.no_grad():
        ours, theirs = network.eval()(validation.pixels), refined.eval()(validation.pixels)
    for name in SMALL.outputs[1:]:
        torch.testing.assert_close(ours[name], theirs[name])
    again = fit_refinement(network, patches, augmentation, validation, hidden=8, epochs=60)
    for name, value in refined.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_it_trains_saves_exports_and_says_how_sure_it_is(mtfl_root: Path, tmp_path: Path):
    config = TrainingConfig(
        network=SMALL,
        augmentation=AugmentationConfig(any_roll_probability=0.2, later_pass_probability=0.3, wide_probability=0.2),
        epochs=4,
        batch=32,
        learning_rate=5e-3,
        average=0.9,
        precision="bfloat16",
        stop_window=0,
    )
    faces, held = hold_out(read_mtfl(mtfl_root, "training"))
    patches = load_patches(faces, SMALL, config.augmentation)
    assert len(patches.faces) == len(faces)
    assert len(patches) == len(patches.faces) + len(patches.background)
    trainer = Trainer(config, patches, load_crops(faces[::9], SMALL), load_crops(held, SMALL), tmp_path / "run")
    trained = trainer.run()
    errors = [row["validation"]["nme"] for row in trainer.history]
    assert errors[-1] < errors[0]
    # Going on from a checkpoint continues with the same averages, statistics of the normalisations included.
    again = Trainer(
        replace(config), patches, trainer.probe, trainer.validation, tmp_path / "run", resume=True
    ).averaged_network()
    for name, value in trained.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(again.state_dict()[name], value), name

    model = tmp_path / "small.safetensors"
    save_network(model, trained, {"licence": "none"})
    assert load_network(model)[0].config == SMALL
    export_onnx(model)
    crops = torch.rand(3, 32, 32).numpy()
    ours, theirs = TorchBackend(model)(crops), OnnxBackend(model)(crops)
    assert ours.keys() == theirs.keys() == set(SMALL.outputs)

    image = (torch.rand(90, 90).numpy() * 255).astype("uint8")
    initializer = Initializer(model)
    found = initializer(image, [(20, 20, 70, 70), (30, 30, 80, 80)])
    points, confidence = initializer.points_and_confidence(image, [(20, 20, 70, 70), (30, 30, 80, 80)])
    for k, face in enumerate(found):
        assert (face.points == points[k]).all()
        assert 0 <= face.confidence <= 1
        assert face.confidence == confidence[k]
        assert (face.expected_error > 0).all()


def test_networks_are_made_by_their_configuration(small_network):
    assert type(make_network(SMALL)) is ResidualTCDCN
    assert make_network(small_network).config == small_network
