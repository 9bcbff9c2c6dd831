"""RCPR, random ferns from several starts with smart restarts: the cascade, its ferns, its training."""

from __future__ import annotations

from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.rcpr.training import train_rcpr

__all__ = ["RCPR", "RCPRConfig", "train_rcpr"]
