"""Both stages on data of one's own: points of any meaning, their confidence, and its calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders import card, write_cards
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.eval.model_report.confidence.calibration import calibrate_model
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.network.exporting import export_end_to_end
from tcdcn_init.network.model_file import load_model
from tcdcn_init.shapes import from_box_units
from tcdcn_init.training.faces import read_training_faces
from tcdcn_init.training.stages.recipes import StageFaces, TwoStageRecipe, fitted_stages, train_two_stages
from tcdcn_init.training.stages.trainer import StageTraining
from tcdcn_init.training.stages.views import ViewConfig


def stage(side: int, view: float, roll: float) -> StageTraining:
    network = StageConfig(side=side, view=view, fold=2, widths=(6, 8, 12), layers=(1, 1, 1), feature=24)
    views = ViewConfig(roll=roll, scale=0.1, shift=0.15, wild=0.0, clip=0, blur=0, coarse=0, jpeg=0, noise=0, hidden=0)
    return StageTraining(network, views, epochs=10, batch=18, learning_rate=1e-2, average=0.9, background=0.1)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> OwnData:
    return OwnData(write_cards(tmp_path_factory.mktemp("cards"), 80, missing=0.2), points=4)


@pytest.fixture(scope="module")
def model(cards: OwnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, trained to find cards' corners."""
    faces = read_training_faces(cards, "0-1,3-2")
    recipe = fitted_stages(TwoStageRecipe(stage(24, 2.2, 10), stage(28, 1.1, 4)), faces)
    return train_two_stages(StageFaces.of(faces), tmp_path_factory.mktemp("stages"), recipe, "small")


def test_a_recipe_is_fitted_to_the_points_that_are_learned(cards):
    faces = read_training_faces(cards)
    recipe = fitted_stages(TwoStageRecipe(), faces)
    for each in (recipe.coarse, recipe.fine):
        assert each.network.points == 4
        assert each.network.tasks == ()
        assert each.views.styles == 0
        assert each.batch == len(faces.kept)
    # Corners lie on the side of their box: the fine crop must show more than that.
    assert faces.own is not None
    reach = float(np.abs(faces.own.shape).max())
    assert recipe.fine.network.view > 2.5 * reach


def test_both_stages_place_points_of_ones_own(model):
    initializer = Initializer(model, backend="torch")
    assert isinstance(initializer.config, TwoStageConfig)
    own = initializer.config.own
    assert own is not None
    rng, errors = np.random.default_rng(5), {"found": [], "mean shape": []}
    for _ in range(8):
        image, corners = card(rng)
        low, high = corners.min(axis=0), corners.max(axis=0)
        side = float(np.sqrt(np.prod(high - low)))
        box = (*(low + [0.2 * side, -0.1 * side]), *(high + [0.3 * side, 0.0]))  # off, and too wide
        [found] = initializer(image, [box])
        placed = from_box_units(np.array(own.shape), box)
        for name, shape in (("found", found.points), ("mean shape", placed)):
            errors[name].append(float(np.linalg.norm(shape - corners, axis=1).mean() / side))
        assert found.visible.shape == (4,)
        assert np.isfinite(found.expected_error).all()
    assert np.mean(errors["found"]) < 0.8 * np.mean(errors["mean shape"]), errors
    bad = initializer(image, [(float("nan"),) * 4, (10, 10, 50, 50)], on_bad="nan")
    assert [np.isfinite(face.points).all() for face in bad] == [False, True]
    assert bad[0].points.shape == (4, 2)
    assert Initializer(model, backend="torch", mirror=True).points(image, [(*low, *high)]).shape == (1, 4, 2)
    with pytest.raises(ValueError, match="places points of its own"):
        export_end_to_end(model)


def test_its_confidence_is_calibrated_on_what_was_held_out(model, cards, tmp_path):
    copy = tmp_path / "model.safetensors"
    copy.write_bytes(model.read_bytes())
    before = load_model(copy)[1]
    found = calibrate_model(copy, replace(cards, points=None))
    metadata = load_model(copy)[1]
    assert "calibration" not in before
    assert json.loads(metadata["calibration"]) == pytest.approx(json.loads(found.to_json()))
    assert metadata["data"] == before["data"]
