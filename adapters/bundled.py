"""The regressors that ship with the package, under their entry points' names (`base.load_regressor`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcdcn_init.weights import bundled_file

if TYPE_CHECKING:
    from tcdcn_init.adapters.ert.cascade import ERT
    from tcdcn_init.adapters.rcpr.cascade import RCPR
    from tcdcn_init.adapters.sdm.cascade import SDM


def ert68_ytf() -> ERT:
    """``ert68-ytf``: iBUG's 68 points, regression trees trained on frames of YouTube Faces."""
    from tcdcn_init.adapters.ert.cascade import ERT

    return ERT.load(bundled_file("ert68-ytf.safetensors"))


def ert5_mtfl() -> ERT:
    """``ert5-mtfl``: the five points, regression trees trained on MTFL."""
    from tcdcn_init.adapters.ert.cascade import ERT

    return ERT.load(bundled_file("ert5-mtfl.safetensors"))


def sdm_mtfl() -> SDM:
    """``sdm-mtfl``: the five points, supervised descent trained on MTFL, for starts from TCDCN's points."""
    from tcdcn_init.adapters.sdm.cascade import SDM

    return SDM.load(bundled_file("sdm-mtfl.safetensors"))


def sdm_mtfl_box() -> SDM:
    """``sdm-mtfl-box``: the same, trained for the mean shape in a face box."""
    from tcdcn_init.adapters.sdm.cascade import SDM

    return SDM.load(bundled_file("sdm-mtfl-box.safetensors"))


def rcpr_mtfl() -> RCPR:
    """``rcpr-mtfl``: the five points, random ferns from several starts trained on MTFL."""
    from tcdcn_init.adapters.rcpr.cascade import RCPR

    return RCPR.load(bundled_file("rcpr-mtfl.safetensors"))
