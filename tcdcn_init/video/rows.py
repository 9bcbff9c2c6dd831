"""The rows of a video's output: one for each face of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tcdcn_init.pointfile.rows import BOX, Column, Row, columns_of, face_row
from tcdcn_init.tracking import TrackedFace
from tcdcn_init.video.reading import VideoFrame

__all__ = ["COLUMNS", "rows_of"]

_OF_IMAGES = ("image", "width", "height", "orientation", "face", "status", "error", *BOX)

COLUMNS = (
    Column("frame", "whole", "", "number of the frame, from 0"),
    Column("time", "number", "seconds", "when the frame is shown, from the beginning of the file on"),
    Column("face", "whole", "", "the face's id, the same from frame to frame; blank where no face is found"),
    *(Column(name, "number", "pixels", "a box around the points") for name in BOX),
    *(column for column in columns_of() if column.name not in _OF_IMAGES),
)
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
        By the names of `COLUMNS`.
    """
    found = [_row(frame, face) for face in faces if not face.lost] or [{"face": None}]
    start = {"frame": frame.number, "time": round(frame.time, 6)}
    return [{column.name: (row | start).get(column.name) for column in COLUMNS} for row in found]


def _row(frame: VideoFrame, face: TrackedFace) -> Row:
    row = face_row(Path(), frame.image, face.id, replace(face.face, points=face.points, dense=None))
    return row | dict(zip(BOX, face.box.round(3).tolist(), strict=True))
