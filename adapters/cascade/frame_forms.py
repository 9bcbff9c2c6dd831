"""Forms of regressors that start from a frame (dlib's cascade): boxes, points and shapes all become frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.cascade.batch import BatchForms, Fitted, have_extent, median_shape
from tcdcn_init.adapters.cascade.frames import SeededFrames, bytes_under, frames_from_boxes

__all__ = ["FrameFitter", "FrameForms", "fit_in_frames"]


class FrameFitter(Protocol):
    """What fits faces in frames: the cascade itself, or stock dlib in one of the ways to run it."""

    def fit(
        self,
        images: Sequence[NDArray[np.uint8]],
        frames: NDArray[np.float64],
        shapes: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Shapes of faces, at least one.

        Parameters
        ----------
        images : sequence of N (H, W) or (H, W, 3) ndarrays of uint8
            The image of each face.
        frames : (N, 2, 3) ndarray
            Affine maps from the unit square of the training boxes to the image.
        shapes : (N, P, 2) ndarray, optional
            Start shapes in pixels, for who can start from one; otherwise the mean shape in the frame.

        Returns
        -------
        (N, P, 2) ndarray of float64
        """
        ...


class FrameForms(BatchForms):
    """A regressor that starts from a frame.

    Attributes
    ----------
    seeded : SeededFrames
        Frames from points and shapes.
    """

    seeded: SeededFrames
    _fitter: FrameFitter

    @property
    def aspect(self) -> float:
        """Width over height of the boxes it was trained on."""
        return self.seeded.aspect

    def _can_start(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.seeded.valid(points)

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        """From the mean shape in upright boxes: dlib's start, though boxes may be of floats."""
        return fit_in_frames(self._fitter, images, frames_from_boxes(boxes))

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        """From the mean shape in the frames that five points seed."""
        return fit_in_frames(self._fitter, images, self.seeded.from_points(points))

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        """From initial shapes, in the frames that carry the mean shape onto them."""
        each = shapes.shape[1]
        starts = shapes.reshape(-1, *shapes.shape[2:])
        valid = have_extent(starts)
        results = np.full_like(starts, np.nan)
        refused = {
            row: ValueError(
                f"it starts from {starts[row].tolist()}; expected finite coordinates of points that do not coincide"
            )
            for row in np.flatnonzero(~valid).tolist()
        }
        rows = np.flatnonzero(valid).tolist()
        if rows:
            frames = self.seeded.from_shapes(starts[rows])
            fitted = fit_in_frames(self._fitter, [images[row // each] for row in rows], frames, starts[rows])
            results[rows] = fitted.shapes
            refused |= {rows[k]: error for k, error in fitted.refused.items()}
        first_of_each = {row // each: refused[row] for row in sorted(refused, reverse=True)}
        return Fitted(median_shape(results.reshape(shapes.shape)), first_of_each)


def fit_in_frames(
    fitter: FrameFitter,
    images: Sequence[Any],
    frames: NDArray[np.float64],
    shapes: NDArray[np.float64] | None = None,
) -> Fitted:
    """Fit faces in frames; those on pixels that are no numbers are refused.

    Parameters
    ----------
    fitter : FrameFitter
    images : sequence of N ndarrays
        The image of each face, of `images.as_image`.
    frames : (N, 2, 3) ndarray
    shapes : (N, P, 2) ndarray, optional
    """
    pixels, refused = bytes_under(images, frames)
    found = fitter.fit(pixels, frames, shapes)
    found[list(refused)] = np.nan
    return Fitted(found, refused)
