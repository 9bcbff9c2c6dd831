"""Small cascades."""

from __future__ import annotations

import pytest

from builders import SMALL_ERT
from tcdcn_init.adapters.ert import (
    ERT,
    StartNoise,
    train_ert,
)


@pytest.fixture(scope="session")
def ert(stock):
    return ERT.from_dlib(stock)


@pytest.fixture(scope="session")
def trained(faces):
    return train_ert(faces, around="points", starts=StartNoise(4, 0.05, 0.03), copies=2, config=SMALL_ERT)
