"""Face boxes when the caller has none.

Both detectors look for roughly upright, roughly frontal faces: a head rolled or turned by more than about 30
degrees, or smaller than about 40 pixels, is often missed. Whoever has a better detector should pass its boxes.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.images import as_grey, as_image

Detector: TypeAlias = Literal["auto", "dlib", "skimage"]

# Pictures are shrunk to this before detection: the cascade's time grows with every pixel, and a face that fills
# less than a twentieth of the picture's side is below what it finds anyway.
_LONGEST_SIDE = 800

# Chosen on pictures of MTFL's training list: overlapping hits that make a face for the cascade (of 100 pictures 4 find
# 95 faces and 7 false ones, 6 find 90 and 2), and the least score of dlib's detector (0.1 finds what 0 does).
_NEIGHBOURS = 6
_DLIB_THRESHOLD = 0.1


def detect_boxes(image: Any, detector: Detector = "auto") -> NDArray[np.float64]:
    """Find faces.

    Parameters
    ----------
    image : ndarray
        As for `initialize`.
    detector : {"auto", "dlib", "skimage"}
        "dlib": dlib's frontal HOG detector, needs the extra ``[dlib]``. "skimage": the LBP cascade that ships in
        scikit-image, which misses one face in ten that dlib finds. "auto": dlib where it is installed.

    Returns
    -------
    (N, 4) ndarray of float64
        Boxes (left, top, right, bottom), the largest first; (0, 4) where no face is found.

    Raises
    ------
    ImportError
        If dlib is asked for and not installed.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> detect_boxes(astronaut(), "skimage").shape
    (1, 4)
    """
    picture = as_image(image)
    if detector == "auto":
        detector = "dlib" if importlib.util.find_spec("dlib") else "skimage"
    if detector not in ("dlib", "skimage"):
        raise ValueError(f"unknown detector {detector!r}; expected 'auto', 'dlib' or 'skimage'")
    small, factor = _shrunk(picture)
    boxes = (_dlib(small) if detector == "dlib" else _skimage(small)) * factor
    order = np.argsort(-(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), kind="stable")
    return boxes[order]


def _shrunk(picture: NDArray[Any]) -> tuple[NDArray[np.uint8], float]:
    from skimage.transform import resize
    from skimage.util import img_as_ubyte

    values = as_grey(picture)
    factor = max(values.shape) / _LONGEST_SIDE
    if factor > 1.0:
        shape = tuple(max(1, round(length / factor)) for length in values.shape)
        values = resize(values, shape, anti_aliasing=True)
    return np.asarray(img_as_ubyte(np.clip(values, 0.0, 1.0))), max(factor, 1.0)


@functools.lru_cache(maxsize=1)
def _dlib_detector() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise ImportError('this detector needs dlib: pip install "tcdcn-init[dlib]"') from error
    return dlib.get_frontal_face_detector()


def _dlib(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    found, _, _ = _dlib_detector().run(picture, 1, _DLIB_THRESHOLD)
    return np.array([[r.left(), r.top(), r.right(), r.bottom()] for r in found], dtype=np.float64).reshape(-1, 4)


@functools.lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def _skimage(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    smallest = 40
    if min(picture.shape) < smallest:
        return np.empty((0, 4))
    longest = (min(picture.shape),) * 2
    found = _cascade().detect_multi_scale(
        picture, 1.15, 1, min_size=(smallest, smallest), max_size=longest, min_neighbor_number=_NEIGHBOURS
    )
    boxes = [[d["c"], d["r"], d["c"] + d["width"], d["r"] + d["height"]] for d in found]
    return _merged(np.array(boxes, dtype=np.float64).reshape(-1, 4))


def _merged(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """One box, the median, for every group of boxes that overlap by half."""
    groups: list[list[NDArray[np.float64]]] = []
    for box in boxes:
        for group in groups:
            if _overlap(box, group[0]) > 0.5:
                group.append(box)
                break
        else:
            groups.append([box])
    return np.array([np.median(group, axis=0) for group in groups], dtype=np.float64).reshape(-1, 4)


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    extent = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0.0, None)
    shared = float(extent.prod())
    return shared / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - shared)
