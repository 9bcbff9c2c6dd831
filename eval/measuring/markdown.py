"""Tables as the reports of Markdown have them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["plain", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are text already.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequence of str
        Each as long as the head.

    Returns
    -------
    str

    Examples
    --------
    >>> print(table(["point", "error"], [["nose", "3.1"]]))
    | point | error |
    | --- | --- |
    | nose | 3.1 |
    """
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def plain(text: str) -> str:
    """Text that Markdown and a table leave as it is: no link, no emphasis, no tag.

    Examples
    --------
    >>> plain("[a](b)|*c*<d>")
    '\\\\[a\\\\](b)\\\\|\\\\*c\\\\*&lt;d>'
    """
    for mark in "\\|*[]":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
