"""Which images a run takes, and which boxes of a box file are whose."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from tcdcn_init._shared.names import as_text

__all__ = ["IMAGE_SUFFIXES", "boxes_by_image", "find_images"]

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif",
    ".hif", ".jp2", ".pgm", ".ppm",
)  # fmt: skip
"""What is taken for an image in a folder, in capitals too."""

LIST_SUFFIX = ".txt"
"""Of a file that names images, one a line."""

T = TypeVar("T")


def find_images(patterns: Sequence[str], suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[Path]:
    """Files, folders (searched wholly), glob patterns and lists of names to a list of images without repetition.

    Parameters
    ----------
    patterns : sequence of str
        In their order. A .txt file is a list of images, one a line, and ``-`` is such a list from the standard input;
        their names are of the working folder, and may be ended by NUL instead, as ``find -print0`` does.
    suffixes : tuple of str
        What is taken for an image in a folder.

    Returns
    -------
    list of pathlib.Path
        Sorted within a folder or pattern. A folder that may not be read and a listed image that is not there are
        listed themselves: whoever reads the list says so, and nothing is left out in silence.

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing, or a list is empty.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == "-":
            matches = _listed(sys.stdin.buffer.read())
        elif path.is_dir():
            matches = sorted(_below(path, suffixes))
        elif path.suffix.lower() == LIST_SUFFIX and path.is_file():
            matches = _listed(path.read_bytes())
        elif path.exists():
            matches = [path]
        else:
            matches = sorted(Path(p) for p in glob.glob(pattern, recursive=True) if _may_be_read(Path(p)))  # noqa: PTH207
        if not matches:
            raise FileNotFoundError(
                f"{pattern!r} matches no image; expected a file, a folder, a pattern, or a list ({LIST_SUFFIX} or -), "
                f"of {', '.join(suffixes)}"
            )
        found.update(dict.fromkeys(matches))
    return list(found)


def _listed(content: bytes) -> list[Path]:
    """The names that a list holds: bytes as the system has them, whatever their encoding."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\0" if b"\0" in content else b"\n")
    names = [line.removesuffix(b"\r") for line in lines]
    return [Path(os.fsdecode(name)) for name in names if name.strip()]


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for parent, _, names in os.walk(folder, onerror=unreadable.append):
        for name in names:
            path = Path(parent, name)
            # A Mac's notes about a file, beside it on foreign disks, have the file's suffix.
            if name.startswith("._"):
                continue
            if path.suffix and name.lower().endswith(suffixes) and _may_be_read(path):
                yield path
    yield from (Path(error.filename) for error in unreadable)


def _may_be_read(path: Path) -> bool:
    """Whether a path is a file, or one that reading has to complain about; a pipe or a folder is not."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def boxes_by_image(images: Sequence[Path], boxes: Mapping[str, Sequence[T]]) -> dict[Path, Sequence[T] | str]:
    """The boxes of each image, by the names of a box file.

    A name is an image's path, or the end of it: its file name, with or without some of its folders. Of several names
    that fit an image, the longest is its own.

    Parameters
    ----------
    images : sequence of pathlib.Path
    boxes : mapping of str to sequence of boxes
        By names with forward slashes.

    Returns
    -------
    dict of pathlib.Path to sequence of boxes, or str
        A text says why an image has none: no name fits it, or its name fits other images as well.

    Examples
    --------
    >>> found = boxes_by_image([Path("in/a/1.jpg"), Path("in/b/1.jpg")], {"a/1.jpg": [(0, 0, 9, 9)]})
    >>> found[Path("in/a/1.jpg")]
    [(0, 0, 9, 9)]
    >>> print(found[Path("in/b/1.jpg")])
    no row of the box file names it; expected its path or its file name in the image column
    """
    by_name: dict[str, list[Any]] = {}
    for key, entry in boxes.items():
        by_name.setdefault(PurePosixPath(key).as_posix(), []).extend(entry)
    names = {path: _own_name(path, by_name) for path in images}
    owners: dict[str, list[Path]] = {}
    for path, name in names.items():
        if name is not None:
            owners.setdefault(name, []).append(path)
    found: dict[Path, Sequence[T] | str] = {}
    for path, name in names.items():
        if name is None:
            found[path] = "no row of the box file names it; expected its path or its file name in the image column"
        elif len({other.resolve() for other in owners[name]}) > 1:
            other = next(other for other in owners[name] if other.resolve() != path.resolve())
            found[path] = (
                f"{as_text(name)!r} of the box file may be {as_text(path)} or {as_text(other)}; "
                "write the folder before the name"
            )
        else:
            found[path] = by_name[name]
    return found


def _own_name(path: Path, names: Mapping[str, Any]) -> str | None:
    """The longest name that fits a path, written as it is or as `as_text` writes it."""
    text = as_text(path.as_posix())
    # The last is how a box file's reader takes a backslash.
    for whole in (path.as_posix(), text, text.replace("\\", "/")):
        if whole in names:
            return whole
        parts = whole.split("/")
        for start in range(1, len(parts)):
            name = "/".join(parts[start:])
            if name in names:
                return name
    return None
