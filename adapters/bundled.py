"""The regressors that ship with the package, under their entry points' names, and those in files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcdcn_init._shared.files.tensor_file import json_object
from tcdcn_init.adapters.cascade.cascade_file import cascade_metadata

if TYPE_CHECKING:
    from tcdcn_init.adapters.dense import DenseNetwork
    from tcdcn_init.adapters.ert.cascade import ERT
    from tcdcn_init.adapters.rcpr.cascade import RCPR
    from tcdcn_init.adapters.sdm.cascade import SDM

__all__ = ["ert5_mtfl", "ert68_300w", "rcpr_mtfl", "read_regressor", "sdm_mtfl", "sdm_mtfl_box", "tcdcn_68"]


def tcdcn_68() -> DenseNetwork:
    """``tcdcn-68``: iBUG's 68 points, the network that goes on from TCDCN's five."""
    from tcdcn_init.adapters.dense import DenseNetwork

    return DenseNetwork()


def ert68_300w() -> ERT:
    """``ert68-300w``: iBUG's 68 points, regression trees trained on 300-W's LFPW and HELEN."""
    from tcdcn_init.adapters.ert.cascade import ERT

    return ERT.load("ert68-300w")


def ert5_mtfl() -> ERT:
    """``ert5-mtfl``: the five points, regression trees trained on MTFL."""
    from tcdcn_init.adapters.ert.cascade import ERT

    return ERT.load("ert5-mtfl")


def sdm_mtfl() -> SDM:
    """``sdm-mtfl``: the five points, supervised descent trained on MTFL, for starts from TCDCN's points."""
    from tcdcn_init.adapters.sdm.cascade import SDM

    return SDM.load("sdm-mtfl")


def sdm_mtfl_box() -> SDM:
    """``sdm-mtfl-box``: the same, trained for the mean shape in a face box."""
    from tcdcn_init.adapters.sdm.cascade import SDM

    return SDM.load("sdm-mtfl-box")


def rcpr_mtfl() -> RCPR:
    """``rcpr-mtfl``: the five points, random ferns from several starts trained on MTFL."""
    from tcdcn_init.adapters.rcpr.cascade import RCPR

    return RCPR.load("rcpr-mtfl")


def read_regressor(path: str | os.PathLike[str]) -> ERT | SDM | RCPR | DenseNetwork:
    """Read a regressor of any kind; which, is in its metadata.

    Parameters
    ----------
    path : path
        A dlib shape predictor (.dat), a file that the ``save`` of `ERT`, `SDM` or `RCPR` wrote (.safetensors), or a
        dense network's (.safetensors, .onnx).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no regressor.
    """
    if os.fspath(path).endswith(".dat"):
        from tcdcn_init.adapters.ert.cascade import ERT

        return ERT.from_dat(path)
    if os.fspath(path).endswith(".onnx"):
        from tcdcn_init.adapters.dense import DenseNetwork

        return DenseNetwork(Path(path))
    metadata = cascade_metadata(path)
    if json_object(metadata.get("architecture", "{}")).get("network") == "dense":
        from tcdcn_init.adapters.dense import DenseNetwork

        return DenseNetwork(Path(path), backend="torch")
    if "ert" in metadata:
        from tcdcn_init.adapters.ert.cascade import ERT

        return ERT.load(Path(path))
    if "sdm" in metadata:
        from tcdcn_init.adapters.sdm.cascade import SDM

        return SDM.load(Path(path))
    if "rcpr" in metadata:
        from tcdcn_init.adapters.rcpr.cascade import RCPR

        return RCPR.load(Path(path))
    raise ValueError(
        f"{os.fspath(path)} holds no regressor: its metadata has {', '.join(sorted(metadata)) or 'nothing'}; "
        "expected settings under one of ert, sdm, rcpr"
    )
