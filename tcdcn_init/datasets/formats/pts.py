"""iBUG's .pts files, and folders of images that each have one beside them (300-W, LFPW, HELEN, ...)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, checked_points, face_with_box, finish, require
from tcdcn_init.datasets.formats.text import read_text

__all__ = ["read_pts", "read_pts_folder"]

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def read_pts(path: str | Path, *, one_based: bool = True) -> NDArray[np.float32]:
    """Read the points of one .pts file.

    Parameters
    ----------
    path : path
    one_based : bool
        iBUG's files were written by MATLAB, whose first pixel is 1; subtract it. False keeps the numbers.

    Returns
    -------
    (P, 2) ndarray of float32
        Pixels, centres at integers; NaN for a point that the file has as "nan nan".

    Raises
    ------
    ValueError
        If it is not a .pts file, or holds another number of points than it says; with its name.
    """
    file = Path(path)
    text = read_text(file)
    lines = [line.split() for line in text.split("\n") if line.strip()]
    try:
        start, end = lines.index(["{"]), lines.index(["}"])
        points = np.array(lines[start + 1 : end], dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{file} is not a .pts file: {error}; expected 'x y' rows between braces") from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{file} holds {points.shape} numbers; expected 'x y' rows between braces")
    stated = re.search(r"n_points\s*:\s*(\d{1,9})", text)
    if stated and int(stated[1]) != len(points):
        raise ValueError(f"{file} holds {len(points)} points, but says n_points: {stated[1]}; it is not whole")
    try:
        return checked_points(points - one_based, missing=True)
    except ValueError as error:
        raise ValueError(f"{file} {error}; expected finite 'x y' rows between braces") from None


def read_pts_folder(
    root: str | Path, images: str | Path | None = None, *, one_based: bool = True, skip_bad: bool = False
) -> list[Face]:
    """Read every image that a folder has a .pts file of the same name for.

    Parameters
    ----------
    root : path
        Holds NAME.pts, and NAME.2.pts and so on for an image's further faces (`labelling.pts.pts_name`).
    images : path, optional
        Folder with the images under the same names; default: the same folder.
    one_based : bool
        See `read_pts`.
    skip_bad : bool
        Leave broken files out instead of stopping.

    Returns
    -------
    list of Face
        Sorted by name; boxes derived from the points.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    BadRows
        Naming every broken file.
    """
    folder = Path(root)
    there = folder if images is None else Path(images)
    require(
        [folder, there], "the folder of .pts files", "Pass a folder that holds NAME.pts beside NAME.jpg or NAME.png."
    )
    faces: list[Face] = []
    bad: list[str] = []
    for file in sorted(folder.rglob("*.pts")):
        name = file.relative_to(folder).as_posix()
        try:
            points = read_pts(file, one_based=one_based)
            faces.append(face_with_box(name, _image_of(name, there), points, None, missing=True))
        except ValueError as error:
            bad.append(str(error) if name in str(error) else f"{name} {error}")
    return finish(faces, bad, folder, skip_bad=skip_bad)


def _image_of(name: str, folder: Path) -> Path:
    stem = folder / name.removesuffix(".pts")
    for path in (stem, stem.with_suffix("") if stem.suffix[1:].isdecimal() else stem):
        if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file():
            return path
        for suffix in (*_IMAGE_SUFFIXES, *map(str.upper, _IMAGE_SUFFIXES)):
            found = path.with_name(path.name + suffix)
            if found.is_file():
                return found
    raise ValueError(f"has no image beside it; expected one of {', '.join(_IMAGE_SUFFIXES)}")
