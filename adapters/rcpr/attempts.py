"""What RCPR's starts have come to after the first stages, among which smart restarts choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.batch import median_shape

__all__ = ["Attempt", "median_of_valid"]


@dataclass
class Attempt:
    """Starts of M faces, K each, after the first stages.

    Attributes
    ----------
    chips : (M, K, side, side) ndarray of uint8
    to_image : (M, K, 2, 3) ndarray
        From pixels of the chips.
    shapes : (M, K, P) ndarray of complex
        In pixels of the chips.
    hidden : (M, K, P) ndarray
        How hidden each point is.
    valid : (M, K) ndarray of bool
        Starts that could be used.
    spread : (M,) ndarray
        Of the results.
    refused : dict of int to ValueError
        Why the first start of a face that could not be used, could not.
    """

    chips: NDArray[np.uint8]
    to_image: NDArray[np.float64]
    shapes: NDArray[np.complex128]
    hidden: NDArray[np.float64]
    valid: NDArray[np.bool_]
    spread: NDArray[np.float64]
    refused: dict[int, ValueError]

    def improve(self, rows: NDArray[np.intp], other: Attempt) -> None:
        """Take over from another attempt at some of the faces what lies closer together there.

        Parameters
        ----------
        rows : (L,) ndarray of int
            The faces of the other attempt.
        other : Attempt
        """
        better = other.spread < self.spread[rows]
        for name in ("chips", "to_image", "shapes", "hidden", "valid", "spread"):
            getattr(self, name)[rows[better]] = getattr(other, name)[better]


def median_of_valid(shapes: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Median of the valid starts' results.

    Parameters
    ----------
    shapes : (N, K, P, D) ndarray
    valid : (N, K) ndarray of bool

    Returns
    -------
    (N, P, D) ndarray
        NaN of a face without any.
    """
    return median_shape(np.where(valid[:, :, None, None], shapes, np.nan))
