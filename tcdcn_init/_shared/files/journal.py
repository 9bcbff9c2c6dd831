"""A file that long work writes as it goes, so that an interrupted run goes on where it stopped.

Each line is an object of one key: the first line states the settings that decide the results, further ones a finished
piece of work or the process that opened the journal. Lines are only ever added; the one that an interruption cut short
is cut off.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, BinaryIO

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows: there, two processes are not kept apart
    fcntl = None

__all__ = ["Journal"]

_HEAD = b'{"settings": '


class Journal:
    """A journal held open, which no other process can open meanwhile.

    Parameters
    ----------
    path : pathlib.Path
        Made where it is missing.
    settings : str
        All that decides the results.

    Attributes
    ----------
    path : pathlib.Path
    pieces : list of dict
        The finished pieces that an interrupted run left, in order.

    Raises
    ------
    ValueError
        If the journal is of other settings.
    BlockingIOError
        If another process has it open.
    OSError
        If it cannot be read or written; with the file's name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "journal"
    >>> with Journal(path, "seed 0") as journal:
    ...     journal.append({"face": 1})
    >>> with Journal(path, "seed 0") as journal:
    ...     journal.pieces
    [{'face': 1}]
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_alone(path)
        try:
            self.pieces = self._read(settings)
            self._write({"process": os.getpid()})
        except BaseException:
            if not os.fstat(self._file.fileno()).st_size:
                path.unlink()  # there was no room for a first line
            self.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def append(self, piece: dict[str, Any]) -> None:
        """Add a finished piece: what JSON can hold.

        Raises
        ------
        OSError
            If there is no room for it; the journal stays as it was.
        """
        self._write({"piece": piece})

    def close(self) -> None:
        """Let other processes in."""
        self._file.close()

    def remove(self) -> None:
        """Delete the journal: the work is done, and its results lie elsewhere."""
        self.path.unlink()
        self.close()

    def _read(self, settings: str) -> list[dict[str, Any]]:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if not whole and (content.startswith(_HEAD) or _HEAD.startswith(content)):
            # New, or all that a full disk left of a new one.
            self._file.truncate(0)
            self._write({"settings": settings})
            return []
        lines = [_object(line) for line in content[:whole].split(b"\n")]
        theirs = lines[0].get("settings", "unknown") if whole else "unknown"
        if theirs != settings:
            raise ValueError(
                f"{self.path} is of an unfinished run with other settings ({theirs}, now {settings}); "
                "repeat that run's options to finish it, or delete the journal to start anew"
            )
        self._file.truncate(whole)
        return [line["piece"] for line in lines if isinstance(line.get("piece"), dict)]

    def _write(self, line: dict[str, Any]) -> None:
        data = memoryview((json.dumps(line) + "\n").encode())
        end = self._file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file.truncate(end)
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def _open_alone(path: Path) -> BinaryIO:
    """The file, unbuffered, locked against other processes until it is closed."""
    while True:
        file = path.open("a+b", buffering=0)
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held it may have finished in between, and have removed the file that is open here.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOTSUP):
                return file  # a file system that knows no locks
            if isinstance(error, BlockingIOError):
                file.seek(0)
                holders = [line["process"] for line in map(_object, file.read().split(b"\n")) if "process" in line]
                who = f"process {holders[-1]}" if holders else "another process"
                file.close()
                raise BlockingIOError(
                    f"{who} is writing {path}; wait until it is done, or choose another place for this one's output"
                ) from None
            file.close()
            raise
        file.close()


def _object(line: bytes) -> dict[str, Any]:
    """The object that a line holds; an empty one of a line that holds none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
