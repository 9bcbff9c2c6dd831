"""A data set of one's own: any form that there is a reader for, brought to what training and evaluation take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from tcdcn_init.datasets.base import BadRows, Face, finish, require, split_by, suggested_box
from tcdcn_init.datasets.formats.csv_file import read_csv
from tcdcn_init.datasets.formats.labelled import read_coco, read_cvat, read_imglab, read_label_studio
from tcdcn_init.datasets.formats.pts import read_pts_folder
from tcdcn_init.datasets.published.mtfl import hold_out
from tcdcn_init.geometry import Layout, as_five_points, box_around, box_square, five_by_layout, interocular
from tcdcn_init.tasks import TASKS

__all__ = ["FOLDER", "KINDS", "Kind", "OwnData", "kind_of", "summary"]

Kind: TypeAlias = Literal["csv", "pts", "imglab", "coco", "cvat", "label-studio"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""Forms of annotation that are read."""

FOLDER = "folder"
"""To hold out by: the images' folders instead of a column, for forms that have none."""

_HELD_OUT = 0.1
_KNOWN = (5, 29, 68)  # numbers of points among which the five are known

_SUFFIXES: dict[Kind, str] = {
    "csv": ".csv", "imglab": ".xml", "coco": ".json", "cvat": ".xml", "label-studio": ".json"
}  # fmt: skip

_LABELLED: dict[Kind, Callable[..., list[Face]]] = {
    "imglab": read_imglab, "coco": read_coco, "cvat": read_cvat, "label-studio": read_label_studio
}  # fmt: skip


def kind_of(path: Path) -> Kind | None:
    """The form of a data set, known by its name and its beginning; None where it is none of `KINDS`, as MTFL's folder.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder that holds .pts files or one file of a form.
    """
    if path.is_dir():
        if (path / "training.txt").exists():
            return None
        if any(path.glob("*.pts")):
            return "pts"
        files = [file for suffix in (".csv", ".xml", ".json") for file in sorted(path.glob(f"*{suffix}"))]
        found = [kind for file in files if (kind := kind_of(file))]
        return "csv" if path / "points.csv" in files else found[0] if len(found) == 1 else None
    if not path.is_file():
        return None
    with path.open("rb") as file:
        begin = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if path.suffix == ".xml":
        return "imglab" if b"<dataset" in begin else "cvat" if b"<annotations" in begin else None
    if path.suffix == ".json":
        return "label-studio" if begin[:1] == b"[" else "coco"
    return "csv" if path.suffix == ".csv" and b"x0" in begin.partition(b"\n")[0] else None


@dataclass(frozen=True)
class OwnData:
    """Where a data set lies, and what it does not say itself.

    Attributes
    ----------
    path : pathlib.Path
        Its file, or the folder that holds it.
    kind : str, optional
        Of `KINDS`; default: recognised (`kind_of`).
    images : pathlib.Path, optional
        Folder that the images lie in; default: beside the file, of CSV in images/ there.
    points : int, optional
        Read so many points of any meaning, as they are; default: the five of a face, or iBUG's 68.
    layout : mapping, optional
        Where the five points, or the eyes alone, are among others (`geometry.parse_layout`).
    hold_out_by : str, optional
        Column of a CSV file whose faces are held out together, such as person; or "folder". Default: by image.
    """

    path: Path
    kind: Kind | None = None
    images: Path | None = None
    points: int | None = None
    layout: Layout | None = None
    hold_out_by: str | None = None

    def __post_init__(self) -> None:
        if self.points is not None and self.points < 2:
            raise ValueError(f"points is {self.points}; expected two or more, which place and size a shape")

    def read(self, *, skip_bad: bool = False) -> list[Face]:
        """Read all faces.

        Parameters
        ----------
        skip_bad : bool
            Leave broken rows out instead of stopping.

        Returns
        -------
        list of Face
            With `points` points and errors' unit in `Face.length`: the distance of the eyes where the layout says
            which they are, else the side of the box's square. Otherwise with five points, or iBUG's 68 where no layout
            is given. Points that are not annotated are NaN.

        Raises
        ------
        FileNotFoundError
            If the data set or its images are not there.
        ValueError
            If it is of no known form, or a column or the layout does not fit it.
        BadRows
            Naming every row that cannot be used, and why.
        """
        kind = self.kind or kind_of(self.path)
        if kind is None:
            require([self.path], "the data set", f"Pass a file or a folder of one of {', '.join(KINDS)}.")
            raise ValueError(
                f"{self.path} is of no form that is known here; expected a .csv, a folder of .pts, or a file of "
                f"{', '.join(KINDS[2:])}, and one of them alone in a folder"
            )
        faces: list[Face] = []
        bad: list[str] = []
        for face in self._read(kind, skip_bad):
            try:
                faces.append(self._used(face))
            except ValueError as error:
                bad.append(f"{face.name} {error}")
        read = finish(faces, bad, self.path, skip_bad=skip_bad)
        counts = {len(face.points) for face in read}
        if len(counts) > 1:
            raise BadRows([f"faces have {' and '.join(map(str, sorted(counts)))} points; expected all the same"])
        return _with_lengths(read) if self.points else read

    def _read(self, kind: Kind, skip_bad: bool) -> list[Face]:
        path = self.path
        if kind != "csv" and self.hold_out_by not in (None, FOLDER):
            raise ValueError(
                f"{path} has no column {self.hold_out_by!r} to hold out by; only CSV has; expected {FOLDER}"
            )
        if kind == "pts":
            return read_pts_folder(path, self.images, skip_bad=skip_bad)
        if path.is_dir():
            there = [file for file in sorted(path.glob(f"*{_SUFFIXES[kind]}")) if kind_of(file) == kind]
            named = path / "points.csv"
            if len(there) != 1 and named not in there:
                raise ValueError(f"{path} holds {len(there)} files of {kind}; name one of them")
            path = named if named in there else there[0]
        if kind != "csv":
            return _LABELLED[kind](path, self.images, skip_bad=skip_bad)
        beside = path.parent / "images"
        images = self.images or (beside if beside.is_dir() else path.parent)
        column = None if self.hold_out_by == FOLDER else self.hold_out_by
        return read_csv(path, images, group=column, skip_bad=skip_bad)

    def _used(self, face: Face) -> Face:
        """A face with the points that are wanted."""
        count = len(face.points)
        five = None if self.layout is None else five_by_layout(face.points, self.layout).astype(np.float32)
        if self.points is not None:
            if count != self.points:
                raise ValueError(f"has {count} points; expected {self.points}")
            if face.box_source == "points":
                whole = five is not None and len(self.layout or ()) == 5
                face = replace(face, box=suggested_box(five) if whole and five is not None else box_around(face.points))
            eyes = float("nan") if five is None else float(interocular(five))
            return replace(face, length=eyes)
        if five is not None:
            if len(self.layout or ()) < 5:
                raise ValueError(
                    "needs all five points; the layout names the eyes alone: name nose and mouth corners too"
                )
            box = suggested_box(five) if face.box_source == "points" else face.box
            face = replace(face, points=five, box=box, hidden=None)
        elif count not in _KNOWN:
            raise ValueError(
                f"has {count} points, among which the five of a face are not known; name them: --layout "
                f"'left eye=0+1, right eye=2+3, nose=...', or learn all as they are: --points {count}"
            )
        if np.isfinite(face.five).all():
            as_five_points(face.five)
        elif np.isfinite(face.five).all(axis=1).sum() < 2:
            raise ValueError("has fewer than two of the five points; leave it out")
        return face if count in (5, 68) or five is not None else replace(face, points=face.five, hidden=None)

    def split(self, faces: Sequence[Face]) -> tuple[list[Face], list[Face]]:
        """Faces to train on, and the tenth that is held out: by image, or with all that share a group.

        The same on every machine, since it goes by hashes, of the images' contents or the groups' names.

        Raises
        ------
        ValueError
            If all are of one image or group.
        """
        if self.hold_out_by is None:
            kept, held = hold_out(list(faces), _HELD_OUT)
            names, what = [face.image.read_bytes() for face in faces] if not (kept and held) else [], "image"
        else:
            what = self.hold_out_by
            names = [(str(face.image.parent) if what == FOLDER else str(face.group)).encode() for face in faces]
            by_name = dict(zip(map(id, faces), names, strict=True))
            kept, held = split_by(faces, lambda face: by_name[id(face)], _HELD_OUT)
        if kept and held:
            return kept, held
        # So few that the hashes missed one side: the one with the least hash is held out.
        if len(set(names)) < 2:
            raise ValueError(
                f"all {len(faces)} faces are of one {what}; expected two or more, of which one is held out"
            )
        least = min(set(names), key=lambda name: hashlib.sha256(name).digest())
        rows = list(zip(faces, names, strict=True))
        return [face for face, name in rows if name != least], [face for face, name in rows if name == least]


def _with_lengths(faces: Sequence[Face]) -> list[Face]:
    """Faces whose length is that of the eyes, of missing ones estimated by the box, or without eyes the box's side."""
    sides = np.array([float(box_square(face.box)[1]) for face in faces])
    eyes = np.array([face.length for face in faces], dtype=np.float64)
    known = eyes > 0
    usual = float(np.median(eyes[known] / sides[known])) if known.any() else 1.0
    lengths = np.where(known, eyes, usual * sides)
    return [replace(face, length=float(length)) for face, length in zip(faces, lengths, strict=True)]


def summary(faces: Sequence[Face]) -> str:
    """What must be known of faces beside their number: whose boxes they are in, and what is annotated.

    Parameters
    ----------
    faces : sequence of Face
        At least one.

    Returns
    -------
    str
        A sentence.
    """
    derived = sum(face.box_source == "points" for face in faces)
    boxes = f"{len(faces) - derived} boxes given" if derived < len(faces) else "no boxes given"
    boxes += f", {derived} derived from the points" if derived else ""
    missing = sum(int((~np.isfinite(face.points).all(axis=1)).sum()) for face in faces)
    points = f"{missing} of {sum(len(face.points) for face in faces)} points not annotated" if missing else "all points"
    labels = {task: sum(task in face.attributes for face in faces) for task in TASKS}
    told = ", ".join(f"{task} of {count}" for task, count in labels.items() if count)
    images = len({face.image for face in faces})
    return f"{len(faces)} faces in {images} images; {boxes}; {points}; labels: {told or 'none'}"
