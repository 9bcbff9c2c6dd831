"""Numbers that a caller brings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FARTHEST", "as_numbers"]

FARTHEST = 1e12
"""Largest coordinate, in pixels: what lies beyond belongs to no image, and products of such coordinates overflow."""


def as_numbers(values: Any) -> NDArray[np.float64] | None:
    """A caller's numbers as an array; None where they are none.

    Masked entries are missing, hence NaN; a tensor is taken without its gradient, from whatever device. Text that looks
    like numbers, truth values and complex numbers are no numbers.

    Examples
    --------
    >>> as_numbers([1, 2.5])
    array([1. , 2.5])
    >>> as_numbers(["1", "2"]) is None
    True
    """
    if hasattr(values, "detach"):  # a tensor with a gradient, or elsewhere, refuses to be an array
        values = values.detach().cpu()
    try:
        array = np.ma.asarray(values) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if array.dtype.kind not in "iufO":
            return None
        if array.dtype.kind == "O" and not all(hasattr(each, "__float__") for each in array.ravel()):
            return None
        numbers = np.array(array, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
    if isinstance(values, np.ma.MaskedArray):
        numbers[np.ma.getmaskarray(values)] = np.nan
    return numbers
