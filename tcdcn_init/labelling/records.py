"""What every labelling format holds: images, their faces, and the points of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry import FIVE_POINTS

__all__ = ["LabelledFace", "LabelledImage", "images_of_rows", "point_names", "relative_name"]

_HIDDEN_BELOW = 0.5


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """One face of an image.

    Attributes
    ----------
    box : (4,) ndarray of float64, or None
        Left, top, right, bottom in pixels; None where a file has none.
    points : (P, 2) ndarray of float64
        Pixel centres at integers; NaN of a point that is not labelled.
    visible : (P,) ndarray of bool
        False of a point that is said to be hidden.
    confidence : float
        NaN where it is not known.
    place : str
        Where it stands in the file it was read from, for errors.
    """

    box: NDArray[np.float64] | None
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]
    confidence: float = float("nan")
    place: str = ""


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its faces.

    Attributes
    ----------
    name : str
        Its path as the file has it, with forward slashes.
    width, height : int or None
        None where a file does not say.
    faces : list of LabelledFace
    place : str
        As of a face.
    orientation : int
        EXIF's of the image's file; 1 where it is upright or not known.
    """

    name: str
    width: int | None
    height: int | None
    faces: list[LabelledFace] = field(default_factory=list)
    place: str = ""
    orientation: int = 1


def point_names(count: int) -> list[str]:
    """Names of points in their order: those of the five, or numbers from 0 that sort as they count.

    Examples
    --------
    >>> point_names(5)[2], point_names(68)[2]
    ('nose', '02')
    """
    return list(FIVE_POINTS) if count == len(FIVE_POINTS) else [f"{k:02d}" for k in range(count)]


def relative_name(image: str, folder: Path) -> str:
    """An image's path as seen from a folder, with forward slashes.

    Examples
    --------
    >>> relative_name("photos/a.jpg", Path("labels"))
    '../photos/a.jpg'
    """
    return Path(os.path.relpath(image, folder)).as_posix()


def images_of_rows(rows: Iterable[Mapping[str, Any]], folder: Path) -> list[LabelledImage]:
    """Images with their faces, of the rows that `tcdcn-init points` makes.

    Parameters
    ----------
    rows : iterable of mapping
        By the columns of `pointfile.rows`; rows without points of an image that could be read give an image without a
        face, and rows of an image that could not are left out: no tool can show them.
    folder : pathlib.Path
        Names are relative to it.

    Returns
    -------
    list of LabelledImage
        In the order of the rows.
    """
    images: dict[str, LabelledImage] = {}
    for row in rows:
        if row.get("width") is None:
            continue
        name = row["image"]
        if name not in images:
            images[name] = LabelledImage(
                relative_name(name, folder), row["width"], row["height"], orientation=row.get("orientation") or 1
            )
        if row["status"] == "ok":
            images[name].faces.append(_face_of_row(row))
    return list(images.values())


def _face_of_row(row: Mapping[str, Any]) -> LabelledFace:
    count = sum(1 for name in row if name[:1] == "x" and name[1:].isdigit())
    points = np.array([(row[f"x{k}"], row[f"y{k}"]) for k in range(count)], dtype=np.float64)
    said = [row.get(f"visible{k}") for k in range(count)]
    visible = np.array([value is None or value >= _HIDDEN_BELOW for value in said], dtype=bool)
    confidence = row.get("confidence")
    return LabelledFace(
        np.array([row[side] for side in ("left", "top", "right", "bottom")], dtype=np.float64),
        points,
        visible,
        float("nan") if confidence is None else float(confidence),
    )
