"""Five points as face detectors answer them, put into the order of `FIVE_POINTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.numbers import as_numbers
from tcdcn_init.geometry.points import FIVE_POINTS, as_five_points, roll_degrees

__all__ = ["PointDetector", "five_from"]

PointDetector: TypeAlias = Literal["yunet", "scrfd", "retinaface", "mtcnn"]
"""Detectors whose five points `five_from` knows."""

_IMAGE = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
_PERSON = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")

# A detector of upright faces that answers with a face more turned than this has not found one.
_UPSIDE_DOWN = 135.0


class _Form(NamedTuple):
    """How a detector answers: its names in the order of `FIVE_POINTS`, and how a flat row of numbers is laid out."""

    names: tuple[str, ...]
    meaning: str
    first: int = 0  # number of a row at which the points begin
    by_axis: bool = False  # a flat row holds all x, then all y


_FORMS: dict[str, _Form] = {
    "yunet": _Form(_PERSON, "the person's own right eye first, which is on the left of the image", first=4),
    "scrfd": _Form(_IMAGE, "the eye on the left of the image first"),
    "retinaface": _Form(_PERSON, "names of the person's own sides; in a row, the eye on the left of the image first"),
    "mtcnn": _Form(_IMAGE, "the eye on the left of the image first", by_axis=True),
}


def five_from(detector: PointDetector, points: ArrayLike | Mapping[str, Any]) -> NDArray[np.float64]:
    """The five points of a face that a detector found, in the order of `FIVE_POINTS`.

    Have them already? Then seed a regressor with them: ``predictor.fit_from_points(image, five_from("yunet", row))``.
    Their order hardly differs, their names do: RetinaFace's "left_eye" is the person's, MTCNN's the one on the left of
    the image.

    Parameters
    ----------
    detector : {"yunet", "scrfd", "retinaface", "mtcnn"}
        "yunet": OpenCV's ``FaceDetectorYN``; "scrfd": InsightFace's, also its RetinaFace (``face.kps``); "retinaface":
        the packages retina-face (a dict of names) and Pytorch_Retinaface (numbers); "mtcnn": facenet-pytorch
        (``landmarks``), mtcnn (a dict, ``keypoints``) and David Sandberg's (ten numbers: five x, then five y).
    points : (5, 2) array_like, (10,) array_like, YuNet's row of 15 or 14, or dict of names to (x, y)
        Of one face, in pixels.

    Returns
    -------
    (5, 2) ndarray of float64

    Raises
    ------
    ValueError
        If the detector is unknown, the points have no form of its, lie in mirrored order or stand on their head. These
        detectors find upright faces: points of a head that is upside down for sure need no conversion, ``scrfd``'s
        order is that of `FIVE_POINTS`.

    References
    ----------
    Zhang, Zhang, Li, Qiao: Joint face detection and alignment using multitask cascaded convolutional networks, 2016;
    Deng, Guo, Ververas, Kotsia, Zafeiriou: RetinaFace, CVPR 2020; Guo et al.: Sample and computation redistribution for
    efficient face detection (SCRFD), ICLR 2022; Wu, Peng, Yu: YuNet, Machine Intelligence Research 2023.

    Examples
    --------
    >>> row = [277, 90, 48, 63, 291, 117, 314, 114, 303, 131, 296, 143, 313, 141, 0.99]  # box, points, score
    >>> five_from("yunet", row).tolist()
    [[291.0, 117.0], [314.0, 114.0], [303.0, 131.0], [296.0, 143.0], [313.0, 141.0]]
    >>> named = {"left_eye": (314, 114), "right_eye": (291, 117), "nose": (303, 131), "mouth_left": (313, 141),
    ...     "mouth_right": (296, 143)}
    >>> five_from("retinaface", named)[0].tolist()
    [291.0, 117.0]
    >>> five_from("mtcnn", named)
    Traceback (most recent call last):
    ValueError: of mtcnn, the points are in mirrored order; expected the eye on the left of the image first
    """
    if detector not in _FORMS:
        raise ValueError(f"detector is {detector!r}; expected one of {', '.join(get_args(PointDetector))}")
    form = _FORMS[detector]
    array = _named(detector, form, points) if isinstance(points, Mapping) else _ordered(detector, form, points)
    try:
        five = as_five_points(array)
    except ValueError as error:
        mirrored = "in mirrored order" in str(error)
        reason = f"the points are in mirrored order; expected {form.meaning}" if mirrored else error
        raise ValueError(f"of {detector}, {reason}") from None
    roll = float(roll_degrees(five))
    if abs(roll) > _UPSIDE_DOWN:
        raise ValueError(
            f"of {detector}, the points stand on their head (roll {roll:.0f} degrees); expected {form.meaning}, eyes "
            f"before the nose before the mouth: {', '.join(FIVE_POINTS)} as seen in the image"
        )
    return five


def _named(detector: str, form: _Form, points: Mapping[str, Any]) -> NDArray[np.float64]:
    missing = [name for name in form.names if name not in points]
    if missing:
        raise ValueError(
            f"of {detector}, the points have no {', '.join(missing)}, only {', '.join(map(str, points))}; "
            f"expected {', '.join(form.names)}"
        )
    return np.array([points[name] for name in form.names], dtype=np.float64)


def _ordered(detector: str, form: _Form, points: Any) -> NDArray[np.float64]:
    array = as_numbers(points)
    shape = None if array is None else array.shape
    if array is not None and shape == (5, 2):
        return array
    if array is not None and shape == (10,):
        return array.reshape(2, 5).T if form.by_axis else array.reshape(5, 2)
    if array is not None and form.first and shape in ((form.first + 10,), (form.first + 11,)):
        return array[form.first : form.first + 10].reshape(5, 2)
    given = "are no numbers" if shape is None else f"have shape {shape}"
    row = f", or its row of {form.first + 11}" if form.first else ""
    raise ValueError(f"of {detector}, the points {given}; expected those of one face, (5, 2) or (10,){row}")
