"""RCPR's model of occlusion: which zone of the face a fern looks at, and how much of each zone is hidden.

Burgos-Artizzu, Perona, Dollár, "Robust face landmark estimation under occlusion", ICCV 2013, section 3.1: how hidden
each point is, is regressed together with where it is. The face is divided into 3 x 3 zones; a step asks several ferns,
each of which compares pixels of one zone, and its answer is their mean, weighted by how little of each zone is hidden.

Here a place belongs to the zone where it lies on the mean shape, and a zone is as hidden as the points near its middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Zones"]

_LEAST = 0.05  # of a zone that is wholly hidden: where all are, all count alike


class Zones:
    """The nine zones of a mean shape.

    Parameters
    ----------
    reference : (P, 2) ndarray
        The mean shape, upright, in any unit.

    Examples
    --------
    >>> zones = Zones(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]]))
    >>> zones.of_places(np.array([[0, 1], [0, 3]]), np.array([0.5, 1.0])).tolist()
    [1, 8]
    >>> zones.weights(np.array([0, 8]), np.array([[1.0, 0, 0, 0]]), 2).astype(float).round(2).tolist()
    [[0.08, 0.92]]
    """

    def __init__(self, reference: NDArray[np.float64]) -> None:
        low, high = reference.min(axis=0), reference.max(axis=0)
        self._shape = (reference - low) / np.maximum(high - low, 1e-9)
        middles = (np.stack(np.meshgrid(range(3), range(3)), axis=-1).reshape(9, 1, 2) + 0.5) / 3
        near = np.exp(-0.5 * ((self._shape - middles) ** 2).sum(axis=2) * 3**2)
        self._near = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)  # (9, P)

    def of_places(self, pairs: NDArray[np.int16], along: NDArray[np.float32]) -> NDArray[np.intp]:
        """The zone of places (S,) between two points of a shape; those outside of the face count to the nearest."""
        first, second = self._shape[pairs[:, 0]], self._shape[pairs[:, 1]]
        cells = np.clip(np.floor(3 * (first + along[:, None] * (second - first))), 0, 2).astype(np.intp)
        return np.asarray(cells[:, 0] + 3 * cells[:, 1])

    def weights(self, zone: NDArray[np.intp], hidden: NDArray[np.floating[Any]], group: int) -> NDArray[np.float32]:
        """How much ferns count.

        Parameters
        ----------
        zone : (F,) ndarray of int
            What each looks at.
        hidden : (N, P) ndarray
            How hidden each point of N shapes is, about 0 to 1.
        group : int
            So many ferns following each other are a step.

        Returns
        -------
        (N, F) ndarray of float32
            The weights of a step add up to 1.
        """
        seen = np.maximum(np.clip(1 - hidden, 0, 1).astype(np.float32) @ self._near.T, _LEAST).take(zone, axis=1)
        steps = seen.reshape(len(hidden), -1, group)
        return np.asarray((steps / steps.sum(axis=2, keepdims=True)).reshape(seen.shape))
