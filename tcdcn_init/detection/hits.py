"""What a detector finds before anybody has looked closer: boxes with scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import overlap

__all__ = ["Hits", "kept_apart"]


@dataclass(frozen=True, eq=False)
class Hits:
    """Boxes that may hold faces.

    Attributes
    ----------
    boxes : (N, 4) ndarray of float64
        (left, top, right, bottom) in pixels of the image.
    scores : (N,) ndarray of float64
        The detector's own, larger where it is surer.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, boxes: ArrayLike, scores: ArrayLike) -> Hits:
        """From lists, which may be empty."""
        rows = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        return cls(rows, np.asarray(scores, dtype=np.float64).reshape(len(rows)))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> Hits:
        return Hits(self.boxes[rows], self.scores[rows])


def kept_apart(boxes: ArrayLike, scores: ArrayLike, most: float) -> NDArray[np.intp]:
    """Of boxes that overlap, the one with the best score: non-maximum suppression.

    Parameters
    ----------
    boxes : (N, 4) array_like
    scores : (N,) array_like
    most : float
        Largest intersection over union of two that both stay, 0 to 1.

    Returns
    -------
    (K,) ndarray of intp
        Rows that stay, the best first.

    Examples
    --------
    >>> kept_apart([(0, 0, 10, 10), (1, 1, 11, 11), (50, 0, 60, 10)], [0.5, 0.9, 0.7], 0.4).tolist()
    [1, 2]
    """
    rows = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    left = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlap(rows[left[0]], rows[left[1:]]) <= most]
    return np.array(kept, dtype=np.intp)
