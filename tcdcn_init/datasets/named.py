"""The data sets of the evaluation protocol by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from tcdcn_init.datasets.afw import read_afw, read_afw68
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.ibug68 import read_ibug68
from tcdcn_init.datasets.mtfl import hold_out, read_mtfl
from tcdcn_init.datasets.ytf68 import hold_out_persons, read_ytf68

DATASETS: dict[str, Callable[[Path], list[Face]]] = {
    "mtfl-train": lambda root: hold_out(read_mtfl(root, "training"))[0],
    "mtfl-val": lambda root: hold_out(read_mtfl(root, "training"))[1],
    "aflw": lambda root: read_mtfl(root, "testing"),
    "afw": read_afw,
    "afw68": read_afw68,
    **{
        f"{name}-{half}": lambda root, part=part, index=index: hold_out(read_ibug68(root, part))[index]
        for name, part in (("lfpw", "train"), ("helen", "train"), ("infants", "train"), ("synthetic", None))
        for index, half in enumerate(("train", "val"))
    },
    "lfpw-test": lambda root: read_ibug68(root, "test"),
    "helen-test": lambda root: read_ibug68(root, "test"),
    "cfp-profile-train": lambda root: hold_out_persons(read_ibug68(root, "train"))[0],
    "cfp-profile-val": lambda root: hold_out_persons(read_ibug68(root, "train"))[1],
    "ytf68-train": lambda root: hold_out_persons(read_ytf68(root))[0],
    "ytf68-val": lambda root: hold_out_persons(read_ytf68(root))[1],
}


def read_dataset(name: str, root: str | Path) -> list[Face]:
    """Read a data set of the protocol.

    Parameters
    ----------
    name : str
        One of `DATASETS`. "aflw" is MTFL's testing.txt, the paper's AFLW test set; "NAME-val" the held-out tenth of a
        training set, by image, and of "cfp-profile" and "ytf68" by person; "lfpw-test" and "helen-test" the sets' own
        test parts. Points of LFPW, HELEN, profiles, infants and rendered faces are five in MTFL's convention
        (`ibug68.mtfl_five_from_68`), a profile's hidden ones NaN.
    root : path
        Folder of that data set.

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
