"""Files of labelling tools as faces: imglab, COCO, CVAT and Label Studio.

Faces are of the pixels as they are stored, whether or not a tool turns photographs as EXIF says (`labelling.frames`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tcdcn_init.datasets.base import Face, face_with_box, finish, require
from tcdcn_init.datasets.formats.image_folder import ImageFolder
from tcdcn_init.images import orientation_of, read_image
from tcdcn_init.labelling import (
    SHOWS_TURNED,
    LabelledFace,
    LabelledImage,
    face_as_stored,
    parse_coco,
    parse_cvat,
    parse_imglab,
    parse_label_studio,
)

__all__ = ["read_coco", "read_cvat", "read_imglab", "read_label_studio"]

_PARSERS: dict[str, Callable[[Path], tuple[list[LabelledImage], list[str]]]] = {
    "imglab": parse_imglab,
    "coco": parse_coco,
    "cvat": parse_cvat,
    "label-studio": parse_label_studio,
}


def read_imglab(path: str | Path, images: str | Path | None = None, *, skip_bad: bool = False) -> list[Face]:
    """Read annotated faces from an XML of dlib's imglab.

    Parameters
    ----------
    path : path
        Boxes with parts, in the order of their names.
    images : path, optional
        Folder that the images lie in, anywhere below; default: the file's own. Names are relative to it or to the file.
    skip_bad : bool
        Leave broken boxes out instead of stopping.

    Returns
    -------
    list of Face
        In the file's order.

    Raises
    ------
    FileNotFoundError
        If the file or the folder is missing.
    ValueError
        If it is no such file.
    BadRows
        Naming file, line and reason of every box that is no face, or whose image is not there.
    """
    return _read(path, images, "imglab", "the file of imglab", skip_bad)


def read_coco(path: str | Path, images: str | Path | None = None, *, skip_bad: bool = False) -> list[Face]:
    """Read annotated faces from a JSON of COCO's keypoints; parameters and errors as of `read_imglab`.

    A point that is not labelled (v of 0) is missing; a hidden one is a point like others.
    """
    return _read(path, images, "coco", "the file of COCO", skip_bad)


def read_cvat(path: str | Path, images: str | Path | None = None, *, skip_bad: bool = False) -> list[Face]:
    """Read annotated faces from an XML of "CVAT for images 1.1"; parameters and errors as of `read_imglab`.

    Each shape of points is a face; one without a box in its group gets the one that its points suggest.
    """
    return _read(path, images, "cvat", "the file of CVAT", skip_bad)


def read_label_studio(path: str | Path, images: str | Path | None = None, *, skip_bad: bool = False) -> list[Face]:
    """Read annotated faces from Label Studio's JSON export; parameters and errors as of `read_imglab`.

    Of each task the last annotation counts, or the last prediction where nobody annotated it. Points without a region
    are missing.
    """
    return _read(path, images, "label-studio", "the file of Label Studio", skip_bad)


def _read(path: str | Path, images: str | Path | None, format: str, what: str, skip_bad: bool) -> list[Face]:
    file = Path(path)
    folder = file.parent if images is None else Path(images)
    require([file, folder], what, "Pass the file and, where they do not lie beside it, the folder of its images.")
    labelled, bad = _PARSERS[format](file)
    there = ImageFolder(folder)
    faces: list[Face] = []
    seen: dict[str, int] = {}
    for image in labelled:
        try:
            source = _image(there, image.name, file) if image.faces else None
            turn = (1, (0, 0)) if source is None or not SHOWS_TURNED[format] else _turn(source)
        except ValueError as error:
            bad.append(f"{image.place} {error}")
            continue
        for face in image.faces:
            number = seen[image.name] = seen.get(image.name, 0) + 1
            unique = image.name if number == 1 else f"{image.name}#{number}"
            try:
                assert source is not None
                faces.append(_face(unique, source, face if turn[0] == 1 else face_as_stored(face, *turn)))
            except ValueError as error:
                bad.append(f"{face.place}: {unique} {error}")
    return finish(faces, bad, file, skip_bad=skip_bad)


def _face(name: str, image: Path, face: LabelledFace) -> Face:
    return face_with_box(name, image, face.points, face.box, missing=True)


def _turn(image: Path) -> tuple[int, tuple[int, int]]:
    """By what viewers turn an image, and its size then; of what is no image, nothing."""
    orientation = orientation_of(image)
    if orientation == 1:
        return 1, (0, 0)
    height, width = read_image(image).shape[:2]
    return orientation, (width, height)


def _image(folder: ImageFolder, name: str, file: Path) -> Path:
    """An image below the folder, named from there or from the file's own folder."""
    try:
        return folder.existing(name)
    except ValueError:
        beside = os.path.relpath(file.parent / name, folder.root)
        try:
            return folder.existing(Path(beside).as_posix())
        except ValueError as error:
            raise ValueError(f"{error}; give the folder that the images lie in: images=") from None
