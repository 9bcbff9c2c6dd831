"""What tests of alignments share: points, strategies, and the template as a face anywhere."""

from __future__ import annotations

import numpy as np
import skimage as ski
from hypothesis import settings
from hypothesis import strategies as st

from tcdcn_init.adapters.skimage import ARCFACE_TEMPLATE

ASTRONAUT = np.array([[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]])
SAME = np.full((5, 2), 7.0)
LINE = np.linspace([10, 20], [50, 41], 5)

few = settings(deadline=None, max_examples=25)
rolls = st.floats(-180, 180)
margins = st.floats(-0.2, 1.0)
shapes = st.tuples(st.integers(16, 130), st.integers(16, 130))


def face(scale: float = 1.0, roll: float = 0.0, centre: tuple[float, float] = (100.0, 100.0)) -> np.ndarray:
    """The template's points, `scale` image pixels to a template pixel, turned and moved."""
    placed = ski.transform.SimilarityTransform(scale=scale, rotation=np.radians(roll), translation=centre)
    return np.asarray(placed(ARCFACE_TEMPLATE - 55.5))
