"""A colourful image."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    """A smooth (40, 60, 3) image of bytes."""
    x, y = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 40))
    return np.rint(np.dstack([x, y, 0.5 + 0.3 * np.sin(6 * x)]) * 255).astype(np.uint8)
