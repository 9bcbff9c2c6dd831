"""AFW (Zhu & Ramanan, CVPR 2012): faces in the wild with six points, and iBUG's 68 points on most of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import BadRows, Face, face_with_box, finish, require
from tcdcn_init.datasets.boxes import nearest_box
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.datasets.formats.mat_file import Cells, read_mat
from tcdcn_init.datasets.formats.pts import read_pts
from tcdcn_init.geometry import as_box, five_from_68

__all__ = ["HOW_TO_GET", "read_afw", "read_afw68", "read_afw_boxes"]

HOW_TO_GET = (
    "AFW is research data that this project may not ship: get the test images of Zhu & Ramanan's face detector "
    "(anno.mat and the JPEGs, in images/ here); the 68-point files come with iBUG's 300-W annotations (in pts68/)."
)

# Of AFW's six points (left eye, right eye, nose, mouth left, mouth centre, mouth right) the five that MTFL has.
_FIVE_OF_SIX = (0, 1, 2, 3, 5)

# AFW gives yaw in steps of 15 degrees; MTFL five classes. Boundaries between the steps; positive looks right.
_YAW_BOUNDS = (-52.5, -20.0, 20.0, 52.5)


class _Annotation(NamedTuple):
    image: Path
    number: int  # of the face in its image, from 1
    box: NDArray[np.float64]
    yaw: float
    six: NDArray[np.float64]  # NaN where a point is not visible

    @property
    def name(self) -> str:
        return f"{self.image.name}#{self.number}"


def _annotations(root: Path) -> list[_Annotation]:
    """Every face of anno2.mat, checked."""
    file = root / "anno2.mat"
    require([file, root / "images"], "AFW", HOW_TO_GET)
    cells = read_mat(file, "anno")
    if not isinstance(cells, Cells) or len(cells.shape) != 2 or cells.shape[1] != 4:
        raise ValueError(f"{file} holds no table of images, boxes, poses and points in 'anno'; get it anew")
    images = ImageFolder(root / "images")
    found: list[_Annotation] = []
    bad = []
    counts: dict[Path, int] = {}
    for row, (name, *columns) in enumerate(cells.rows(), start=1):
        try:
            if not isinstance(name, str):
                raise ValueError("its first cell is no file name")
            image = images.path(name)
            boxes, poses, shapes = map(_per_face, columns)
            if not len(boxes) == len(poses) == len(shapes):
                raise ValueError(f"it has {len(boxes)} boxes, {len(poses)} poses and {len(shapes)} shapes")
        except ValueError as error:
            bad.append(f"anno2.mat row {row}: {error}")
            continue
        for box, pose, six in zip(boxes, poses, shapes, strict=True):
            number = counts[image] = counts.get(image, 0) + 1
            try:
                found.append(_Annotation(image, number, as_box(box.reshape(-1)), _yaw(pose), _six(six)))
            except ValueError as error:
                bad.append(f"anno2.mat row {row}: {name}#{number} {error}")
    if bad:
        raise BadRows(bad)
    return found


def _per_face(cell: Any) -> list[NDArray[np.float64]]:
    """One array a face: a MATLAB file may nest a single face once more or less."""
    if isinstance(cell, Cells):
        return [array for item in cell.items for array in _per_face(item)]
    if isinstance(cell, str):
        raise ValueError(f"it has the text {cell[:20]!r} where numbers should be")
    return [cell]


def _yaw(pose: NDArray[np.float64]) -> float:
    if not pose.size or not np.isfinite(pose.flat[0]):
        raise ValueError(f"has the pose {pose.tolist()}; expected a yaw in degrees")
    return float(pose.flat[0])


def _six(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if points.shape != (6, 2) or np.isinf(points).any():
        raise ValueError(f"has the points {points.tolist()}; expected six (x, y), NaN where they are not visible")
    return points


def read_afw(root: str | Path) -> list[Face]:
    """Read the AFW faces that have all five points: the paper's AFW test set.

    Parameters
    ----------
    root : path
        Folder with anno2.mat and images/.

    Returns
    -------
    list of Face
        377 faces in the annotation's order, with AFW's own boxes and the pose class that belongs to the yaw.

    Raises
    ------
    FileNotFoundError
        If the folder is not AFW or images are missing.
    ValueError
        If anno2.mat is not AFW's.
    BadRows
        Naming row and reason of every face whose box or points are none.
    """
    annotations = _annotations(Path(root))
    require(dict.fromkeys(face.image for face in annotations), "AFW", HOW_TO_GET)
    faces, bad = [], []
    for face in annotations:
        points = face.six[list(_FIVE_OF_SIX)]
        if not np.isfinite(points).all():
            continue
        attributes = {"pose": int(np.searchsorted(_YAW_BOUNDS, face.yaw))}
        try:
            faces.append(face_with_box(face.name, face.image, points, face.box, attributes))
        except ValueError as error:
            bad.append(f"anno2.mat: {face.name} {error}")
    return finish(faces, bad, Path(root) / "anno2.mat")


def read_afw_boxes(root: str | Path) -> dict[Path, NDArray[np.float64]]:
    """AFW's boxes of all 468 faces, also of those without five points: where no background is.

    Parameters
    ----------
    root : path
        Folder with anno2.mat and images/.

    Returns
    -------
    dict of pathlib.Path to (N, 4) ndarray
        By image.

    Raises
    ------
    FileNotFoundError, ValueError, BadRows
        As `read_afw`.
    """
    boxes: dict[Path, list[NDArray[np.float64]]] = {}
    for face in _annotations(Path(root)):
        boxes.setdefault(face.image, []).append(face.box)
    return {image: np.stack(entries) for image, entries in boxes.items()}


def read_afw68(root: str | Path) -> list[Face]:
    """Read iBUG's 68-point annotation of AFW, with AFW's own box for each face that has one.

    A face takes the AFW box whose centre is nearest to the middle of its points, when that middle lies inside;
    otherwise the box is derived from its points.

    Parameters
    ----------
    root : path
        Folder with anno2.mat, images/ and pts68/.

    Returns
    -------
    list of Face
        337 faces with (68, 2) points.

    Raises
    ------
    FileNotFoundError
        If the folder is not AFW with pts68/.
    ValueError
        If a file there is none of its kind.
    BadRows
        As `read_afw`.
    """
    folder = Path(root)
    boxes = read_afw_boxes(folder)
    require([folder / "pts68"], "AFW-68", HOW_TO_GET)
    faces, bad = [], []
    for file in sorted((folder / "pts68").glob("*.pts")):
        image = folder / "images" / (file.stem.rpartition("_")[0] + ".jpg")
        require([image], "AFW-68", HOW_TO_GET)
        try:
            points = read_pts(file)
            box = nearest_box(five_from_68(points), boxes.get(image, []))
            faces.append(face_with_box(f"{file.stem}.pts", image, points, box))
        except ValueError as error:
            bad.append(f"{file.name}: {error}")
    return finish(faces, bad, folder / "pts68")
