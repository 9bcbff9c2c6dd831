"""The columns of what commands write."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.pointfile import columns_of
from tcdcn_init.tasks import TASKS
from tcdcn_init.video.rows import COLUMNS


def columns(of: str = "points") -> str:
    """The columns of what `tcdcn-init points` or `video` writes, those of one meaning in one row."""
    rows = []
    every = columns_of(5, list(TASKS)) if of == "points" else COLUMNS
    for (kind, unit, meaning), group in groupby(every, lambda c: (c.kind, c.unit, c.meaning)):
        names = [f"`{column.name}`" for column in group]
        names = names if len(names) <= 5 else [*names[:2], "...", names[-1]]
        rows.append([", ".join(names), {"whole": "whole number"}.get(kind, kind), unit, meaning])
    return table(["column", "type", "unit", "meaning"], rows)


TABLES: dict[str, Callable[..., str]] = {
    "columns": columns,
}
