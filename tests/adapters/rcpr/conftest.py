"""A small cascade, and faces that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from builders import SMALL_RCPR, face, moved
from tcdcn_init.adapters.cascade.training_starts import box_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.geometry import MIRROR


@pytest.fixture(scope="session")
def rcpr(faces) -> RCPR:
    return train_rcpr(
        faces, box_starts(20, shift=0.1, log_scale=0.1, shapes="random"), config=SMALL_RCPR, mirror=MIRROR
    )


@pytest.fixture(scope="session")
def unseen() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(99)
    return [face(rng) for _ in range(40)]


@pytest.fixture(scope="session")
def batch(unseen) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    truth = np.stack([points for _, points in unseen])
    return [image for image, _ in unseen], truth, moved(truth, np.random.default_rng(5))
