"""The contract, and that its checks find who breaks it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.adapters.base import RegressorBase, load_regressor
from tcdcn_init.adapters.testing import CHECKS, check_regressor

sys.path.insert(0, str(Path(__file__).parent / "example_plugin"))
from mean_regressor import MeanRegressor


@cache
def regressor(name: str):
    if name == "the example plug-in":
        return MeanRegressor()
    if not name.startswith("seeded"):
        return load_regressor(name)
    pytest.importorskip("dlib")
    from tcdcn_init.adapters.dlib import SeededShapePredictor

    return SeededShapePredictor(load_regressor("ert5-mtfl").to_dlib(), name.removeprefix("seeded "))


NAMES = ["ert5-mtfl", "ert68-300w", "sdm-mtfl", "rcpr-mtfl", "seeded chip", "seeded box", "seeded exact"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [*NAMES, "the example plug-in"])
def test_the_contract(name, check):
    check(regressor(name))


class Faithful(RegressorBase):
    mean_shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])

    def fit_from_shape(self, image, shape):
        return MeanRegressor().fit_from_shape(image, shape)


class Writing(Faithful):
    def fit_from_shape(self, image, shape):
        image[0, 0] = 0
        return super().fit_from_shape(image, shape)


class Rounding(Faithful):
    def fit_from_shape(self, image, shape):
        return np.rint(super().fit_from_shape(image, shape) / 8).astype(int) * 8


class Absent(Faithful):
    def fit_from_box(self, image, box):
        return None


class Counting(Faithful):
    calls = 0

    def fit_from_shape(self, image, shape):
        self.calls += 1
        return super().fit_from_shape(image, shape) + self.calls


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Writing, "check_the_same_twice: ValueError: .*read-only"),
        (Rounding, "fit_from_box gives int64; expected floats"),
        (Rounding, "fit_from_box of a moved image lies .* px from where it should"),
        (Absent, "fit_from_box gives a NoneType; expected an array"),
        (Counting, "fit_from_box a second time lies"),
    ],
)
def test_who_breaks_it_is_told_how(broken, message):
    with pytest.raises(AssertionError, match=message) as caught:
        check_regressor(broken())
    assert broken.__name__ in str(caught.value)


def test_who_keeps_it_passes():
    check_regressor(Faithful())
