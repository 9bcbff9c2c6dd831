"""Frames: where a regressor starts, as the affine map from the unit square of a face box to the image.

An upright box is one frame; five points give another, rotated and scaled with the face. dlib knows the first kind only,
so a frame can also be cut out as an image in which its box is upright.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import have_extent
from tcdcn_init.adapters.cascade.layouts import IndexMap, Layout, find_layout
from tcdcn_init.geometry import compose, similarity_between, transform_points
from tcdcn_init.images import as_bytes

__all__ = ["Cutout", "SeededFrames", "bytes_under", "cut_out", "frames_from_boxes", "mean_grey"]


def frames_from_boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    """Upright frames (..., 2, 3): the unit square stretched to boxes (..., 4), as dlib does.

    Examples
    --------
    >>> frames_from_boxes([[10, 20, 60, 80]])[0].tolist()
    [[50.0, 0.0, 10.0], [0.0, 60.0, 20.0]]
    """
    array = np.asarray(boxes, dtype=np.float64)
    frames = np.zeros((*array.shape[:-1], 2, 3))
    frames[..., 0, 0] = array[..., 2] - array[..., 0]
    frames[..., 1, 1] = array[..., 3] - array[..., 1]
    frames[..., 2] = array[..., :2]
    return frames


class SeededFrames:
    """Frames that lay a model's mean shape on given points, by similarities.

    Parameters
    ----------
    mean_shape : (P, 2) array_like
        In units of the box.
    aspect : float
        Width over height of the boxes that the model was trained on: a box is stretched to the unit square, and
        the mean shape with it.
    layout : mapping, optional
        See `layouts.find_layout`.

    Examples
    --------
    >>> mean = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]
    >>> seeded = SeededFrames(mean)
    >>> (seeded.from_points(100 * np.array(mean) + [7, 0]).round(6) + 0.0).tolist()
    [[100.0, 0.0, 7.0], [0.0, 100.0, 0.0]]
    """

    def __init__(self, mean_shape: ArrayLike, *, aspect: float = 1.0, layout: IndexMap | None = None) -> None:
        if not 0.1 <= aspect <= 10:
            raise ValueError(f"aspect is {aspect}; expected width / height of the training boxes, 0.1 to 10")
        self.aspect = float(aspect)
        self._stretch = np.array([[self.aspect, 0.0, 0.0], [0.0, 1.0, 0.0]])
        self._upright = transform_points(self._stretch, mean_shape)
        self._index_map = layout
        self._layout: Layout | None = None
        self._five: NDArray[np.float64] | None = None

    @property
    def layout(self) -> Layout:
        """Where the five points are; looked for when first asked, since starts from boxes need none."""
        if self._layout is None:
            self._layout = find_layout(self._upright, self._index_map)
        return self._layout

    def from_points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Frames (..., 2, 3) from five points (..., 5, 2) in the order of `geometry.FIVE_POINTS`."""
        return self._carry(self._own_five(), self.layout.of_five(points))

    def from_annotations(self, shapes: ArrayLike) -> NDArray[np.float64]:
        """The frames (..., 2, 3) that the five points of whole shapes (..., P, 2) would give: perfect seeds."""
        return self._carry(self._own_five(), self.layout.of_shape(shapes))

    def from_shapes(self, shapes: ArrayLike) -> NDArray[np.float64]:
        """Frames (..., 2, 3) from whole shapes (..., P, 2)."""
        array = np.asarray(shapes, dtype=np.float64)
        if array.shape[-2:] != self._upright.shape:
            raise ValueError(f"shape is {array.shape}; expected (..., {len(self._upright)}, 2), the model's points")
        return self._carry(self._upright, array)

    def valid(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which of the five points (..., 5, 2) give a frame: those that are finite and do not all coincide; (...)."""
        return have_extent(self.layout.of_five(points))

    def _own_five(self) -> NDArray[np.float64]:
        if self._five is None:
            self._five = self.layout.of_shape(self._upright)
        return self._five

    def _carry(self, source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
        bad = ~have_extent(target)
        if bad.any():
            raise ValueError(
                f"points to start from are {target[bad][0].tolist()}; expected finite numbers that do not coincide"
            )
        return compose(similarity_between(source, target), self._stretch)


class Cutout(NamedTuple):
    """A grey image over a frame.

    Attributes
    ----------
    image : (H, W) ndarray of uint8
    box : (left, top, right, bottom)
        The frame's unit square in it, upright and in whole pixels.
    to_image : (2, 3) ndarray
        From the cutout's pixels to those of the image it was cut from.
    """

    image: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    to_image: NDArray[np.float64]


def cut_out(
    image: NDArray[np.uint8], frame: NDArray[np.float64], side: int, margin: float | NDArray[np.float64]
) -> Cutout:
    """Cut a frame out of an image (of `images.as_bytes`) with dlib, so that its box is upright.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) ndarray of uint8
    frame : (2, 3) ndarray
        Upright or rotated, its two sides at right angles.
    side : int
        Longer side of the box in the cutout, in pixels.
    margin : float or (4,) ndarray
        Around the box, in units of that side; on the left, at the top, on the right and at the bottom, where they
        differ. Outside the image all is 0, as for a predictor of dlib.

    Returns
    -------
    Cutout
        Interpolated linearly between single pixels, never averaged: dlib's trees read single pixels too.
    """
    import dlib

    sides = np.linalg.norm(frame[:, :2], axis=0)
    width, height = (max(1, round(v)) for v in (sides * side / sides.max()).tolist())
    before_x, before_y, after_x, after_y = np.rint(np.broadcast_to(margin, 4) * side).astype(int).tolist()
    last = np.array([width + before_x + after_x, height + before_y + after_y])  # column and row
    to_image = compose(frame, [[1 / width, 0, -before_x / width], [0, 1 / height, -before_y / height]])
    # Only the part of the image under the cutout is read, and of a large face every second or nth pixel: dlib would
    # average such a face, and lose a border of it.
    step = max(1, int(sides.max() / side))
    corners = transform_points(to_image, last * [[0, 0], [1, 0], [0, 1], [1, 1]])
    limit = image.shape[1::-1]
    left, top = np.clip(np.floor(corners.min(axis=0)) - step, 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 2 * step, 0, limit).astype(int).tolist()
    part = np.ascontiguousarray(mean_grey(image[top:bottom:step, left:right:step]))
    box = (before_x, before_y, before_x + width, before_y + height)
    if not part.size:
        return Cutout(np.zeros((last[1] + 1, last[0] + 1), dtype=np.uint8), box, to_image)
    # Corners of this rectangle are centres of the cutout's corner pixels. From point pairs, chip_details would make one
    # that is too large or too small by a pixel's difference between the two scales.
    middle = (corners.mean(axis=0) - [left, top]) / step
    half = np.linalg.norm(to_image[:, :2], axis=0) * last / 2 / step
    details = dlib.chip_details(
        dlib.drectangle(*(middle - half).tolist(), *(middle + half).tolist()),
        dlib.chip_dims(int(last[1]) + 1, int(last[0]) + 1),
        float(np.arctan2(frame[1, 0], frame[0, 0])),
    )
    return Cutout(dlib.extract_image_chip(part, details), box, to_image)


def bytes_under(
    images: Sequence[NDArray[Any]], frames: NDArray[np.float64]
) -> tuple[list[NDArray[np.uint8]], dict[int, ValueError]]:
    """Images of faces as dlib takes them, each converted once, and the faces that lie on pixels which are no numbers.

    Parameters
    ----------
    images : sequence of N ndarrays
        The image of each face, of `images.as_image`; those that are one object are converted once.
    frames : (N, 2, 3) ndarray
        Where the faces lie.

    Returns
    -------
    pixels : list of N (H, W) or (H, W, 3) ndarrays of uint8
        RGBA lies on white; NaN and infinity are 0.
    refused : dict of int to ValueError
        The faces with NaN or infinity under their frames.
    """
    pixels = {id(image): as_bytes(image) for image in images}
    refused = {
        n: ValueError("the image holds NaN or infinity there; replace such pixels, e.g. with numpy.nan_to_num")
        for n, (image, frame) in enumerate(zip(images, frames, strict=True))
        if not _finite_under(image, frame)
    }
    return [pixels[id(image)] for image in images], refused


def _finite_under(image: NDArray[Any], frame: NDArray[np.float64]) -> bool:
    """Whether the pixels of an image of `as_image` under a frame's unit square are finite."""
    if image.dtype.kind != "f":
        return True
    corners = transform_points(frame, [[0, 0], [1, 0], [0, 1], [1, 1]])
    limit = np.array(image.shape[1::-1])
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limit).astype(int).tolist()
    return bool(np.isfinite(image[top:bottom, left:right]).all())


def mean_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey of pixels (...) or (..., 3) as dlib computes it: the mean of red, green and blue rounded down, not luma."""
    if pixels.ndim == 2:
        return pixels
    grey = np.add(pixels[..., 0], pixels[..., 1], dtype=np.uint16)  # in a tenth of the time of a sum over an axis
    grey += pixels[..., 2]
    grey //= 3
    return grey.astype(np.uint8)
