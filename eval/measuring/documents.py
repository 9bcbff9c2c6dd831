"""Documents that a report leaves as JSON: frozen dataclasses that know how to be written and read back.

What a field may hold: numbers, text, None, lists, mappings with text as keys, and further dataclasses.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin

from tcdcn_init._shared.files import replacing

__all__ = ["Document", "from_json", "to_json", "write_text"]

T = TypeVar("T")


class Document:
    """Base of dataclasses that are files of their own.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Figures(Document):
    ...     mean: float
    ...     names: list[str]
    >>> Figures(0.5, ["a"]).to_json()
    {'mean': 0.5, 'names': ['a']}
    >>> Figures.from_json({"mean": 0.5, "names": ["a"]})
    Figures(mean=0.5, names=['a'])
    """

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold."""
        document: dict[str, Any] = to_json(self)
        return document

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The document that `to_json` gave.

        Raises
        ------
        ValueError
            If a field is missing, unknown or of another type; the message names it.
        """
        return from_json(cls, data)

    def write(self, path: Path) -> None:
        """Write the document as JSON, whole or not at all."""
        write_text(path, json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of `write`.

        Raises
        ------
        ValueError
            If it is not such a file; the message names it.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path} is no {cls.__name__} of this version: {error}; make it again") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def to_json(value: Any) -> Any:
    """Dataclasses, tuples and mappings as JSON has them.

    Examples
    --------
    >>> from tcdcn_init.eval.metrics import summarise
    >>> to_json({"all": (summarise([0.1]), None)})["all"][0]["mean"]
    0.1
    """
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(each) for each in value]
    return value


def from_json(kind: type[T], data: Any, where: str = "the document") -> T:
    """A dataclass, or whatever else a type hint describes, of what JSON holds.

    Parameters
    ----------
    kind : type
    data : what `json.loads` returns
    where : str
        What the error calls it.

    Raises
    ------
    ValueError
        If the data are not of that type; the message says where.

    Examples
    --------
    >>> from_json(list[float], [1, "two"])
    Traceback (most recent call last):
    ...
    ValueError: the document[1] is 'two'; expected float
    """
    made: T = _made(kind, data, where)
    return made


def _made(kind: Any, data: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        (inner,) = (each for each in arguments if each is not type(None))
        return _made(inner, data, where)
    if origin is Literal:
        return _checked(data, data in arguments, f"one of {', '.join(map(repr, arguments))}", where)
    if dataclasses.is_dataclass(kind):
        return _made_dataclass(kind, data, where)
    if origin in (list, tuple):
        _checked(data, isinstance(data, list), "a list", where)
        many = len(arguments) == 1 or arguments[-1] is Ellipsis
        kinds = [arguments[0]] * len(data) if many else list(arguments)
        _checked(data, len(kinds) == len(data), f"{len(kinds)} entries", where)
        return origin(
            _made(each, value, f"{where}[{k}]") for k, (each, value) in enumerate(zip(kinds, data, strict=True))
        )
    if origin is dict:
        _checked(data, isinstance(data, dict), "a mapping", where)
        return {key: _made(arguments[1], value, f"{where}[{key!r}]") for key, value in data.items()}
    if kind is float:
        fits = isinstance(data, int | float) and not isinstance(data, bool)
        return float(_checked(data, fits, "float", where))
    return _checked(data, type(data) is kind, kind.__name__, where)


def _made_dataclass(kind: Any, data: Any, where: str) -> Any:
    _checked(data, isinstance(data, dict), "a mapping", where)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    missing, unknown = sorted(needed - data.keys()), sorted(data.keys() - fields.keys())
    if missing or unknown:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has an unknown {', '.join(unknown)}"] * bool(
            unknown
        )
        raise ValueError(f"{where} {' and '.join(said)}")
    return kind(**{name: _made(hints[name], value, f"{where}.{name}") for name, value in data.items()})


def _checked(data: Any, fits: bool, expected: str, where: str) -> Any:
    if not fits:
        raise ValueError(f"{where} is {str(data)[:60]!r}; expected {expected}")
    return data
