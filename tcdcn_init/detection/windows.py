"""The initializer's own search: its coarse stage asked about windows all over an image.

That stage finds a face's points in boxes far off the face, at any roll, and says whether there is one: so windows may
be few, no copies of the image have to be turned, and what it answers is already a good box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from tcdcn_init.detection.hits import Hits, kept_apart
from tcdcn_init.detection.search import point_squares
from tcdcn_init.detection.shrinking import shrunk
from tcdcn_init.network.config.stages import StageConfig

__all__ = ["search_windows"]

# Chosen, with `search.LEAST_CERTAINTY`, on sheets of held-out training photographs, as they are and lying: windows that
# are closer together, or hints of a lower score, find no more faces there and take up to twice the time.

LONGEST_SIDE = 1600
"""Images are shrunk to this."""

SMALLEST = 40.0
"""Side of the smallest windows' boxes, in pixels of the shrunk image; faces of two thirds of it are found too."""

GROWTH = 1.6
"""From one size of windows to the next."""

STEP = 0.5
"""From one window to the next, in sides of its box."""

LEAST_SCORE = 3.0
"""Logarithm of the odds of a face, as the coarse stage has it, from which a window is a hint."""

MOST = 60
"""Hints at most, those of the best scores."""

_SAME = 0.5  # intersection over union above which two windows' answers are of one face
_BATCH = 512  # windows that are asked about together: what a processor's cache holds

Ask = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]


def search_windows(image: NDArray[Any], ask: Ask, coarse: StageConfig) -> Hits:
    """Faces of at least some 26 pixels in 1600, at any roll.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    ask : callable
        Crops (N, side, side), grey, 0 to 1, to the coarse stage's answers.
    coarse : StageConfig

    Returns
    -------
    Hits
        Squares around the points that it found, and the logarithms of its odds of a face.
    """
    small, factor = shrunk(image, LONGEST_SIDE)
    squares, scores = [np.empty((0, 4))], [np.empty(0)]
    for side in _sides(small.shape):
        extent = side * coarse.view
        crops, middles = _windows(small, extent, coarse)
        for first in range(0, len(crops), _BATCH):
            some = slice(first, first + _BATCH)
            answers = ask(crops[some].astype(np.float32) * np.float32(1 / 255))
            score = answers["face"][:, 1] - answers["face"][:, 0]
            rows = np.flatnonzero(score >= LEAST_SCORE)
            squares.append(point_squares(answers["points"][rows] * np.float64(extent) + middles[some][rows, None]))
            scores.append(score[rows].astype(np.float64))
    found = Hits(np.concatenate(squares), np.concatenate(scores))
    found = found[kept_apart(found.boxes, found.scores, _SAME)[:MOST]]
    return Hits((found.boxes + 0.5) * factor - 0.5, found.scores)


def _sides(shape: tuple[int, ...]) -> Iterator[float]:
    """Sides of windows' boxes, the smallest first: up to the image's shorter side, and one size at least."""
    side = SMALLEST
    yield side
    while side * GROWTH <= min(shape):
        side *= GROWTH
        yield side


def _windows(
    image: NDArray[np.uint8], extent: float, coarse: StageConfig
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Crops (N, side, side) that cover `extent` pixels each, and their middles (N, 2) in the image.

    Beyond the image's border its outermost pixels go on.
    """
    height, width = image.shape
    columns, rows = (max(1, round(length * coarse.side / extent)) for length in (width, height))
    small = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BILINEAR))
    padded = np.pad(small, coarse.side // 2, mode="edge")
    step = max(1, round(STEP * coarse.side / coarse.view))
    views = sliding_window_view(padded, (coarse.side, coarse.side))[::step, ::step]
    down, across = (np.arange(count) * step for count in views.shape[:2])
    x, y = np.meshgrid(across * (width / columns) - 0.5, down * (height / rows) - 0.5)
    return views.reshape(-1, coarse.side, coarse.side), np.stack([x.ravel(), y.ravel()], axis=1)
