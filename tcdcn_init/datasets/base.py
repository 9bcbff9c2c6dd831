"""The record that every reader yields, and the error that names each broken row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.images import read_image
from tcdcn_init.geometry import box_from_points, five_from_68


@dataclass(frozen=True, eq=False)
class Face:
    """One annotated face.

    Attributes
    ----------
    name : str
        Unique in its data set, stable from run to run: the image's path there, with a number where an image
        holds several faces.
    image : pathlib.Path
        The picture's file; not opened by the readers.
    points : (P, 2) ndarray of float32
        Annotated shape in pixels, centres at integers.
    box : (4,) ndarray of float64
        Face box (left, top, right, bottom).
    box_source : {"given", "points"}
        Where the box comes from: the data set or its detector, or `geometry.box_from_points` where the data set
        has none.
    attributes : mapping of str to int
        Class index per task of `tasks.TASKS`; tasks that are not annotated are absent.
    """

    name: str
    image: Path
    points: NDArray[np.float32]
    box: NDArray[np.float64]
    box_source: Literal["given", "points"] = "given"
    attributes: Mapping[str, int] = field(default_factory=dict)

    @property
    def five(self) -> NDArray[np.float32]:
        """The (5, 2) points in the order of `geometry.FIVE_POINTS`, from 5 or iBUG's 68."""
        if len(self.points) == 5:
            return self.points
        return five_from_68(self.points).astype(np.float32)


def face_with_box(
    name: str,
    image: Path,
    points: NDArray[np.float32],
    box: NDArray[np.float64] | None,
    attributes: Mapping[str, int] | None = None,
) -> Face:
    """A `Face`, its box derived from the points by the documented rule when the data set has none."""
    if box is not None:
        return Face(name, image, points, box, "given", attributes or {})
    five = points if len(points) == 5 else five_from_68(points)
    return Face(name, image, points, box_from_points(five), "points", attributes or {})


class BadRows(ValueError):
    """Rows of a data set that cannot be used, each named with file, line and reason.

    Attributes
    ----------
    rows : list of str
    """

    def __init__(self, rows: Sequence[str]) -> None:
        self.rows = list(rows)
        shown = "\n  ".join(self.rows[:20])
        more = f"\n  ... and {len(self.rows) - 20} more" if len(self.rows) > 20 else ""
        super().__init__(
            f"{len(self.rows)} broken row(s):\n  {shown}{more}\n"
            "Mend them, or leave them out: skip_bad=True, --skip-bad."
        )


def finish(faces: list[Face], bad: Sequence[str], skip_bad: bool) -> list[Face]:
    """What every reader ends with: the faces, or one error that names all broken rows."""
    if bad and not skip_bad:
        raise BadRows(bad)
    if not faces:
        raise BadRows([*bad, "no usable face at all"])
    return faces


def require(paths: Iterable[Path], what: str, how: str) -> None:
    """Raise a FileNotFoundError that says what was looked for, where, and how a user gets it."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        looked = "\n  ".join(str(path) for path in missing)
        raise FileNotFoundError(f"{what} is not (wholly) here; looked for\n  {looked}\n{how}")


def split_by(faces: Sequence[Face], key: Callable[[Face], bytes], fraction: float) -> tuple[list[Face], list[Face]]:
    """Split faces by the hash of a key: the same split on every machine, needing no list and no seed.

    Parameters
    ----------
    faces : sequence of Face
    key : callable
        Face -> bytes; faces with equal keys stay together.
    fraction : float
        About this share of the keys is held out, 0 to 1.

    Returns
    -------
    kept, held_out : list of Face
    """
    kept: list[Face] = []
    held: list[Face] = []
    for face in faces:
        digest = hashlib.sha256(key(face)).digest()
        (held if int.from_bytes(digest[:8], "big") < fraction * 2**64 else kept).append(face)
    return kept, held


def read_picture(face: Face) -> NDArray[Any]:
    """Decode a face's image.

    Raises
    ------
    ValueError
        If the file is missing or not a picture, naming face and file.
    """
    try:
        return read_image(face.image)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"{face.name}: {error}") from error
