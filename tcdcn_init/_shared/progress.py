"""Progress of long work: a bar with time left on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

__all__ = ["Advance", "duration", "progress", "track"]

T = TypeVar("T")
logger = logging.getLogger("tcdcn_init")

INTERVAL = 15.0
"""Seconds between two log lines, away from a terminal."""


class Advance(Protocol):
    """Says how much more is done, and whatever else is to be shown."""

    def __call__(self, count: int = 1, note: str = "") -> None: ...


@contextlib.contextmanager
def progress(description: str, total: int | None, unit: str = "") -> Iterator[Advance]:
    """Show how far and how long still, as the work tells.

    Parameters
    ----------
    description : str
    total : int or None
        Pieces of work; None if nobody knows.
    unit : str
        What they are.

    Yields
    ------
    callable
        ``advance(count=1, note="")``: more pieces that are done, and a text such as "12 faces" that stands beside.

    Examples
    --------
    >>> with progress("Reading", total=2, unit="images") as advance:
    ...     advance()
    ...     advance(note="3 faces")
    """
    if sys.stderr.isatty():
        with _bar(description, total, unit) as advance:
            yield advance
        return
    start = last = time.monotonic()
    done = 0
    of = f" {unit}" if unit else ""

    def log(count: int = 1, note: str = "") -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if total and now - last >= INTERVAL and done < total:
            last = now
            left = duration((now - start) / done * (total - done)) if done else "?"
            said = f", {note}" if note else ""
            logger.info("%s: %d of %d%s%s, %s left", description, done, total, of, said, left)

    yield log


@contextlib.contextmanager
def _bar(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit + "[dim]{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, note="")

        def advance(count: int = 1, note: str = "") -> None:
            bar.update(task, advance=count, note=f", {note}" if note else "")

        yield advance


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
    with progress(description, total) as advance:
        for item in items:
            yield item
            advance()


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
