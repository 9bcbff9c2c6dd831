"""Drawn faces in files, and what a cluster's processes make of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile.work import Worker

BOX = (20.0, 12.0, 75.0, 82.0)


@pytest.fixture(scope="session")
def initializer() -> Initializer:
    return Initializer()


@pytest.fixture(scope="session")
def make_worker(initializer):
    return partial(Worker, initializer, attributes=False, apply_orientation=True, crops=False)


@pytest.fixture(scope="session")
def faces(draw_face, tmp_path_factory) -> Path:
    """Twelve images of a face each, and one file that is no image."""
    root = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for k in range(12):
        imsave(root / f"face{k:02d}.png", draw_face(rng)[0], check_contrast=False)
    (root / "face07.png").write_text("no image")
    return root


@pytest.fixture(scope="session")
def boxes(faces) -> dict[str, list[tuple[float, ...]]]:
    """One box an image; two for the first, none for the second."""
    every = {path.name: [BOX] for path in faces.iterdir()}
    return every | {"face00.png": [BOX, tuple(np.add(BOX, 2.0))], "face01.png": []}
