from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from builders import random_arrays
from tcdcn_init.adapters.base import ENTRY_POINT_GROUP, ShapeRegressor, available_regressors, load_regressor
from tcdcn_init.adapters.ert.cascade import ERT

PLUGIN = Path(__file__).parent / "example_plugin"


def install(directory: Path, name: str, entries: dict[str, str]) -> None:
    """What pip leaves of a distribution: its metadata and its entry points."""
    info = directory / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *lines, ""]))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    install(tmp_path, project["name"], project["entry-points"][ENTRY_POINT_GROUP])
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_an_installed_package_offers_its_regressor_by_name(plugin):
    assert "mean" in available_regressors()
    regressor = load_regressor("mean")
    assert isinstance(regressor, ShapeRegressor)
    image = np.zeros((100, 100), dtype=np.uint8)
    shape = regressor.fit_from_box(image, (10, 20, 110, 120))
    np.testing.assert_allclose(shape[0], [40, 60])
    np.testing.assert_allclose(regressor.fit_from_points(image, shape), shape)


def test_the_example_package_is_short():
    assert len((PLUGIN / "mean_regressor.py").read_text().splitlines()) <= 20


def test_an_unknown_name_suggests_near_ones(plugin):
    with pytest.raises(ValueError, match="'maen'; did you mean mean"):
        load_regressor("maen")
    with pytest.raises(ValueError, match=r"'qqqqqqqq'; expected one of .*mean"):
        load_regressor("qqqqqqqq")


def test_two_packages_with_one_name_are_named(plugin):
    install(plugin, "other-package", {"mean": "other:Regressor"})
    with pytest.raises(ValueError, match=r"more than once: .*other:Regressor \(other-package\)"):
        load_regressor("mean")


def test_a_package_that_cannot_be_imported_is_named(plugin):
    install(plugin, "broken-package", {"broken": "no_such_module:Thing", "gone": "mean_regressor:Gone"})
    with pytest.raises(ImportError, match="broken-package cannot be imported from no_such_module"):
        load_regressor("broken")
    with pytest.raises(ImportError, match="Gone"):
        load_regressor("gone")


def test_what_is_no_regressor_is_refused(plugin):
    install(plugin, "odd-package", {"odd": "collections:OrderedDict"})
    with pytest.raises(ValueError, match="OrderedDict without mean_shape, fit_from_box"):
        load_regressor("odd")


def test_ours_satisfy_the_protocol():
    assert isinstance(ERT(random_arrays(np.random.default_rng(0))), ShapeRegressor)
    assert not isinstance(object(), ShapeRegressor)


def test_a_dat_file_is_a_regressor(stock_file):
    assert isinstance(load_regressor(str(stock_file)), ShapeRegressor)
    with pytest.raises(FileNotFoundError):
        load_regressor(str(stock_file) + ".gone.dat")
