"""The data sets of the evaluation protocol by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from tcdcn_init.datasets.afw import read_afw, read_afw68
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.mtfl import hold_out, read_mtfl
from tcdcn_init.datasets.ytf68 import hold_out_persons, read_ytf68

DATASETS: dict[str, Callable[[Path], list[Face]]] = {
    "mtfl-train": lambda root: hold_out(read_mtfl(root, "training"))[0],
    "mtfl-val": lambda root: hold_out(read_mtfl(root, "training"))[1],
    "aflw": lambda root: read_mtfl(root, "testing"),
    "afw": read_afw,
    "afw68": read_afw68,
    "ytf68-train": lambda root: hold_out_persons(read_ytf68(root))[0],
    "ytf68-val": lambda root: hold_out_persons(read_ytf68(root))[1],
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
        near = difflib.get_close_matches(name, DATASETS, cutoff=0.4) or list(DATASETS)
        raise ValueError(f"unknown data set {name!r}; did you mean {' or '.join(near)}?")
    return DATASETS[name](Path(root))
