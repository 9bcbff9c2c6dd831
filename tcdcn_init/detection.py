"""Face boxes when the caller has none.

Both detectors look for roughly upright, roughly frontal faces: a head rolled or turned by more than about 30
degrees, or smaller than about 40 pixels, is often missed. Whoever has a better detector should pass its boxes.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry import overlap
from tcdcn_init.images import as_grey, as_image

__all__ = ["Detector", "detect_boxes"]

logger = logging.getLogger("tcdcn_init")

Detector: TypeAlias = Literal["auto", "dlib", "skimage"]

# Images are shrunk to this before detection: the cascade's time grows with every pixel, and a face that fills
# less than a twentieth of the image's side is below what it finds anyway.
_LONGEST_SIDE = 800

# Chosen on images of MTFL's training list: overlapping hits that make a face for the cascade (of 100 images 4 find
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
        scikit-image, which misses one face in ten that dlib finds. "auto": dlib where it is installed. Both can be used
        from several threads.

    Returns
    -------
    (N, 4) ndarray of float64
        Boxes (left, top, right, bottom), the largest first; (0, 4) where no face is found.

    Raises
    ------
    ImportError
        If dlib is asked for and cannot be imported.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> detect_boxes(astronaut(), "skimage").shape
    (1, 4)
    """
    array = as_image(image)
    if detector == "auto":
        detector = _choice()
    if detector not in ("dlib", "skimage"):
        raise ValueError(f"unknown detector {detector!r}; expected 'auto', 'dlib' or 'skimage'")
    small, factor = _shrunk(array)
    boxes = (_dlib(small) if detector == "dlib" else _skimage(small)) * factor
    order = np.argsort(-(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), kind="stable")
    return boxes[order]


def _shrunk(image: NDArray[Any]) -> tuple[NDArray[np.uint8], float]:
    from skimage.transform import resize

    # What is not finite is no face, and would spread where the image is shrunk.
    values = np.nan_to_num(as_grey(image), nan=0.0, posinf=0.0, neginf=0.0)
    factor = max(values.shape) / _LONGEST_SIDE
    if factor > 1.0:
        shape = tuple(max(1, round(length / factor)) for length in values.shape)
        values = resize(values, shape, anti_aliasing=True)
    return np.asarray(np.rint(np.clip(values, 0.0, 1.0) * 255.0), dtype=np.uint8), max(factor, 1.0)


# dlib gives Python's lock back while it detects, and a detector keeps its pyramid: one for each thread.
_of_thread = threading.local()


def _dlib(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    if not hasattr(_of_thread, "detector"):
        _of_thread.detector = _import_dlib().get_frontal_face_detector()
    found, _, _ = _of_thread.detector.run(image, 1, _DLIB_THRESHOLD)
    return np.array([[r.left(), r.top(), r.right(), r.bottom()] for r in found], dtype=np.float64).reshape(-1, 4)


def _import_dlib() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise ImportError(f'this detector needs dlib: pip install "tcdcn-init[dlib]" ({error})') from error
    return dlib


@functools.lru_cache(maxsize=4)
def _warn_once(text: str) -> None:
    logger.warning(text)


def _choice() -> Detector:
    """dlib's detector where dlib can be imported, which is not wherever it is installed."""
    try:
        _import_dlib()
    except ImportError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            _warn_once(f"dlib cannot be imported, scikit-image's detector is used instead: {error.__cause__}")
        return "skimage"
    return "dlib"


@functools.lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def _skimage(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    smallest = 40
    if min(image.shape) < smallest:
        return np.empty((0, 4))
    longest = (min(image.shape),) * 2
    found = _cascade().detect_multi_scale(
        image, 1.15, 1, min_size=(smallest, smallest), max_size=longest, min_neighbor_number=_NEIGHBOURS
    )
    boxes = [[d["c"], d["r"], d["c"] + d["width"], d["r"] + d["height"]] for d in found]
    return _merged(np.array(boxes, dtype=np.float64).reshape(-1, 4))


def _merged(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """One box, the median, for every group of boxes that overlap by half."""
    groups: list[list[NDArray[np.float64]]] = []
    for box in boxes:
        for group in groups:
            if overlap(box, group[0]) > 0.5:
                group.append(box)
                break
        else:
            groups.append([box])
    return np.array([np.median(group, axis=0) for group in groups], dtype=np.float64).reshape(-1, 4)
