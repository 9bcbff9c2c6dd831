"""dlib's cascade of regression trees in numpy: any start, any frame, many faces at once, results in floats.

Kazemi & Sullivan, "One millisecond face alignment with an ensemble of regression trees", CVPR 2014, as dlib's
``shape_predictor`` computes it. dlib starts from the mean shape in an upright integer box and knows no other start.
Here the start is a *frame*, the affine map from the unit square of the box to the image: turned and scaled with
the face, it turns and scales all that the trees have learned, which a start *shape* alone does not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.batch import BatchForms, Fitted, have_extent, median_shape
from tcdcn_init.adapters.cascade.frames import SeededFrames, as_bytes, as_grey, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.ert.arrays import CascadeArrays, LeafType, load_arrays, save_arrays
from tcdcn_init.adapters.ert.dat import dat_bytes, read_dat, write_dat
from tcdcn_init.geometry import invert, transform_points

if TYPE_CHECKING:
    import dlib

__all__ = ["ERT", "MISSING_DLIB"]

_FACES_AT_ONCE = 64
MISSING_DLIB = 'this needs dlib, which is not installed; pip install "tcdcn-init[dlib]"'


class ERT(BatchForms):
    """A trained cascade of regression trees.

    Satisfies `base.BatchRegressor`. From dlib's own start its points, rounded by ``floor(x + 0.5)``, are dlib's, but
    where dlib's are an accident of rounding: at a coordinate that is half a pixel to the last bit, since dlib's frame
    is a pseudo-inverse with errors of 1e-16, and for a mean shape on one line (of two points, say), to which dlib may
    fit a reflection.

    Parameters
    ----------
    arrays : CascadeArrays
    aspect : float
        Width over height of the boxes it was trained on. A box is stretched to the unit square, so a seeded frame
        needs to know; dlib's detector gives squares.
    layout : mapping, optional
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know. Only
        starts from points need it.

    Attributes
    ----------
    arrays : CascadeArrays
    seeded : SeededFrames
        Frames from points and shapes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mean = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    >>> ert = ERT(CascadeArrays(mean, np.zeros((1, 1, 1, 2)), np.ones((1, 1, 1)), np.zeros((1, 1, 2, 10)),
    ...     np.zeros((1, 1)), np.zeros((1, 1, 2))))
    >>> image = np.zeros((100, 100), dtype=np.uint8)
    >>> ert.fit_from_box(image, (10, 20, 60, 70))[0].round(3).tolist()  # leaves of zero: the start comes back
    [25.0, 40.0]
    """

    def __init__(self, arrays: CascadeArrays, *, aspect: float = 1.0, layout: IndexMap | None = None) -> None:
        self.arrays = arrays
        self.seeded = SeededFrames(arrays.mean_shape, aspect=aspect, layout=layout)
        splits = arrays.split_pixels.reshape(len(arrays.leaves), -1, 2).astype(np.intp)
        self._first, self._second = np.ascontiguousarray(splits[..., 0]), np.ascontiguousarray(splits[..., 1])
        self._thresholds = arrays.thresholds.reshape(len(splits), -1)
        self._leaves = arrays.leaves.reshape(len(splits), -1, arrays.mean_shape.size)

    @classmethod
    def from_dat(cls, path: str | os.PathLike[str], *, aspect: float = 1.0, layout: IndexMap | None = None) -> ERT:
        """Read one of dlib's ``.dat`` files; see `dat.read_dat` for what is refused."""
        return cls(read_dat(path), aspect=aspect, layout=layout)

    @classmethod
    def from_dlib(cls, predictor: dlib.shape_predictor, *, aspect: float = 1.0, layout: IndexMap | None = None) -> ERT:
        """Copy a ``dlib.shape_predictor``."""
        return cls(read_dat(predictor.__getstate__()[0]), aspect=aspect, layout=layout)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, layout: IndexMap | None = None) -> ERT:
        """Read a file of `save`; see `ert_arrays.load_arrays` for what is refused."""
        arrays, metadata = load_arrays(path)
        try:
            return cls(arrays, aspect=float(metadata.get("aspect", "1")), layout=layout)
        except ValueError as error:
            raise ValueError(f"{path} does not hold a cascade: {error}") from error

    def save(self, path: str | os.PathLike[str], *, leaves: LeafType = "float32") -> None:
        """Write a safetensors file that loads in a fraction of the time of a ``.dat``.

        Parameters
        ----------
        path : path
        leaves : {"float32", "float16", "int8"}
            See `ert_arrays.save_arrays`.
        """
        save_arrays(path, self.arrays, leaves=leaves, metadata={"aspect": repr(self.aspect)})

    def save_dat(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.dat`` that dlib reads. The aspect is not in it."""
        write_dat(self.arrays, path)

    def to_dlib(self) -> dlib.shape_predictor:
        """The same cascade as a ``dlib.shape_predictor``.

        Raises
        ------
        ImportError
            If dlib is not installed.
        """
        try:
            import dlib
        except ImportError as error:
            raise ImportError(MISSING_DLIB) from error
        predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)  # pickle's way in, without a file
        predictor.__setstate__((dat_bytes(self.arrays),))
        return predictor

    @property
    def mean_shape(self) -> NDArray[np.float64]:
        """The (P, 2) start, in units of the box."""
        return self.arrays.mean_shape.astype(np.float64)

    @property
    def aspect(self) -> float:
        """Width over height of the boxes it was trained on."""
        return self.seeded.aspect

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.seeded.usable(points)

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        """From the mean shape in upright boxes: dlib's start, though boxes may be of floats."""
        return Fitted(self._fit_frames(images, frames_from_boxes(boxes)), {})

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        """From the mean shape in the frames that five points seed."""
        return Fitted(self._fit_frames(images, self.seeded.from_points(points)), {})

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        """From initial shapes, in the frames that carry the mean shape onto them."""
        each = shapes.shape[1]
        starts = shapes.reshape(-1, *shapes.shape[2:])
        valid = have_extent(starts)
        rows = np.flatnonzero(valid).tolist()
        results = np.full_like(starts, np.nan)
        if rows:
            frames = self.seeded.from_shapes(starts[rows])
            results[rows] = self._fit_frames([images[row // each] for row in rows], frames, starts[rows])
        refused = {
            row // each: ValueError(
                f"it starts from {starts[row].tolist()}; expected finite coordinates of points that do not coincide"
            )
            for row in np.flatnonzero(~valid)[::-1].tolist()
        }
        return Fitted(median_shape(results.reshape(shapes.shape)), refused)

    def _fit_frames(
        self, images: Sequence[Any], frames: NDArray[np.float64], shapes: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Fit faces in frames (N, 2, 3), from shapes (N, P, 2) in pixels or from the mean shape in the frames."""
        count, points = len(frames), self.arrays.mean_shape.size
        pixels = {id(image): as_bytes(image) for image in images}
        keys = np.array([id(image) for image in images])
        if shapes is None:
            current = np.tile(self.arrays.mean_shape.reshape(-1), (count, 1))
        else:
            current = transform_points(invert(frames), shapes).reshape(count, points).astype(np.float32)
        for first in range(0, count, _FACES_AT_ONCE):
            part = slice(first, first + _FACES_AT_ONCE)
            self._run(pixels, keys[part], frames[part], current[part])
        return transform_points(frames, current.reshape(count, points // 2, 2))

    def _run(
        self,
        pixels: dict[int, NDArray[np.uint8]],
        keys: NDArray[np.intp],
        frames: NDArray[np.float64],
        current: NDArray[np.float32],
    ) -> None:
        """Carry shapes (N, 2P) through all levels, in place.

        To agree with dlib to the last bit, this computes what dlib does in float32 in float32, and adds the leaves
        one after the other: a pairwise sum rounds otherwise, and the next level's splits fall otherwise.
        """
        arrays = self.arrays
        levels, trees, splits = arrays.thresholds.shape
        groups = [(pixels[key], np.flatnonzero(keys == key)) for key in np.unique(keys).tolist()]
        face = (np.arange(len(current)) * arrays.anchors.shape[1])[:, None]
        root, first_leaf = np.arange(trees) * splits, np.arange(trees) * (splits + 1) - splits
        sums = np.empty((trees + 1, current.shape[1]), dtype=np.float32)
        mean = arrays.mean_shape.astype(np.float64)
        for level in range(levels):
            turn = _linear_between(mean, current)
            values = _pixel_values(groups, frames, turn, current, arrays.anchors[level], arrays.deltas[level]).ravel()
            first, second, thresholds = self._first[level], self._second[level], self._thresholds[level]
            node = np.zeros((len(current), trees), dtype=np.intp)
            for _ in range(arrays.depth):
                at = node + root
                difference = values.take(first.take(at) + face) - values.take(second.take(at) + face)
                node += node
                node += 1
                node += difference <= thresholds.take(at)
            node += first_leaf
            for shape, chosen in zip(current, node, strict=True):
                sums[0] = shape
                np.take(self._leaves[level], chosen, axis=0, out=sums[1:], mode="clip")
                np.add.reduce(sums, axis=0, out=shape)  # along the outer axis: row after row


def _linear_between(mean: NDArray[np.float64], current: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 2) a and b of the turn and scale ``[[a, -b], [b, a]]`` from the mean shape to each shape (N, 2P)."""
    if len(mean) == 1:
        return np.tile(np.array([1, 0], dtype=np.float32), (len(current), 1))
    source = mean - mean.mean(axis=0)
    shapes = current.reshape(len(current), -1, 2).astype(np.float64)
    shapes -= shapes.mean(axis=1, keepdims=True)
    spread = (source**2).sum()
    a = np.einsum("npk,pk->n", shapes, source) / spread
    b = (shapes[..., 1] @ source[:, 0] - shapes[..., 0] @ source[:, 1]) / spread
    return np.stack([a, b], axis=1).astype(np.float32)


def _pixel_values(
    groups: list[tuple[NDArray[np.uint8], NDArray[np.intp]]],
    frames: NDArray[np.float64],
    turn: NDArray[np.float32],
    current: NDArray[np.float32],
    anchors: NDArray[np.int32],
    deltas: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Grey values (N, F) of a level's pixels, 0 outside the image."""
    a, b = turn[:, :1], turn[:, 1:]
    dx, dy = deltas[:, 0], deltas[:, 1]
    x = (a * dx - b * dy) + current[:, 0::2].take(anchors, axis=1)
    y = (b * dx + a * dy) + current[:, 1::2].take(anchors, axis=1)
    m = frames[:, :, :, None]
    columns = np.floor(m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2] + 0.5)
    rows = np.floor(m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2] + 0.5)
    values = np.empty(x.shape, dtype=np.float32)
    for pixels, faces in groups:
        height, width = pixels.shape[:2]
        row, column = rows[faces], columns[faces]
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row[~inside] = column[~inside] = 0
        found = pixels[row.astype(np.intp), column.astype(np.intp)]
        values[faces] = np.where(inside, as_grey(found), 0)
    return values
