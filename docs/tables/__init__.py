"""The documentation's tables, each from JSON that a command left; `write.py` puts them where pages mark them.

Every module here that has ``TABLES``, by name, or ``PAGES``, by path, is taken.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

TABLES: dict[str, Callable[..., str]] = {}
"""What stands between the marks of a page."""

PAGES: dict[str, Callable[[], str]] = {}
"""Pages that are made as a whole."""

for _module in pkgutil.iter_modules(__path__, "tables."):
    _found = importlib.import_module(_module.name)
    TABLES |= getattr(_found, "TABLES", {})
    PAGES |= getattr(_found, "PAGES", {})
