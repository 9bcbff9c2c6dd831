"""The regressors that ship with the package, under their names."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.adapters.base import available_regressors, load_regressor
from tcdcn_init.geometry import box_from_points, five_from_68, interocular

NAMES = {"ert5-mtfl": 5, "ert68-300w": 68, "sdm-mtfl": 5, "sdm-mtfl-box": 5, "rcpr-mtfl": 5}


def test_all_are_offered() -> None:
    assert set(NAMES) <= set(available_regressors())


@pytest.mark.parametrize("name", NAMES)
def test_they_fit_the_portrait(name, portrait, portrait_points) -> None:
    regressor = load_regressor(name)
    assert regressor.mean_shape.shape == (NAMES[name], 2)
    for shape in (
        regressor.fit_from_points(portrait, portrait_points),
        regressor.fit_from_box(portrait, box_from_points(portrait_points)),
    ):
        found = shape if len(shape) == 5 else five_from_68(shape)
        error = np.linalg.norm(found - portrait_points, axis=1).mean() / interocular(portrait_points)
        assert error < 0.1
