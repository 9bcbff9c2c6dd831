"""What tables are made of, how runs are named and put in order in them, and their Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.finding import Tone, signed, tone_of
from tcdcn_init.eval.comparison.report import Differences, RunName, grouped
from tcdcn_init.eval.measuring.markdown import plain
from tcdcn_init.eval.measuring.markdown import table as markdown_table
from tcdcn_init.eval.metrics import Summary

__all__ = [
    "NOTHING",
    "Cell",
    "Table",
    "as_markdown",
    "difference",
    "ends",
    "mean_and_failures",
    "names_of",
    "ordered",
    "points_name",
]

N = TypeVar("N", bound=RunName)

NOTHING = "–"
"""Of a cell."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
    detail : str
        Said smaller, below.
    best : bool
        Best of its row.
    tone : {"", "better", "worse"}
        What the detail says, where it is beyond chance.
    """

    text: str
    detail: str = ""
    best: bool = False
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """A table, its title and what must be said under it.

    Attributes
    ----------
    title : str
    head : tuple of str
    rows : tuple of tuple of Cell
    note : str
    labels : int
        Columns on the left that name the row.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    labels: int = 1


def names_of(run: RunName) -> tuple[str, str, str]:
    """Regressor, training and start of a run as a table names them.

    Examples
    --------
    >>> names_of(RunName("none", "original", "tcdcn"))
    ('no regressor', '–', "TCDCN's points")
    """
    if run.is_bare:
        return "no regressor", NOTHING, points_name(run.start)
    return run.regressor, run.training, run.start


def points_name(start: str) -> str:
    """Whose points these are, with no regressor after them.

    Examples
    --------
    >>> points_name("tcdcn"), points_name("yunet.csv")
    ("TCDCN's points", 'points of yunet.csv')
    """
    return "TCDCN's points" if start == "tcdcn" else f"points of {start}"


def mean_and_failures(errors: Summary) -> Cell:
    """A mean error, with the share of failures below."""
    return Cell(f"{100 * errors.mean:.2f}", f"{100 * errors.failure_10:.1f} % fail")


def difference(against: Differences | None, kind: Literal["failure", "nme"], digits: int) -> tuple[str, Tone]:
    """A paired difference with its interval, in percentage points, and what it says; nothing of none."""
    if against is None:
        return "", ""
    interval: Interval = getattr(against, kind)
    return ends(interval, digits), tone_of(interval)


def ends(interval: Interval, digits: int) -> str:
    """An estimate and the ends of its interval, in percent."""
    text, low, high = (signed(100 * value, digits) for value in (interval.estimate, interval.low, interval.high))
    return f"{text} ({low} to {high})"


def ordered(runs: Sequence[N]) -> list[N]:
    """The bare points first, then as `report.grouped` orders them."""
    bare = [run for run in runs if run.is_bare]
    return bare + [run for part in grouped(runs).values() for run in part.values()]


def as_markdown(table: Table) -> str:
    """A table with its title and its note."""
    rows = []
    for row in table.rows:
        texts = [f"**{plain(cell.text)}**" if cell.best else plain(cell.text) for cell in row]
        rows.append(
            [text + (f"<br>{plain(cell.detail)}" if cell.detail else "") for text, cell in zip(texts, row, strict=True)]
        )
    lines = markdown_table([plain(name) for name in table.head], rows)
    return "\n\n".join(part for part in (f"## {plain(table.title)}", lines, plain(table.note)) if part)
