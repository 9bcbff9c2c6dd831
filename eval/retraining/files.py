"""Regressors retrained for a start of the evaluation: trained on starts that err as that start errs.

Each is NAME@START.safetensors, in a folder that `tcdcn-init paper retrain` wrote; this project's own lie in its
repository, in eval/retrained/, and not in the package, since they serve evaluation on data sets alone. How many shapes
a start takes is nothing to its training: random-1 and random-5 share ``random``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tcdcn_init.adapters.base import ShapeRegressor

REPOSITORY_FILES = Path(__file__).resolve().parents[1] / "retrained"
"""Where a clone of the repository has them; an installed package has no such folder."""

# A regressor's name -> the name that its retrained variants have. One trained for boxes and one trained for seeds are
# the same regressor once it is retrained.
_FAMILIES = {"ert5-mtfl": "ert5-mtfl", "rcpr-mtfl": "rcpr-mtfl", "sdm-mtfl": "sdm-mtfl", "sdm-mtfl-box": "sdm-mtfl"}


def retrained_file(name: str, start: str, folder: str | Path | None = None) -> Path:
    """Where the variant of a regressor for a start is, if there is one.

    Parameters
    ----------
    name : str
        Name of a bundled regressor.
    start : str
        A start of `eval.starts`.
    folder : path, optional
        Instead of the repository's own.

    Returns
    -------
    pathlib.Path

    Examples
    --------
    >>> retrained_file("sdm-mtfl-box", "random-5").name
    'sdm-mtfl@random.safetensors'
    """
    where = REPOSITORY_FILES if folder is None else Path(folder)
    return where / f"{_FAMILIES.get(name, name)}@{re.sub('-[0-9]+$', '', start)}.safetensors"


def load_retrained(name: str, start: str, folder: str | Path | None = None) -> ShapeRegressor | None:
    """The variant of a regressor that was trained for a start.

    Parameters
    ----------
    name : str
        "ert5-mtfl", "rcpr-mtfl", "sdm-mtfl" or "sdm-mtfl-box" (which share theirs); of any other there is none.
    start : str
        A start of `eval.starts`; "random-1" and "random-5" are both "random".
    folder : path, optional
        What `tcdcn-init paper retrain` wrote, instead of the repository's variants.

    Returns
    -------
    ShapeRegressor or None
        None where there is no such variant.

    Raises
    ------
    FileNotFoundError
        If a folder was given and is not there.
    ValueError
        If the variant's file is damaged.

    Examples
    --------
    >>> load_retrained("someone-elses", "mean") is None
    True
    """
    if folder is not None and not Path(folder).is_dir():
        raise FileNotFoundError(f"no folder {folder}; expected one that `tcdcn-init paper retrain --out` wrote")
    file = retrained_file(name, start, folder)
    if name not in _FAMILIES or not file.is_file():
        return None
    if name.startswith("sdm"):
        from tcdcn_init.adapters.sdm.cascade import SDM

        return SDM.load(file)
    if name.startswith("rcpr"):
        from tcdcn_init.adapters.rcpr.cascade import RCPR

        return RCPR.load(file)
    from tcdcn_init.adapters.ert.cascade import ERT

    return ERT.load(file)
