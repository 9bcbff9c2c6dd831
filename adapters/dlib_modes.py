"""How stock dlib, which knows upright boxes of whole pixels only, is run from a frame: in a chip or the nearest box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.frames import cut_out
from tcdcn_init.geometry import transform_points

if TYPE_CHECKING:
    import dlib

__all__ = ["BoxMode", "ChipMode", "as_rectangle", "as_whole"]

# dlib answers in whole pixels of the chip: with 400 across the box, rounding costs 0.3 % of the inter-ocular distance
# (0.6 % with 200, in half the time). The margin keeps in the chip what the trees read.
_CHIP_SIDE, _CHIP_MARGIN = 400, 0.25

_FAR = 2**30  # dlib's rectangles and points hold no larger numbers everywhere


class ChipMode:
    """Each face is cut out upright, stock dlib runs in the chip, and its points are mapped back.

    Parameters
    ----------
    stock : dlib.shape_predictor
    """

    def __init__(self, stock: dlib.shape_predictor) -> None:
        self._stock: Any = stock

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Shapes (N, P, 2); dlib starts from its mean shape, whatever `shapes` are."""
        cutouts = [cut_out(image, frame, _CHIP_SIDE, _CHIP_MARGIN) for image, frame in zip(images, frames, strict=True)]
        return np.stack(
            [transform_points(cutout.to_image, _points(self._stock, cutout.image, cutout.box)) for cutout in cutouts]
        )


class BoxMode:
    """Stock dlib runs in the upright box in which its mean shape fits a frame best.

    Parameters
    ----------
    stock : dlib.shape_predictor
    middle : (2,) array_like
        The place in the unit square that is to lie where the frame has it.
    """

    def __init__(self, stock: dlib.shape_predictor, middle: NDArray[np.float64]) -> None:
        self._stock: Any = stock
        self._middle = middle

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Shapes (N, P, 2); dlib starts from its mean shape, whatever `shapes` are."""
        return np.stack(
            [_points(self._stock, image, self._box(frame)) for image, frame in zip(images, frames, strict=True)]
        )

    def _box(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        if frame[1, 0] == 0:  # upright already; dlib takes boxes without area too
            return np.concatenate([frame[:, 2], frame[:, 2] + np.diag(frame[:, :2])])
        sides = np.linalg.norm(frame[:, :2], axis=0)
        corner = transform_points(frame, self._middle[None])[0] - self._middle * sides
        return np.concatenate([corner, corner + np.maximum(sides, 1)])


def as_rectangle(box: Sequence[float] | NDArray[np.float64]) -> dlib.rectangle:
    """dlib's rectangle of whole pixels that is nearest to (left, top, right, bottom)."""
    import dlib

    return dlib.rectangle(*as_whole(np.asarray(box, dtype=np.float64)))


def as_whole(numbers: NDArray[np.float64]) -> list[Any]:
    """The nearest whole numbers that dlib can hold."""
    return list(np.floor(numbers + 0.5).clip(-_FAR, _FAR).astype(int).tolist())


def _points(stock: Any, image: NDArray[np.uint8], box: Any) -> NDArray[np.float64]:
    found = stock(np.ascontiguousarray(image), as_rectangle(box))
    return np.array([(part.x, part.y) for part in found.parts()], dtype=np.float64)
