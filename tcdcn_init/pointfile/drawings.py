"""Copies of images with boxes and points drawn in, each under a name of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.drawing import overlay
from tcdcn_init._shared.files import replacing

__all__ = ["draw_faces", "drawings_of"]

_QUALITY = 90


def drawings_of(images: Sequence[Path], folder: Path) -> Mapping[Path, Path | str]:
    """Where the images' drawings lie: in the images' own folders, below the last one that all of them share.

    Parameters
    ----------
    images : sequence of pathlib.Path
    folder : pathlib.Path
        Of the drawings.

    Returns
    -------
    mapping of path to path or str
        A JPEG keeps its name, others get a further suffix. A text says which other image has that name already.

    Examples
    --------
    >>> found = drawings_of([Path("in/a/x.jpg"), Path("in/b/x.png")], Path("drawn"))
    >>> [target.as_posix() for target in found.values()]
    ['drawn/a/x.jpg', 'drawn/b/x.png.jpg']
    """
    if not images:
        return {}
    # Links stay as they are.
    whole = {path: Path(os.path.abspath(path)) for path in images}  # noqa: PTH100
    shared = os.path.commonpath([path.parent for path in whole.values()])
    found: dict[Path, Path | str] = {}
    owners: dict[Path, Path] = {}
    for path, place in whole.items():
        target = folder / place.relative_to(shared)
        if target.suffix.lower() not in (".jpg", ".jpeg"):
            target = target.with_name(target.name + ".jpg")
        owner = owners.setdefault(target, place)
        found[path] = target if owner == place else f"{target} is the drawing of {owner}"
    return found


def draw_faces(target: Path, image: NDArray[Any], shapes: Sequence[ArrayLike], boxes: Sequence[ArrayLike]) -> None:
    """Write a copy of an image with shapes and boxes drawn in, whole or not at all.

    Parameters
    ----------
    target : pathlib.Path
        A JPEG; folders are made.
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

    # Not into the file: of a full disk Pillow's encoder would say no more than "encoder error".
    content = io.BytesIO()
    Image.fromarray(overlay(image, shapes, boxes)).save(content, format="JPEG", quality=_QUALITY)
    with replacing(target) as part:
        part.write_bytes(content.getbuffer())
