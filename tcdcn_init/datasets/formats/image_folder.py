"""The folder that a data set's images lie in, and outside of which it may name nothing."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

__all__ = ["ImageFolder"]


class ImageFolder:
    """Images by the names that annotations have for them.

    Parameters
    ----------
    root : pathlib.Path

    Examples
    --------
    >>> ImageFolder(Path("data")).path("../secret.jpg")
    Traceback (most recent call last):
    ValueError: names the image '../secret.jpg'; expected a file below data
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = Path(os.path.realpath(root))
        # By folder, each file and whether it is a link: one listing instead of a look at the disk for every row.
        self._listings: dict[Path, dict[str, bool]] = {}

    def path(self, name: str) -> Path:
        """An image's file, which need not be there.

        Parameters
        ----------
        name : str
            Relative to the root, with forward slashes.

        Raises
        ------
        ValueError
            If it is blank or leads out of the root, by itself or by links.
        """
        parts = PurePosixPath(name).parts
        path = self.root.joinpath(*parts)
        if not parts or ".." in parts or PurePosixPath(name).is_absolute() or Path(name).drive or "\0" in name:
            raise ValueError(f"names the image {name!r}; expected a file below {self.root}")
        if self._listing(path.parent).get(path.name, True) and not self._is_below(path):
            raise ValueError(
                f"names the image {name!r}, a link that leads out of {self.root}; expected a file below it"
            )
        return path

    def existing(self, name: str) -> Path:
        """An image's file, which is there.

        Raises
        ------
        ValueError
            As `path`, and if there is no such file.
        """
        path = self.path(name)
        if path.name not in self._listing(path.parent) and not path.is_file():
            raise ValueError(f"names an image that is not there: {path}")
        return path

    def _listing(self, folder: Path) -> dict[str, bool]:
        if folder not in self._listings:
            try:
                inside = self._is_below(folder)
                with os.scandir(folder) as entries:
                    # Below a folder that is itself a link outwards, every file is one.
                    self._listings[folder] = {entry.name: entry.is_symlink() or not inside for entry in entries}
            except OSError:
                self._listings[folder] = {}
        return self._listings[folder]

    def _is_below(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._real)
