"""Crops cut on the device that runs the network, where a batch of faces never leaves it between two passes.

Of every image the part around its faces is uploaded once and turned to grey there. A crop is sampled linearly from that
part, or from means of its squares of 2, 4, 8, ... pixels: those whose distance goes once to twice into that of the
crop's pixels. So crops differ a little from `regions.Region`'s, which are box-filtered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.images import as_grey
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.regions import LUMA, MARGIN

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DeviceCrops"]

# What is uploaded, in sides of the first frames: as a rule further ones, turned and moved, lie in it as well.
_SPARE = 1.5

# Parts begin and end at multiples of this, so that a face's squares of pixels do not depend on the image's other faces.
_GRID = 64


class DeviceCrops:
    """A `regions.Cutter` on a device of PyTorch's.

    Parameters
    ----------
    images : sequence of N ndarray
        Each face's, as `images.as_image` returns it; faces of the same array share what is uploaded. A pixel of that
        takes some 9 bytes on the device at most.
    device : str
        As `Initializer` takes it.
    """

    def __init__(self, images: Sequence[NDArray[Any]], device: str) -> None:
        import torch

        self._torch, self._device = torch, device
        self._images = images
        self._parts: dict[int, _Part] = {}  # of each image, by its id
        self._floats = any(image.dtype.kind == "f" for image in images)
        self._finite = torch.ones(len(images), dtype=torch.bool, device=device)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """See `regions.Cutter`."""
        return np.asarray(self._finite.cpu().numpy())

    def some(self, faces: Sequence[int]) -> DeviceCrops:
        """See `regions.Cutter.some`; what is uploaded serves both."""
        cutter = DeviceCrops([self._images[k] for k in faces], self._device)
        cutter._parts = self._parts
        return cutter

    def first(self, frames: Sequence[Frame], side: int, finest: float) -> Tensor:
        """See `regions.Cutter.first`."""
        return self.further(frames, side, range(len(self._images)))

    def further(self, frames: Sequence[Frame], side: int, faces: Sequence[int]) -> Tensor:
        """See `regions.Cutter.further`."""
        torch = self._torch
        by_image: dict[int, list[int]] = {}  # numbers of frames
        for k, face in enumerate(faces):
            by_image.setdefault(id(self._images[face]), []).append(k)
        order: list[int] = []
        levels: list[tuple[Tensor, int]] = []  # each sampled for that many faces
        places = np.empty((len(frames), 1, 1, 2, 4), dtype=np.float32)
        for own in by_image.values():
            part = self._part(self._images[faces[own[0]]], [frames[k] for k in own], side)
            depths = [max(0, math.floor(math.log2(math.hypot(frames[k].a, frames[k].b) / side))) for k in own]
            for depth in sorted(set(depths)):
                here = [k for k, its in zip(own, depths, strict=True) if its == depth]
                for k in here:
                    places[len(order), 0, 0] = part.place(frames[k], depth)
                    order.append(k)
                levels.append((part.level(depth), len(here)))
        at = (torch.arange(side, dtype=torch.float32, device=self._device) * 2 + 1) / side - 1
        # Not `affine_grid`: its product of matrices may be set to less than single precision.
        across, down, offset, bound = torch.from_numpy(places).to(self._device).unbind(4)
        grid = at[None, None, :, None] * across + at[None, :, None, None] * down + offset
        # Held inside here, since not all of PyTorch's devices have "border" padding.
        grids = torch.clamp(grid, -bound, bound).split([count for _, count in levels])
        sample = torch.nn.functional.grid_sample
        crops: Tensor = torch.cat(
            [
                sample(level, some.reshape(1, -1, side, 2), align_corners=False).reshape(-1, side, side)
                for (level, _), some in zip(levels, grids, strict=True)
            ]
        )
        if order != sorted(order):
            crops = crops[np.argsort(order).tolist()]
        if self._floats:
            self._finite[list(faces)] &= torch.isfinite(crops).flatten(1).all(1)
            crops = torch.nan_to_num(crops, nan=0.0, posinf=0.0, neginf=0.0)
        return crops

    def _part(self, image: NDArray[Any], frames: Sequence[Frame], side: int) -> _Part:
        """The part of an image that these frames of its faces need: what lies on the device, or else anew."""
        part = self._parts.get(id(image))
        if part is None or not part.extent.holds(_extent(image, frames, side, 1.0)):
            part = self._parts[id(image)] = _Part(image, _extent(image, frames, side, _SPARE), self._device)
        return part


class _Extent(NamedTuple):
    """Rectangle of pixels: the first column and row, and those after the last."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, other: _Extent) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


def _extent(image: NDArray[Any], frames: Sequence[Frame], side: int, spare: float) -> _Extent:
    """What frames reach of an image, and at least its pixels that are nearest to them."""
    reaches = [
        spare * (abs(frame.a) + abs(frame.b)) / 2 + MARGIN * math.hypot(frame.a, frame.b) / side for frame in frames
    ]
    starts, stops = [], []
    for axis, size in ((2, image.shape[1]), (3, image.shape[0])):
        low = min(frame[axis] - reach for frame, reach in zip(frames, reaches, strict=True))
        high = max(frame[axis] + reach for frame, reach in zip(frames, reaches, strict=True))
        starts.append(min(max(math.floor(low), 0), size - 1) // _GRID * _GRID)
        stops.append(min(max(math.ceil(high / _GRID) * _GRID, starts[-1] + _GRID), size))
    return _Extent(*starts, *stops)


class _Part:
    """Grey pixels of a part of an image on a device, and means of their squares."""

    def __init__(self, image: NDArray[Any], extent: _Extent, device: str) -> None:
        import torch

        self.extent, self._torch = extent, torch
        pixels = image[extent.top : extent.bottom, extent.left : extent.right]
        if pixels.dtype != np.uint8 or pixels.shape[2:] == (4,):
            pixels = as_grey(pixels)
        # A copy in any case: PyTorch refuses steps of -1, and warns of arrays that cannot be written to.
        uploaded = torch.from_numpy(np.array(pixels, order="C")).to(device)
        if uploaded.ndim == 3:
            red, green, blue = (uploaded[..., k].float() * weight for k, weight in enumerate((LUMA / 255).tolist()))
            grey = red + green + blue
        else:
            grey = uploaded.float() / 255 if uploaded.dtype == torch.uint8 else uploaded
        self._levels: list[Tensor] = [grey[None, None]]

    def level(self, depth: int) -> Tensor:
        """(1, 1, H, W): means of squares of 2 ** depth pixels."""
        while len(self._levels) <= depth:
            self._levels.append(self._torch.nn.functional.avg_pool2d(self._levels[-1], 2, ceil_mode=True))
        return self._levels[depth]

    def place(self, frame: Frame, depth: int) -> NDArray[np.float64]:
        """A frame as `grid_sample` counts, -1 to 1 over a level: rows for x and y; the last column is the border's."""
        height, width = self.level(depth).shape[2:]
        a, b = frame.a / 2, frame.b / 2
        x, y = frame.x + 0.5 - self.extent.left, frame.y + 0.5 - self.extent.top
        across, down = 2 / (width << depth), 2 / (height << depth)
        return np.array(
            [
                [a * across, -b * across, x * across - 1, 1 - 1 / width],
                [b * down, a * down, y * down - 1, 1 - 1 / height],
            ]
        )
