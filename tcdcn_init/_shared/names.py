"""Names: messages about those that are not known, and those of files as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["as_text", "unknown_name"]


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """A message for a name that is none of the known ones.

    Parameters
    ----------
    what : str
        What it was to name, such as "model".
    name : str
    known : iterable of str

    Returns
    -------
    str

    Examples
    --------
    >>> unknown_name("task", "smil", ["pose", "smile"])
    "unknown task 'smil'; did you mean smile?"
    >>> unknown_name("task", "age", ["pose", "smile"])
    "unknown task 'age'; expected one of pose, smile"
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, cutoff=0.5)
    if near:
        return f"unknown {what} {name!r}; did you mean {' or '.join(near)}?"
    return f"unknown {what} {name!r}; " + (f"expected one of {', '.join(names)}" if names else "there is none")


def as_text(name: str | Path) -> str:
    r"""A file's name as text that every program can read: bytes that are not UTF-8 are written as ``\xe9``.

    Parameters
    ----------
    name : str or path
        Also a message that holds such names.

    Returns
    -------
    str

    Examples
    --------
    >>> print(as_text("café.jpg"), as_text("caf\udce9.jpg"))
    café.jpg caf\xe9.jpg
    """
    text = str(name)
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of pairs, which Windows allows in names
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")
