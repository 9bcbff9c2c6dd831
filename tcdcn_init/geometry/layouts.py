"""Where the five points are among the points of another annotation, as whoever made it states it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.points import FIVE_POINTS

__all__ = ["Layout", "five_by_layout", "parse_layout"]

Layout: TypeAlias = Mapping[str, tuple[int, ...]]
"""Name of `FIVE_POINTS` -> numbers, from 0, of the points whose mean it is: an eye's corners, a single nose tip."""

_EXAMPLE = "left eye=36-41, right eye=42-47, nose=30, left mouth corner=48, right mouth corner=54"


def parse_layout(text: str) -> dict[str, tuple[int, ...]]:
    """A layout as an option states it.

    Parameters
    ----------
    text : str
        NAME=NUMBERS with commas between; numbers from 0, joined by + or, of a whole range, by -.

    Returns
    -------
    dict
        `Layout`, of all five points or of the two eyes alone.

    Raises
    ------
    ValueError
        Naming what is not understood, or what is missing.

    Examples
    --------
    >>> parse_layout("left eye=36+39, right eye=42-44")
    {'left eye': (36, 39), 'right eye': (42, 43, 44)}
    """
    layout: dict[str, tuple[int, ...]] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, numbers = (each.strip() for each in part.partition("="))
        name = name.replace("-", " ").replace("_", " ")
        pieces = re.split(r"\s*\+\s*", numbers)
        if name not in FIVE_POINTS or name in layout or not all(re.fullmatch(r"\d{1,4}(-\d{1,4})?", p) for p in pieces):
            raise ValueError(
                f"the layout says {part!r}; expected NAME=NUMBERS, each of {', '.join(FIVE_POINTS)} once, such as "
                f"{_EXAMPLE}"
            )
        ends = [[int(number) for number in piece.split("-")] for piece in pieces]
        layout[name] = tuple(k for first, *last in ends for k in range(first, (last or [first])[0] + 1))
        if not layout[name]:
            raise ValueError(f"the layout says {part!r}, a range of no point; expected the lower number first")
    missing = [name for name in FIVE_POINTS if name not in layout]
    if missing and set(layout) != set(FIVE_POINTS[:2]):
        raise ValueError(
            f"the layout lacks {', '.join(missing)}; expected all five points or both eyes alone, such as {_EXAMPLE}"
        )
    return layout


def five_by_layout(points: ArrayLike, layout: Layout) -> NDArray[np.float64]:
    """The five points of a shape.

    Parameters
    ----------
    points : (P, 2) array_like
    layout : mapping

    Returns
    -------
    (5, 2) ndarray of float64
        NaN for points that the layout does not name, and where one is missing that a mean is made of.

    Raises
    ------
    ValueError
        If it names a point that the shape does not have.

    Examples
    --------
    >>> five_by_layout([[0, 0], [2, 0], [6, 0]], {"left eye": (0, 1), "right eye": (2,)})[:2].tolist()
    [[1.0, 0.0], [6.0, 0.0]]
    """
    array = np.asarray(points, dtype=np.float64)
    five = np.full((5, 2), np.nan)
    for name, numbers in layout.items():
        if max(numbers) >= len(array):
            raise ValueError(f"has {len(array)} points, and the layout names number {max(numbers)} as {name}")
        five[FIVE_POINTS.index(name)] = array[list(numbers)].mean(axis=0)
    return five
