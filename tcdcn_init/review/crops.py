"""Small pictures of faces, with their points in the pictures' own pixels."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.images import as_bytes, as_image

__all__ = ["SIDE", "FaceCrop", "crop_face"]

SIDE = 160
"""Width and height of a crop in pixels."""

_QUALITY = 75  # 4 to 5 KB a face
_MARGIN = 1.25  # of the square around box and points
_OUTSIDE = 128  # grey, where a crop reaches out of the image


@dataclass(frozen=True)
class FaceCrop:
    """A face as the page shows it; plain values, which JSON can hold.

    Attributes
    ----------
    image : str
        Name of its image.
    face : int
        Its number in the image.
    confidence : float or None
        0 to 1; None if it is not known.
    points : sequence of (float, float)
        In pixels of the crop, its upper left corner at 0, 0.
    box : sequence of 4 floats
        Left, top, right, bottom, as the points; empty if there is none.
    hidden : sequence of int
        Indices of points that are taken to be hidden.
    jpeg : str
        The picture, `SIDE` pixels wide and high, as base64.
    """

    image: str
    face: int
    confidence: float | None
    points: Sequence[Sequence[float]]
    box: Sequence[float]
    hidden: Sequence[int]
    jpeg: str


def crop_face(
    pixels: Any,
    image: str,
    face: int,
    points: ArrayLike,
    box: ArrayLike | None = None,
    *,
    confidence: float | None = None,
    visible: ArrayLike | None = None,
) -> FaceCrop:
    """Cut a face out of its image, upright as it is there.

    Parameters
    ----------
    pixels : ndarray
        The whole image, as for `initialize`.
    image : str
        Its name.
    face : int
        The face's number in it.
    points : (P, 2) array_like
        Finite, in pixels with centres at integers.
    box : (4,) array_like, optional
    confidence : float, optional
        NaN is not known.
    visible : (P,) array_like, optional
        Probability of each point that it can be seen; below one half it counts as hidden. Of another number of points
        it is not shown.

    Returns
    -------
    FaceCrop

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> face = crop_face(astronaut(), "portrait.png", 0, [[203, 100], [247, 103]], confidence=0.9)
    >>> face.image, face.confidence, face.points
    ('portrait.png', 0.9, [[16.0, 75.6], [144.0, 84.4]])
    """
    array = as_image(pixels)
    shape = np.asarray(points, dtype=np.float64) + 0.5
    frame = np.empty((0, 2)) if box is None else np.reshape(np.asarray(box, dtype=np.float64), (2, 2)) + 0.5
    corners = np.concatenate([shape, frame])
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = max(_MARGIN * float((high - low).max()), 2.0)
    origin = (low + high - side) / 2.0
    scale = SIDE / side
    known = confidence is not None and np.isfinite(confidence)
    seen = np.asarray([] if visible is None else visible, dtype=np.float64)
    return FaceCrop(
        image=image,
        face=face,
        confidence=round(float(confidence), 4) if known and confidence is not None else None,
        points=np.round((shape - origin) * scale, 1).tolist(),
        box=np.round((frame - origin) * scale, 1).ravel().tolist(),
        hidden=np.flatnonzero(seen < 0.5).tolist() if len(seen) == len(shape) else [],
        jpeg=base64.b64encode(_jpeg(array, origin, side)).decode(),
    )


def _jpeg(image: NDArray[Any], origin: NDArray[np.float64], side: float) -> bytes:
    from PIL import Image

    height, width = image.shape[:2]
    canvas = Image.new("RGB", (SIDE, SIDE), (_OUTSIDE,) * 3)
    # Of the image as it is no more than what lies in it, so that the crop of a huge box costs nothing.
    low = np.clip(np.floor(origin), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(origin + side), 0, (width, height)).astype(int)
    if (low < high).all():
        part = Image.fromarray(as_bytes(image[low[1] : high[1], low[0] : high[0]])).convert("RGB")
        across, down = np.maximum(np.rint((high - low) * (SIDE / side)), 1).astype(int).tolist()
        x, y = np.rint((low - origin) * (SIDE / side)).astype(int).tolist()
        canvas.paste(part.resize((across, down), Image.Resampling.BOX, reducing_gap=2.0), (x, y))
    content = io.BytesIO()
    canvas.save(content, format="JPEG", quality=_QUALITY)
    return content.getvalue()
