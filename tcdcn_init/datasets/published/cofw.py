"""Faces with 29 points and, for each, whether it is hidden: COFW as its authors give it out, and LFPW in its scheme.

Burgos-Artizzu, Perona, Dollár, "Robust face landmark estimation under occlusion", ICCV 2013. The points: four of each
brow, four of each eye, the pupils, four of the nose, the mouth corners, four of the lips, the chin.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.datasets.formats.text import points_of_cells

__all__ = ["COFW_HOW_TO_GET", "LFPW29_HOW_TO_GET", "READERS", "read_cofw", "read_lfpw29"]

LFPW29_HOW_TO_GET = (
    "LFPW's 29 points are research data that this project may not ship: bring them into the form of points.csv (image, "
    "x0, y0, ... x28, y28, hidden0, ... hidden28, pixels from 0, names beginning with train/ or test/), with the "
    "images in images/ beside it or in ../lfpw/images/."
)
COFW_HOW_TO_GET = (
    "COFW is research data that this project may not ship: get COFW_color.zip or COFW.zip from "
    "vision.caltech.edu/xpburgos/ICCV13 and pass the folder with COFW_train.mat and COFW_test.mat (or _color ones)."
)

_COUNT = 29
_COLUMNS = [f"{axis}{k}" for k in range(_COUNT) for axis in "xy"]
_FLAGS = [f"hidden{k}" for k in range(_COUNT)]


def read_lfpw29(root: str | Path, part: str) -> list[Face]:
    """Read LFPW's 29 points with flags.

    Parameters
    ----------
    root : path
        Folder with points.csv; the images in images/ there, or in ../lfpw/images/.
    part : {"train", "test"}

    Returns
    -------
    list of Face
        With (29, 2) points and `Face.hidden`; boxes derived from the points (`geometry.box_from_points`).

    Raises
    ------
    FileNotFoundError
        If the folder is not of this form.
    ValueError
        If the file has other columns.
    BadRows
        Naming every broken row.
    """
    file = Path(root) / "points.csv"
    own = file.parent / "images"
    images = own if own.is_dir() else file.parent.parent / "lfpw" / "images"
    require([file, images], "LFPW with 29 points", LFPW29_HOW_TO_GET)
    there = ImageFolder(images)
    faces: list[Face] = []
    bad: list[str] = []
    with file.open(newline="") as handle:
        reader = csv.DictReader(handle)
        columns = reader.fieldnames or []
        if not {"image", *_COLUMNS, *_FLAGS} <= set(columns):
            raise ValueError(
                f"{file} has columns {columns[:6]}...; expected image, x0, y0, ... and hidden0 to hidden28"
            )
        for row in reader:
            name = row["image"]
            if not name.startswith(f"{part}/"):
                continue
            try:
                points = points_of_cells([row[column] for column in _COLUMNS])
                hidden = np.array([float(row[column] or "x") for column in _FLAGS]) > 0
                face = face_with_box(name, there.existing(name), points, None)
            except (TypeError, ValueError) as error:
                bad.append(f"{file.name}:{reader.line_num}: {name} {error}")
                continue
            faces.append(replace(face, hidden=hidden))
    return finish(faces, bad, file)


def read_cofw(root: str | Path, part: str) -> list[Face]:
    """Read COFW from its authors' MATLAB files.

    Parameters
    ----------
    root : path
        Folder with COFW_train.mat and COFW_test.mat, or COFW_train_color.mat and COFW_test_color.mat. They hold the
        images too, which are written to images/ there, once, as PNG.
    part : {"train", "test"}

    Returns
    -------
    list of Face
        In the files' order, with (29, 2) points and `Face.hidden`, in the files' own boxes. Pixels are counted from 0,
        in the files from 1.

    Raises
    ------
    FileNotFoundError
        If the folder is not COFW.
    ValueError
        If a file is not of MATLAB 7.3 or lacks a variable.
    BadRows
        Naming every face that cannot be used.
    ImportError
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('COFW\'s files need h5py: pip install "tcdcn-init[cofw]"') from error
    folder = Path(root)
    files = [folder / f"COFW_{part}{kind}.mat" for kind in ("", "_color")]
    file = next((path for path in files if path.is_file()), files[0])
    require([file], "COFW", COFW_HOW_TO_GET)
    letter = {"train": "r", "test": ""}.get(part, "")
    names = [f"{stem}T{letter}" for stem in ("phis", "Is", "bboxes")]
    faces: list[Face] = []
    bad: list[str] = []
    try:
        held = h5py.File(file, "r")
    except OSError as error:
        raise ValueError(f"{file} cannot be read as a file of MATLAB 7.3: {error}\n{COFW_HOW_TO_GET}") from error
    with held:
        missing = [name for name in names if name not in held]
        if missing:
            raise ValueError(f"{file} has no variable {', '.join(missing)}; expected COFW's {', '.join(names)}")
        # What MATLAB calls rows runs fastest in HDF5: all is transposed.
        shapes, cells, boxes = held[names[0]][()].T, held[names[1]][()].ravel(), held[names[2]][()].T
        if shapes.shape != (len(cells), 3 * _COUNT) or boxes.shape != (len(cells), 4):
            raise ValueError(
                f"{file} holds {len(cells)} images, points {shapes.shape} and boxes {boxes.shape}; expected "
                f"(N, {3 * _COUNT}) and (N, 4)"
            )
        for k, (shape, cell, (left, top, width, height)) in enumerate(zip(shapes, cells, boxes, strict=True)):
            name = f"{part}/{k + 1:04d}.png"
            try:
                image = _written(folder / "images" / name, held[cell][()].T)
                points = shape[: 2 * _COUNT].reshape(2, _COUNT).T - 1
                face = face_with_box(name, image, points, (left - 1, top - 1, left + width - 1, top + height - 1))
            except ValueError as error:
                bad.append(f"{file.name}: face {k + 1} {error}")
                continue
            faces.append(replace(face, hidden=shape[2 * _COUNT :] > 0.5))
    return finish(faces, bad, file)


def _written(path: Path, image: NDArray[Any]) -> Path:
    """The image's file, made where it is not there."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"has an image of {image.dtype}, shape {image.shape}; expected uint8, (H, W) or (H, W, 3)")
    if not path.is_file():
        from PIL import Image

        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            Image.fromarray(np.ascontiguousarray(image)).save(part, "PNG")
    return path


READERS: dict[str, Callable[[str | Path, str], list[Face]]] = {"lfpw29": read_lfpw29, "cofw": read_cofw}
"""By the name that commands have for the set: folder and part ("train", "test") -> faces."""
