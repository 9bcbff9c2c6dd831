"""The record that every reader yields, and the error that names each broken row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import as_box, box_around, box_from_points, filled_five, five_of, interocular
from tcdcn_init.images import read_image

__all__ = [
    "BadRows",
    "Face",
    "checked_points",
    "face_with_box",
    "finish",
    "read_face_image",
    "require",
    "split_by",
    "suggested_box",
]


@dataclass(frozen=True, eq=False)
class Face:
    """One annotated face.

    Attributes
    ----------
    name : str
        Unique in its data set, stable from run to run: the image's path there, with a number where an image
        holds several faces.
    image : pathlib.Path
        The image's file; not opened by the readers.
    points : (P, 2) ndarray of float32
        Annotated shape in pixels, centres at integers; NaN for a point that nobody annotated.
    box : (4,) ndarray of float64
        Face box (left, top, right, bottom).
    box_source : {"given", "points"}
        Where the box comes from: the data set or its detector, or `suggested_box` where the data set has none.
    attributes : mapping of str to int
        Class index per task of `tasks.TASKS`; tasks that are not annotated are absent.
    hidden : (P,) ndarray of bool or None
        Which points cannot be seen; None where the data set does not say.
    group : str or None
        Faces of one group, such as a person's, are held out together; None where the data set does not say.
    length : float or None
        What errors of its points are divided by, in pixels, where that is not the inter-ocular distance of `five`.
    """

    name: str
    image: Path
    points: NDArray[np.float32]
    box: NDArray[np.float64]
    box_source: Literal["given", "points"] = "given"
    attributes: Mapping[str, int] = field(default_factory=dict)
    hidden: NDArray[np.bool_] | None = None
    group: str | None = None
    length: float | None = None

    @property
    def unit(self) -> float:
        """Length that errors are divided by, in pixels: `length`, or the inter-ocular distance, of missing eyes too."""
        return float(interocular(filled_five(self.five))) if self.length is None else self.length

    @property
    def five(self) -> NDArray[np.float32]:
        """The (5, 2) points in the order of `geometry.FIVE_POINTS`, from 5, COFW's 29 or iBUG's 68."""
        return self.points if len(self.points) == 5 else five_of(self.points).astype(np.float32)


def checked_points(values: ArrayLike, *, missing: bool = False) -> NDArray[np.float32]:
    """Points of an annotation as a face has them.

    Parameters
    ----------
    values : (P, 2) array_like
    missing : bool
        Let NaN for both coordinates stand for a point that nobody annotated. Two points must be there.

    Raises
    ------
    ValueError
        If one is not finite, also as the float32 that it becomes, or too few are there.

    Examples
    --------
    >>> checked_points([[1, 2], [1e39, 3]])
    Traceback (most recent call last):
    ValueError: has a coordinate that is not finite: [1e+39, 3.0]
    """
    given = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        points = given.astype(np.float32)
    finite = np.isfinite(points).all(axis=-1)
    valid = finite | (np.isnan(given).all(axis=-1) & missing)
    if not valid.all():
        raise ValueError(f"has a coordinate that is not finite: {given[int(np.argmin(valid))].tolist()}")
    if missing and finite.sum() < 2:
        raise ValueError(f"has {int(finite.sum())} of {len(points)} points; expected at least two")
    return points


def suggested_box(points: ArrayLike) -> NDArray[np.float64]:
    """The box of a face that has none: a detector's about its five points (`geometry.box_from_points`), of points in no
    known order the smallest that holds them (`geometry.box_around`).

    Parameters
    ----------
    points : (P, 2) array_like
        NaN where not annotated.

    Raises
    ------
    ValueError
        If too few points are there, or they coincide.

    Examples
    --------
    >>> suggested_box([[0, 0], [40, 0], [40, 60], [0, 60]]).tolist()
    [0.0, 0.0, 40.0, 60.0]
    """
    shape = np.asarray(points, dtype=np.float64)
    if len(shape) not in (5, 29, 68):
        return as_box(box_around(shape))
    five = filled_five(five_of(shape))
    if not np.ptp(five, axis=0).any():
        raise ValueError(f"has five points that coincide at {five[0].tolist()}")
    return as_box(box_from_points(five))


def face_with_box(
    name: str,
    image: Path,
    points: ArrayLike,
    box: ArrayLike | None,
    attributes: Mapping[str, int] | None = None,
    *,
    missing: bool = False,
    group: str | None = None,
) -> Face:
    """A `Face`, its box derived from the points by the documented rule when the data set has none.

    Parameters
    ----------
    name, image, points, box, attributes, group
        As of a `Face`; None for a box that the data set does not have.
    missing : bool
        As for `checked_points`.

    Raises
    ------
    ValueError
        If points or box are none that a face can have.
    """
    shape = checked_points(points, missing=missing)
    if box is not None:
        return Face(name, image, shape, as_box(box), "given", attributes or {}, group=group)
    return Face(name, image, shape, suggested_box(shape), "points", attributes or {}, group=group)


class BadRows(ValueError):
    """Rows of a data set that are not valid, each named with file, line and reason.

    Parameters
    ----------
    rows : sequence of str
    advice : str
        What to do about them.

    Attributes
    ----------
    rows : list of str
    """

    def __init__(self, rows: Sequence[str], advice: str = "Mend them, or get the file anew.") -> None:
        self.rows = list(rows)
        shown = "\n  ".join(self.rows[:20])
        more = f"\n  ... and {len(self.rows) - 20} more" if len(self.rows) > 20 else ""
        super().__init__(f"{len(self.rows)} broken row(s):\n  {shown}{more}\n{advice}")


def finish(faces: list[Face], bad: Sequence[str], source: Path, *, skip_bad: bool | None = None) -> list[Face]:
    """What every reader ends with: the faces, or one error that names all broken rows.

    Parameters
    ----------
    faces : list of Face
    bad : sequence of str
    source : pathlib.Path
        File or folder that was read.
    skip_bad : bool, optional
        Whether to leave broken rows out; None where the reader has no such choice to offer.
    """
    if bad and not skip_bad:
        if skip_bad is None:
            raise BadRows(bad)
        raise BadRows(bad, "Mend them, or leave them out: skip_bad=True, --skip-bad.")
    if not faces:
        raise BadRows([*bad, f"no valid face at all in {source}"])
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


def read_face_image(face: Face) -> NDArray[Any]:
    """Decode a face's image, its pixels as they are stored: those are what the annotation refers to.

    Raises
    ------
    ValueError
        If the file is missing or not an image, naming face and file.
    """
    try:
        return read_image(face.image, apply_orientation=False)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"{face.name}: {error}") from error
