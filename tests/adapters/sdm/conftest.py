"""Small cascades, and faces that they have not seen."""

from __future__ import annotations

import numpy as np
import pytest

from builders import NOISE, SMALL_SDM, face
from tcdcn_init.adapters.cascade.training_starts import box_starts, seed_starts
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.geometry import MIRROR


@pytest.fixture(scope="session")
def seeded(faces) -> SDM:
    return train_sdm(faces, seed_starts(NOISE, 10), config=SMALL_SDM, mirror=MIRROR)


@pytest.fixture(scope="session")
def boxed(faces) -> SDM:
    return train_sdm(faces, box_starts(10, shift=0.1, log_scale=0.1), config=SMALL_SDM, mirror=MIRROR)


@pytest.fixture(scope="session")
def unseen() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(99)
    return [face(rng) for _ in range(40)]
