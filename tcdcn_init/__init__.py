"""Five facial points from TCDCN that start a cascaded shape regressor right."""

from __future__ import annotations

__version__ = "0.1.0"
