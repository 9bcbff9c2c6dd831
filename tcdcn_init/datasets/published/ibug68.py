"""Folders of images with 68 points each in iBUG's order, and five points of them in MTFL's convention.

LFPW, HELEN, profiles, infants and rendered faces come in one form: ``points.csv`` with columns image, x0, y0, ... x67,
y67 beside ``images/``. Points are counted from 0, blanks are points that nobody annotated (a profile's other half), and
the sets' own parts, such as train and test, stand in front of the image's name.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.datasets.base import Face, finish, require
from tcdcn_init.datasets.formats.text import points_of_cells
from tcdcn_init.geometry import box_from_points, centroid_size, completed, five_from_68, roll_degrees

__all__ = ["HOW_TO_GET", "mtfl_five_from_68", "read_ibug68"]

HOW_TO_GET = (
    "Sets of faces with 68 points are research data that this project may not ship: get 300-W's LFPW and HELEN from "
    "ibug.doc.ic.ac.uk/resources/300-W, bring what you have into the form of points.csv (image, x0, y0, ... x67, y67, "
    "from 0) and images/, and pass that folder as the root."
)

_COLUMNS = [f"{axis}{k}" for k in range(68) for axis in "xy"]

# Where MTFL's annotators put the five points, seen from the means of the lids and iBUG's points 30, 48 and 54: right
# and down in the upright face, in inter-ocular distances. Measured on 1,906 frontal faces that have both annotations.
_OFFSETS = np.array([[0.005, -0.013], [0.011, -0.017], [0.004, 0.042], [0.003, -0.010], [-0.023, -0.003]])

# Centroid size over inter-ocular distance, the median of MTFL's frontal training faces: a scale that yaw leaves alone.
_SIZE = 1.422


def mtfl_five_from_68(points: ArrayLike) -> NDArray[np.float64]:
    """Five points from iBUG's 68, moved to where MTFL's annotators put them.

    The means of each eye's six points, the nose tip 30 and the mouth corners 48 and 54 lie up to 4 % of the
    inter-ocular distance away from MTFL's eye centres, nose and mouth corners. The mean offsets of 1,906 frontal faces
    that have both are added: for the left eye 0.5 % right and 1.3 % up, for the right eye 1.1 and 1.7, for the nose 0.4
    right and 4.2 down, for the mouth corners 0.3 right and 1.0 up, 2.3 left and 0.3 up. "Right" and "down" turn with
    the face, and the inter-ocular distance is that of a frontal face of the same centroid size: a profile has none.

    Parameters
    ----------
    points : (..., 68, 2) array_like
        NaN where not annotated.

    Returns
    -------
    (..., 5, 2) ndarray of float64
        NaN where one of the points that it is made of is.

    Raises
    ------
    ValueError
        If there are not 68 points, or neither all five nor one half's three can be made of them.

    Examples
    --------
    >>> shape = np.zeros((68, 2))
    >>> shape[36:42], shape[42:48], shape[30], shape[48], shape[54] = (30, 40), (70, 40), (50, 60), (35, 80), (65, 80)
    >>> mtfl_five_from_68(shape).round(1).tolist()
    [[30.2, 39.5], [70.4, 39.4], [50.2, 61.6], [35.1, 79.6], [64.1, 79.9]]
    """
    five = five_from_68(points)
    whole = completed(five)
    scale, angle = centroid_size(whole) / _SIZE, np.radians(roll_degrees(whole))
    cos, sin = (scale * np.cos(angle))[..., None], (scale * np.sin(angle))[..., None]
    moved = np.stack(
        [cos * _OFFSETS[:, 0] - sin * _OFFSETS[:, 1], sin * _OFFSETS[:, 0] + cos * _OFFSETS[:, 1]], axis=-1
    )
    return np.asarray(five + moved)


def read_ibug68(
    root: str | Path, part: str | None = None, *, dense: bool = False, skip_bad: bool = False
) -> list[Face]:
    """Read a folder of images with 68 points.

    Parameters
    ----------
    root : path
        Folder with points.csv and images/.
    part : str, optional
        Only images whose names begin with this folder, such as "train" or "test".
    dense : bool
        Keep all 68 points as they are, instead of five in MTFL's convention (`mtfl_five_from_68`).
    skip_bad : bool
        Leave broken rows out instead of stopping.

    Returns
    -------
    list of Face
        In the file's order; points that are not annotated are NaN. Boxes are derived from the five points, a profile's
        other half filled in (`geometry.completed`).

    Raises
    ------
    FileNotFoundError
        If the folder is not of this form.
    ValueError
        If the file has other columns.
    BadRows
        Naming file, line and reason of every broken row; or if the part has no face.
    """
    folder = Path(root)
    file, images = folder / "points.csv", folder / "images"
    require([file, images], "a folder of faces with 68 points", HOW_TO_GET)
    here = {path.relative_to(images).as_posix() for path in images.rglob("*") if path.is_file()}
    faces: list[Face] = []
    bad: list[str] = []
    with file.open(newline="") as handle:
        reader = csv.DictReader(handle)
        columns = reader.fieldnames or []
        if not {"image", *_COLUMNS} <= set(columns):
            raise ValueError(f"{file} has columns {columns[:6]}...; expected image, x0, y0, ... x67, y67")
        for row in reader:
            name = row["image"]
            if part is not None and not name.startswith(f"{part}/"):
                continue
            try:
                points = points_of_cells([row[column] for column in _COLUMNS])
                if name not in here:
                    raise ValueError(f"names an image that is not there: {images / name}")
                five = mtfl_five_from_68(points)
            except ValueError as error:
                bad.append(f"{file.name}:{reader.line_num}: {name} {error}")
                continue
            box = box_from_points(completed(five))
            shape = (points if dense else five).astype(np.float32)
            faces.append(Face(name, images / name, shape, box, "points"))
    return finish(faces, bad, file, skip_bad=skip_bad)
