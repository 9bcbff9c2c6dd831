"""A bank of training shapes, each in the units of its face box: what a regressor's starts are drawn from.

Box units: x and y relative to the centre of the box's square, divided by its side (`geometry.box_square`). Both axes
share one scale, so that a shape keeps its form whatever the box's aspect.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.array_file import read_arrays
from tcdcn_init.geometry import box_square, centroid_size, five_of

if TYPE_CHECKING:
    from tcdcn_init.datasets.base import Face

__all__ = ["DEFAULT_BANK", "MOST_BANK_BYTES", "ShapeBank", "check_count", "from_box_units", "to_box_units"]

DEFAULT_BANK = "shapes-mtfl"

MOST_BANK_BYTES = 64_000_000
"""Largest bank that is read, unpacked: a hundred times the bundled ones."""


def to_box_units(points: ArrayLike, boxes: ArrayLike) -> NDArray[np.float64]:
    """Points relative to the centre of a box, in sides of its square.

    Parameters
    ----------
    points : (..., P, 2) array_like
        In pixels.
    boxes : (..., 4) array_like

    Returns
    -------
    (..., P, 2) ndarray of float64

    Examples
    --------
    >>> to_box_units([[20, 45], [50, 15]], (0, 0, 40, 90)).tolist()
    [[0.0, 0.0], [0.5, -0.5]]
    """
    centre, side = box_square(boxes)
    return np.asarray((np.asarray(points, dtype=np.float64) - centre[..., None, :]) / side[..., None, None])


def from_box_units(shapes: ArrayLike, boxes: ArrayLike) -> NDArray[np.float64]:
    """Shapes in box units placed in boxes: the inverse of `to_box_units`.

    Parameters
    ----------
    shapes : (..., P, 2) array_like
    boxes : (..., 4) array_like

    Returns
    -------
    (..., P, 2) ndarray of float64
        In pixels.

    Examples
    --------
    >>> from_box_units([[0, 0], [0.5, -0.5]], (0, 0, 40, 90)).tolist()
    [[20.0, 45.0], [50.0, 15.0]]
    """
    centre, side = box_square(boxes)
    return np.asarray(np.asarray(shapes, dtype=np.float64) * side[..., None, None] + centre[..., None, :])


class ShapeBank:
    """Training shapes in box units.

    Parameters
    ----------
    shapes : (N, P, 2) array_like
        In box units (`to_box_units`).
    five : (N, 5, 2) array_like, optional
        The five points of each shape, in the same units; needed only where P is neither 5, COFW's 29 nor iBUG's 68.

    Attributes
    ----------
    shapes : (N, P, 2) ndarray of float32
    five : (N, 5, 2) ndarray of float32

    Raises
    ------
    ValueError
        If the bank is empty, its arrays have other shapes, hold NaN or infinity, or a shape's five points coincide.

    Examples
    --------
    >>> bank = ShapeBank([[[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.3], [0.15, 0.3]]])
    >>> len(bank), bank.shapes.shape
    (1, (1, 5, 2))
    """

    def __init__(self, shapes: ArrayLike, five: ArrayLike | None = None) -> None:
        self.shapes: NDArray[np.float32] = np.asarray(shapes, dtype=np.float32)
        if self.shapes.ndim != 3 or self.shapes.shape[2] != 2 or not len(self.shapes):
            raise ValueError(f"shapes have shape {self.shapes.shape}; expected (N, P, 2) with N at least 1")
        self.five: NDArray[np.float32] = np.asarray(_five_of(self.shapes) if five is None else five, dtype=np.float32)
        if self.five.shape != (len(self), 5, 2):
            raise ValueError(f"five points have shape {self.five.shape}; expected {(len(self), 5, 2)}, one row a shape")
        valid = np.asarray(np.isfinite(self.shapes).all(axis=(1, 2)) & np.isfinite(self.five).all(axis=(1, 2)))
        valid[valid] &= centroid_size(self.five[valid]) > 0
        if not valid.all():
            raise ValueError(
                f"shape number {int(np.argmin(valid))} is not finite or its five points coincide; leave it out"
            )

    def __len__(self) -> int:
        return len(self.shapes)

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """The (P, 2) mean shape, in box units."""
        return np.asarray(self.shapes.mean(axis=0, dtype=np.float64))

    @cached_property
    def mean_five(self) -> NDArray[np.float64]:
        """The (5, 2) five points of the mean shape, in box units."""
        return np.asarray(self.five.mean(axis=0, dtype=np.float64))

    @cached_property
    def _forms(self) -> NDArray[np.complex128]:
        """(N, 5) five points as complex numbers, free of place and size: centred, of norm 1."""
        return _form(self.five)

    def nearest(self, five: ArrayLike, count: int) -> NDArray[np.intp]:
        """Numbers of the shapes whose own five points, aligned by a similarity, lie nearest to the given ones.

        The distance that remains after the best turn, scale and shift of a shape onto the points has a closed
        form: with both as centred complex vectors s and q, its square is ``|q|² - |<s, q>|² / |s|²`` (Kendall,
        Bulletin of the London Mathematical Society 16(2), 1984). The order is that of ``|<s, q>| / |s|``.

        Parameters
        ----------
        five : (5, 2) array_like
            In pixels or any other unit: place, size and turn do not matter.
        count : int
            How many; 1 to the size of the bank.

        Returns
        -------
        (count,) ndarray of int
            Nearest first; of equally near ones the earlier.

        Raises
        ------
        ValueError
            If the points are not five finite, distinct ones, or `count` is out of range.

        Examples
        --------
        >>> wide = [[-2, -1], [2, -1], [0, 1], [-2, 3], [2, 3]]
        >>> narrow = [[-1, -1], [1, -1], [0, 1], [-1, 3], [1, 3]]
        >>> ShapeBank([wide, narrow]).nearest([[10, 10], [12, 10], [11, 12], [10, 14], [12, 14]], 1).tolist()
        [1]
        """
        points = np.asarray(five, dtype=np.float64)
        if points.shape != (5, 2) or not np.isfinite(points).all() or not centroid_size(points) > 0:
            raise ValueError(f"five points are {points.tolist()}; expected five finite, distinct (x, y)")
        check_count(count, self)
        likeness = np.abs(self._forms @ _form(points).conj())
        if count < len(self):
            # Everything as near as the last one wanted, so that ties are broken below and not by the partition.
            last = np.partition(likeness, len(self) - count)[len(self) - count]
            candidates = np.flatnonzero(likeness >= last)
        else:
            candidates = np.arange(len(self))
        order = np.argsort(-likeness[candidates], kind="stable")[:count]
        return np.asarray(candidates[order], dtype=np.intp)

    @classmethod
    def from_faces(cls, faces: Iterable[Face]) -> ShapeBank:
        """The bank of annotated faces.

        Faces whose box was derived from their points (`Face.box_source` is "points") are left out: in such a box
        every shape lies alike, which no detector's box offers.

        Parameters
        ----------
        faces : iterable of Face
            All with the same number of points, 5 or 68.

        Raises
        ------
        ValueError
            If faces have different numbers of points, or none has a box of its own.
        """
        all_faces = list(faces)
        given = [face for face in all_faces if face.box_source == "given"]
        if not given:
            raise ValueError(
                f"none of {len(all_faces)} faces has a detector's box; a bank is made of faces with box_source "
                "'given'. For shapes in boxes of your own, ShapeBank(to_box_units(points, boxes))"
            )
        for face in given:
            if face.points.shape != given[0].points.shape:
                raise ValueError(
                    f"face {face.name!r} has {len(face.points)} points, {given[0].name!r} has {len(given[0].points)}; "
                    "a bank holds shapes of one layout"
                )
        points = np.stack([face.points for face in given])
        return cls(to_box_units(points, np.stack([face.box for face in given])).astype(np.float32))

    def save(self, path: str | Path) -> None:
        """Write the bank to a .npz file: "shapes", and "five" where it cannot be told from the shapes.

        Parameters
        ----------
        path : path
            Ends in .npz.
        """
        file = Path(path)
        if file.suffix != ".npz":
            raise ValueError(f"{file} does not end in .npz; a shape bank is such a file")
        arrays = {"shapes": self.shapes}
        if self.shapes.shape[1] not in (5, 29, 68) or not np.array_equal(self.five, _five_of(self.shapes)):
            arrays["five"] = self.five
        with replacing(file) as part, part.open("wb") as handle:
            np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, bank: str | Path = DEFAULT_BANK) -> ShapeBank:
        """Read a bank: one that ships with the package, or the user's own file.

        Parameters
        ----------
        bank : str or path
            A bundled name, or a path to a .npz file that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file or bundled bank.
        ValueError
            If the file is not a shape bank. Nothing in it is unpickled.
        """
        text = str(bank)
        if isinstance(bank, Path) or text.endswith(".npz"):
            path = Path(bank)
            if not path.is_file():
                raise FileNotFoundError(f"shape bank {path} does not exist; expected a file that ShapeBank.save wrote")
        else:
            from tcdcn_init.weights import bundled_file

            path = bundled_file(text + ".npz")
        try:
            arrays = read_arrays(path, {"shapes", "five"}, MOST_BANK_BYTES)
            if "shapes" not in arrays:
                raise ValueError(f"it holds {sorted(arrays)}, expected 'shapes' and at most 'five'")
            return cls(arrays["shapes"], arrays.get("five"))
        except ValueError as error:
            raise ValueError(
                f"{path} is not a shape bank: {error}; get it anew, or write it by ShapeBank.save"
            ) from error


def check_count(count: int, bank: ShapeBank) -> None:
    """Raise a ValueError unless `count` different shapes can be taken from the bank."""
    if not 1 <= count <= len(bank):
        raise ValueError(f"{count} shapes are wanted of a bank of {len(bank)}; expected 1 to {len(bank)}")


def _five_of(shapes: NDArray[np.float32]) -> NDArray[np.floating]:
    try:
        return five_of(shapes)
    except ValueError as error:
        raise ValueError(f"the five points of these shapes are not known: {error}, or five=(N, 5, 2)") from None


def _form(points: ArrayLike) -> NDArray[np.complex128]:
    array = np.asarray(points, dtype=np.float64)
    flat = array[..., 0] + 1j * array[..., 1]
    flat = flat - flat.mean(axis=-1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=-1, keepdims=True))
