"""What the operating system refuses: said with the file's name and what helps."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

__all__ = ["advice", "naming"]

_REMEDIES = {
    "make room there, or choose another place; what is finished is kept": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "choose a place that you may read and write, or ask for the right to": (errno.EACCES, errno.EPERM, errno.EROFS),
    "it is a folder; expected a file": (errno.EISDIR,),
    "one of its folders is a file; choose another place": (errno.ENOTDIR,),
    "choose a shorter name": (errno.ENAMETOOLONG,),
    "close other programs, or allow more open files (ulimit -n)": (errno.EMFILE, errno.ENFILE),
}


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name into errors of the block that have none, as those of writing into an open file.

    Parameters
    ----------
    path : pathlib.Path
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def advice(error: OSError) -> str:
    """An error of the operating system in one line: which file, what is wrong, what helps.

    Parameters
    ----------
    error : OSError

    Returns
    -------
    str

    Examples
    --------
    >>> advice(OSError(errno.ENOSPC, "No space left on device", "points.csv"))
    'points.csv: no space left on device; make room there, or choose another place; what is finished is kept'
    >>> advice(FileNotFoundError("no model at x; expected a file"))
    'no model at x; expected a file'
    """
    if error.errno is None or error.strerror is None:
        return str(error)
    remedy = next((text for text, numbers in _REMEDIES.items() if error.errno in numbers), None)
    what = error.strerror[:1].lower() + error.strerror[1:]
    return "; ".join(filter(None, [f"{error.filename}: {what}" if error.filename is not None else what, remedy]))
