"""Tables as the reports of Markdown have them."""

from __future__ import annotations

from collections.abc import Sequence


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
