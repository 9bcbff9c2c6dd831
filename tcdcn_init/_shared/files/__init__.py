"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write beside a file, then move: what is interrupted or fails leaves the file of before, and nothing else.

    Parameters
    ----------
    path : pathlib.Path
        The file to make or replace; its folder is made where it is missing.

    Yields
    ------
    pathlib.Path
        Where to write: ``NAME.part`` in the same folder. When the block ends well it is flushed to the disk and becomes
        `path`; otherwise it is removed.

    Raises
    ------
    OSError
        If it cannot be written; always with the name of a file, which writing into an open one has not by itself.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "points.csv"
    >>> with replacing(target) as part:
    ...     length = part.write_text("whole")
    >>> target.read_text(), [file.name for file in target.parent.iterdir()]
    ('whole', ['points.csv'])
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        yield part
        # Before the name points at it: after a crash of the machine there is the old file or the new one, not an empty.
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):  # the error to tell of is the one above
            part.unlink(missing_ok=True)
