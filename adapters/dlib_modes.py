"""How dlib's cascade is run from a frame: by stock dlib, which knows upright boxes of whole pixels only, or by ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.frame_forms import FrameFitter
from tcdcn_init.adapters.cascade.frames import cut_out
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.trees import Trees
from tcdcn_init.geometry import transform_points

if TYPE_CHECKING:
    import dlib

__all__ = ["BoxMode", "ChipMode", "ExactMode", "WholeFitter", "as_rectangle", "as_whole", "is_upright"]

# dlib answers in whole pixels of the chip: with 400 across the box this costs nothing, but chips take 2.4 times longer;
# with 256 a hundredth of the error on training faces of LFPW and HELEN, with 200 two. Within the margin around the mean
# shape lies what the trees read: with 0.15 the error is a hundredth larger, with 0.1 four.
_CHIP_SIDE, _CHIP_MARGIN = 256, 0.2

# Where whole pixels of the image are asked for, the chip of a small face may be this small, and costs half the time: on
# turned training faces of LFPW and HELEN the error is a hundredth larger, with 128 two.
_LEAST_SIDE = 160

# A head turned by less, in degrees, is as well fitted in the image itself: dlib's training faces are no more upright.
# On training faces of LFPW and HELEN the error is less than 0.1 % of the inter-ocular distance larger than in a chip,
# 0.2 % between this and 15 degrees, and grows fast beyond.
_UPRIGHT = 7.5

# Where a box is this wide, whole pixels of the image are no coarser than those of a chip.
_WIDE = 250.0

_FAR = 2**30  # dlib's rectangles and points hold no larger numbers everywhere


class WholeFitter(FrameFitter, Protocol):
    """A `FrameFitter` that also answers as dlib does, in whole pixels, which may take it less time."""

    def parts(self, image: NDArray[np.uint8], frame: NDArray[np.float64]) -> dlib.points:
        """The points of one face in a frame (2, 3), in whole pixels."""
        ...


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
        return np.stack([_as_array(self.parts(image, frame)) for image, frame in zip(images, frames, strict=True)])

    def parts(self, image: NDArray[np.uint8], frame: NDArray[np.float64]) -> dlib.points:
        """As of `WholeFitter`."""
        return _run(self._stock, image, self._box(frame))

    def _box(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        if frame[1, 0] == 0:  # upright already; dlib takes boxes without area too
            return np.concatenate([frame[:, 2], frame[:, 2] + np.diag(frame[:, :2])])
        sides = np.linalg.norm(frame[:, :2], axis=0)
        corner = transform_points(frame, self._middle[None])[0] - self._middle * sides
        return np.concatenate([corner, corner + np.maximum(sides, 1)])


class ChipMode:
    """A turned face is cut out upright, stock dlib runs in the chip, and its points are mapped back.

    A face that is upright and large needs no chip: it is fitted as by `BoxMode`; a small one too where whole pixels are
    asked for.

    Parameters
    ----------
    stock : dlib.shape_predictor
    mean_shape : (P, 2) ndarray
        The predictor's, in units of the box.
    aspect : float
        Width over height of a frame.
    upright : BoxMode
    """

    def __init__(
        self, stock: dlib.shape_predictor, mean_shape: NDArray[np.float64], aspect: float, upright: BoxMode
    ) -> None:
        self._stock: Any = stock
        self._upright = upright
        # dlib reads pixels around the shape, which may leave the box (a chin) or not fill it (no forehead).
        sides = np.array([aspect, 1.0]) / max(aspect, 1.0)
        low, high = mean_shape.min(axis=0) * sides, (mean_shape.max(axis=0) - 1.0) * sides
        self._margin = np.concatenate([-low, high]) + _CHIP_MARGIN

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Shapes (N, P, 2); dlib starts from its mean shape, whatever `shapes` are."""
        return np.stack([self._fit_one(image, frame) for image, frame in zip(images, frames, strict=True)])

    def parts(self, image: NDArray[np.uint8], frame: NDArray[np.float64]) -> dlib.points:
        """As of `WholeFitter`."""
        if is_upright(frame):
            return self._upright.parts(image, frame)
        side = np.hypot(*frame[:, :2]).max()
        return _as_parts(self._in_chip(image, frame, int(np.clip(side, _LEAST_SIDE, _CHIP_SIDE))))

    def _fit_one(self, image: NDArray[np.uint8], frame: NDArray[np.float64]) -> NDArray[np.float64]:
        if is_upright(frame) and np.hypot(*frame[:, 0]) >= _WIDE:
            return _as_array(self._upright.parts(image, frame))
        return self._in_chip(image, frame, _CHIP_SIDE)

    def _in_chip(self, image: NDArray[np.uint8], frame: NDArray[np.float64], side: int) -> NDArray[np.float64]:
        chip = cut_out(image, frame, side, self._margin)
        return transform_points(chip.to_image, _as_array(_run(self._stock, chip.image, chip.box)))


class ExactMode:
    """This project's own trees run dlib's cascade in the frame.

    Parameters
    ----------
    arrays : CascadeArrays
    """

    def __init__(self, arrays: CascadeArrays) -> None:
        self._trees = Trees(arrays)

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Shapes (N, P, 2), from the mean shape or from start shapes."""
        return self._trees.fit(images, frames, shapes)

    def parts(self, image: NDArray[np.uint8], frame: NDArray[np.float64]) -> dlib.points:
        """As of `WholeFitter`."""
        return _as_parts(self.fit([image], frame[None])[0])


def as_rectangle(box: Sequence[float] | NDArray[np.float64]) -> dlib.rectangle:
    """dlib's rectangle of whole pixels that is nearest to (left, top, right, bottom)."""
    import dlib

    return dlib.rectangle(*as_whole(np.asarray(box, dtype=np.float64)))


def as_whole(numbers: NDArray[np.float64]) -> list[Any]:
    """The nearest whole numbers that dlib can hold."""
    return list(np.floor(numbers + 0.5).clip(-_FAR, _FAR).astype(int).tolist())


def is_upright(frame: NDArray[np.float64]) -> bool:
    """Whether a frame (2, 3) is turned so little that stock dlib needs no chip."""
    return bool(abs(np.degrees(np.arctan2(frame[1, 0], frame[0, 0]))) <= _UPRIGHT)


def _run(stock: Any, image: NDArray[np.uint8], box: Any) -> Any:
    return stock(np.ascontiguousarray(image), as_rectangle(box)).parts()


def _as_array(parts: Any) -> NDArray[np.float64]:
    return np.array([(part.x, part.y) for part in parts], dtype=np.float64)


def _as_parts(shape: NDArray[np.float64]) -> dlib.points:
    import dlib

    return dlib.points([dlib.point(x, y) for x, y in as_whole(shape)])
