"""The conditions that dlib's users are shown faces in, and the boxes that they have."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tcdcn_init.adapters.ert.cascade import MISSING_DLIB
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.boxes import nearest_box
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition
from tcdcn_init.geometry import as_box
from tcdcn_init.images import as_bytes

__all__ = ["CONDITIONS", "in_dlib_boxes", "require_dlib"]

CONDITIONS = {
    "as they are": OWN_BOX,
    "box noise 0.15": Condition("noise", 0.15),
    "roll 45°": Condition("roll", 45.0),
}


def require_dlib() -> Any:
    """The module dlib; ImportError, which names the extra, where it is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise ImportError(MISSING_DLIB) from error
    return dlib


def in_dlib_boxes(faces: Sequence[Face]) -> tuple[list[Face], int]:
    """Faces in the boxes of dlib's frontal detector, which its published files were trained in.

    Parameters
    ----------
    faces : sequence of Face
        Their own boxes stay where the detector finds none.

    Returns
    -------
    faces : list of Face
    found : int
        How many have a box of the detector.
    """
    found = [_detected(face) for face in faces]
    return [face if box is None else replace(face, box=box) for face, box in zip(faces, found, strict=True)], sum(
        box is not None for box in found
    )


def _detected(face: Face) -> Any:
    try:
        pixels = as_bytes(read_face_image(face))
    except ValueError:  # the measurement names it
        return None
    return nearest_box(face.points, [as_box(rectangle) for rectangle in _detector()(pixels, 0)])


@functools.cache
def _detector() -> Any:
    return require_dlib().get_frontal_face_detector()
