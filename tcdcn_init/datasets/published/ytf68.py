"""Frames of YouTube Faces with 68 points (a public course's data set): for training dense regressors."""

from __future__ import annotations

from pathlib import Path

from tcdcn_init.datasets.base import Face, split_by
from tcdcn_init.datasets.formats.csv_file import read_csv

__all__ = ["HOW_TO_GET", "hold_out_persons", "read_ytf68"]

HOW_TO_GET = (
    "These frames are research data that this project may not ship: points.csv holds a row a frame (image, x0, y0, "
    "..., x67, y67), images/ the frames, PERSON_NUMBER.jpg each."
)

# Like MTFL's, the annotations count pixels from 1: a predictor trained on MTFL and made symmetric (see `mtfl`) lies
# 1.2 pixels left of and 1.5 above them.
_FIRST_PIXEL = 1.0


def read_ytf68(root: str | Path) -> list[Face]:
    """Read the frames.

    Parameters
    ----------
    root : path
        Folder with points.csv and images/.

    Returns
    -------
    list of Face
        (68, 2) points in iBUG's order, looser than iBUG's own; boxes derived from the points.

    Raises
    ------
    FileNotFoundError
        If the folder is not this data set.
    BadRows
        Naming file, line and reason of every broken row.
    """
    return read_csv(Path(root) / "points.csv", first_pixel=_FIRST_PIXEL)


def hold_out_persons(faces: list[Face], fraction: float = 0.1) -> tuple[list[Face], list[Face]]:
    """Split frames by person, whose name stands in front of the file name: frames of one person are alike.

    Parameters
    ----------
    faces : list of Face
    fraction : float
        About this share of the persons is held out.

    Returns
    -------
    training, validation : list of Face
    """
    return split_by(faces, lambda face: face.name.rpartition("_")[0].encode(), fraction)
