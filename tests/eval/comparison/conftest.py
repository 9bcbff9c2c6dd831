"""Faces whose points are the same in each box."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imsave

from known_starts import BOX, in_box
from tcdcn_init.datasets.base import Face


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> list[Face]:
    """40 faces, two to an image, each with `SHAPE` in its box; the first in `BOX`."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    made = []
    for k in range(40):
        image = folder / f"{k // 2}.png"
        if k % 2 == 0:
            imsave(image, rng.integers(0, 256, (130, 140), dtype=np.uint8), check_contrast=False)
        box = BOX + (rng.integers(-9, 9, 2).tolist() * 2 if k else 0)
        pose = {"pose": 4} if k < 10 else {}
        made.append(Face(f"{k // 2}.png#{k % 2}", image, in_box(box).astype(np.float32), box, attributes=pose))
    return made
