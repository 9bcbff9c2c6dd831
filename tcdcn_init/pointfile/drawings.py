"""Copies of images with boxes and points drawn in, each under a name of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.drawing import overlay
from tcdcn_init._shared.files import replacing

__all__ = ["draw_faces", "drawing_of"]


def drawing_of(image: Path, folder: Path) -> Path:
    """Where an image's drawing lies: in the image's own folders, its suffix kept in the name.

    Examples
    --------
    >>> drawing_of(Path("in/a/x.jpg"), Path("drawn")).as_posix()
    'drawn/in/a/x.jpg.png'
    """
    path = Path(os.path.normpath(image))
    if path.is_absolute() or ".." in path.parts:
        path = Path(os.path.abspath(image))  # noqa: PTH100 - links stay as they are
    parts = [part for part in path.parts if part != path.anchor]
    return folder.joinpath(*parts[:-1], parts[-1] + ".png")


def draw_faces(target: Path, image: NDArray[Any], shapes: Sequence[ArrayLike], boxes: Sequence[ArrayLike]) -> None:
    """Write a copy of an image with shapes and boxes drawn in, whole or not at all.

    Parameters
    ----------
    target : pathlib.Path
        A PNG; folders are made.
    image : ndarray
        As for `initialize`.
    shapes : sequence of (P, 2) array_like
    boxes : sequence of (4,) array_like

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from PIL import Image

    drawn = Image.fromarray(overlay(image, shapes, boxes))
    with replacing(target) as part:
        drawn.save(part, format="PNG")
