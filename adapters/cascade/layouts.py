"""Where the five points are among a model's own points.

A seed is laid on a model by corresponding points: some are computed from the model's shape, the same ones from the five
points. Where a layout has no nose *tip*, its nose *base* serves, at the place between the five points' nose and mouth
where it usually lies; taking the tip for it would make every seeded face 10 % too small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import FIVE_POINTS, five_from_29, five_from_68

IndexMap: TypeAlias = Mapping[str | int, int | Sequence[int]]

__all__ = ["IndexMap", "Layout", "find_layout"]

# How far from the nose tip towards the middle of the mouth the nose base lies: median over the faces of ytf68
# (points 30, 33, 48 and 54 of iBUG's 68). What is left is 4 % of the inter-ocular distance.
_NOSE_BASE = 0.35

# Helen's 194 points: which follow each other along the contours of the outer lips, the two eyes and the nose.
_HELEN_LIPS, _HELEN_EYES, _HELEN_NOSE_BASE = range(58, 86), (range(114, 134), range(134, 154)), 49


@dataclass(frozen=True, eq=False)
class Layout:
    """Corresponding points of a model's shape and of the five points.

    Attributes
    ----------
    name : str
    from_shape : (K, P) ndarray
        Weights that make K points from a shape of P.
    from_five : (K, 5) ndarray
        Weights that make the same points from the five.
    """

    name: str
    from_shape: NDArray[np.float64]
    from_five: NDArray[np.float64]

    def of_shape(self, shape: ArrayLike) -> NDArray[np.float64]:
        """The K points of shapes (..., P, 2)."""
        array = np.asarray(shape, dtype=np.float64)
        if array.shape[-2:] != (self.from_shape.shape[1], 2):
            raise ValueError(f"shape is {array.shape}; expected (..., {self.from_shape.shape[1]}, 2) ({self.name})")
        return np.asarray(self.from_shape @ array)

    def of_five(self, points: ArrayLike) -> NDArray[np.float64]:
        """The K points of five points (..., 5, 2)."""
        array = np.asarray(points, dtype=np.float64)
        if array.shape[-2:] != (5, 2):
            raise ValueError(f"points have shape {array.shape}; expected (..., 5, 2): {', '.join(FIVE_POINTS)}")
        return np.asarray(self.from_five @ array)


def find_layout(mean_shape: ArrayLike, index_map: IndexMap | None = None) -> Layout:
    """The layout of a model, known by the number of its points and their places, or as stated.

    Known are iBUG's 68 points, also with more after them (81, 70), COFW's 29, Helen's 194 (in Helen's order, or in the
    order "0", "1", "10", "100" ... that dlib's XML files lead to), dlib's published 5 (four eye corners and the nose
    base) and this project's five.

    Parameters
    ----------
    mean_shape : (P, 2) array_like
        Upright mean shape of the model, in any unit.
    index_map : mapping, optional
        For other layouts: name (one of `geometry.FIVE_POINTS`) or number of a point, to the index or the indices of the
        shape whose mean it is. At least two points.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        If the layout is unknown and no map is given, or the map names a point or an index that does not exist.

    Examples
    --------
    >>> five = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    >>> find_layout(five).name
    'five points'
    >>> two = find_layout([[0.1, 0], [0.9, 0], [0.5, 1.2]], {"left eye": 0, "right eye": 1})
    >>> two.of_five(five).tolist()
    [[0.3, 0.4], [0.7, 0.4]]
    """
    mean = np.asarray(mean_shape, dtype=np.float64)
    if mean.ndim != 2 or mean.shape[1] != 2:
        raise ValueError(f"mean_shape has shape {mean.shape}; expected (P, 2)")
    if index_map is not None:
        return _mapped(index_map, len(mean))
    if len(mean) == 194:
        return _helen(mean)
    if len(mean) == 68 or (len(mean) > 68 and _begins_with_68(mean)):
        return _ibug(len(mean))
    if len(mean) == 29 and _in_order(five_from_29(mean)):
        return Layout("COFW's 29 points", _weights(five_from_29, 29), np.eye(5))
    if len(mean) == 5:
        layout = _five(mean)
        if layout is not None:
            return layout
    raise ValueError(
        f"no known layout of {len(mean)} points looks like this mean shape (known: 68 and more after them, 29, 194, "
        f"dlib's 5 and {', '.join(FIVE_POINTS)}); state it, "
        f"e.g. layout={{'left eye': [0, 1], 'right eye': [2, 3], 'nose': 4}}"
    )


def _in_order(five: NDArray[np.float64]) -> bool:
    """Whether five points lie as an upright face's do: eyes above the nose above the mouth, left before right."""
    x, y = five.T
    return bool(max(y[0], y[1]) < y[2] < min(y[3], y[4]) and x[0] < x[1] and x[3] < x[4])


def _begins_with_68(mean: NDArray[np.float64]) -> bool:
    """Whether the first 68 points can be iBUG's: their five points in order, each eye smaller than the gap between."""
    eyes = mean[36:48].reshape(2, 6, 2)
    gap = np.linalg.norm(eyes[0].mean(axis=0) - eyes[1].mean(axis=0))
    return _in_order(five_from_68(mean[:68])) and bool(np.ptp(eyes, axis=1).max() < gap)


def _ibug(points: int) -> Layout:
    from_shape = np.zeros((5, points))
    from_shape[:, :68] = _weights(five_from_68, 68)
    return Layout("iBUG's 68 points" + f" and {points - 68} more" * (points > 68), from_shape, np.eye(5))


def _weights(five: Callable[[ArrayLike], NDArray[np.float64]], points: int) -> NDArray[np.float64]:
    """The weights (5, P) by which a function makes five points of P."""
    shapes = np.stack([np.eye(points), np.zeros((points, points))], axis=-1)  # a unit vector's answer is a column
    return np.asarray(five(shapes)[..., 0].T)


def _five(mean: NDArray[np.float64]) -> Layout | None:
    x, y = mean.T
    if _in_order(mean):
        return Layout("five points", np.eye(5), np.eye(5))
    # dlib's: the corners of one eye, of the other, and the nose base well below all of them.
    if y[4] - y[:4].mean() > 2 * np.ptp(y[:4]):
        eyes = sorted(([0, 1], [2, 3]), key=lambda eye: float(x[eye].mean()))
        return _eyes_and_base("dlib's 5 points", 5, eyes, base=4)
    return None


def _helen(mean: NDArray[np.float64]) -> Layout:
    # Along the right order the path through all points is short, whichever model it is.
    orders = [np.arange(194)]
    for first in (0, 1):
        names = sorted(str(number) for number in range(first, first + 194))
        orders.append(np.argsort([int(name) for name in names]))  # place of each of Helen's points in the model
    lengths = [np.linalg.norm(np.diff(mean[order], axis=0), axis=1).sum() for order in orders]
    order = orders[int(np.argmin(lengths))]
    eyes = sorted((order[list(eye)].tolist() for eye in _HELEN_EYES), key=lambda eye: float(mean[eye, 0].mean()))
    layout = _eyes_and_base("Helen's 194 points", 194, eyes, base=int(order[_HELEN_NOSE_BASE]))
    lips = order[list(_HELEN_LIPS)]
    corners = [lips[mean[lips, 0].argmin()], lips[mean[lips, 0].argmax()]]
    return Layout(
        layout.name,
        np.concatenate([layout.from_shape, np.eye(194)[corners]]),
        np.concatenate([layout.from_five, np.eye(5)[3:]]),
    )


def _eyes_and_base(name: str, points: int, eyes: Sequence[Sequence[int]], base: int) -> Layout:
    from_shape = np.zeros((3, points))
    for row, eye in zip(from_shape, eyes, strict=False):
        row[list(eye)] = 1 / len(eye)
    from_shape[2, base] = 1
    from_five = np.eye(3, 5)
    from_five[2] = 0, 0, 1 - _NOSE_BASE, _NOSE_BASE / 2, _NOSE_BASE / 2
    return Layout(name, from_shape, from_five)


def _mapped(index_map: IndexMap, points: int) -> Layout:
    rows: dict[int, NDArray[np.float64]] = {}
    for key, value in index_map.items():
        number = FIVE_POINTS.index(key) if key in FIVE_POINTS else key
        if not isinstance(number, int | np.integer) or not 0 <= number < 5:
            raise ValueError(f"the layout names {key!r}; expected one of {', '.join(FIVE_POINTS)} or 0 to 4")
        indices = np.atleast_1d(np.asarray(value))
        if indices.size == 0 or indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= points:
            raise ValueError(f"the layout gives {value!r} for {key!r}; expected indices in [0, {points})")
        rows[int(number)] = np.bincount(indices, minlength=points) / indices.size
    if len(rows) < 2:
        raise ValueError(f"the layout states {len(rows)} of the five points; a similarity needs two")
    order = sorted(rows)
    return Layout("stated", np.stack([rows[number] for number in order]), np.eye(5)[order])
