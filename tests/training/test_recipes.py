"""Recipes by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tcdcn_init.datasets.own import OwnData
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.training.faces import read_training_faces
from tcdcn_init.training.objective import ObjectiveConfig
from tcdcn_init.training.recipes import RECIPES, recipe, train_network, with_options


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


def test_a_second_process_is_kept_out_of_a_runs_folder(mtfl_root, tmp_path):
    code = (
        "import sys, pathlib\nfrom tcdcn_init._shared.files.exclusive import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        with pytest.raises(BlockingIOError, match=f"process {other.pid} is writing"):
            train_network(read_training_faces(OwnData(mtfl_root)), tmp_path, recipe("tcdcn-quick"), "tcdcn-quick")
        other.communicate("")
    assert list(tmp_path.iterdir()) == []
