"""Bounds of what a model file may declare, checked before anything is built of it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["MOST_ACTIVATIONS", "check_fields"]

MOST_ACTIVATIONS = 1 << 24
"""Numbers in the maps of one layer for one crop, at most: 64 MB."""

_LARGEST = {"side": 1024, "blocks": 64}
_LARGEST_INTEGER = 1 << 14
_LARGEST_FLOAT = 1000.0
_LONGEST = 16  # tuples


def check_fields(config: Any) -> None:
    """Check types and ranges of a configuration's fields, each against its default.

    Parameters
    ----------
    config : dataclass
        Its fields are whole numbers, numbers from 0, truth values, texts, or tuples of one of these; one whose default
        is None is a configuration that checks itself.

    Raises
    ------
    ValueError
        Naming the field, its value and what is expected.
    """
    for field in dataclasses.fields(config):
        value, default = getattr(config, field.name), field.default
        if default is None:
            continue
        if not isinstance(default, tuple):
            _check(field.name, value, default)
            continue
        if not isinstance(value, tuple) or len(value) > _LONGEST:
            raise ValueError(f"{field.name} is {_short(value)}; expected a tuple of at most {_LONGEST}")
        for item in value:
            _check(field.name, item, default[0])


def _check(name: str, value: Any, like: Any) -> None:
    if isinstance(like, bool):
        valid, expected = isinstance(value, bool), "true or false"
    elif isinstance(like, str):
        valid, expected = isinstance(value, str), "a text"
    elif isinstance(like, int):
        largest = _LARGEST.get(name, _LARGEST_INTEGER)
        valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest
        expected = f"a whole number from 0 to {largest}"
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        valid = number and math.isfinite(value) and 0.0 <= value <= _LARGEST_FLOAT
        expected = f"a number from 0 to {_LARGEST_FLOAT:g}"
    if not valid:
        raise ValueError(f"{name} is {_short(value)}; expected {expected}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
