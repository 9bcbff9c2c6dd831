"""Progress of long work: a bar with time left on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

__all__ = ["duration", "track"]

T = TypeVar("T")
logger = logging.getLogger("tcdcn_init")

INTERVAL = 15.0
"""Seconds between two log lines, away from a terminal."""


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate, showing how far and how long still.

    Parameters
    ----------
    items : iterable
    description : str
    total : int, optional
        Number of items, where `items` does not know it.

    Yields
    ------
    The items.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress, TimeRemainingColumn

        with Progress(*Progress.get_default_columns()[:-1], TimeRemainingColumn(), console=Console(stderr=True)) as bar:
            yield from bar.track(items, total=total, description=description)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if total and (now - last >= INTERVAL) and done < total:
            last = now
            logger.info(
                "%s: %d of %d, %s left", description, done, total, duration((now - start) / done * (total - done))
            )


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Examples
    --------
    >>> duration(42), duration(125), duration(7260)
    ('42 s', '2 min 05 s', '2 h 01 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
