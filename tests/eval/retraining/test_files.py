"""Retrained regressors: their names, their files, and what ships."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.adapters.base import available_regressors, load_regressor
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.eval.retraining.files import load_retrained, retrained_file
from tcdcn_init.geometry import box_from_points, interocular
from tcdcn_init.weights import bundled_file

BUNDLED = sorted(Path(str(resources.files("tcdcn_init") / "models" / "retrained")).glob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "start", "file"),
    [
        ("ert5-mtfl", "random-1", "ert5-mtfl@random"),
        ("ert5-mtfl", "random-5", "ert5-mtfl@random"),
        ("rcpr-mtfl", "random", "rcpr-mtfl@random"),
        ("sdm-mtfl", "mean", "sdm-mtfl@mean"),
        ("sdm-mtfl-box", "mean", "sdm-mtfl@mean"),
        ("sdm-mtfl-box", "tcdcn-nearest-12", "sdm-mtfl@tcdcn-nearest"),
        ("sdm-mtfl", "oracle-3", "sdm-mtfl@oracle"),
    ],
)
def test_starts_of_any_number_of_shapes_share_a_file(name, start, file, tmp_path):
    assert retrained_file(name, start, tmp_path) == tmp_path / f"{file}.safetensors"
    assert retrained_file(name, start).parent.name == "retrained"


def test_a_folder_is_looked_into_instead_of_the_package(tmp_path):
    assert load_retrained("sdm-mtfl", "mean", tmp_path) is None
    shutil.copy(bundled_file("sdm-mtfl-box.safetensors"), tmp_path / "sdm-mtfl@mean.safetensors")
    shutil.copy(bundled_file("ert5-mtfl.safetensors"), tmp_path / "ert5-mtfl@random.safetensors")
    assert isinstance(load_retrained("sdm-mtfl", "mean", tmp_path), SDM)
    assert isinstance(load_retrained("sdm-mtfl-box", "mean", tmp_path), SDM)
    assert isinstance(load_retrained("ert5-mtfl", "random-5", tmp_path), ERT)
    assert load_retrained("ert5-mtfl", "mean", tmp_path) is None


def test_what_is_not_there(tmp_path):
    assert load_retrained("somebody-elses", "mean") is None
    assert load_retrained("ert68-ytf", "mean") is None
    with pytest.raises(FileNotFoundError, match="tcdcn-init paper retrain"):
        load_retrained("sdm-mtfl", "mean", tmp_path / "missing")
    (tmp_path / "sdm-mtfl@mean.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="does not hold an SDM"):
        load_retrained("sdm-mtfl", "mean", tmp_path)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_what_ships_fits_the_portrait_and_is_small(path, portrait, portrait_points):
    name, start = path.stem.split("@")
    assert path.stat().st_size < (1.6e6 if name == "rcpr-mtfl" else 0.8e6)
    assert name in available_regressors()
    assert len(load_regressor(name).mean_shape) == 5
    regressor = load_retrained(name, start)
    assert regressor is not None
    if start in ("random", "mean"):
        found = regressor.fit_from_box(portrait, box_from_points(portrait_points))
    else:
        found = regressor.fit_from_points(portrait, portrait_points)
    assert np.linalg.norm(found - portrait_points, axis=1).mean() / interocular(portrait_points) < 0.1


def test_all_that_ship_are_below_twelve_megabytes():
    assert sum(path.stat().st_size for path in BUNDLED) < 12e6
