"""One process to a folder: two that write the same files would mix them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tcdcn_init._shared.files.journal import Journal

__all__ = ["alone_in"]


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while its files are written.

    Parameters
    ----------
    folder : pathlib.Path
        Made where it is missing; one that was made here and into which nothing was written goes again.

    Raises
    ------
    BlockingIOError
        If another process is at work in it; the message says which.

    Examples
    --------
    >>> import tempfile
    >>> with alone_in(Path(tempfile.mkdtemp()) / "out"):
    ...     pass
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = Journal(folder / "at-work", "the process that writes into this folder")
    try:
        yield
    finally:
        lock.remove()
        if made and not any(folder.iterdir()):
            folder.rmdir()
