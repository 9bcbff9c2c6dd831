"""A file that long work writes as it goes, so that an interrupted run goes on where it stopped.

The first line states the settings that decide the results; every further one is a finished piece, as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def open_journal(path: Path, settings: str) -> list[dict[str, Any]]:
    """Start a journal, or read the one that an interrupted run left.

    Parameters
    ----------
    path : pathlib.Path
    settings : str
        All that decides the results.

    Returns
    -------
    list of dict
        The finished pieces; a line that the interruption cut short is dropped from the file.

    Raises
    ------
    ValueError
        If the journal is of other settings.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "journal"
    >>> open_journal(path, "seed 0")
    []
    >>> append(path, {"face": 1})
    >>> open_journal(path, "seed 0")
    [{'face': 1}]
    """
    head = json.dumps({"settings": settings})
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + "\n")
        return []
    lines = path.read_text().splitlines()
    try:
        theirs = json.loads(lines[0])["settings"]
    except (IndexError, KeyError, TypeError, ValueError):
        theirs = "unknown"
    if theirs != settings:
        raise ValueError(
            f"{path} is of an unfinished run with other settings ({theirs}, now {settings}); "
            "repeat that run's options to finish it, or delete the journal to start anew"
        )
    pieces, whole = [], [head]
    for line in lines[1:]:
        try:
            pieces.append(json.loads(line))
        except ValueError:
            continue  # the line that the interruption cut short
        whole.append(line)
    path.write_text("\n".join(whole) + "\n")
    return pieces


def append(path: Path, piece: dict[str, Any]) -> None:
    """Add a finished piece to a journal."""
    with path.open("a") as file:
        file.write(json.dumps(piece) + "\n")
