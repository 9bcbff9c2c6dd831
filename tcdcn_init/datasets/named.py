"""The data sets of the evaluation protocol by name: the one registry of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.datasets import afw, mtfl, ytf68
from tcdcn_init.datasets.base import Face

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
    """

    title: str
    read: Callable[[Path], list[Face]]
    how_to_get: str


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
    "ytf68-train": DataSet(
        "YouTube Faces training", lambda root: ytf68.hold_out_persons(ytf68.read_ytf68(root))[0], ytf68.HOW_TO_GET
    ),
    "ytf68-val": DataSet(
        "YouTube Faces held out", lambda root: ytf68.hold_out_persons(ytf68.read_ytf68(root))[1], ytf68.HOW_TO_GET
    ),
}


def read_dataset(name: str, root: str | Path) -> list[Face]:
    """Read a data set of the protocol.

    Parameters
    ----------
    name : {"mtfl-train", "mtfl-val", "aflw", "afw", "afw68", "ytf68-train", "ytf68-val"}
        "aflw" is MTFL's testing.txt, the paper's AFLW test set; "mtfl-val" the held-out tenth of training.txt,
        "ytf68-val" the frames of a held-out tenth of the persons.
    root : path
        Folder of MTFL for the first three, of AFW for the next two, of ytf68 for the last.

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
