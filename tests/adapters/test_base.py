from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from builders import install, random_arrays
from tcdcn_init.adapters.base import ENTRY_POINT_GROUP, ShapeRegressor, available_regressors, load_regressor
from tcdcn_init.adapters.ert.cascade import ERT

PLUGIN = Path(__file__).parent / "example_plugin"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    install(tmp_path, project["name"], ENTRY_POINT_GROUP, project["entry-points"][ENTRY_POINT_GROUP])
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


def test_a_regressor_needs_no_package(plugin):
    np.testing.assert_array_equal(
        load_regressor("mean_regressor:MeanRegressor").mean_shape, load_regressor("mean").mean_shape
    )


def test_the_example_package_is_short():
    assert len((PLUGIN / "mean_regressor.py").read_text().splitlines()) <= 20


def test_an_unknown_name_suggests_near_ones(plugin):
    with pytest.raises(ValueError, match="'maen'; did you mean mean"):
        load_regressor("maen")
    with pytest.raises(ValueError, match=r"'qqqqqqqq'; expected one of .*mean"):
        load_regressor("qqqqqqqq")


def test_what_is_no_regressor_is_refused(plugin):
    install(plugin, "odd-package", ENTRY_POINT_GROUP, {"odd": "collections:OrderedDict"})
    with pytest.raises(ValueError, match="OrderedDict without mean_shape, fit_from_box"):
        load_regressor("odd")


def test_ours_satisfy_the_protocol():
    assert isinstance(ERT(random_arrays(np.random.default_rng(0))), ShapeRegressor)
    assert not isinstance(object(), ShapeRegressor)


def test_a_dat_file_is_a_regressor(stock_file):
    assert isinstance(load_regressor(str(stock_file)), ShapeRegressor)
    with pytest.raises(FileNotFoundError):
        load_regressor(str(stock_file) + ".gone.dat")


def test_a_model_that_finds_points_is_no_regressor():
    with pytest.raises(
        ValueError, match=r"tcdcn-two-stage is a model .*Initializer\('tcdcn-two-stage'\), no regressor"
    ):
        load_regressor("tcdcn-two-stage")
    with pytest.raises(TypeError, match="regressor is None; expected a name, such as ert68-300w"):
        load_regressor(None)
