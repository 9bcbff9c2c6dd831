"""The data sets of the evaluation protocol by name: the one registry of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.published import afw, ibug68, mtfl, w300, ytf68

__all__ = ["DATASETS", "DataSet", "read_dataset"]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set besides its faces.

    Attributes
    ----------
    title : str
        Its name as readers know it.
    read : callable
        Folder -> its faces, in an order that does not change.
    how_to_get : str
        What to do where it is missing.
    groups : callable, optional
        Faces -> name of a group -> its rows, of a set whose groups are reported apart.
    """

    title: str
    read: Callable[[Path], list[Face]]
    how_to_get: str
    groups: Callable[[Sequence[Face]], dict[str, list[int]]] | None = None


def _ibug68(
    title: str,
    part: str | None,
    half: int,
    split: Callable[[list[Face]], tuple[list[Face], list[Face]]] = mtfl.hold_out,
) -> DataSet:
    """One half of a training set, the kept or the held-out one, of a folder with 68 points."""
    return DataSet(title, lambda root: split(ibug68.read_ibug68(root, part))[half], ibug68.HOW_TO_GET)


def _300w_training(root: Path, half: int) -> list[Face]:
    return mtfl.hold_out(w300.read_300w(root, ("lfpw-train", "helen-train"), whole=True))[half]


DATASETS: dict[str, DataSet] = {
    "mtfl-train": DataSet(
        "MTFL training", lambda root: mtfl.hold_out(mtfl.read_mtfl(root, "training"))[0], mtfl.HOW_TO_GET
    ),
    "mtfl-val": DataSet(
        "MTFL held out", lambda root: mtfl.hold_out(mtfl.read_mtfl(root, "training"))[1], mtfl.HOW_TO_GET
    ),
    "aflw": DataSet("AFLW", lambda root: mtfl.read_mtfl(root, "testing"), mtfl.HOW_TO_GET),
    "afw": DataSet("AFW", afw.read_afw, afw.HOW_TO_GET),
    "afw68": DataSet("AFW-68", afw.read_afw68, afw.HOW_TO_GET),
    "lfpw-train": _ibug68("LFPW training", "train", 0),
    "lfpw-val": _ibug68("LFPW held out", "train", 1),
    "lfpw-test": DataSet("LFPW test", lambda root: ibug68.read_ibug68(root, "test"), ibug68.HOW_TO_GET),
    "helen-train": _ibug68("HELEN training", "train", 0),
    "helen-val": _ibug68("HELEN held out", "train", 1),
    "helen-test": DataSet("HELEN test", lambda root: ibug68.read_ibug68(root, "test"), ibug68.HOW_TO_GET),
    "lfpw": DataSet("LFPW-68", partial(w300.read_300w_part, split="test"), w300.HOW_TO_GET),
    "helen": DataSet("HELEN-68", partial(w300.read_300w_part, split="test"), w300.HOW_TO_GET),
    "300w-common": DataSet(
        "300-W common", partial(w300.read_300w, parts=w300.COMMON, whole=True), w300.HOW_TO_GET, w300.groups_300w
    ),
    "300w": DataSet("300-W", w300.read_300w, w300.HOW_TO_GET, w300.groups_300w),
    "300w-train": DataSet("300-W training", partial(_300w_training, half=0), w300.HOW_TO_GET),
    "300w-val": DataSet("300-W held out", partial(_300w_training, half=1), w300.HOW_TO_GET),
    "infants-train": _ibug68("infants training", "train", 0),
    "infants-val": _ibug68("infants held out", "train", 1),
    "synthetic-train": _ibug68("rendered faces training", None, 0),
    "synthetic-val": _ibug68("rendered faces held out", None, 1),
    "cfp-profile-train": _ibug68("profiles training", "train", 0, ytf68.hold_out_persons),
    "cfp-profile-val": _ibug68("profiles held out", "train", 1, ytf68.hold_out_persons),
}


def read_dataset(name: str, root: str | Path) -> list[Face]:
    """Read a data set of the protocol.

    Parameters
    ----------
    name : str
        One of `DATASETS`. "aflw" is MTFL's testing.txt, the paper's AFLW test set; "NAME-val" the held-out tenth of a
        training set, by image, and of "cfp-profile" by person; "lfpw-test" and "helen-test" the sets' own
        test parts. Points of these two, profiles, infants and rendered faces are five in MTFL's convention
        (`ibug68.mtfl_five_from_68`), a profile's hidden ones NaN. All 68 points have "lfpw" and "helen", the test parts
        again, "300w-common", both together, "300w", all test parts of 300-W that are there, and "300w-train" and
        "300w-val", LFPW's and HELEN's training faces without and in their held-out tenth.
    root : path
        Folder of that data set; of those that begin with 300w, the one that holds lfpw/, helen/ and so on.

    Returns
    -------
    list of Face

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests near ones.
    FileNotFoundError
        If the folder is not that data set.
    """
    if name not in DATASETS:
        raise ValueError(unknown_name("data set", name, DATASETS))
    return DATASETS[name].read(Path(root))
