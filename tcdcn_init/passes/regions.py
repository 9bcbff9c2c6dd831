"""Grey crops of a face in a third of the time of `crops.cut`, for models that crop every face more than once.

The part of an image around a face is turned to grey once, thinned where the face is large, and both crops are taken
from it by Pillow: the upright coarse one by a box filter, the turned fine one by linear interpolation. Values are whole
255ths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tcdcn_init.images import as_grey
from tcdcn_init.passes.frames import Frame

__all__ = ["FINEST", "HALF", "LUMA", "MARGIN", "Cutter", "HostCrops", "Region"]

LUMA = np.array([0.2125, 0.7154, 0.0721], dtype=np.float32)  # as `crops`
# What rounds its sums of bytes: they are whole 10,000ths, and half of one more keeps a half from being rounded as it
# happens to come out on a processor.
HALF = np.float32(0.50005)
MARGIN = 2  # pixels around a region, for interpolation
FINEST = 1.05  # pixels of the region to one of a turned crop, at least, after thinning


class Region:
    """The grey pixels around a face.

    Beyond the picture's border its outermost pixels go on.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    frame : Frame
        What the region covers.
    pitch : float
        Distance of the pixels of the finest crop, in image pixels: where it is large, the region holds one to two of
        its own pixels to each of the crop's, means of up to four of the image's.

    Attributes
    ----------
    finite : bool
        False where an image of floats holds NaN or infinity here.
    """

    def __init__(self, image: NDArray[Any], frame: Frame, pitch: float) -> None:
        height, width = image.shape[:2]
        step = max(1, int(pitch / 1.5))
        halve = pitch / step >= 2.0
        self._scale = step * (2 if halve else 1)
        reach = (abs(frame.a) + abs(frame.b)) / 2 + MARGIN * self._scale
        left, top = math.floor(frame.x - reach), math.floor(frame.y - reach)
        count = (math.ceil(2 * reach / self._scale) + 1) * (2 if halve else 1)
        # The part of the region's grid that lies in the picture; beside the picture, its nearest row or column.
        first_column, across = _inside(left, step, count, width)
        first_row, down = _inside(top, step, count, height)
        here = image[down, across]
        self.finite = here.dtype.kind != "f" or bool(np.isfinite(here).all())
        values = _grey(here)
        pixels = values
        if values.shape != (count, count):
            pixels = np.empty((count, count), dtype=np.uint8)
            stop_row, stop_column = first_row + values.shape[0], first_column + values.shape[1]
            pixels[first_row:stop_row, first_column:stop_column] = values
            pixels[first_row:stop_row, :first_column] = values[:, :1]
            pixels[first_row:stop_row, stop_column:] = values[:, -1:]
            pixels[:first_row] = pixels[first_row]
            pixels[stop_row:] = pixels[stop_row - 1]
        self._pixels = Image.fromarray(pixels)
        if halve:
            self._pixels = self._pixels.reduce(2)
        # Where the outer edge of the first pixel lies in the picture.
        self._origin = (left - step / 2, top - step / 2)
        self._open = (left > 0, top > 0, left + count * step < width, top + count * step < height)

    def covers(self, frame: Frame) -> bool:
        """Whether a frame lies in the region, or leaves it only where the picture ends too."""
        left, top = self._origin
        length = self._pixels.width * self._scale
        reach = (abs(frame.a) + abs(frame.b)) / 2
        return not (
            (self._open[0] and frame.x - reach < left)
            or (self._open[1] and frame.y - reach < top)
            or (self._open[2] and frame.x + reach > left + length)
            or (self._open[3] and frame.y + reach > top + length)
        )

    def upright(self, frame: Frame, side: int) -> NDArray[np.uint8]:
        """The (side, side) crop over an upright frame that the region covers."""
        extent = frame.a / self._scale
        left = (frame.x - self._origin[0]) / self._scale - extent / 2
        top = (frame.y - self._origin[1]) / self._scale - extent / 2
        crop = self._pixels.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + extent, top + extent))
        return np.asarray(crop)

    def turned(self, frame: Frame, side: int) -> NDArray[np.uint8]:
        """The (side, side) crop over any frame; beyond the region it is black."""
        pixels, scale = self._pixels, self._scale
        fold = int(math.hypot(frame.a, frame.b) / scale / side / FINEST)
        if fold > 1:  # a coarse crop: means first, so that no detail between its pixels flickers
            pixels, scale = pixels.reduce(fold), scale * fold
        a, b = frame.a / scale, frame.b / scale
        x = (frame.x - self._origin[0]) / scale - (a - b) / 2
        y = (frame.y - self._origin[1]) / scale - (a + b) / 2
        affine = (a / side, -b / side, x, b / side, a / side, y)
        return np.asarray(pixels.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))


class Cutter(Protocol):
    """What `stages.ask_stages` has its crops from; made of each face's image, as `images.as_image` returns it."""

    @property
    def finite(self) -> NDArray[np.bool_]:
        """(N,) False where an image of floats holds NaN or infinity under the face, as far as it was cut."""
        ...

    def some(self, faces: Sequence[int]) -> Cutter:
        """A cutter for some of the faces, from the beginning."""
        ...

    def first(self, frames: Sequence[Frame], side: int, finest: float) -> Any:
        """Crops around every face.

        Parameters
        ----------
        frames : sequence of N Frame
        side : int
            Of the crops, in pixels.
        finest : float
            Distance of the pixels of the finest crop that is still to come, in sides of these frames.

        Returns
        -------
        (N, side, side) ndarray or Tensor of float32
            Grey, 0 to 1.
        """
        ...

    def further(self, frames: Sequence[Frame], side: int, faces: Sequence[int]) -> Any:
        """Crops around some faces, by their numbers, over frames near those before; as `first`."""
        ...


class HostCrops:
    """A `Cutter` on the processor, by every face's `Region`.

    Parameters
    ----------
    images : sequence of N ndarray
        Each face's, as `images.as_image` returns it.

    Attributes
    ----------
    finite : (N,) ndarray of bool
        See `Cutter`.
    """

    def __init__(self, images: Sequence[NDArray[Any]]) -> None:
        self._images = images
        self._regions: list[Region] = []
        self.finite = np.ones(len(images), dtype=np.bool_)

    def some(self, faces: Sequence[int]) -> HostCrops:
        """See `Cutter.some`."""
        return HostCrops([self._images[k] for k in faces])

    def first(self, frames: Sequence[Frame], side: int, finest: float) -> NDArray[np.float32]:
        """See `Cutter.first`."""
        self._regions = [
            Region(image, frame, math.hypot(frame.a, frame.b) * finest)
            for image, frame in zip(self._images, frames, strict=True)
        ]
        self.finite[:] = [region.finite for region in self._regions]
        crops = np.empty((len(frames), side, side), dtype=np.float32)
        for crop, region, frame in zip(crops, self._regions, frames, strict=True):
            is_upright = frame.a > 0 and not frame.b
            crop[...] = region.upright(frame, side) if is_upright else region.turned(frame, side)
        crops *= np.float32(1 / 255)
        return crops

    def further(self, frames: Sequence[Frame], side: int, faces: Sequence[int]) -> NDArray[np.float32]:
        """See `Cutter.further`."""
        crops = np.empty((len(frames), side, side), dtype=np.float32)
        for crop, frame, k in zip(crops, frames, faces, strict=True):
            if not self._regions[k].covers(frame):
                self._regions[k] = Region(self._images[k], frame, math.hypot(frame.a, frame.b) / side)
                self.finite[k] &= self._regions[k].finite
            crop[...] = self._regions[k].turned(frame, side)
        crops *= np.float32(1 / 255)
        return crops


def _inside(start: int, step: int, count: int, size: int) -> tuple[int, slice]:
    """Which of the pixels start, start + step, ... lie in a picture of that size: the first's number, and a slice."""
    first = min(max(0, -(start // step)), count - 1)
    last = max(first, min(count - 1, (size - 1 - start) // step))
    low = min(max(start + first * step, 0), size - 1)
    return first, slice(low, max(low, start + last * step) + 1, step)


def _grey(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """By scikit-image's rules, rounded to 255ths."""
    if pixels.dtype == np.uint8 and pixels.ndim == 2:
        return pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        values = pixels.reshape(-1, 3).astype(np.float32) @ LUMA
        return np.asarray((values + HALF).astype(np.uint8).reshape(pixels.shape[:2]))
    values = np.clip(np.nan_to_num(as_grey(pixels)), 0.0, 1.0) * np.float32(255.0) + np.float32(0.5)
    return np.asarray(values, dtype=np.uint8)
