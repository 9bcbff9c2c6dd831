"""Images that end the process which works on them: found, and left out with a reason, instead of tried for ever.

A cluster starts a process that ended anew and gives it the same piece. Who begins a piece leaves a note beside the
output, and who finds one works on a single image at a time and notes which: the image at which two processes ended is
not given to a third.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

__all__ = ["Attempts"]

_DEATHS = 2


class Attempts:
    """The note of a piece.

    Parameters
    ----------
    path : pathlib.Path
        Of the note; its folder is made where it is missing.

    Attributes
    ----------
    is_first : bool
        Whether nobody began this piece before.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.json"
    >>> Attempts(path).is_first, Attempts(path).is_first
    (True, False)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.is_first = not path.exists()
        self._deaths: Counter[str] = Counter()
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            self._deaths.update(note["deaths"])
            if note["at"] is not None:
                self._deaths[note["at"]] += 1
        except (FileNotFoundError, ValueError):  # a first one, or a note that was cut short
            pass
        self.at(None)

    def at(self, image: str | None) -> None:
        """Note what is worked on from now on; "" is the piece itself, None nothing that could be blamed."""
        note = json.dumps({"deaths": self._deaths, "at": image})
        self._path.write_text(note, encoding="utf-8")

    def is_deadly(self, image: str) -> bool:
        """Whether so many processes ended at it that no other should try."""
        return self._deaths[image] >= _DEATHS

    def end(self) -> None:
        """The piece is done."""
        self._path.unlink(missing_ok=True)
