"""Which pixels a tool's points are of, where a photograph is turned by EXIF: the stored ones, or as viewers show them.

CVAT turns images since 2022 (its pull request 4529); Label Studio shows them in the browser, which turns them; OpenCV,
detectron2 and FiftyOne turn the images of COCO's files (pycocotools opens none). dlib does not turn them, nor does its
imglab (its issue 1706), nor MATLAB, which iBUG's .pts count for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry import MIRROR, MIRROR_68
from tcdcn_init.images import is_mirrored, points_as_shown, points_as_stored
from tcdcn_init.labelling.records import LabelledFace, LabelledImage

__all__ = ["SHOWS_TURNED", "face_as_stored", "in_frame_of"]

SHOWS_TURNED = {"imglab": False, "coco": True, "cvat": True, "label-studio": True, "pts": False}
"""Whether a format's points are of the images as EXIF turns them."""

_PARTNERS = {len(order): list(order) for order in (MIRROR, MIRROR_68)}


def in_frame_of(format: str, images: Sequence[LabelledImage], *, turned: bool) -> list[LabelledImage]:
    """Images with boxes and points of the pixels that a format's tools show.

    Parameters
    ----------
    format : str
        Of `SHOWS_TURNED`.
    images : sequence of LabelledImage
        Each with its size.
    turned : bool
        Whether they are of the images as EXIF turns them now.

    Returns
    -------
    list of LabelledImage
    """
    wanted = SHOWS_TURNED[format]
    return [image if wanted == turned or image.orientation == 1 else _exchanged(image, wanted) for image in images]


def face_as_stored(face: LabelledFace, orientation: int, size: tuple[int, int]) -> LabelledFace:
    """A face of an image as it is shown, in the stored pixels.

    Parameters
    ----------
    face : LabelledFace
    orientation : int
        The file's (`images.orientation_of`).
    size : (width, height)
        Of the image as it is shown.
    """
    return _moved(face, orientation, size, shown=False)


def _exchanged(image: LabelledImage, shown: bool) -> LabelledImage:
    assert image.width is not None
    assert image.height is not None
    size = (image.width, image.height)
    across = size[::-1] if image.orientation >= 5 else size
    faces = [_moved(face, image.orientation, across if shown else size, shown=shown) for face in image.faces]
    return replace(image, width=across[0], height=across[1], faces=faces)


def _moved(face: LabelledFace, orientation: int, size: tuple[int, int], *, shown: bool) -> LabelledFace:
    move = points_as_shown if shown else points_as_stored
    points, visible, box = move(face.points, orientation, size), face.visible, face.box
    if is_mirrored(orientation) and len(points) in _PARTNERS:  # left and right as seen in the image change places
        partners = _PARTNERS[len(points)]
        points, visible = points[partners], visible[partners]
    if box is not None:
        box = _around(move(box.reshape(2, 2), orientation, size))
    return replace(face, points=points, visible=visible, box=box)


def _around(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])
