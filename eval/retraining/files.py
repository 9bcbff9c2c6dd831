"""Regressors retrained for a start of the evaluation: trained on starts that err as that start errs.

Each is FAMILY@START.safetensors, in a folder that `tcdcn-init paper retrain` wrote; this project's own lie in its
repository, in eval/retrained/, and not in the package, since they serve evaluation on data sets alone. How many shapes
a start takes is nothing to its training: random-1 and random-5 share ``random``.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["FAMILIES", "REPOSITORY_FILES", "find_retrained", "retrained_file", "retrained_folder"]

REPOSITORY_FILES = Path(__file__).resolve().parents[1] / "retrained"
"""Where a clone of the repository has them; an installed package has no such folder."""

FAMILIES = {"ert5-mtfl": "ert", "rcpr-mtfl": "rcpr", "sdm-mtfl": "sdm", "sdm-mtfl-box": "sdm"}
"""A regressor's name -> its family: one trained for boxes and one for seeds are the same once they are retrained."""


def retrained_folder(folder: Path | None = None) -> Path | None:
    """The folder to look in; None where a package is installed without the repository, and no folder is given.

    Parameters
    ----------
    folder : pathlib.Path, optional
        What `tcdcn-init paper retrain` wrote, instead of the repository's.

    Raises
    ------
    FileNotFoundError
        If a folder was given and is not there.
    """
    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; expected one that `tcdcn-init paper retrain --out` wrote")
    where = REPOSITORY_FILES if folder is None else folder
    return where if where.is_dir() else None


def retrained_file(family: str, start: str, folder: Path) -> Path:
    """Where the variant of a family for a start lies, or would.

    Parameters
    ----------
    family : str
    start : str
        A start of `eval.starts`.
    folder : pathlib.Path

    Examples
    --------
    >>> retrained_file("sdm", "random-5", Path("retrained")).name
    'sdm@random.safetensors'
    """
    return folder / f"{family}@{re.sub('-[0-9]+$', '', start)}.safetensors"


def find_retrained(name: str, start: str, folder: Path | None = None) -> Path | None:
    """The file of a regressor that was retrained for a start, if there is one.

    Parameters
    ----------
    name : str
        Of a bundled regressor, one of `FAMILIES`; of any other there is none.
    start : str
        A start of `eval.starts`; "random-1" and "random-5" are both "random".
    folder : pathlib.Path, optional
        As for `retrained_folder`, whose error this may raise.

    Examples
    --------
    >>> find_retrained("someone-elses", "mean") is None
    True
    """
    where = retrained_folder(folder)
    if where is None or name not in FAMILIES:
        return None
    file = retrained_file(FAMILIES[name], start, where)
    return file if file.is_file() else None
