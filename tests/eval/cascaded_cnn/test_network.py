"""The cascade of 23 networks: the paper's layers, the way from patches to points and back, training, resuming."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.crops import frames_from_boxes
from tcdcn_init.datasets.named import read_dataset
from tcdcn_init.eval.cascaded_cnn.network import (
    AUGMENTATION,
    CHIP,
    CROP,
    HALVES,
    LEVEL1,
    PATCH,
    SHIFTS,
    SIDE,
    SPAN,
    VIEW,
    CascadedCNN,
    cut_chips,
    make_net,
    net_names,
    refinement_names,
    sample,
)
from tcdcn_init.eval.cascaded_cnn.report import CascadedCNNReport
from tcdcn_init.eval.cascaded_cnn.training import CascadeTraining, patches_around, train_cascade
from tcdcn_init.geometry import invert, transform_points
from tcdcn_init.shapes import to_box_units
from tcdcn_init.training.data import load_patches

TINY = CascadeTraining(epochs=6, small_epochs=5, batch=24)


@pytest.fixture(scope="module")
def faces(mtfl_root):
    return read_dataset("mtfl-train", mtfl_root)


@pytest.fixture(scope="module")
def patches(faces):
    return load_patches(faces, CROP, AUGMENTATION)


@pytest.fixture(scope="module")
def trained(faces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    return train_cascade(faces, folder, TINY), folder


def test_the_networks_are_the_papers():
    shapes = {
        "F1": [(20, 1, 4, 4), (40, 20, 3, 3), (60, 40, 3, 3), (80, 60, 2, 2), (120, 320), (10, 120)],
        "EN1": [(20, 1, 4, 4), (40, 20, 3, 3), (60, 40, 3, 3), (80, 60, 2, 2), (100, 160), (6, 100)],
        "2 nose a": [(20, 1, 4, 4), (40, 20, 3, 3), (60, 160), (2, 60)],
    }
    shapes["NM1"], shapes["3 left eye b"] = shapes["EN1"], shapes["2 nose a"]
    for name, wanted in shapes.items():
        weights = [value.shape for key, value in make_net(name).state_dict().items() if key.endswith("weight")]
        assert [tuple(shape) for shape in weights] == wanted, name
    assert {name: rows.stop - rows.start for name, (rows, _) in LEVEL1.items()} == {"F1": 39, "EN1": 31, "NM1": 31}
    assert len(net_names()) == len(set(net_names())) == 23


def test_the_regions_hold_their_points(data_root):
    faces = read_dataset("mtfl-train", data_root / "mtfl")
    shapes = to_box_units(np.stack([face.five for face in faces]), np.stack([face.box for face in faces])) / VIEW
    for rows, points in LEVEL1.values():
        top, bottom = rows.start / SIDE - 0.5, rows.stop / SIDE - 0.5
        y = shapes[:, points, 1]
        assert ((y > top) & (y < bottom)).all(axis=1).mean() > 0.995


def test_a_patch_shows_what_lies_under_it():
    # A chip whose grey is its own coordinate: a patch's pixels say where they are from.
    x = (torch.arange(CHIP) + 0.5) / CHIP * SPAN - SPAN / 2
    chips = x.expand(2, CHIP, CHIP)
    chips = torch.stack([chips[0], chips[1].T])  # x in the first, y in the second
    centres = torch.tensor([[[0.1, -0.2], [-0.3, 0.25]]]).repeat(2, 1, 1)
    patches = sample(chips, SPAN, centres, 0.3, PATCH)
    steps = 0.3 * ((torch.arange(PATCH) + 0.5) / PATCH - 0.5)
    for k in range(2):
        assert torch.allclose(patches[0, k], (centres[0, k, 0] + steps).expand(PATCH, PATCH), atol=1e-5)
        assert torch.allclose(patches[1, k], (centres[0, k, 1] + steps)[:, None].expand(PATCH, PATCH), atol=1e-5)


def test_points_return_to_the_picture(portrait, portrait_points, portrait_box):
    boxes = np.array([portrait_box])
    frames = frames_from_boxes(boxes, VIEW)
    wanted = transform_points(invert(frames), portrait_points[None])

    class Answers(CascadedCNN):
        def each_level(self, chips):
            return [torch.from_numpy(wanted)]

    cascade = Answers({name: make_net(name) for name in LEVEL1})
    assert cascade.points(portrait, boxes) == pytest.approx(portrait_points[None], abs=1e-6)


def test_a_chip_holds_the_pixels_around_the_box(portrait, portrait_box):
    boxes = np.array([portrait_box])
    chip = torch.from_numpy(cut_chips(portrait, boxes))
    # The mean of the view is that of the image under it.
    crop = sample(chip, SPAN, torch.zeros(1, 1, 2), 1.0, SIDE)
    (left, top), (right, bottom) = transform_points(frames_from_boxes(boxes, VIEW), [[-0.5, -0.5], [0.5, 0.5]])[0]
    under = portrait[round(top) : round(bottom), round(left) : round(right)] @ [0.2125, 0.7154, 0.0721] / 255
    assert float(crop.mean()) == pytest.approx(under.mean(), abs=0.01)


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("point", [0, 2, 4])
def test_training_patches_lie_as_far_off_as_their_targets_say(patches, level, point):
    index = torch.arange(40)
    given = patches_around(patches, level, point)(index, torch.Generator().manual_seed(0))
    for name, half in zip(refinement_names(level, point), HALVES[level - 2], strict=True):
        crops, target, _ = given[name]
        assert crops.shape == (40, 1, PATCH, PATCH)
        # In sides of the patch, never beyond the largest shift.
        assert float((target * 2 * half).abs().max()) <= SHIFTS[level - 2] + 1e-6
        # Where no mirror image was drawn, the patch is the chip's at the shifted point.
        side = 2 * half / VIEW
        centres = patches.points[index, point][:, None] - target * side
        seen = sample(patches.pixels[index].float() / 255, SPAN, centres, side, PATCH)
        same = (crops - seen).abs().amax(dim=(1, 2, 3)) < 1e-3
        assert 8 < int(same.sum()) < 32


def test_training_beats_the_mean_shape(patches, trained):
    cascade, _ = trained
    chips = patches.pixels.float() / 255
    error = [(points - patches.points).norm(dim=2).mean().item() for points in cascade.each_level(chips)]
    mean = (patches.points.mean(dim=0) - patches.points).norm(dim=2).mean().item()
    assert error[-1] < 0.8 * mean, (error, mean)
    assert cascade.levels == 3


def test_later_levels_move_points_within_their_patches(patches):
    torch.manual_seed(1)
    nets = {name: make_net(name) for name in net_names()}
    for name in nets:
        if name not in LEVEL1:
            with torch.no_grad():
                nets[name].head.bias += 10.0  # wants to leave its patch
    first, second, third = CascadedCNN(nets).each_level(patches.pixels[:8].float() / 255)
    assert torch.allclose(second - first, torch.full_like(first, sum(HALVES[0]) / 2 / VIEW))
    assert torch.allclose(third - second, torch.full_like(first, sum(HALVES[1]) / 2 / VIEW))


def test_a_point_is_the_mean_of_the_networks_that_know_it(patches):
    nets = {name: make_net(name) for name in LEVEL1}
    for number, net in enumerate(nets.values()):
        with torch.no_grad():
            net.head.weight.zero_()
            net.head.bias.fill_(0.1 * number)
    (found,) = CascadedCNN(nets).each_level(patches.pixels[:1].float() / 255)
    assert found[0, :, 0].tolist() == pytest.approx([0.05, 0.05, 0.1, 0.1, 0.1])  # eyes F1, EN1; all; mouth F1, NM1


def test_finished_networks_are_kept(faces, patches, trained):
    cascade, folder = trained
    (folder / "3-nose-a.safetensors").unlink()
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = train_cascade(faces, folder, TINY)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert (folder / "3-nose-a.safetensors").exists()
    chips = patches.pixels[:4].float() / 255
    assert torch.equal(again.each_level(chips)[1], cascade.each_level(chips)[1])
    with pytest.raises(ValueError, match="another folder"):
        train_cascade(faces, folder, CascadeTraining(epochs=1))


def test_a_level_without_all_of_its_networks_is_named():
    names = [name for name in net_names() if name != "2 nose b"]
    with pytest.raises(ValueError, match="2 nose b"):
        CascadedCNN({name: make_net(name) for name in names})


def test_the_command_measures_both_and_writes_tables_and_plots(mtfl_root, tmp_path):
    arguments = ["paper", "cascaded-cnn", "--data", str(mtfl_root), "--out", str(tmp_path), "--limit", "20"]
    result = CliRunner().invoke(app, [*arguments, "--epochs", "1", "--small-epochs", "1"])
    assert result.exit_code == 0, result.output
    assert "level 3" in result.output
    report = CascadedCNNReport.read(tmp_path / "cascaded-cnn.json")
    assert set(report.datasets) == {"mtfl-val", "aflw"}
    assert report.datasets["aflw"].faces == 8
    paired = report.datasets["aflw"].difference.overall
    assert paired.low <= paired.estimate <= paired.high
    assert "\n`tcdcn-init paper cascaded-cnn --data " in (tmp_path / "cascaded-cnn.md").read_text()
    for suffix in ("md", "svg", "png", "safetensors"):
        assert (tmp_path / f"cascaded-cnn.{suffix}").stat().st_size > 1000
