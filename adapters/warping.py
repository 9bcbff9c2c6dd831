"""How a face's chip is cut: antialiased, and from no more of the image than the chip shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import skimage as ski  # imports its submodules when they are first used
from numpy.typing import NDArray

from tcdcn_init.geometry import FloatArray

__all__ = ["as_float", "as_shape", "warp_face"]

if TYPE_CHECKING:
    from skimage.transform import SimilarityTransform


def warp_face(
    image: NDArray[Any],
    placed: SimilarityTransform,
    size: tuple[int, int],
    *,
    anti_aliasing: bool,
    mode: str,
    cval: float,
    preserve_range: bool,
) -> FloatArray:
    """The chip that `placed` (image to chip) makes of an image, from the face's region alone.

    Parameters are those of `skimage.align_face`.
    """
    if mode not in ("constant", "edge"):
        raise ValueError(f"mode {mode!r} is unknown; expected 'constant' or 'edge'")
    rows, cols = as_shape(size)
    back = np.linalg.inv(placed.params)
    # A face larger than the image need not be smoothed by more than the image.
    shrink = min(1 / float(placed.scale), max(image.shape[:2])) if anti_aliasing else 1.0
    # Most of a large shrink is done by averaging blocks, the rest by a Gaussian: together they have the variance of
    # the Gaussian that skimage.transform.resize uses, which alone takes 2 s a channel on a face of 4000 px.
    block = max(1, int(shrink // 2))
    variance = max(0.0, (shrink - 1) / 2) ** 2 - (block**2 - 1) / 12
    sigma = np.sqrt(max(0.0, variance)) / block

    corners = placed.inverse(np.array([[0, 0], [cols - 1, 0], [0, rows - 1], [cols - 1, rows - 1]]))
    reach = (4 * sigma + 2) * block
    limit = np.array([image.shape[1], image.shape[0]])
    # Clipped while still floats, since a far-away face may not fit an integer. At least one pixel stays.
    low = np.clip(np.floor(corners.min(axis=0) - reach), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + reach) + 1, low + 1, limit).astype(int)
    region = image[low[1] : high[1], low[0] : high[0]]

    smooth = _block_mean(region, block, preserve_range)
    if not smooth.flags.writeable:  # scikit-image's warp takes no read-only floats
        smooth = smooth.copy()
    if sigma > 0:
        smooth = ski.filters.gaussian(
            smooth,
            sigma,
            mode="nearest" if mode == "edge" else "constant",
            cval=cval,
            preserve_range=True,
            channel_axis=-1 if smooth.ndim == 3 else None,
        )
    to_blocks = np.diag([1 / block, 1 / block, 1.0])
    to_blocks[:2, 2] = (0.5 - low) / block - 0.5
    # Not clipped: linear interpolation leaves no range but between pixels and cval, and the region's range, to which
    # warp would clip, is not the image's.
    chip = ski.transform.warp(
        smooth,
        to_blocks @ back,
        output_shape=(rows, cols),
        order=1,
        mode=mode,
        cval=cval,
        clip=False,
        preserve_range=True,
    )
    return np.asarray(chip, dtype=smooth.dtype)


def _block_mean(region: NDArray[Any], block: int, preserve_range: bool) -> FloatArray:
    """The means of a region's square blocks, as floats; those at the right and bottom end may hold fewer pixels."""
    if block == 1:
        return as_float(region, preserve_range)
    # Converted strip by strip: a face of 4000 px in RGB would be 400 MB in float64.
    strips = [
        as_float(region[top : top + block], preserve_range).mean(axis=0) for top in range(0, region.shape[0], block)
    ]
    starts = np.arange(0, region.shape[1], block)
    widths = np.diff(np.append(starts, region.shape[1])).reshape(-1, *[1] * (region.ndim - 2))
    sums = np.add.reduceat(np.stack(strips), starts, axis=1)
    return np.asarray(sums / widths.astype(sums.dtype))


def as_float(image: NDArray[Any], preserve_range: bool) -> FloatArray:
    """The rule of `skimage.transform.warp`: single precision stays, half becomes single, all else double."""
    from skimage.util import img_as_float

    converted = image if preserve_range else img_as_float(image)
    single = converted.dtype in (np.float16, np.float32)
    return np.asarray(converted, dtype=np.float32 if single else np.float64)


def as_shape(size: int | tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a chip, checked; one number is the side of a square."""
    sides = np.asarray(size)
    sides = np.repeat(sides, 2) if sides.ndim == 0 else sides
    if sides.shape != (2,) or not np.issubdtype(sides.dtype, np.integer) or sides.min() < 1:
        raise ValueError(f"size is {size!r}; expected a positive integer, or two: (rows, cols)")
    return int(sides[0]), int(sides[1])
