"""Points of faces in a CSV file, such as a detector's, found again for the faces of a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tcdcn_init.datasets.base import BadRows, Face
from tcdcn_init.datasets.formats.text import points_of_cells, read_table
from tcdcn_init.geometry import five_of

__all__ = ["read_point_rows"]

_POINTS = (5, 29, 68)
_NEVER = 1e9


def read_point_rows(path: Path, faces: Sequence[Face]) -> dict[str, NDArray[np.float64]]:
    """Read the rows of a file that are of the faces.

    A row is of an image if its ``image`` ends as the image's path does, from the file's name on; of images that share
    the name, of the one that agrees furthest. Of an image's rows each face has at most one, whose five points have
    their middle in the face's box; where several do, rows and faces are paired so that the middles lie nearest to
    those of the annotation. A row may also name a face itself, as faces.csv of a report does (``1.jpg#2``).

    Parameters
    ----------
    path : pathlib.Path
        CSV in UTF-8: image, x0, y0, x1, y1, ... in pixels, centres at integers; of five points in the order of
        `geometry.FIVE_POINTS`, of 29 or of 68. Other columns are of no account: what `tcdcn-init points` writes will
        do. A row without numbers says that nothing was found.
    faces : sequence of Face

    Returns
    -------
    dict of str to (P, 2) ndarray
        By the face's name, in the faces' order; faces without a row are not in it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it lacks a column, or has no row for any face.
    BadRows
        Naming every row that has a coordinate which is no number, or whose image is one of several.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"points file {path} does not exist; expected a CSV with columns image, x0, y0, ... x4, y4"
        )
    table = read_table(path)
    count = sum(1 for name in table.columns if name[:1] == "x" and name[1:].isdigit())
    wanted = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    if count not in _POINTS or not {"image", *wanted} <= set(table.columns):
        raise ValueError(
            f"{path} has columns {', '.join(table.columns[:8])}, ...; expected image, x0, y0, ... of 5, 29 or 68 points"
        )
    images = _Images(faces)
    found: dict[str, NDArray[np.float64]] = {}
    loose: defaultdict[Path, list[NDArray[np.float64]]] = defaultdict(list)
    bad = []
    for place, row in table.rows:
        try:
            points = points_of_cells([row.get(name) for name in wanted])
            named = images.face(row.get("image", ""))
            image = None if named else images.image(row.get("image", ""))
            if named in found:
                raise ValueError("is a second row of this face")
        except ValueError as error:
            bad.append(f"{place}: {row.get('image', '')} {error}")
            continue
        if np.isnan(points).all():
            continue
        if named:
            found[named] = points
        elif image:
            loose[image].append(points)
    if bad:
        raise BadRows(bad)
    for image, rows in loose.items():
        found.update(_paired([face for face in images.faces[image] if face.name not in found], rows))
    if not found:
        raise ValueError(
            f"{path} has no points of any of {len(faces)} faces; expected its image column to name images such as "
            f"{faces[0].image.name!r}, with a row's points in a face's box"
        )
    return {face.name: found[face.name] for face in faces if face.name in found}


class _Images:
    """The images of faces, by whatever part of their paths a file has."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces: defaultdict[Path, list[Face]] = defaultdict(list)
        for face in faces:
            self.faces[face.image].append(face)
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for image in self.faces:
            self._by_name[image.name].append(image)
        self._faces = {face.name for face in faces if len(self.faces[face.image]) > 1}

    def face(self, text: str) -> str:
        """The face that is named itself; blank for none."""
        return text if text in self._faces else ""

    def image(self, text: str) -> Path | None:
        """The image that is named; None if it is no face's."""
        parts = PurePosixPath(text.replace("\\", "/")).parts
        agreeing = {image: _common_tail(parts, image.parts) for image in self._by_name[parts[-1]]} if parts else {}
        best = [image for image, length in agreeing.items() if length == max(agreeing.values())]
        if len(best) > 1:
            raise ValueError(f"may be {best[0]} or {best[1]}; expected more of its path")
        return best[0] if best else None


def _common_tail(first: Sequence[str], second: Sequence[str]) -> int:
    """Parts that two paths end with alike."""
    pairs = list(zip(reversed(first), reversed(second), strict=False))
    return next((k for k, (a, b) in enumerate(pairs) if a != b), len(pairs))


def _paired(faces: Sequence[Face], rows: Sequence[NDArray[np.float64]]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each face's name and row, for those that have one."""
    cost = np.full((len(faces), len(rows)), _NEVER)
    for r, row in enumerate(rows):
        middle = np.nanmean(five_of(row), axis=0)
        for f, face in enumerate(faces):
            if (face.box[:2] <= middle).all() and (middle <= face.box[2:]).all():
                cost[f, r] = np.hypot(*(np.nanmean(face.five, axis=0) - middle))
    for f, r in zip(*linear_sum_assignment(cost), strict=True):
        if cost[f, r] < _NEVER:
            yield faces[f].name, rows[r]
