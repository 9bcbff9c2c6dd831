"""SDM, supervised descent on HOG patches: the cascade, its features, its training."""

from __future__ import annotations

from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.adapters.sdm.training import train_sdm

__all__ = ["SDM", "SDMConfig", "train_sdm"]
