"""A gallery of drawn faces, and their boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile import find_images

BOX = np.array([20.0, 12.0, 75.0, 82.0])


@pytest.fixture(scope="module")
def initializer() -> Initializer:
    return Initializer()


@pytest.fixture(scope="module")
def dense_initializer() -> Initializer:
    return Initializer(dense=True)


@pytest.fixture(scope="module")
def gallery(draw_face, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty images in two folders: more than one batch."""
    root = tmp_path_factory.mktemp("gallery")
    (root / "sub").mkdir()
    rng = np.random.default_rng(0)
    for k in range(20):
        image, _ = draw_face(rng)
        imsave(
            root / ("sub" if k % 2 else "") / f"face{k:02d}.{'jpg' if k % 3 else 'png'}", image, check_contrast=False
        )
    return root


@pytest.fixture(scope="module")
def boxes(gallery) -> dict[str, list[np.ndarray]]:
    """One box a image; two for the first, none for the second."""
    every = {path.name: [BOX + k % 3] for k, path in enumerate(find_images([str(gallery)]))}
    every["face00.png"] = [BOX, BOX + 2]
    every["face02.jpg"] = []
    return every
