"""The one-euro filter: points that keep still on a still face, at the price of lagging behind a moving one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["OneEuro", "OneEuroFilter"]


@dataclass(frozen=True)
class OneEuro:
    """Settings of the filter: a low-pass whose cutoff rises with a point's speed.

    On a still face a change arrives after ``1 / (2 pi min_cutoff)`` seconds, 106 ms as it is; on one that moves by
    ``v`` of its sizes a second after ``1 / (2 pi (min_cutoff + beta v))``.

    Attributes
    ----------
    min_cutoff : float
        Hertz, above 0; lower is steadier and later.
    beta : float
        Hertz for each face size a second, 0 or more; higher follows sooner. A size is the centroid size of the five
        points, about 1.3 inter-ocular distances.
    derivative_cutoff : float
        Hertz, above 0: of the low-pass over the speed itself.

    References
    ----------
    Casiez, Roussel, Vogel: 1 euro filter: a simple speed-based low-pass filter for noisy input in interactive systems,
    CHI 2012.

    Examples
    --------
    >>> OneEuro(min_cutoff=0)
    Traceback (most recent call last):
    ValueError: min_cutoff is 0; expected hertz above 0
    """

    min_cutoff: float = 1.5
    beta: float = 5.0
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        for name in ("min_cutoff", "derivative_cutoff"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected hertz above 0")
        if not 0 <= self.beta < np.inf:
            raise ValueError(f"beta is {self.beta}; expected 0 or more")


class OneEuroFilter:
    """The filter of one face's points.

    Parameters
    ----------
    settings : OneEuro

    Examples
    --------
    >>> smooth = OneEuroFilter(OneEuro(beta=0.0))
    >>> smooth([[10.0, 0.0]], 0.04, size=50.0).tolist()
    [[10.0, 0.0]]
    >>> smooth([[20.0, 0.0]], 0.04, size=50.0).round(2).tolist()
    [[12.74, 0.0]]
    """

    def __init__(self, settings: OneEuro) -> None:
        self.settings = settings
        self._values: NDArray[np.float64] | None = None
        self._speeds: NDArray[np.float64] | None = None

    def __call__(self, points: ArrayLike, seconds: float, size: float) -> NDArray[np.float64]:
        """Filtered points.

        Parameters
        ----------
        points : (P, 2) array_like
            Pixels.
        seconds : float
            Since the points before.
        size : float
            The face's size in pixels, in which speeds are measured: the same motion is smoothed alike at any
            resolution.

        Returns
        -------
        (P, 2) ndarray of float64
        """
        points = np.array(points, dtype=np.float64)
        if self._values is None or self._speeds is None:
            self._values, self._speeds = points, np.zeros_like(points)
        elif seconds > 0:
            speeds = (points - self._values) / seconds
            self._speeds = self._speeds + _share(self.settings.derivative_cutoff, seconds) * (speeds - self._speeds)
            # One cutoff for x and y of a point: its path is not bent.
            speed = np.linalg.norm(self._speeds, axis=1, keepdims=True) / size
            share = _share(self.settings.min_cutoff + self.settings.beta * speed, seconds)
            self._values = self._values + share * (points - self._values)
        return self._values.copy()

    def state(self) -> dict[str, Any]:
        """All that the next answer depends on, as JSON holds it."""
        values, speeds = self._values, self._speeds
        return {
            "values": None if values is None else values.tolist(),
            "speeds": None if speeds is None else speeds.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._values, self._speeds = (
            None if state[name] is None else np.array(state[name], dtype=np.float64) for name in ("values", "speeds")
        )


def _share(cutoff: Any, seconds: float) -> Any:
    """How far a first-order low-pass goes towards a new value."""
    turn = 2.0 * np.pi * cutoff * seconds
    return turn / (turn + 1.0)
