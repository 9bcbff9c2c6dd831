"""The rows of a video's output: one for each face of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from tcdcn_init.tracking import TrackedFace
from tcdcn_init.video.reading import VideoFrame

__all__ = ["COLUMNS", "Row", "rows_of"]

Row: TypeAlias = dict[str, Any]

_BOX = ("left", "top", "right", "bottom")
_POINTS = tuple(f"{axis}{k}" for k in range(5) for axis in "xy")
_ERRORS = tuple(f"expected_error{k}" for k in range(5))
_VISIBLE = tuple(f"visible{k}" for k in range(5))

COLUMNS = ("frame", "time", "face", *_BOX, "confidence", "roll", *_POINTS, *_ERRORS, *_VISIBLE)
"""Of every row."""


def rows_of(frame: VideoFrame, faces: Sequence[TrackedFace]) -> list[Row]:
    """The rows of a frame: of the faces that are found in it, or one without a face.

    Parameters
    ----------
    frame : VideoFrame
    faces : sequence of TrackedFace

    Returns
    -------
    list of dict
        By `COLUMNS`; what is not known is missing.
    """
    start = {"frame": frame.number, "time": round(frame.time, 6)}
    found = [face for face in faces if not face.lost]
    return [start | {"face": face.id} | _numbers(face) for face in found] or [start | {"face": None}]


def _numbers(face: TrackedFace) -> Row:
    rounded = {
        **dict(zip(_BOX, face.box.round(3).tolist(), strict=True)),
        "confidence": round(face.confidence, 4),
        "roll": round(face.face.roll, 2),
        **dict(zip(_POINTS, face.points.astype(np.float64).round(3).ravel().tolist(), strict=True)),
        **dict(zip(_ERRORS, face.face.expected_error.astype(np.float64).round(4).tolist(), strict=True)),
        **dict(zip(_VISIBLE, face.face.visible.astype(np.float64).round(4).tolist(), strict=True)),
    }
    return {name: value for name, value in rounded.items() if np.isfinite(value)}
