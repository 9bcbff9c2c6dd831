"""Retrained regressors: their names, their files, and what ships."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.eval.retraining import files
from tcdcn_init.eval.retraining.files import (
    FAMILIES,
    REPOSITORY_FILES,
    find_retrained,
    retrained_folder,
)
from tcdcn_init.eval.retraining.starts import TRAINED_STARTS
from tcdcn_init.geometry import box_from_points, interocular
from tcdcn_init.weights import bundled_file

KEPT = sorted(REPOSITORY_FILES.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "start", "file"),
    [
        ("ert5-mtfl", "random-1", "ert@random"),
        ("ert5-mtfl", "random-5", "ert@random"),
        ("rcpr-mtfl", "random", "rcpr@random"),
        ("sdm-mtfl", "mean", "sdm@mean"),
        ("sdm-mtfl-box", "mean", "sdm@mean"),
        ("sdm-mtfl-box", "tcdcn-nearest-12", "sdm@tcdcn-nearest"),
        ("sdm-mtfl", "oracle-3", "sdm@oracle"),
    ],
)
def test_starts_of_any_number_of_shapes_share_a_file(name, start, file):
    assert find_retrained(name, start) == REPOSITORY_FILES / f"{file}.safetensors"


def test_a_folder_is_looked_into_instead_of_the_repository(tmp_path):
    assert find_retrained("sdm-mtfl", "mean", tmp_path) is None
    shutil.copy(bundled_file("sdm-mtfl-box.safetensors"), tmp_path / "sdm@mean.safetensors")
    file = find_retrained("sdm-mtfl", "mean", tmp_path)
    assert file == find_retrained("sdm-mtfl-box", "mean", tmp_path) == tmp_path / "sdm@mean.safetensors"
    assert find_retrained("ert5-mtfl", "mean", tmp_path) is None


def test_what_is_not_there(tmp_path, monkeypatch):
    assert find_retrained("somebody-elses", "mean") is None
    assert find_retrained("ert68-300w", "mean") is None
    with pytest.raises(FileNotFoundError, match="tcdcn-init paper retrain"):
        find_retrained("sdm-mtfl", "mean", tmp_path / "missing")


def test_an_installed_package_has_none_of_them(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "REPOSITORY_FILES", tmp_path / "not-in-the-wheel")
    assert find_retrained("sdm-mtfl", "mean") is None
    assert retrained_folder() is None


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_is_kept_fits_the_portrait_and_is_small(path, portrait, portrait_points):
    family, start = path.stem.split("@")
    assert path.stat().st_size < (1.6e6 if family == "rcpr" else 0.8e6)
    assert family in FAMILIES.values()
    regressor = load_regressor(path)
    if start in ("random", "mean"):
        found = regressor.fit_from_box(portrait, box_from_points(portrait_points))
    else:
        found = regressor.fit_from_points(portrait, portrait_points)
    assert np.linalg.norm(found - portrait_points, axis=1).mean() / interocular(portrait_points) < 0.1


def test_every_family_is_kept_for_every_start():
    assert {path.stem for path in KEPT} == {f"{f}@{s}" for f in set(FAMILIES.values()) for s in TRAINED_STARTS}
    assert sum(path.stat().st_size for path in KEPT) < 12.5e6
