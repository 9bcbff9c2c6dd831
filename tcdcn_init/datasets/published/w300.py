"""300-W: LFPW, HELEN, iBUG, AFW and the indoor and outdoor test images, each face with 68 points.

Sagonas, Tzimiropoulos, Zafeiriou, Pantic, "300 Faces in-the-Wild Challenge", ICCV workshops 2013. Two layouts are read,
part by part: the set as iBUG gives it out (``lfpw/testset/NAME.pts`` beside ``NAME.png``, counted from 1), and
folders with a ``points.csv`` (`ibug68`, counted from 0), whose images may lie below ``test/`` and ``train/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.datasets.base import Face, face_with_box, finish
from tcdcn_init.datasets.formats.pts import read_pts_folder
from tcdcn_init.datasets.published.ibug68 import read_ibug68

__all__ = ["COMMON", "HOW_TO_GET", "PARTS", "TESTS", "groups_300w", "read_300w", "read_300w_part"]

HOW_TO_GET = (
    "300-W is research data that this project may not ship: get its parts from ibug.doc.ic.ac.uk/resources/300-W and "
    "unpack them side by side, as lfpw/, helen/ (each with trainset/ and testset/), afw/, ibug/, 01_Indoor/ and "
    "02_Outdoor/; whatever is there is read."
)


class _Part(NamedTuple):
    folder: str
    split: str | None = None


PARTS = {
    "lfpw-train": _Part("lfpw", "train"),
    "lfpw-test": _Part("lfpw", "test"),
    "helen-train": _Part("helen", "train"),
    "helen-test": _Part("helen", "test"),
    "afw": _Part("afw"),
    "ibug": _Part("ibug"),
    "indoor": _Part("01_Indoor"),
    "outdoor": _Part("02_Outdoor"),
}
"""The set's parts. AFW and the two named train are for training."""

TESTS = ("lfpw-test", "helen-test", "ibug", "indoor", "outdoor")
COMMON = ("lfpw-test", "helen-test")

# What publications report, of which parts; in the order of tables.
_GROUPS = {
    "common": COMMON,
    "challenging": ("ibug",),
    "full": (*COMMON, "ibug"),
    "indoor": ("indoor",),
    "outdoor": ("outdoor",),
    "300-W test": ("indoor", "outdoor"),
}


def read_300w(root: str | Path, parts: Iterable[str] = TESTS, *, whole: bool = False) -> list[Face]:
    """Read parts of 300-W, as many of them as are there.

    Parameters
    ----------
    root : path
        Folder that holds lfpw/, helen/, ibug/ and so on; the indoor and outdoor images may lie in 300W/ there.
    parts : iterable of str
        Of `PARTS`; default: all that is for testing.
    whole : bool
        Refuse to leave a part out.

    Returns
    -------
    list of Face
        Part by part; (68, 2) points, pixels from 0. Names begin with the part's folder. Boxes are derived from the
        points (`geometry.box_from_points`).

    Raises
    ------
    ValueError
        If a part is unknown.
    FileNotFoundError
        If none is there, or, of the whole, one is not; the message says what was looked for.
    BadRows
        Naming every broken row or file.
    """
    folder, faces, missing = Path(root), list[Face](), list[str]()
    for part in parts:
        if part not in PARTS:
            raise ValueError(unknown_name("part of 300-W", part, PARTS))
        top, split = PARTS[part]
        found = next((path for path in (folder / top, folder / "300W" / top) if _holds(path, split)), None)
        if found is None:
            missing.append(f"{folder / top}: {_expected(split)}")
        else:
            faces += [replace(face, name=f"{top}/{face.name}") for face in read_300w_part(found, split)]
    if not faces or (whole and missing):
        looked = "\n  ".join(missing)
        raise FileNotFoundError(f"300-W is not (wholly) in {folder}; looked for\n  {looked}\n{HOW_TO_GET}")
    return faces


def read_300w_part(folder: str | Path, split: str | None = None) -> list[Face]:
    """Read one part from its own folder, in either layout.

    Parameters
    ----------
    folder : path
        Such as lfpw/ or ibug/.
    split : {"train", "test"}, optional
        Of a folder that holds both.

    Returns
    -------
    list of Face
        As of `read_300w`, named from this folder.

    Raises
    ------
    FileNotFoundError
        If the folder is of neither layout.
    BadRows
        Naming every broken row or file.
    """
    path = Path(folder)
    if not _holds(path, split):
        raise FileNotFoundError(f"no part of 300-W in {path}; expected {_expected(split)}\n{HOW_TO_GET}")
    if (path / "points.csv").is_file():
        faces, bad = list[Face](), list[str]()
        for face in read_ibug68(path, split, dense=True):
            try:
                faces.append(face_with_box(face.name, face.image, face.points, None))
            except ValueError as error:
                bad.append(f"points.csv: {face.name} {error}; expected all 68 points")
        return finish(faces, bad, path)
    below = f"{split}set" if split else ""
    faces = read_pts_folder(path / below)
    return [replace(face, name=f"{below}/{face.name}".lstrip("/")) for face in faces]


def _holds(path: Path, split: str | None) -> bool:
    return (path / "points.csv").is_file() or (path / f"{split}set" if split else path).is_dir()


def _expected(split: str | None) -> str:
    return "points.csv beside images/, or NAME.pts beside NAME.jpg or NAME.png" + f" in {split}set/" * bool(split)


def groups_300w(faces: Sequence[Face]) -> dict[str, list[int]]:
    """The groups that publications report, as far as all their parts are there; single parts of the others.

    Parameters
    ----------
    faces : sequence of Face
        Of `read_300w`, of its test parts.

    Returns
    -------
    dict of str to list of int
        "common" (LFPW's and HELEN's test parts), "challenging" (iBUG), "full" (both), "indoor", "outdoor" and
        "300-W test" -> places in `faces`. Where only one of LFPW and HELEN is there, its name stands for "common".

    Examples
    --------
    >>> import numpy as np
    >>> faces = [Face(f"{top}/1.png", Path(), np.zeros((68, 2)), np.zeros(4)) for top in ("lfpw", "ibug")]
    >>> groups_300w(faces)
    {'LFPW': [0], 'challenging': [1]}
    """
    top = {part: PARTS[part].folder for part in TESTS}
    rows = {part: [k for k, face in enumerate(faces) if face.name.split("/")[0] == top[part]] for part in TESTS}
    found = {
        name: [k for part in parts for k in rows[part]]
        for name, parts in _GROUPS.items()
        if all(rows[part] for part in parts)
    }
    if "common" in found:
        return found
    return {part.removesuffix("-test").upper(): rows[part] for part in COMMON if rows[part]} | found
