"""Recipes by name."""

from __future__ import annotations

import pytest

from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.training.objective import ObjectiveConfig
from tcdcn_init.training.recipes import RECIPES, recipe, with_options


def test_every_recipe_can_be_had():
    for name in RECIPES:
        config = recipe(name)
        assert config.epochs >= 1
        assert config.network.tasks == ("pose", "gender", "glasses", "smile")
    assert recipe("tcdcn-mtfl").network == TCDCNConfig(view=recipe("tcdcn-mtfl").network.view)
    assert not recipe("tcdcn-unshared").network.shared_filters


def test_an_unknown_recipe_suggests_near_ones():
    with pytest.raises(ValueError, match="unknown recipe 'tcdcn-quik'; did you mean tcdcn-quick"):
        recipe("tcdcn-quik")
    with pytest.raises(ValueError, match=r"unknown recipe 'zzz'.*tcdcn-mtfl"):
        recipe("zzz")


def test_options_change_what_they_name_and_nothing_else():
    base = recipe("tcdcn-quick")
    changed = with_options(
        base,
        tasks=("smile", "pose"),
        epochs=3,
        seed=0,
        stop_window=0,
        batch=None,
        objective=ObjectiveConfig(learned=True),
    )
    assert changed.network.tasks == ("smile", "pose")
    assert (changed.epochs, changed.seed, changed.stop_window, changed.batch) == (3, 0, 0, base.batch)
    assert changed.objective.learned
    assert changed.augmentation == base.augmentation
    assert with_options(base) == base
    assert with_options(base, tasks=()).network.tasks == ()
    with pytest.raises(ValueError, match="unknown task 'age'"):
        with_options(base, tasks=("age",))
    with pytest.raises(ValueError, match="epochs is 0"):
        with_options(base, epochs=0)
