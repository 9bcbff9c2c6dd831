"""AFW (Zhu & Ramanan, CVPR 2012): faces in the wild with six points, and iBUG's 68 points on most of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.datasets.pts import read_pts
from tcdcn_init.geometry import five_from_68

HOW_TO_GET = (
    "AFW is research data that this project may not ship: get the test images of Zhu & Ramanan's face detector "
    "(anno.mat and the JPEGs, in images/ here); the 68-point files come with iBUG's 300-W annotations (in pts68/)."
)

# Of AFW's six points (left eye, right eye, nose, mouth left, mouth centre, mouth right) the five that MTFL has.
_FIVE_OF_SIX = (0, 1, 2, 3, 5)

# AFW gives yaw in steps of 15 degrees; MTFL five classes. Boundaries between the steps; positive looks right.
_YAW_BOUNDS = (-52.5, -20.0, 20.0, 52.5)


def _annotations(root: Path) -> dict[str, list[tuple[NDArray[np.float64], float, NDArray[np.float64]]]]:
    """File name -> (box, yaw, six points) of each of its faces."""
    from scipy.io import loadmat

    require([root / "anno2.mat", root / "images"], "AFW", HOW_TO_GET)
    rows: Any = loadmat(root / "anno2.mat")["anno"]

    def per_face(cell: Any) -> list[NDArray[np.float64]]:
        # One cell a face; a MATLAB file may nest a single face once more or less.
        if cell.dtype != object:
            return [np.asarray(cell, dtype=np.float64)]
        return [array for item in cell.ravel() for array in per_face(item)]

    return {
        str(file.ravel()[0]): [
            (box.reshape(4), float(pose.ravel()[0]), points)
            for box, pose, points in zip(per_face(boxes), per_face(poses), per_face(shapes), strict=True)
        ]
        for file, boxes, poses, shapes in rows
    }


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
    """
    folder = Path(root)
    faces = []
    annotations = _annotations(folder)
    require((folder / "images" / name for name in annotations), "AFW", HOW_TO_GET)
    for name, entries in annotations.items():
        for number, (box, yaw, six) in enumerate(entries, start=1):
            points = six[list(_FIVE_OF_SIX)]
            if np.isfinite(points).all():
                attributes = {"pose": int(np.searchsorted(_YAW_BOUNDS, yaw))}
                image = folder / "images" / name
                faces.append(face_with_box(f"{name}#{number}", image, points.astype(np.float32), box, attributes))
    return finish(faces, [], skip_bad=True)


def read_afw_boxes(root: str | Path) -> dict[Path, NDArray[np.float64]]:
    """AFW's boxes of all 468 faces, also of those without five points: where no background is.

    Parameters
    ----------
    root : path
        Folder with anno2.mat and images/.

    Returns
    -------
    dict of pathlib.Path to (N, 4) ndarray
        By picture.
    """
    folder = Path(root)
    return {
        folder / "images" / name: np.stack([box for box, _, _ in entries])
        for name, entries in _annotations(folder).items()
    }


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
    """
    folder = Path(root)
    annotations = _annotations(folder)
    require([folder / "pts68"], "AFW-68", HOW_TO_GET)
    faces = []
    for file in sorted((folder / "pts68").glob("*.pts")):
        points = read_pts(file)
        name = file.stem.rpartition("_")[0] + ".jpg"
        require([folder / "images" / name], "AFW-68", HOW_TO_GET)
        middle = five_from_68(points).mean(axis=0)
        boxes = [box for box, _, _ in annotations.get(name, [])]
        inside = [box for box in boxes if (box[:2] <= middle).all() and (middle <= box[2:]).all()]
        nearest = min(inside, key=lambda box: float(np.hypot(*((box[:2] + box[2:]) / 2 - middle))), default=None)
        faces.append(face_with_box(f"{file.stem}.pts", folder / "images" / name, points, nearest))
    return finish(faces, [], skip_bad=True)
