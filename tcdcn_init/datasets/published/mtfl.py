"""MTFL, the TCDCN paper's data set: 10,000 training faces and the 2,995 AFLW faces of its test."""

from __future__ import annotations

import logging
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.datasets.base import Face, checked_points, face_with_box, finish, require, split_by
from tcdcn_init.datasets.boxes import read_boxes
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.datasets.formats.text import read_text

__all__ = ["HOW_TO_GET", "hold_out", "read_mtfl"]

logger = logging.getLogger("tcdcn_init")

HOW_TO_GET = (
    "MTFL is research data that this project may not ship: download MTFL.zip from the authors' page "
    "(mmlab.ie.cuhk.edu.hk/projects/TCDCN.html), unpack it, and pass the folder that holds training.txt as the root."
)

# Row: path x1..x5 y1..y5 gender smile glasses pose; classes here in the order of `tasks.TASKS`.
_FIELDS = 15

# MTFL counts pixels from 1, as MATLAB does. Undocumented; inferred from the images: a predictor made symmetric (the
# mean of its answers on an image and on its mirror image, turned back) lies 1.1, 1.1 and 1.4 pixels left of the
# annotation on held-out images 160, 250 and 400 pixels wide. Taken as it stands, an annotation would move by 2
# pixels when its image is mirrored: 5 % of the inter-ocular distance of an LFW face.
_FIRST_PIXEL = 1.0


def _row(fields: list[str]) -> tuple[NDArray[np.float32], dict[str, int]]:
    if len(fields) != _FIELDS:
        raise ValueError(f"has {len(fields)} fields; expected {_FIELDS}: path, 5 x, 5 y, gender, smile, glasses, pose")
    try:
        values = np.array(fields[1:11], dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"has a coordinate that is not a number ({error})") from None
    labels = {}
    for task, text, count in zip(("gender", "smile", "glasses", "pose"), fields[11:], (2, 2, 2, 5), strict=True):
        if text not in {str(k) for k in range(1, count + 1)}:
            raise ValueError(f"has {task} {text!r}; expected 1 to {count}")
        labels[task] = int(text)
    attributes = {
        "pose": labels["pose"] - 1,
        "gender": labels["gender"] - 1,
        "glasses": 2 - labels["glasses"],
        "smile": 2 - labels["smile"],
    }
    return checked_points(values.reshape(2, 5).T - _FIRST_PIXEL), attributes


def read_mtfl(root: str | Path, split: Literal["training", "testing"], *, skip_bad: bool = False) -> list[Face]:
    """Read one of MTFL's two lists.

    Parameters
    ----------
    root : path
        Folder with training.txt, testing.txt, their image folders and (optional) boxes.csv. MTFL itself has none:
        without it, faces of "testing" have the boxes that come with this package, a face detector's.
    split : {"training", "testing"}
        "testing" is the AFLW test set of the paper.
    skip_bad : bool
        Leave broken rows out instead of stopping.

    Returns
    -------
    list of Face
        In the file's order. A face that has no row in the boxes' file, or a blank one, gets the box derived from its
        points; that a row is missing is warned of.

    Raises
    ------
    FileNotFoundError
        If the folder is not MTFL.
    BadRows
        Naming file, line and reason of every broken row.

    References
    ----------
    Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014.
    """
    folder = Path(root)
    listing = folder / f"{split}.txt"
    require([listing], "MTFL", HOW_TO_GET)
    boxes, source = _boxes(folder, split)
    images = ImageFolder(folder)
    faces: list[Face] = []
    bad: list[str] = []
    unknown = 0
    for number, line in enumerate(read_text(listing).split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        name = fields[0].replace("\\", "/")
        try:
            points, attributes = _row(fields)
            image = images.existing(name)
            found = boxes.get(name)
            faces.append(face_with_box(name, image, points, found[0] if found else None, attributes))
            unknown += found is None
        except ValueError as error:
            bad.append(f"{listing.name}:{number}: {name} {error}")
    if unknown:
        logger.warning(
            "%s: %s of %s faces are not in %s; their boxes are derived from their annotated points, which no detector "
            "knows: figures may differ from those in detectors' boxes",
            listing, f"{unknown:,}", f"{len(faces):,}", source,
        )  # fmt: skip
    return finish(faces, bad, listing, skip_bad=skip_bad)


def _boxes(folder: Path, split: str) -> tuple[dict[str, list[NDArray[np.float64]]], str]:
    """Boxes by image, and where they are from: the folder's own file, or what the package has."""
    file = folder / "boxes.csv"
    if file.exists():
        return read_boxes(file), str(file)
    if split != "testing":
        return {}, f"a file of boxes ({file} is not there)"
    with resources.as_file(resources.files("tcdcn_init.datasets.published") / "aflw_boxes.csv") as packaged:
        return read_boxes(packaged), "the boxes of AFLW that come with the package"


def hold_out(faces: list[Face], fraction: float = 0.1) -> tuple[list[Face], list[Face]]:
    """Split faces into training and validation by the content of their images.

    A face is held out when the hash of its image file falls into the first `fraction` of all hashes: the same
    split on every machine, needing no list and no seed, and identical images under two names stay together.

    Parameters
    ----------
    faces : list of Face
    fraction : float
        About this share is held out, 0 to 1.

    Returns
    -------
    training, validation : list of Face
    """
    return split_by(faces, lambda face: face.image.read_bytes(), fraction)
