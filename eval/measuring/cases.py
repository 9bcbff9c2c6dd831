"""What the protocol is measured on: the faces of a data set, whose boxes they are in, and what must be said of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.datasets import named
from tcdcn_init.datasets.base import BadRows, Face, suggested_box
from tcdcn_init.datasets.boxes import nearest_box, read_boxes
from tcdcn_init.datasets.own import KINDS, OwnData, summary
from tcdcn_init.eval.metrics import annotated
from tcdcn_init.geometry import FIVE_POINTS, Layout, filled_five

__all__ = [
    "DATASETS",
    "FIVE_POINT_REGRESSORS",
    "TITLES",
    "Case",
    "boxed_by_points",
    "image_names",
    "read_case",
    "spread",
    "spread_over",
]


class _Use(NamedTuple):
    regressors: tuple[str, ...]
    note: str


FIVE_POINT_REGRESSORS = ("rcpr-mtfl", "sdm-mtfl", "sdm-mtfl-box", "ert5-mtfl")
"""The bundled ones, in the order of reports."""

DENSE_REGRESSORS = ("tcdcn-68", "ert68-300w")
"""The same of 68 points."""

_ORACLE = "To a five-point regressor the oracle start all but gives the answer away."
_DENSE = (
    "The bundled 68-point shapes lie in boxes derived from points, as these faces do. TCDCN's own points are scored "
    "against the five points that the 68 give, which are not quite those it was trained on (the nose tip lies 4 % "
    "higher)."
)
_MIXED = "Tables that do not name a part mix all that are there."
_USES = {
    "aflw": _Use(FIVE_POINT_REGRESSORS, f"MTFL's testing.txt, the test set of the TCDCN paper. {_ORACLE}"),
    "afw": _Use(FIVE_POINT_REGRESSORS, f"The AFW faces with all five points. {_ORACLE}"),
    "afw68": _Use(
        DENSE_REGRESSORS,
        "The bundled 68-point shapes lie in boxes derived from points, not in a detector's: random and mean starts "
        "sit better with --boxes points than in AFW's own boxes, which lie lower. TCDCN's own points are scored "
        "against the five points that the 68 give.",
    ),
    "lfpw": _Use(DENSE_REGRESSORS, f"300-W's LFPW, its test part. {_DENSE}"),
    "helen": _Use(DENSE_REGRESSORS, f"300-W's HELEN, its test part. {_DENSE}"),
    "300w-common": _Use(DENSE_REGRESSORS, f"The test parts of LFPW and HELEN. {_DENSE}"),
    "300w": _Use(DENSE_REGRESSORS, f"The test parts of 300-W that were there. {_MIXED} {_DENSE}"),
    "mtfl-val": _Use(
        FIVE_POINT_REGRESSORS,
        f"The faces on which models and regressors were chosen: to compare while choosing, not to report. {_ORACLE}",
    ),
}
DATASETS = tuple(_USES)
"""Names for `read_case`, beside `datasets.own.KINDS`."""

TITLES = {name: named.DATASETS[name].title for name in DATASETS}
"""Their names as readers know them."""


@dataclass(frozen=True)
class Case:
    """Faces to measure on.

    Attributes
    ----------
    name, title : str
    faces : list of Face
    boxes : {"given", "points"}
        Whether the faces' boxes are of a file or the data set, or all derived from their points.
    regressors : tuple of str
        The bundled ones that fit.
    note : str
        What a reader of the figures must know.
    groups : mapping of str to list of int
        Faces whose figures are reported apart: name -> their rows.
    """

    name: str
    title: str
    faces: list[Face]
    boxes: str
    regressors: tuple[str, ...]
    note: str
    groups: Mapping[str, list[int]] = field(default_factory=dict)


def read_case(
    name: str,
    root: str | Path | None,
    *,
    boxes: str = "given",
    limit: int | None = None,
    images: Path | None = None,
    layout: Layout | None = None,
) -> Case:
    """Read a data set as the protocol takes it.

    Parameters
    ----------
    name : str
        Of `DATASETS`; or of `datasets.own.KINDS`, for a data set of one's own in that form.
    root : path or None
        Its folder, or file; of "300w" and "300w-common", the one that holds lfpw/, helen/ and so on.
    boxes : str
        "given": the data set's own boxes, and derived ones where it has none; "points": the ones that
        `geometry.box_from_points` makes of the annotation, for all; or a CSV file (`datasets.boxes.read_boxes`), where
        a face without a box of that file gets a derived one.
    limit : int, optional
        This many faces, spread evenly over the list, instead of all.
    images, layout
        Of one's own data, as `datasets.own.OwnData` has them.

    Returns
    -------
    Case

    Raises
    ------
    ValueError
        If a name is unknown, no root is given or the limit is below 1; or one's own data cannot be used, naming rows.
    FileNotFoundError
        If the folder is not that data set or not all of it; the message says how to get it.
    """
    if name in KINDS:
        return _own_case(name, root, boxes, limit, images, layout)
    if name not in _USES:
        raise ValueError(unknown_name("data set", name, (*DATASETS, *KINDS)))
    if images is not None or layout is not None:
        raise ValueError(f"{name} is read as its authors lay it out, without --images and --layout: leave them out")
    about, use = named.DATASETS[name], _USES[name]
    if root is None:
        raise ValueError(f"data set {name!r} needs its folder: --root DIR. {about.how_to_get}")
    try:
        faces = spread(named.read_dataset(name, root), limit)
    except BadRows as error:
        raise FileNotFoundError(
            f"{about.title} in {root} is not whole: {len(error.rows)} rows are not valid, the first is "
            f"{error.rows[0]}\n{about.how_to_get}"
        ) from error
    faces, note, derived = _boxed(faces, use.note, boxes)
    groups = {} if about.groups is None else about.groups(faces)
    return Case(name, about.title, faces, "points" if derived else "given", use.regressors, note, groups)


def _own_case(
    name: str, root: str | Path | None, boxes: str, limit: int | None, images: Path | None, layout: Layout | None
) -> Case:
    if root is None:
        raise ValueError(f"data set {name!r} needs its file or folder: --root PATH")
    data = OwnData(Path(root), name, images, layout=layout)  # type: ignore[arg-type]
    faces = spread(data.read(), limit)
    there = np.asarray(annotated(np.stack([face.points for face in faces])).any(axis=0))
    count = len(there)
    if not there.all():
        point = int(np.argmin(there))
        what = FIVE_POINTS[point] if count == len(FIVE_POINTS) else f"point number {point}"
        raise ValueError(
            f"{root}: {what} is annotated in none of {len(faces)} faces; there is nothing to measure it by"
        )
    note = _DENSE if count == 68 else _ORACLE
    faces, note, derived = _boxed(faces, note, boxes)
    regressors = ("ert68-300w",) if count == 68 else FIVE_POINT_REGRESSORS
    note = f"{summary(faces)}. {note}"
    return Case(name, data.path.name, faces, "points" if derived else "given", regressors, note)


def _boxed(faces: list[Face], note: str, boxes: str) -> tuple[list[Face], str, bool]:
    """Faces in the boxes that are asked for, the note with what is to be said of them, and whether all are derived."""
    if boxes == "points":
        faces = [boxed_by_points(face) for face in faces]
        note += " All boxes are derived from the annotated points."
    elif boxes != "given":
        faces = _boxed_by_file(faces, boxes)
        note += f" Boxes are those of {Path(boxes).name}."
    derived = all(face.box_source == "points" for face in faces)
    if derived and boxes == "given":
        note += " The data set has no boxes: all are derived from the annotated points (geometry.box_from_points)."
    return faces, note, derived


def spread(faces: list[Face], limit: int | None) -> list[Face]:
    """At most `limit` faces, spread evenly over the list; None takes all."""
    return [faces[k] for k in spread_over(len(faces), limit)]


def spread_over(count: int, limit: int | None) -> list[int]:
    """At most `limit` of `count` numbers, spread evenly.

    Examples
    --------
    >>> spread_over(9, 3), spread_over(2, 3)
    ([0, 4, 8], [0, 1])
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; expected a number of faces, 1 or more")
    if limit is None or limit >= count:
        return list(range(count))
    return [int(k) for k in np.linspace(0, count - 1, limit).round()]


def boxed_by_points(face: Face) -> Face:
    """The face in the box that `datasets.base.suggested_box` makes of its annotation."""
    return dataclasses.replace(face, box=suggested_box(face.points), box_source="points")


def image_names(faces: Sequence[Face]) -> list[str]:
    """Each face's image, named from the folder that they have in common: the same wherever a data set lies."""
    parents = [face.image.parent.parts for face in faces]
    shared = 0
    while all(len(parts) > shared and parts[shared] == parents[0][shared] for parts in parents):
        shared += 1
    return ["/".join(face.image.parts[shared:]) for face in faces]


def _boxed_by_file(faces: Sequence[Face], file: str) -> list[Face]:
    """Each face in the box of the file that lies nearest, of those that hold the middle of its points."""
    all_boxes = read_boxes(file)
    changed = []
    for face in faces:
        keys = (face.name, face.name.rpartition("#")[0], face.image.name)
        nearest = nearest_box(filled_five(face.five), next((all_boxes[key] for key in keys if key in all_boxes), []))
        if nearest is not None:
            changed.append(dataclasses.replace(face, box=nearest, box_source="given"))
        else:
            changed.append(boxed_by_points(face))
    if all(face.box_source == "points" for face in changed):
        raise ValueError(
            f"{file} has no box for any of {len(faces)} faces; expected its image column to name images such as "
            f"{faces[0].name!r}"
        )
    return changed
