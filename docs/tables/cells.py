"""What the tables share: JSON by its path, and how figures are put in a cell."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""


@cache
def read(path: str) -> Any:
    """JSON by its path in the repository."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def both(error: float, failures: float) -> str:
    """Failures and mean error, both in percent."""
    return f"{100 * failures:.1f} ({100 * error:.2f})"


def pair(error: float, failures: float) -> str:
    """Mean error and failures, both in percent."""
    return f"{100 * error:.2f} / {100 * failures:.1f}"
