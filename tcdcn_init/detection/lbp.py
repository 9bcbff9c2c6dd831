"""scikit-image's cascade of local binary patterns, which needs no file beside it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection.hits import Hits
from tcdcn_init.detection.shrinking import shrunk
from tcdcn_init.geometry import overlap

__all__ = ["search_lbp"]

LONGEST_SIDE = 800
"""Images are shrunk to this: the cascade's time grows with every pixel."""

_SMALLEST = 24  # what the cascade was trained on
_STEP = 1.15
_NEIGHBOURS = 1  # windows beside one that agree: any hint is worth a closer look


@functools.lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def search_lbp(image: NDArray[Any]) -> Hits:
    """Upright, nearly frontal faces of at least 24 pixels in 800; the score counts the windows that agree.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    """
    small, factor = shrunk(image, LONGEST_SIDE)
    if min(small.shape) < _SMALLEST:
        return Hits.of([], [])
    found = _cascade().detect_multi_scale(
        small, _STEP, 1, min_size=(_SMALLEST,) * 2, max_size=(min(small.shape),) * 2, min_neighbor_number=_NEIGHBOURS
    )
    groups: list[list[NDArray[np.float64]]] = []
    for window in found:
        box = np.array([window["c"], window["r"], window["c"] + window["width"], window["r"] + window["height"]], float)
        group = next((group for group in groups if overlap(box, group[0]) > 0.5), None)
        if group is None:
            groups.append([box])
        else:
            group.append(box)
    boxes = [np.median(group, axis=0) * factor for group in groups]
    return Hits.of(boxes, [float(len(group)) for group in groups])
