"""Training of the two stages: views, loss, and a whole recipe on drawn faces."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tcdcn_init import Initializer
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.dense import DenseNetwork
from tcdcn_init.cli.app import app
from tcdcn_init.datasets import hold_out, mtfl_five_from_68, read_ibug68, read_mtfl
from tcdcn_init.datasets.base import Face
from tcdcn_init.geometry import completed, interocular
from tcdcn_init.images import read_image
from tcdcn_init.network.backends import TorchBackend
from tcdcn_init.network.config.stages import StageConfig
from tcdcn_init.network.model_file import load_model
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.stages.data import blended, stage_patches, training_sets, visibility
from tcdcn_init.training.stages.dense import DENSE_RECIPES, train_dense
from tcdcn_init.training.stages.recipes import (
    STAGE_RECIPES,
    StageFaces,
    TwoStageRecipe,
    taught,
    train_two_stages,
    with_epochs,
)
from tcdcn_init.training.stages.teaching import agreed_points, with_agreed_points
from tcdcn_init.training.stages.trainer import StageTrainer, StageTraining, measure, stage_loss
from tcdcn_init.training.stages.views import ViewConfig, stage_views
from tcdcn_init.weights import find_model

PLAIN = ViewConfig(
    roll=0.0, scale=0.0, shift=0.0, wild=0.0, brightness=0.0, clip=0.0, blur=0.0, coarse=0.0, jpeg=0.0, noise=0.0,
    hidden=0.0,
)  # fmt: skip
FINE = StageConfig(side=24, view=1.1, fold=2, widths=(4, 6, 8), layers=(1, 1, 1), feature=16)
COARSE = StageConfig(side=20, view=2.2, fold=2, widths=(4, 6, 8), layers=(1, 1, 1), feature=16)


@pytest.fixture(scope="module")
def faces(mtfl_root: Path) -> list[Face]:
    return hold_out(read_mtfl(mtfl_root, "training"))[0]


@pytest.fixture(scope="module")
def patches(faces: list[Face]) -> Patches:
    """Aligned ones; the second face without its left half's points."""
    half = faces[1].points.copy()
    half[[0, 3]] = np.nan
    given = [faces[0], replace(faces[1], points=half), *faces[2:40]]
    return stage_patches({"mtfl": given}, FINE, 1.5, aligned=True, background=1)[0]


def views(patches: Patches, config: ViewConfig, seed: int = 0) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    index = torch.arange(20)
    return stage_views(patches, index, FINE.view, FINE.side, config, torch.Generator().manual_seed(seed))


def test_aligned_patches_hold_every_face_alike(patches):
    some = patches.points[patches.faces]
    known = torch.isfinite(some).all(dim=2).all(dim=1)
    assert known.tolist()[:3] == [True, False, True]
    middle = some[known].mean(dim=1)
    assert middle[:, 0].abs().max() < 0.01
    assert middle[:, 1].std() < 0.01
    across = some[known, 1] - some[known, 0]
    assert (across[:, 1].abs() < 0.2 * across[:, 0]).all()
    assert len(patches.background) > 10
    assert torch.isnan(patches.points[patches.background]).all()


def test_boxed_patches_and_weights(faces):
    more = [replace(face, attributes={}) for face in faces[:5]]
    both, weights = stage_patches({"mtfl": faces[5:30], "lfpw": more}, COARSE, 2.0, aligned=False, background=2)
    assert len(both) == len(weights)
    assert (weights[both.background] == 0).all()
    assert (weights[both.faces] > 0).all()
    np.testing.assert_allclose(weights[25:30], 1.5)
    assert both.labels["pose"][25:30].tolist() == [-1] * 5


@pytest.mark.parametrize("turn", [PLAIN, ViewConfig(hidden=0.0), ViewConfig(circle=1.0, hidden=0.0)])
def test_points_stay_on_what_they_mark(patches, turn):
    """The eyes, drawn dark, lie under their points whatever the view."""
    crops, targets = views(patches, replace(turn, brightness=0.0, clip=0.0, coarse=0.0, jpeg=0.0, noise=0.0))
    at = ((targets["points"][:, :2] + 0.5) * FINE.side - 0.5).round().long().clamp(0, FINE.side - 1)
    under = crops[torch.arange(20)[:, None], 0, at[..., 1], at[..., 0]]
    known = torch.isfinite(targets["points"][:, :2]).all(dim=2)
    assert (under[known] < crops.flatten(1).mean(dim=1)[:, None].expand(-1, 2)[known]).float().mean() > 0.95


def test_the_same_generator_gives_the_same_views(patches):
    ours, theirs = views(patches, ViewConfig()), views(patches, ViewConfig())
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1]["points"].nan_to_num(), theirs[1]["points"].nan_to_num())
    assert not torch.equal(ours[0], views(patches, ViewConfig(), seed=1)[0])
    assert torch.isfinite(ours[0]).all()


def test_what_an_occluder_covers_is_not_visible(patches):
    clean, _ = views(patches, PLAIN)
    crops, targets = views(patches, replace(PLAIN, hidden=1.0))
    changed = (crops != clean).any(dim=1)
    assert changed.flatten(1).any(dim=1).float().mean() > 0.8
    covered = targets["visible"] == 0
    assert 0.05 < covered.float().mean() < 0.9
    at = ((targets["points"].nan_to_num() + 0.5) * FINE.side).long().clamp(0, FINE.side - 1)
    under = changed[torch.arange(20)[:, None], at[..., 1], at[..., 0]]
    assert under[covered].float().mean() > 0.9  # a grey rectangle on the same grey changes nothing


def test_a_missing_point_teaches_nothing_and_is_counted_nowhere(patches):
    _, targets = views(patches, PLAIN)
    base = {
        "points": targets["points"].nan_to_num(),
        "expected_error": torch.full((20, 5), 0.1),
        "face": torch.zeros(20, 2),
        "visible": torch.zeros(20, 5),
    }
    loss = stage_loss(base, targets)
    assert all(torch.isfinite(part) for part in loss.values())
    torch.testing.assert_close(loss["points"], torch.tensor(0.01))
    away = base["points"].clone()
    away[torch.isnan(targets["points"])] += 7.0
    torch.testing.assert_close(stage_loss({**base, "points": away}, targets), loss)
    away = base["points"].clone()
    away[0, 0, 0] += float(targets["unit"][0])
    assert stage_loss({**base, "points": away}, targets)["points"] > loss["points"]


def test_what_is_known_of_visibility(faces):
    face = replace(faces[0], attributes={"pose": 2})
    assert visibility(face, "mtfl", {}).tolist() == [1] * 5
    assert visibility(replace(face, attributes={"pose": 0}), "mtfl", {}).tolist() == [-1, 1, 1, -1, 1]
    assert visibility(replace(face, attributes={"pose": 4}), "mtfl", {}).tolist() == [1, -1, 1, 1, -1]
    assert visibility(face, "infants", {}).tolist() == [-1] * 5
    half = face.points.copy()
    half[[1, 4]] = np.nan
    assert visibility(replace(face, points=half), "cfp_profile", {}).tolist() == [1, 0, 1, 1, 0]
    flags = {face.name: np.array([False, True, False, False, False])}
    assert visibility(face, "lfpw", flags).tolist() == [1, 0, 1, 1, 1]
    assert visibility(face, "helen", flags).tolist() == [1] * 5


def test_a_teacher_is_heard_in_part(faces):
    teacher = Initializer("tcdcn-mtfl")
    points = taught(faces[:3], teacher)
    assert points.shape == (3, 5, 2)
    np.testing.assert_array_equal(points, taught(faces[:3], teacher))
    mixed = blended(faces[:3], points, 0.25)
    np.testing.assert_allclose(mixed[1].points, 0.75 * faces[1].points + 0.25 * points[1], rtol=1e-5)
    assert mixed[0].box is faces[0].box


def small(epochs: int = 2) -> TwoStageRecipe:
    return TwoStageRecipe(
        coarse=StageTraining(network=COARSE, epochs=epochs, batch=32, learning_rate=5e-3, average=0.9),
        fine=StageTraining(network=FINE, epochs=epochs, batch=32, learning_rate=5e-3, average=0.9),
        teacher_weight=0.0,
    )


@pytest.fixture(scope="module")
def root(mtfl_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    (folder / "mtfl").symlink_to(mtfl_root)
    return folder


def test_a_run_repeats_itself_survives_interruption_and_learns(root, tmp_path, monkeypatch):
    recipe = small(epochs=4)
    whole = train_two_stages(StageFaces.read(root), tmp_path / "whole", recipe, "small")
    begun = tmp_path / "begun"
    epochs = StageTrainer._one_epoch
    ran: list[int] = []

    def stopping(self: StageTrainer) -> dict[str, float]:
        if len(ran) == 6:  # in the middle of the fine stage
            raise KeyboardInterrupt
        ran.append(1)
        return epochs(self)

    monkeypatch.setattr(StageTrainer, "_one_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_two_stages(StageFaces.read(root), begun, recipe, "small")
    monkeypatch.undo()
    resumed = train_two_stages(StageFaces.read(root), begun, recipe, "small", resume=True)
    from safetensors.torch import load_file

    ours, theirs = load_file(whole), load_file(resumed)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    rows = [json.loads(line) for line in (tmp_path / "whole" / "fine" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["points"] < 0.7 * rows[0]["points"]
    with pytest.raises(FileExistsError, match="--resume"):
        train_two_stages(StageFaces.read(root), begun, recipe, "small")
    with pytest.raises(ValueError, match="other settings"):
        train_two_stages(StageFaces.read(root), begun, small(epochs=7), "small", resume=True)

    face = training_sets(root)["mtfl"][1][0]
    [found] = Initializer(whole, backend="torch")(read_image(face.image), [face.box])
    # A few steps find the middle of the face, and little more.
    assert np.linalg.norm(found.points.mean(axis=0) - face.points.mean(axis=0)) < interocular(face.points)


def test_too_few_faces_for_a_batch(patches, tmp_path):
    with pytest.raises(ValueError, match="choose a smaller batch"):
        StageTrainer(StageTraining(network=FINE, batch=64), patches, torch.ones(len(patches)), {}, tmp_path)


def test_errors_are_of_the_annotated_points(patches):
    crops, targets = views(patches, PLAIN)

    def answers(part: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"points": targets["points"].nan_to_num() + torch.tensor([0.3, 0.0]) * targets["unit"][:, None, None]}

    mean, failures = measure(answers, crops, targets)  # type: ignore[arg-type]
    assert abs(mean - 30.0) < 0.1
    assert failures == 100.0


def test_the_command_refuses_what_the_recipe_does_not_know(tmp_path):
    given = ["train", "--model", "tcdcn-two-stage", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*given, "--tasks", "pose", "--batch", "5"])
    assert result.exit_code
    assert "--batch, --tasks" in " ".join(result.output.split())
    result = CliRunner().invoke(app, given)
    assert result.exit_code
    assert "training.txt" in result.output


def test_options_change_both_stages():
    recipe = with_epochs(STAGE_RECIPES["tcdcn-two-stage"], 3, 7)
    assert (recipe.coarse.epochs, recipe.fine.epochs, recipe.coarse.seed, recipe.fine.seed) == (3, 3, 7, 7)
    assert with_epochs(recipe, None, None) == recipe


def test_boxes_and_frames_of_half_a_face(faces):
    half = faces[0].points.copy()
    half[[0, 3]] = np.nan
    assert np.isfinite(completed(half)).all()


def test_dense_points_are_transferred_from_the_fine_stage(data_root, tmp_path):
    """A short run on infants and a few of MTFL's: it begins with the bundled trunk and ends as a regressor's file."""
    if not (data_root / "infants").exists():
        pytest.skip("needs infants/ in TCDCN_DATA")
    sets = tmp_path / "sets"
    (sets / "mtfl").mkdir(parents=True)
    (sets / "infants").symlink_to(data_root / "infants")
    rows = (data_root / "mtfl" / "training.txt").read_text().splitlines(keepends=True)[:30]
    (sets / "mtfl" / "training.txt").write_text("".join(rows))
    for name in ["boxes.csv", *(row.split()[0].replace("\\", "/") for row in rows)]:
        (sets / "mtfl" / name).parent.mkdir(exist_ok=True)
        shutil.copy(data_root / "mtfl" / name, sets / "mtfl" / name)
    recipe = replace(DENSE_RECIPES["tcdcn-68"], taught=DENSE_RECIPES["tcdcn-68"].taught[:1])
    out = tmp_path / "run"
    made = train_dense(sets, out, recipe, epochs=1, seed=1)
    network, metadata = load_model(made)
    begun, _ = load_model(find_model("tcdcn-two-stage", ".safetensors"))
    for part in (network, load_model(out / "annotated" / "model.safetensors")[0]):
        ours, theirs = part.trunk[1].convolution.weight, begun.fine.trunk[1].convolution.weight
        assert torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1] > 0.9
    assert "begun with tcdcn-two-stage, seed 1, 1 epochs" in metadata["recipe"]
    with np.load(out / "taught-1" / "agreed.npz") as file:
        agreed = np.isfinite(file["points"]).all(axis=(1, 2))
    assert f"taught {agreed.sum()} (0 held out)" in metadata["data"]
    face = read_ibug68(data_root / "infants", dense=True)[0]
    regressor = DenseNetwork(made, backend="torch")
    assert regressor.fit_from_points(read_image(face.image), face.five).shape == (68, 2)
    with pytest.raises(FileNotFoundError, match="no faces with 68 points"):
        train_dense(tmp_path / "run", tmp_path / "none", recipe, epochs=None, seed=None)


def test_teachers_agree_on_a_face_and_not_beside_it(tmp_path, portrait, portrait_points):
    file = tmp_path / "portrait.png"
    Image.fromarray(portrait).save(file)
    box = np.array([0.0, 0.0, *portrait.shape[1::-1]])
    there = Face("portrait", file, portrait_points.astype(np.float32), box)
    away = np.array([40.0, -60.0], dtype=np.float32)
    beside = replace(there, points=there.points + away)
    network, other = TorchBackend("tcdcn-68"), load_regressor("ert68-300w")
    points = agreed_points([there, beside], network, other)
    unit = interocular(portrait_points)
    assert np.linalg.norm(mtfl_five_from_68(points[0]) - portrait_points, axis=1).max() < 0.12 * unit
    apart = np.linalg.norm(points[0] - other.fit_from_points(portrait, portrait_points), axis=1)
    assert 0 < apart.mean() < 0.05 * unit
    assert np.isnan(points[1]).all()
    [taught_face] = with_agreed_points([there, beside], points)
    np.testing.assert_array_equal(taught_face.points, points[0])
