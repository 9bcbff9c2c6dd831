"""Cut, turn and scale faces out of an image, and map points back.

A *frame* is a 2x3 similarity from normalised crop coordinates (the square from -0.5 to 0.5, origin in its middle)
to image pixels. Crops and points share it: the crop is the image sampled over the frame, the network's answer is
in the frame's coordinates, and `geometry.transform_points` carries it to the image.

Only the pixels under a frame are touched, so the cost depends on neither the image's size nor, beyond twice the
crop's resolution, the face's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import box_from_points, box_square, centroid_size, roll_degrees
from tcdcn_init.images import as_grey

__all__ = ["GRID_REACH", "cut", "frames_from_boxes", "frames_from_points", "snapped"]

# A turned crop is blurred twice: by a triangle filter, then by linear interpolation of its half-pitch grid. Filters
# add their variances (half width squared / 6), and 0.75 + 0.25 = 1 makes the sum that of an upright crop.
GRID_REACH = 2 * 0.75**0.5  # in pitches of the grid, which are half the crop's


# Rows of a resampled grid that are computed together.
_BAND = 20


# The square of the box around any five points of mean 0 and size 1, which a later pass turns, scales and shifts.
_UNIT = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [-1.0, 1.0], [1.0, 1.0]])
_UNIT_CENTRE, _UNIT_SIDE = box_square(box_from_points(_UNIT / centroid_size(_UNIT)))


def frames_from_boxes(boxes: ArrayLike, view: float) -> NDArray[np.float64]:
    """Upright frames around boxes.

    Parameters
    ----------
    boxes : (N, 4) array_like
    view : float
        Side of the frame in units of the side of the box's square (`geometry.box_square`).

    Returns
    -------
    (N, 2, 3) ndarray of float64
    """
    centre, side = box_square(boxes)
    frames = np.zeros((*side.shape, 2, 3))
    frames[..., 0, 0] = frames[..., 1, 1] = side * view
    frames[..., 2] = centre
    return frames


def frames_from_points(points: ArrayLike, view: float) -> NDArray[np.float64]:
    """Frames turned with the face and centred on it: what a later pass crops.

    Upright, it is the frame of the box that `geometry.box_from_points` puts around the points.

    Parameters
    ----------
    points : (N, 5, 2) array_like
    view : float
        As in `frames_from_boxes`.

    Returns
    -------
    (N, 2, 3) ndarray of float64
    """
    array = np.asarray(points, dtype=np.float64)
    angle, size, middle = np.radians(roll_degrees(array)), centroid_size(array), array.mean(axis=-2)
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    frames = np.empty((*angle.shape, 2, 3))
    frames[..., 0, 0] = frames[..., 1, 1] = _UNIT_SIDE * view * cos
    frames[..., 1, 0] = _UNIT_SIDE * view * sin
    frames[..., 0, 1] = -frames[..., 1, 0]
    frames[..., 0, 2] = middle[..., 0] + cos * _UNIT_CENTRE[0] - sin * _UNIT_CENTRE[1]
    frames[..., 1, 2] = middle[..., 1] + sin * _UNIT_CENTRE[0] + cos * _UNIT_CENTRE[1]
    return frames


def snapped(frames: ArrayLike) -> NDArray[np.float64]:
    """The nearest frames of a coarse grid: whole degrees, sides 2 % apart, middles a 64th of the side apart.

    A later pass crops over such a frame. It need not be exact, and differences of a millionth between two ways to
    compute the first pass's points, as batches of different size make them, do not grow through the second crop. The
    grid is that of the coordinates given: laid around a face, it moves with the face.

    Parameters
    ----------
    frames : (N, 2, 3) array_like
        Similarities.

    Returns
    -------
    (N, 2, 3) ndarray of float64
    """
    array = np.asarray(frames, dtype=np.float64)
    side = np.exp(np.rint(np.log(np.hypot(array[:, 0, 0], array[:, 1, 0])) / 0.02) * 0.02)
    angle = np.radians(np.rint(np.degrees(np.arctan2(array[:, 1, 0], array[:, 0, 0]))))
    cos, sin = side * np.cos(angle), side * np.sin(angle)
    step = side[:, None] / 64.0
    result = np.empty_like(array)
    result[:, :, 0], result[:, :, 1] = np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)
    result[:, :, 2] = np.rint(array[:, :, 2] / step) * step
    return result


def cut(image: NDArray[Any], frames: ArrayLike, side: int, reach: float = 1.0) -> NDArray[np.float32]:
    """Sample an image over frames: grey crops, antialiased where they shrink.

    Beyond the image's border its outermost pixels go on. Upright frames are resampled by a triangle filter of
    the crop's pitch; turned ones by a narrower one onto an upright grid of half the pitch, which is then interpolated
    linearly: together the same spread. Where a crop's pixel spans four or more of the image's, the filter takes two
    to four samples along each axis of that span instead of every pixel: enough against the aliasing of faces, and the
    time stays that of a small face; a texture finer than that may still alias.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    frames : (N, 2, 3) array_like
        Similarities from the square -0.5..0.5 to image pixels.
    side : int
        Side of a crop in pixels.
    reach : float
        Half width of the filter of upright frames, in pixels of the crop.

    Returns
    -------
    (N, side, side) ndarray of float32
        Grey, in [0, 1] for images in range.

        NaN or infinity in an image of floats under a frame spreads into that frame's crop alone.
    """
    array = np.asarray(frames, dtype=np.float64)
    crops = np.empty((len(array), side, side), dtype=np.float32)
    for crop, frame in zip(crops, array, strict=True):
        if frame[1, 0] == 0.0 and frame[0, 0] > 0.0:
            crop[...] = _resample(image, frame[:, 2], frame[0, 0] / side, side, reach)
        else:
            crop[...] = _cut_turned(image, frame, side)
    return crops


def _cut_turned(image: NDArray[Any], frame: NDArray[np.float64], side: int) -> NDArray[np.float32]:
    scale = float(np.hypot(frame[0, 0], frame[1, 0]))
    across, down = frame[:, 0] / scale, frame[:, 1] / scale
    # An upright grid at half the crop's pitch that covers the turned square, a margin to spare.
    count = int(np.ceil(2 * side * (abs(across[0]) + abs(across[1])))) + 4
    grid = _resample(image, frame[:, 2], scale / side / 2, count, GRID_REACH)
    # Linear interpolation of the grid at the crop's pixels: two grid pixels apart, about the common middle.
    steps = 2.0 * (np.arange(side) - (side - 1) / 2)
    x = steps * across[0] + steps[:, None] * down[0] + (count - 1) / 2
    y = steps * across[1] + steps[:, None] * down[1] + (count - 1) / 2
    column, row = x.astype(np.intp), y.astype(np.intp)
    dx, dy = (x - column).astype(np.float32), (y - row).astype(np.float32)
    flat, at = grid.ravel(), row * count + column
    upper = flat[at] * (1 - dx) + flat[at + 1] * dx
    lower = flat[at + count] * (1 - dx) + flat[at + count + 1] * dx
    return np.asarray(upper * (1 - dy) + lower * dy, dtype=np.float32)


def _resample(
    image: NDArray[Any], centre: NDArray[np.float64], pitch: float, count: int, reach: float
) -> NDArray[np.float32]:
    """A grey (count, count) grid of the given pitch in image pixels, its middle at `centre` (x, y).

    The filter is a triangle that ends `reach` pitches away from its middle.
    """
    step = max(1, int(reach * pitch / 2))  # every pixel up to twice the resolution, then two samples a half triangle
    (columns, rows), (x_weights, y_weights) = _axes(centre, pitch, count, step, reach)
    region = as_grey(_region(image, rows, columns))
    slope = pitch / step
    return _banded(x_weights, _banded(y_weights, region, slope).T, slope).T


def _banded(weights: NDArray[np.float32], values: NDArray[np.float32], slope: float) -> NDArray[np.float32]:
    """``weights @ values`` for weights that are zero away from a band, some rows at a time.

    Less work than the whole product, and each part is too small for a BLAS to spread over threads: threads that wait
    for each other cost more than they bring, many times more where other work keeps the processor busy. From row to
    row the band moves on by `slope` columns.
    """
    count, length = weights.shape
    width = length - slope * (count - 1)  # of the band, since the last row ends at the last column
    result = np.empty((count, values.shape[1]), dtype=np.float32)
    for start in range(0, count, _BAND):
        stop = min(start + _BAND, count)
        low, high = max(0, int(slope * start) - 1), min(length, int(slope * (stop - 1) + width) + 2)
        np.matmul(weights[start:stop, low:high], values[low:high], out=result[start:stop])
    return result


def _axes(
    centre: NDArray[np.float64], pitch: float, count: int, step: int, reach: float
) -> tuple[tuple[range, range], NDArray[np.float32]]:
    """Source pixels along x and along y, and the (2, count, len(pixels)) weights of a triangle filter over them."""
    half = max(reach * pitch, float(step))  # never narrower than linear interpolation
    targets = pitch * (np.arange(count) - (count - 1) / 2)
    starts = np.floor(centre + (targets[0] - half)).astype(int).tolist()
    length = int((targets[-1] - targets[0] + 2 * half) / step) + 2
    # Relative to the first pixel, single precision is exact to a hundred-thousandth of a pixel.
    places = (targets + (centre - starts)[:, None]).astype(np.float32)
    weights = np.subtract.outer(places, np.arange(0, step * length, step, dtype=np.float32))
    np.abs(weights, out=weights)
    weights *= np.float32(-1.0 / half)
    weights += np.float32(1.0)
    np.maximum(weights, np.float32(0.0), out=weights)
    weights /= weights.sum(axis=2, keepdims=True)
    x, y = (range(start, start + step * length, step) for start in starts)
    return (x, y), weights


def _region(image: NDArray[Any], rows: range, columns: range) -> NDArray[Any]:
    """The pixels at rows x columns, indices beyond the border clamped to it."""
    height, width = image.shape[:2]
    if rows.start < 0 or columns.start < 0 or rows[-1] >= height or columns[-1] >= width:
        r = np.clip(np.asarray(rows), 0, height - 1)
        c = np.clip(np.asarray(columns), 0, width - 1)
        inside: NDArray[Any] = image[r[:, None], c]
    else:
        inside = image[rows.start : rows.stop : rows.step, columns.start : columns.stop : columns.step]
    return inside
