"""The arithmetic of dlib's cascade of regression trees: many faces at once, each from its own frame, in floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.frames import mean_grey
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.geometry import invert, transform_points

__all__ = ["Trees"]

_FACES_AT_ONCE = 64


class Trees:
    """A cascade ready to run.

    Parameters
    ----------
    arrays : CascadeArrays
    """

    def __init__(self, arrays: CascadeArrays) -> None:
        self._arrays = arrays
        splits = arrays.split_pixels.reshape(len(arrays.leaves), -1, 2).astype(np.intp)
        self._first, self._second = np.ascontiguousarray(splits[..., 0]), np.ascontiguousarray(splits[..., 1])
        self._thresholds = arrays.thresholds.reshape(len(splits), -1)
        self._leaves = arrays.leaves.reshape(len(splits), -1, arrays.mean_shape.size)

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Fit faces in frames.

        Parameters
        ----------
        images : sequence of N (H, W) or (H, W, 3) ndarrays of uint8
            The image of each face.
        frames : (N, 2, 3) ndarray
            Affine maps from the unit square of the training boxes to the image.
        shapes : (N, P, 2) ndarray, optional
            Start shapes in pixels; otherwise the mean shape in the frames.

        Returns
        -------
        (N, P, 2) ndarray of float64
        """
        mean = self._arrays.mean_shape
        count = len(frames)
        if shapes is None:
            current = np.tile(mean.reshape(-1), (count, 1))
        else:
            current = transform_points(invert(frames), shapes).reshape(count, mean.size).astype(np.float32)
        for first in range(0, count, _FACES_AT_ONCE):
            part = slice(first, first + _FACES_AT_ONCE)
            self._run(images[part], frames[part], current[part])
        return transform_points(frames, current.reshape(count, -1, 2))

    def _run(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        current: NDArray[np.float32],
    ) -> None:
        """Carry shapes (N, 2P) through all levels, in place.

        To agree with dlib to the last bit, this computes what dlib does in float32 in float32, and adds the leaves
        one after the other: a pairwise sum rounds otherwise, and the next level's splits fall otherwise.
        """
        arrays = self._arrays
        levels, trees, splits = arrays.thresholds.shape
        keys = np.array([id(image) for image in images])
        groups = [(images[int(first)], np.flatnonzero(keys == keys[first])) for first in _firsts(keys)]
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
        values[faces] = np.where(inside, mean_grey(found), 0)
    return values


def _firsts(keys: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where each of the keys stands first."""
    return np.unique(keys, return_index=True)[1]
