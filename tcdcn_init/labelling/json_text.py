"""JSON whose errors say where in the file they are."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["finite_numbers", "read_json"]


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is not JSON; with file and line.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file of UTF-8 ({error.reason}); get the file anew") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno} cannot be read as JSON: {error.msg}; get the file anew") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply to be read as JSON; get the file anew") from None


def finite_numbers(values: Any, place: str) -> NDArray[np.float64]:
    """A list of JSON as an array.

    Raises
    ------
    ValueError
        If it is no list of finite numbers; with the place.

    Examples
    --------
    >>> finite_numbers([1, "2"], "a.json: images[0]")
    Traceback (most recent call last):
    ValueError: a.json: images[0] is [1, '2']; expected finite numbers
    """
    if not isinstance(values, list) or not all(isinstance(v, int | float) and abs(v) < 1e300 for v in values):
        raise ValueError(f"{place} is {reprlib.repr(values)}; expected finite numbers")
    return np.array(values, dtype=np.float64)
