"""dlib's frontal face detector: HOG and five linear filters, for frontal, half turned and a little rolled heads.

References
----------
Felzenszwalb et al.: Object Detection with Discriminatively Trained Part-Based Models, PAMI 2010.
King: Max-Margin Object Detection, 2015.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection.hits import Hits
from tcdcn_init.detection.shrinking import shrunk

__all__ = ["import_dlib", "search_dlib"]

LONGEST_SIDE = 1600
"""Images are shrunk to this, and enlarged twice by dlib, whose smallest face is 80 pixels."""

THRESHOLD = -1.2
"""Least score. dlib's own limit is 0; what lies below is right often enough for somebody who looks closer."""

MOST = 100
"""Hints at most, those of the best scores."""

# dlib gives Python's lock back while it detects, and a detector keeps its pyramid: one for each thread.
_of_thread = threading.local()


def search_dlib(image: NDArray[Any]) -> Hits:
    """Upright faces of at least 40 pixels in 1600, turned by up to about 45 degrees to the side.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.

    Raises
    ------
    ImportError
        If dlib cannot be imported.
    """
    if not hasattr(_of_thread, "detector"):
        _of_thread.detector = import_dlib().get_frontal_face_detector()
    small, factor = shrunk(image, LONGEST_SIDE)
    found, scores, _ = _of_thread.detector.run(small, 1, THRESHOLD)
    boxes = [[r.left(), r.top(), r.right(), r.bottom()] for r in found][:MOST]  # the best come first
    return Hits.of(np.array(boxes, dtype=np.float64).reshape(-1, 4) * factor, list(scores)[:MOST])


def import_dlib() -> Any:
    """dlib, or an ImportError that says how to get it."""
    try:
        import dlib
    except ImportError as error:
        raise ImportError(f'this detector needs dlib: pip install "tcdcn-init[dlib]" ({error})') from error
    return dlib
