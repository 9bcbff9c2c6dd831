"""One way to save and load all kinds of cascades."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.cascade_file import read_cascade, write_cascade
from tcdcn_init.adapters.cascade.layouts import IndexMap

__all__ = ["StoredCascade"]


class StoredCascade(ABC):
    """A cascade with files.

    Attributes
    ----------
    metadata : dict of str to str
        Metadata of its file: "data", "recipe", "licence", "figures".
    """

    metadata: dict[str, str]
    _kind: ClassVar[str]
    _tensor_names: ClassVar[Collection[str]]
    _optional_tensors: ClassVar[Collection[str]] = ()

    @property
    @abstractmethod
    def aspect(self) -> float:
        """Width over height of the boxes it was trained on."""

    @abstractmethod
    def _contents(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings that JSON can hold, and tensors."""

    @classmethod
    @abstractmethod
    def _from_contents(
        cls,
        settings: dict[str, Any],
        tensors: dict[str, NDArray[Any]],
        *,
        aspect: float,
        layout: IndexMap | None,
    ) -> Self:
        """The inverse of `_contents`; KeyError, TypeError or ValueError where they disagree."""

    def save(self, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the cascade to a .safetensors file.

        Parameters
        ----------
        path : path
        metadata : mapping of str to str, optional
            What to add to the cascade's own: data, recipe, licence, figures.
        """
        settings, tensors = self._contents()
        settings = {**settings, "aspect": self.aspect}
        write_cascade(path, self._kind, settings, tensors, {**self.metadata, **(metadata or {})})

    @classmethod
    def load(cls, model: str | os.PathLike[str], *, layout: IndexMap | None = None) -> Self:
        """Read a cascade of this kind; `base.load_regressor` reads one of any kind.

        Parameters
        ----------
        model : str or path
            A bundled name, or the path of a file of `save`.
        layout : mapping, optional
            Where the five points are among the model's, for layouts that `layouts.find_layout` does not know.

        Raises
        ------
        FileNotFoundError
            If there is no such file or bundled model.
        ValueError
            If the file is not safetensors, or its metadata and its tensors disagree. Nothing in it is unpickled.
        """
        make = partial(cls._from_file, layout=layout)
        return read_cascade(model, cls._kind, cls._tensor_names, make, optional=cls._optional_tensors)

    @classmethod
    def _from_file(
        cls,
        settings: dict[str, Any],
        tensors: dict[str, NDArray[Any]],
        metadata: dict[str, str],
        *,
        layout: IndexMap | None,
    ) -> Self:
        aspect = float(settings.pop("aspect"))
        cascade = cls._from_contents(settings, tensors, aspect=aspect, layout=layout)
        cascade.metadata = metadata
        return cascade
