"""Training on data of one's own: what is annotated is learned, the rest is left out, and any points can be placed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.io import imsave

from builders import card, random_ert, write_cards
from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.skimage import align_face
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.geometry import interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import ResidualConfig
from tcdcn_init.network.model_file import load_network, save_network
from tcdcn_init.tracking import FaceTracker
from tcdcn_init.training.augmentation import AugmentationConfig, random_views
from tcdcn_init.training.data import load_crops, load_patches
from tcdcn_init.training.faces import fitted, parse_swaps, read_training_faces
from tcdcn_init.training.objective import MultiTaskObjective, ObjectiveConfig
from tcdcn_init.training.recipes import recipe, train_network
from tcdcn_init.training.trainer import TrainingConfig


@pytest.fixture(scope="module")
def five(draw_face: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV of drawn faces: half are labelled for glasses, a tenth of the noses is missing, of four persons."""
    folder, rng = tmp_path_factory.mktemp("five"), np.random.default_rng(0)
    (folder / "images").mkdir()
    lines = ["image,person,glasses," + ",".join(f"x{k},y{k}" for k in range(5))]
    for number in range(60):
        labels = [0, 0, int(rng.integers(2)), 2]
        image, points = draw_face(rng, labels=labels)
        imsave(folder / "images" / f"{number}.png", image, check_contrast=False)
        cells = [f"{value:.2f}" for value in points.ravel()]
        if number % 10 == 3:
            cells[4:6] = ["", ""]
        glasses = ["no", "yes"][labels[2]] if number % 2 else ""
        lines.append(",".join([f"{number}.png", f"person {number // 15}", glasses, *cells]))
    (folder / "faces.csv").write_text("\n".join(lines) + "\n")
    return folder / "faces.csv"


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cards(tmp_path_factory.mktemp("cards"), 120, missing=0.2)


@pytest.fixture(scope="module")
def trained(cards: Path, small_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that learned cards' corners."""
    out = tmp_path_factory.mktemp("corners")
    data = OwnData(cards, points=4, hold_out_by="owner")
    faces = read_training_faces(data, "0-1,3-2")
    augmentation = AugmentationConfig(mirror=False, occlusion=0.0, noise=0.0)
    config = TrainingConfig(small_network, augmentation=augmentation, epochs=20, batch=20, average=0.9, stop_window=0)
    train_network(faces, out, fitted(config, faces), "corners")
    return out


def test_a_csv_file_trains_the_five_points_and_what_is_labelled(run, five, tmp_path):
    options = ("--model", "tcdcn-quick", "--epochs", 2, "--batch", 15, "--threads", 1, "--hold-out-by", "person")
    result = run("train", "--data", five, "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "no boxes given, 60 derived from the points; 6 of 300 points not annotated; labels: glasses of 30" in said
    assert "15 held out by person" in said
    network, metadata = load_network(tmp_path / "model.safetensors")
    assert network.config.tasks == ("glasses",)
    assert network.config.own is None
    assert metadata["data"] in said
    assert "user's own" in metadata["licence"]
    figures = json.loads(metadata["figures"])["held out"]
    assert np.isfinite(list(figures.values())).all()
    assert "accuracy glasses" in figures
    refused = run("train", "--data", five, "--out", tmp_path / "b", *options, "--tasks", "smile")
    assert refused.exit_code == 2
    assert "task smile cannot be learned: labelled are none of the training faces" in " ".join(refused.output.split())
    assert not (tmp_path / "b").exists()


def test_missing_points_teach_nothing_and_count_in_no_error(five, small_network):
    faces = OwnData(five).read()[:8]
    config = replace(small_network, tasks=())
    crops = load_crops(faces, config)
    assert torch.isnan(crops.targets["points"][3, 2]).all()
    outputs = {"points": crops.targets["points"].nan_to_num(7.0) + 0.1}
    outputs["points"].requires_grad_()
    for loss, expected in (("least-squares", 0.5 * 5 * 0.02), ("euclidean", 0.02**0.5)):
        targets = {**crops.targets, "unit": torch.ones(8)}
        objective = MultiTaskObjective(ObjectiveConfig(points=loss), ())  # type: ignore[arg-type]
        part = objective(outputs, targets)["points"]
        assert part.item() == pytest.approx(expected, rel=0.01)
        part.backward()
        gradient = outputs["points"].grad
        assert gradient is not None
        assert gradient[3, 2].abs().max() == 0
        assert gradient[3, [0, 1, 3, 4]].abs().min() > 0
        outputs["points"].grad = None
    assert faces[3].unit == pytest.approx(float(interocular(faces[3].five)))


def test_expected_errors_are_learned_of_annotated_points_alone():
    torch.manual_seed(0)
    points = torch.randn(3, 4, 2)
    targets = {"points": points.clone(), "unit": torch.ones(3), "face": torch.tensor([1, 1, 0])}
    targets["points"][0, 1] = torch.nan
    outputs = {"points": points + 0.1, "expected_error": torch.full((3, 4), 0.5), "face": torch.zeros(3, 2)}
    parts = MultiTaskObjective(ObjectiveConfig(), ())(outputs, targets)
    off = 0.02**0.5
    assert parts["expected_error"].item() == pytest.approx(np.log(0.5) + off / 0.5, rel=1e-4)


def test_corners_of_cards_are_learned(trained, cards):
    model = Initializer(trained / "model.safetensors", backend="torch")
    own = model.config.own
    assert own is not None
    assert own.mirror == (1, 0, 3, 2)
    rng = np.random.default_rng(9)
    errors, rolls = [], []
    for _ in range(8):
        image, corners = card(rng)
        [found] = model(image, [(10, 12, 54, 52)])
        assert found.points.shape == (4, 2)
        assert found.visible.shape == found.expected_error.shape == (4,)
        errors.append(np.linalg.norm(found.points - corners, axis=1).mean() / 45)
        rolls.append(found.roll - float(own.roll(corners)))
    assert np.mean(errors) < 0.09
    assert np.abs(rolls).max() < 15
    assert found.to_dict()["points"] == found.points.tolist()
    log = json.loads((trained / "log.json").read_text())["history"]
    assert log[-1]["validation"]["nme"] < 0.6 * log[0]["validation"]["nme"]
    mirrored = Initializer(trained / "model.safetensors", backend="torch", mirror=True)
    assert mirrored.points(image, [(10, 12, 54, 52)]).shape == (1, 4, 2)


def test_what_needs_five_points_says_so(trained, run, tmp_path):
    path = trained / "model.safetensors"
    model = Initializer(path, backend="torch")
    image, corners = card(np.random.default_rng(1))
    message = (
        r"needs the five points of a face, and .*model\.safetensors places 4 points of its own; take a model of five"
    )
    for needing in (
        lambda: model(image),
        lambda: Initializer(path, backend="torch", dense=True),
        lambda: FaceTracker(model),
        lambda: SeededShapePredictor(random_ert().to_dlib(), initializer=model),
    ):
        with pytest.raises(ValueError, match=message):
            needing()
    with pytest.raises(ValueError, match=r"shape \(4, 2\); expected \(5, 2\)"):
        align_face(image, model.points(image, [(10, 12, 54, 52)])[0])
    with pytest.raises(ValueError, match=r"shape \(4, 2\)"):
        random_ert().fit_from_points(image, corners)
    result = run("eval", "--model", path, "--backend", "torch", "--out", tmp_path)
    assert result.exit_code == 2
    assert "comparing starts needs the five points" in " ".join(result.output.split())
    # A detector of one's own finds what it is of.
    [found] = model(image, detector=lambda picture: [(10, 12, 54, 52)])
    np.testing.assert_array_equal(found.points, model(image, [(10, 12, 54, 52)])[0].points)


def test_points_that_do_not_say_how_they_swap_are_never_mirrored(cards, small_network, tmp_path):
    data = read_training_faces(OwnData(cards, points=4))
    config = fitted(TrainingConfig(small_network), data).network
    patches = load_patches(data.kept[:20], config, AugmentationConfig())
    assert patches.mirror == ()
    still = AugmentationConfig(0, 0, 0, 0, styles=0, gamma=0, blur=0, noise=0, occlusion=0)
    _, targets = random_views(patches, torch.arange(20), config.view, config.side, still, torch.Generator())
    torch.testing.assert_close(targets["points"], patches.points, equal_nan=True)
    swapped = replace(patches, mirror=(1, 0, 3, 2))
    _, targets = random_views(swapped, torch.arange(20), config.view, config.side, still, torch.Generator())
    turned = swapped.points[:, [1, 0, 3, 2]] * torch.tensor([-1.0, 1.0])
    flipped = (targets["points"] - turned).abs().nan_to_num().amax(dim=(1, 2)) < 1e-5
    assert 0 < flipped.sum() < 20


def test_a_measurement_of_ones_own_points_leaves_missing_ones_out(trained, cards, run, tmp_path):
    options = ("--model", trained / "model.safetensors", "--backend", "torch", "--limit", 30, "--out", tmp_path / "out")
    result = run("eval", "--dataset", "csv", "--root", cards, *options)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["error"]["count"] == 30
    assert report["error"]["missing"] == 0
    assert report["unit"] == "the side of the box's square"
    assert min(each["count"] for each in report["points"]) < 30
    assert sum(each["count"] for each in report["points"]) == 120 - int(report["data"].split(" of 120 ")[0].split()[-1])
    assert "| point 3 |" in (tmp_path / "out" / "report.md").read_text()
    refused = run("eval", "--dataset", "csv", "--root", cards, *options, "--starts", "mean")
    assert "--starts mean has no meaning for points of your own" in " ".join(refused.output.split())


def test_weights_of_the_five_points_begin_points_of_ones_own(cards, small_model, small_network, tmp_path):
    data = read_training_faces(OwnData(cards, points=4))
    config = fitted(TrainingConfig(small_network, epochs=1, batch=40, learning_rate=1e-9, average=0.0), data)
    target = train_network(data, tmp_path, config, "again", weights=small_model)
    ours, theirs = (load_network(path)[0].state_dict() for path in (target, small_model))
    torch.testing.assert_close(ours["feature.weight"], theirs["feature.weight"], atol=1e-4, rtol=1e-3)
    assert ours["heads.points.bias"].shape == (8,)


def test_the_residual_network_learns_own_points_with_its_confidence(cards, run, tmp_path):
    data = read_training_faces(OwnData(cards, points=4), "none")
    network = ResidualConfig(side=32, widths=(4, 8), blocks=(1, 1), feature=16)
    config = replace(recipe("tcdcn-robust-first"), network=network, epochs=2, batch=20, refine=1, average=0.5)
    target = train_network(data, tmp_path, fitted(config, data), "small")
    model = Initializer(target, backend="torch")
    image, _ = card(np.random.default_rng(2))
    [found] = model(image, [(10, 12, 54, 52)])
    assert np.isfinite(found.expected_error).all()
    assert 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-4", "swap as '0-4'; expected two numbers from 0 to 3"),
        ("0", "swap as '0'"),
        ("0-1,1-2", "point 1 swaps twice"),
        ("1-1", "swap as '1-1'"),
    ],
)
def test_swaps_that_cannot_be_are_told(text, message):
    with pytest.raises(ValueError, match=message):
        parse_swaps(text, 4)
    assert parse_swaps("none", 4) == (0, 1, 2, 3)


def test_options_of_own_data_are_refused_where_they_mean_nothing(run, mtfl_root, five, tmp_path):
    for options, message in (
        (("--data", mtfl_root, "--points", 4), "is MTFL, which is read as it is"),
        (("--data", five, "--swap", "0-1"), "the five points of a face are learned"),
        (("--data", five, "--points", 4), "has 5 points; expected 4"),
        (("--data", tmp_path, "--points", 4), "no data set that is known here"),
    ):
        result = run("train", "--out", tmp_path / "out", *options)
        assert result.exit_code == 2
        assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_file_that_states_another_number_of_points_is_refused(trained, tmp_path):
    network, _ = load_network(trained / "model.safetensors")
    own = network.config.own
    assert own is not None
    network.config = replace(network.config, own=replace(own, shape=own.shape[:3], mirror=()))  # type: ignore[assignment]
    save_network(tmp_path / "a.safetensors", network, {})
    with pytest.raises(ValueError, match=r"declares heads\.points\.weight of shape \(6, "):
        load_network(tmp_path / "a.safetensors")
