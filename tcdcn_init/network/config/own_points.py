"""Which points a network places: the five of a face, or a fixed set of a user's own. Imports no torch.

Passes after the first crop upright and centred on what was found, expected errors are counted in a length that the
points give, and mirrored crops exchange left and right: a set of points knows how each is done for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.crops import frames_from_points
from tcdcn_init.geometry import MIRROR, box_square, centroid_size, filled, filled_five, interocular, roll_degrees

__all__ = ["FACE", "MOST_POINTS", "FivePoints", "OwnPoints", "PointSet", "point_set"]

MOST_POINTS = 1024
"""Of a set of one's own."""


class FivePoints:
    """The five points of a face."""

    count = 5
    mirror = MIRROR

    def frames(self, points: ArrayLike, view: float) -> NDArray[np.float64]:
        """Frames turned with the points and centred on them, (N, 2, 3) for (N, P, 2): what a later pass crops."""
        return frames_from_points(points, view)

    def lengths(self, points: ArrayLike) -> NDArray[np.float64]:
        """What errors of (..., P, 2) points are counted in, (...) in their own units."""
        return interocular(points)

    def roll(self, points: ArrayLike) -> NDArray[np.float64]:
        """In-plane rotation of (..., P, 2) points in degrees, positive clockwise as seen."""
        return roll_degrees(points)

    def filled(self, points: ArrayLike) -> NDArray[np.float64]:
        """(P, 2) points, missing ones put where they usually are."""
        return filled_five(points)


FACE = FivePoints()
"""The five points of `geometry.FIVE_POINTS`."""


@dataclass(frozen=True)
class OwnPoints:
    """A fixed set of points of any meaning.

    Attributes
    ----------
    shape : tuple of (float, float)
        Upright mean shape, from the middle of the box's square and in its sides.
    unit : float
        Length that errors are counted in, of a shape of that size, in the same sides.
    mirror : tuple of int
        Each point's partner when the image is mirrored left to right; empty where that gives no such thing again.

    Examples
    --------
    >>> corners = OwnPoints(((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)), mirror=(1, 0, 3, 2))
    >>> corners.count, corners.frames([[[0, 20], [0, 0], [20, 0], [20, 20]]], 1.5).round(6).tolist()
    (4, [[[0.0, 30.0, 10.0], [-30.0, 0.0, 10.0]]])
    """

    shape: tuple[tuple[float, float], ...]
    unit: float = 1.0
    mirror: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= len(self.shape) <= MOST_POINTS or any(len(point) != 2 for point in self.shape):
            raise ValueError(f"a set of {len(self.shape)} points; expected 2 to {MOST_POINTS}, x and y each")
        numbers = [*(value for point in self.shape for value in point), self.unit]
        if not all(isinstance(v, int | float) and math.isfinite(v) and abs(v) <= 100.0 for v in numbers):
            raise ValueError("a mean shape or unit that is no number from -100 to 100; expected sides of a box")
        if not np.ptp(np.array(self.shape), axis=0).any() or not self.unit > 0:
            raise ValueError(f"a mean shape in one place, or a unit of {self.unit}; expected a shape with a size")
        if self.mirror and (
            sorted(self.mirror) != list(range(self.count))
            or any(self.mirror[other] != k for k, other in enumerate(self.mirror))
        ):
            raise ValueError(f"points swap as {self.mirror}; expected each point's partner, {self.count} in pairs")

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> OwnPoints:
        """Of a model file's metadata, where tuples are lists."""
        given = dict(fields)
        given["shape"] = tuple(tuple(point) for point in given["shape"])
        return cls(**{**given, "mirror": tuple(given.get("mirror", ()))})

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.shape)

    @functools.cached_property
    def _form(self) -> tuple[NDArray[np.complex128], float, complex]:
        """The mean shape about its own middle, its size, and its middle, as complex numbers."""
        z = np.array(self.shape) @ np.array([1, 1j])
        return z - z.mean(), float(centroid_size(self.shape)), complex(z.mean())

    @property
    def upright(self) -> tuple[list[complex], float, complex]:
        """As `passes.frames.UprightForm` has them: weights of the roll, side and middle of the frame."""
        form, size, middle = self._form
        return form.conj().tolist(), 1.0 / size, -middle / size

    def frames(self, points: ArrayLike, view: float) -> NDArray[np.float64]:
        """See `FivePoints.frames`: the box's square as it lies about the mean shape, laid onto the points."""
        array = np.asarray(points, dtype=np.float64)
        _, size, middle = self._form
        factor = centroid_size(array) / size * np.exp(1j * np.radians(self.roll(array)))
        centre = array.mean(axis=-2) @ np.array([1, 1j]) - factor * middle
        side = factor * view
        across, down = np.stack([side.real, side.imag], axis=-1), np.stack([-side.imag, side.real], axis=-1)
        return np.stack([across, down, np.stack([centre.real, centre.imag], axis=-1)], axis=-1)

    def lengths(self, points: ArrayLike) -> NDArray[np.float64]:
        """See `FivePoints.lengths`."""
        return np.asarray(centroid_size(points) / self._form[1] * self.unit)

    def roll(self, points: ArrayLike) -> NDArray[np.float64]:
        """See `FivePoints.roll`: against the mean shape."""
        z = np.asarray(points, dtype=np.float64) @ np.array([1, 1j])
        return np.asarray(np.degrees(np.angle((z - z.mean(axis=-1, keepdims=True)) @ self._form[0].conj())))

    def filled(self, points: ArrayLike) -> NDArray[np.float64]:
        """See `FivePoints.filled`."""
        return filled(points, self.shape)

    @classmethod
    def of_shapes(
        cls, shapes: ArrayLike, boxes: ArrayLike, lengths: ArrayLike, mirror: tuple[int, ...] = ()
    ) -> OwnPoints:
        """The set whose mean shape is that of annotated ones.

        The full Procrustes mean: of shapes centred and scaled to one size, as complex vectors, the dominant
        eigenvector of the sum of their outer products (Kendall, Bulletin of the London Mathematical Society 16(2),
        1984). It is turned upright as the shapes are on average, and placed as they lie in their boxes.

        Parameters
        ----------
        shapes : (N, P, 2) array_like
            NaN where a point is missing; at least two are there in each.
        boxes : (N, 4) array_like
        lengths : (N,) array_like
            Which errors are counted in, in pixels.
        mirror : tuple of int

        Raises
        ------
        ValueError
            If a point is missing everywhere.
        """
        centre, side = box_square(boxes)
        array = (np.asarray(shapes, dtype=np.float64) - centre[:, None]) / side[:, None, None]
        there: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=2))
        if not there.any(axis=0).all():
            raise ValueError(f"point number {int(np.argmin(there.any(axis=0)))} is annotated nowhere; leave it out")
        mean = np.stack([array[there[:, k], k].mean(axis=0) for k in range(array.shape[1])])
        for _ in range(1 if there.all() else 10):  # missing points are where the mean so far has them
            z = np.stack([filled(shape, mean) for shape in array]) @ np.array([1, 1j])
            middles = z.mean(axis=1, keepdims=True)
            sizes = np.linalg.norm(z - middles, axis=1, keepdims=True)
            forms = (z - middles) / sizes
            form = np.linalg.eigh(np.einsum("ni,nj->ij", forms, forms.conj()))[1][:, -1]
            upright = (forms @ form.conj()).sum()
            form = form * np.exp(1j * np.angle(upright if upright else 1.0))
            placed = middles.mean() + np.exp(np.log(sizes).mean()) * form
            mean = np.stack([placed.real, placed.imag], axis=1)
        unit = float(np.median(np.asarray(lengths, dtype=np.float64) / side))
        return cls(tuple((round(x, 5), round(y, 5)) for x, y in mean.tolist()), round(unit, 5), mirror)


PointSet: TypeAlias = FivePoints | OwnPoints
"""What a network places."""


def point_set(config: Any) -> PointSet:
    """What the network of a configuration places.

    Parameters
    ----------
    config : network configuration
        Its ``own`` is None, or missing, where that are the five points.
    """
    return getattr(config, "own", None) or FACE
