"""What a run over several machines is cut into: pieces of some hundred images, each of which becomes one file of rows.

Pieces are small, and hold names instead of images: whoever works on one reads its images itself.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike

from tcdcn_init.pointfile.finding import IMAGE_SUFFIXES, boxes_by_image, find_images
from tcdcn_init.pointfile.rows import image_name
from tcdcn_init.pointfile.work import ImageTask
from tcdcn_init.scale.tables import rows_by_group, tasks_of_table

__all__ = ["CONTAINER_SUFFIXES", "Files", "Piece", "RowGroups", "Tar", "cut", "digest_of"]

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
CONTAINER_SUFFIXES = (*TAR_SUFFIXES, ".parquet")
"""Files that hold many images."""

_LEAST, _MANY = 16, 64  # images of a piece, and pieces of a folder, before pieces grow

Boxes: TypeAlias = Mapping[str, Sequence[ArrayLike]]


class Piece(Protocol):
    """Some images that are annotated together."""

    @property
    def source(self) -> Path:
        """What a failure to read the piece itself is told of."""
        ...

    def tasks(self, only: Collection[str] | None = None) -> Iterator[ImageTask]:
        """The images, one by one, each read when it is asked for.

        Parameters
        ----------
        only : collection of str, optional
            Names, as rows have them (`image_name`), of the images that are wanted; default: all.
        """
        ...

    def identity(self) -> str:
        """What is in it, as far as that is seen without reading it: another text, another piece."""
        ...


@dataclass(frozen=True)
class Files:
    """Images that are files of their own."""

    images: tuple[ImageTask, ...]

    @property
    def source(self) -> Path:
        """See `Piece`."""
        return Path(self.images[0].path)

    def tasks(self, only: Collection[str] | None = None) -> Iterator[ImageTask]:
        """See `Piece`."""
        return (task for task in self.images if only is None or image_name(task.path) in only)

    def identity(self) -> str:
        """See `Piece`."""
        return "\n".join(f"{image_name(task.path)} {task.boxes!r}" for task in self.images)


@dataclass(frozen=True)
class Tar:
    """A tar of images, such as a shard of a WebDataset; whatever else it holds is left alone."""

    source: Path

    def tasks(self, only: Collection[str] | None = None) -> Iterator[ImageTask]:
        """See `Piece`; an image's name is the tar's, a slash, and its own in the tar."""
        with tarfile.open(self.source) as tar:
            for member in tar:
                path = self.source / member.name
                if not member.isfile() or path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("._"):
                    continue
                if only is None or image_name(path) in only:
                    file = tar.extractfile(member)
                    assert file is not None  # of a file it never is
                    yield ImageTask(path, data=file.read())
            # A header that was cut off counts as the end for tarfile, which says nothing.
            assert tar.fileobj is not None
            tar.fileobj.seek(tar.offset)
            if len(tar.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
                raise ValueError(
                    "it ends without the mark of a tar's end; images may be missing: fetch or make it anew"
                )

    def identity(self) -> str:
        """See `Piece`."""
        return _stamp(self.source)


@dataclass(frozen=True)
class RowGroups:
    """Some row groups of a parquet file with a column of images' bytes."""

    source: Path
    start: int
    stop: int

    def tasks(self, only: Collection[str] | None = None) -> Iterator[ImageTask]:
        """See `Piece`; names as `tables.tasks_of_table` gives them."""
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self.source) as file:
            first = sum(file.metadata.row_group(k).num_rows for k in range(self.start))
            for k in range(self.start, self.stop):
                yield from tasks_of_table(file.read_row_group(k), str(self.source), first, only)
                first += file.metadata.row_group(k).num_rows

    def identity(self) -> str:
        """See `Piece`."""
        return f"{_stamp(self.source)} {self.start} {self.stop}"


def cut(patterns: Sequence[str], size: int, out: Path, boxes: Boxes | None = None) -> list[Piece]:
    """Cut images into pieces, the same ones as long as the images are the same.

    Parameters
    ----------
    patterns : sequence of str
        As for `pointfile.find_images`: files, folders, patterns and lists. Beside images they may be tars and parquet
        files; a tar is a piece whatever its size, since it can only be read from its beginning.
    size : int
        Images that a piece has, roughly; of few files that are images fewer, so that there is work for many processes.
    out : pathlib.Path
        Absolute; parquet files below it are no sources.
    boxes : mapping of str to sequence of boxes, optional
        As for `pointfile.write_points`.

    Returns
    -------
    list of Piece

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing.
    ValueError
        If there are boxes, and a tar or parquet file that they would not reach.
    """
    images, pieces = [], list[Piece]()
    for path in find_images(patterns, IMAGE_SUFFIXES + CONTAINER_SUFFIXES):
        is_container = path.name.lower().endswith(CONTAINER_SUFFIXES)
        if is_container and out in path.resolve().parents:
            continue
        if is_container and boxes is not None:
            raise ValueError(
                f"{path} holds many images, whose boxes no box file names; leave the boxes away, or write the images "
                "to files of their own"
            )
        if not is_container:
            images.append(path)
        elif path.name.lower().endswith(TAR_SUFFIXES):
            pieces.append(Tar(path))
        else:
            pieces += [RowGroups(path, *groups) for groups in rows_by_group(path, size)]
    own = {} if boxes is None else boxes_by_image(images, boxes)
    tasks = [ImageTask(path, own.get(path)) for path in images]
    size = min(size, max(_LEAST, len(images) // _MANY))
    files: list[Piece] = [Files(tuple(tasks[start : start + size])) for start in range(0, len(tasks), size)]
    return files + pieces


def digest_of(pieces: Sequence[Piece]) -> str:
    """A hash of what all pieces hold, as far as that is seen without reading them."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.identity().encode() + b"\0")
    return digest.hexdigest()[:16]


def _stamp(path: Path) -> str:
    found: Any = path.stat() if path.exists() else None
    return f"{image_name(path)} {found and (found.st_size, found.st_mtime_ns)}"
