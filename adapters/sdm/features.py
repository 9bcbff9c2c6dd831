"""What the stages of an SDM are given of a face: HOG descriptors of patches around its current points.

A face is cut out once, to an upright chip of fixed resolution; the stages sample their patches there, in the frame of
the similarity that carries the mean shape onto the current one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.chip_cascade import ShapeChips, centred
from tcdcn_init.geometry import similarity_between

__all__ = ["SDMConfig", "SDMFeatures", "hog_patches"]

_PATCHES_AT_ONCE = 64  # so few that their arrays stay in the processor's cache: three times as fast as 320
_EPS, _CLIP = 1e-5, 0.2  # of the L2-Hys norm, as in scikit-image


def hog_patches(
    patches: NDArray[np.floating[Any]], orientations: int = 9, cell: int = 8, block: int = 2
) -> NDArray[np.floating[Any]]:
    """Histograms of oriented gradients of many small patches: `skimage.feature.hog` of each, L2-Hys norm.

    Twenty times as fast as calls of scikit-image's function (14 and 300 microseconds a patch of 32 x 32), which loops
    in Python over the blocks of one image; a training run describes two million patches. The numbers are the same.

    Parameters
    ----------
    patches : (M, side, side) ndarray of float
        `side` is a multiple of `cell`.
    orientations : int
        Bins over 180 degrees.
    cell : int
        Side of a cell in pixels.
    block : int
        Side of a block in cells.

    Returns
    -------
    (M, F) ndarray
        Of the patches' dtype; F is ``(side / cell - block + 1)**2 * block**2 * orientations``.

    Examples
    --------
    >>> from skimage.feature import hog
    >>> patch = np.random.default_rng(0).random((32, 32))
    >>> bool(np.allclose(hog_patches(patch[None])[0], hog(patch, cells_per_block=(2, 2))))
    True
    """
    count, side = patches.shape[:2]
    cells = side // cell
    rows, columns = np.zeros_like(patches), np.zeros_like(patches)
    np.subtract(patches[:, 2:], patches[:, :-2], out=rows[:, 1:-1])
    np.subtract(patches[:, :, 2:], patches[:, :, :-2], out=columns[:, :, 1:-1])
    magnitude = np.sqrt(rows * rows + columns * columns)
    angle = np.arctan2(rows, columns)
    angle *= rows != 0  # level gradients are 0 and 180 degrees alike, whatever rounding makes of pi
    angle *= orientations / np.pi
    bins = np.floor(angle).astype(np.intp)
    bins += orientations * (bins < 0)
    np.minimum(bins, orientations - 1, out=bins)
    cell_of = np.arange(side) // cell
    bins += (cell_of[:, None] * cells + cell_of) * orientations
    bins += (np.arange(count) * (cells * cells * orientations))[:, None, None]
    sums = np.bincount(bins.ravel(), magnitude.ravel(), count * cells * cells * orientations)
    histograms = (sums / cell**2).astype(patches.dtype).reshape(count, cells, cells, orientations)
    blocks = sliding_window_view(histograms, (block, block), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    blocks = blocks.reshape(count, (cells - block + 1) ** 2, -1)
    blocks = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _EPS**2)
    np.minimum(blocks, _CLIP, out=blocks)
    blocks /= np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _EPS**2)
    return np.asarray(blocks.reshape(count, -1))


@dataclass(frozen=True)
class SDMConfig:
    """What the stages of a cascade sample. The defaults were chosen on held-out faces of MTFL's training.txt.

    Lengths are in *radii* of the shape, the root mean square distance of its points from their mean: 0.64 of the
    inter-ocular distance for the five points.

    Attributes
    ----------
    spans : tuple of float
        Side of the patches in radii, one for each stage.
    patch : int
        Side of the patches in samples.
    cell, block, orientations : int
        As for `hog_patches`.
    resolution : float
        Pixels to a radius of the chip that a face is cut out to, once, before the stages sample their patches there.
    slack : float
        How far beyond the patches around the start a chip reaches, in radii. Past its border its last pixels go on.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    spans: tuple[float, ...] = (2.3, 1.7, 1.3, 1.0, 0.75, 0.55)
    patch: int = 32
    cell: int = 8
    block: int = 2
    orientations: int = 9
    resolution: float = 28.0
    slack: float = 0.5

    def __post_init__(self) -> None:
        for name in ("patch", "cell", "block", "orientations"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected a whole number")
        if not self.spans or not all(0.01 <= span <= 10 for span in self.spans):
            raise ValueError(f"spans are {self.spans}; expected one number of 0.01 to 10 radii for each stage")
        if not (1 <= self.block <= 8 and 1 <= self.cell <= 64 and 1 <= self.orientations <= 64):
            raise ValueError(
                f"block is {self.block}, cell {self.cell}, orientations {self.orientations}; expected at most 8, 64, 64"
            )
        if self.patch % self.cell or not self.cell * self.block <= self.patch <= 256:
            raise ValueError(
                f"patch is {self.patch}; expected a multiple of cell ({self.cell}), {self.cell * self.block} to 256"
            )
        if not (2 <= self.resolution <= 256 and 0 <= self.slack <= 10):
            raise ValueError(f"resolution is {self.resolution}, slack {self.slack}; expected 2 to 256 and 0 to 10")

    @property
    def length(self) -> int:
        """Numbers that describe one patch."""
        return (self.patch // self.cell - self.block + 1) ** 2 * self.block**2 * self.orientations


class SDMFeatures(ShapeChips):
    """Chips of faces, and descriptors of shapes in them.

    Parameters
    ----------
    upright : (P, 2) array_like
        The mean shape in true proportions, in any unit.
    config : SDMConfig

    Raises
    ------
    ValueError
        If the points coincide.
    """

    def __init__(self, upright: ArrayLike, config: SDMConfig) -> None:
        reach = np.linalg.norm(centred(upright), axis=1).max() + max(config.spans) / 2 + config.slack
        super().__init__(upright, config.resolution, float(reach))
        self.config = config

    @property
    def at_once(self) -> int:
        """Faces that are best described at once."""
        return max(1, _PATCHES_AT_ONCE // len(self.reference))

    def blocks(self, count: int) -> list[slice]:
        """Slices of at most `at_once` faces."""
        return [slice(first, min(first + self.at_once, count)) for first in range(0, count, self.at_once)]

    def describe(
        self, stage: int, chips: NDArray[np.float32], shapes: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """What a stage is given.

        Parameters
        ----------
        stage : int
        chips : (N, side, side) ndarray of float32
        shapes : (N, P, 2) ndarray
            In pixels of the chips.

        Returns
        -------
        descriptors : (N, P * config.length) ndarray of float32
        turns : (N, 2, 2) ndarray
            Linear maps from the upright mean shape's radii to pixels of the chips.
        """
        config = self.config
        turns = similarity_between(self.reference, shapes)[:, :, :2]
        patches = _cut_patches(chips, shapes, turns * (config.spans[stage] / config.patch), config.patch)
        hog = hog_patches(patches, config.orientations, config.cell, config.block)
        return np.asarray(hog.reshape(len(shapes), -1), dtype=np.float32), turns


def _cut_patches(
    chips: NDArray[np.float32], shapes: NDArray[np.float64], steps: NDArray[np.float64], side: int
) -> NDArray[np.float32]:
    """Patches (N * P, side, side) around points (N, P, 2), interpolated; `steps` (N, 2, 2) map samples to pixels."""
    size = chips.shape[-1]
    offsets = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    grid = steps.astype(np.float32)[:, :, :, None, None]
    across, down = offsets, offsets[:, None]
    most = np.float32(size - 1.001)
    x, y = (
        np.clip(
            shapes[:, :, axis, None, None].astype(np.float32)
            + (grid[:, axis, 0] * across + grid[:, axis, 1] * down)[:, None],
            0,
            most,
        )
        for axis in (0, 1)
    )
    column, row = x.astype(np.intp), y.astype(np.intp)
    x -= column
    y -= row
    at = row * size + column + (np.arange(len(chips)) * size**2)[:, None, None, None]
    flat = chips.ravel()
    upper, lower = flat.take(at), flat.take(at + size)
    upper += x * (flat.take(at + 1) - upper)
    lower += x * (flat.take(at + size + 1) - lower)
    return np.asarray((upper + y * (lower - upper)).reshape(-1, side, side))
