"""Images as detectors take them: grey bytes, no larger than they need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tcdcn_init.images import as_bytes

__all__ = ["shrunk"]


def shrunk(image: NDArray[Any], longest: int) -> tuple[NDArray[np.uint8], float]:
    """Shrink an image, grey, until its longer side is at most that.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it. What is not finite becomes 0.
    longest : int
        Pixels.

    Returns
    -------
    small : (H, W) ndarray of uint8
    factor : float
        Pixels of the image for one of the small one; 1 where it is small enough as it is.

    Examples
    --------
    >>> small, factor = shrunk(np.zeros((50, 200), dtype=np.uint8), 100)
    >>> small.shape, factor
    ((25, 100), 2.0)
    """
    picture = Image.fromarray(np.ascontiguousarray(as_bytes(image)))
    factor = max(max(picture.size) / longest, 1.0)
    if factor > 1.0:
        width, height = (max(1, round(length / factor)) for length in picture.size)
        # Whole blocks first: a photograph of 12 megapixels takes a fifth of the time.
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture.convert("L")), factor
