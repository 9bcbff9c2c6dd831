"""Messages about names that are not known, with the nearest that are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["unknown_name"]


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
