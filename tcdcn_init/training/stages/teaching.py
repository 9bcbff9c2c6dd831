"""Many points for faces that have five: what a dense network and a regressor of another kind agree on.

Few faces are annotated with 68 points and many with five. Two that were trained on the few in different ways err in
different places, so that the mean of both, and of both on mirror images, is better than either, and where they
disagree nothing is learned (self-training by agreement; co-training of Blum and Mitchell, COLT 1998, is the first of
this kind).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.datasets.published.ibug68 import mtfl_five_from_68
from tcdcn_init.geometry import MIRROR, MIRROR_68
from tcdcn_init.network.backends import Backend
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.passes.dense import dense_points
from tcdcn_init.passes.repeated import mirror_averaged

__all__ = ["Fits", "agreed_points", "with_agreed_points"]

# In inter-ocular distances: how far the two may lie apart on average, and both from the annotated five.
_APART, _OFF = 0.09, 0.1


class Fits(Protocol):
    """What is asked of the other regressor; every `adapters.base.ShapeRegressor` is one."""

    def fit_from_points(self, image: Any, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Five points to 68."""
        ...


def agreed_points(faces: Sequence[Face], network: Backend, other: Fits) -> NDArray[np.float32]:
    """The mean of what two say of 68 points, begun with the annotated five.

    Parameters
    ----------
    faces : sequence of N Face
        With all of their five points.
    network : Backend
        Of a dense network.
    other : Fits
        Such as ``load_regressor("ert68-300w")``.

    Returns
    -------
    (N, 68, 2) ndarray of float32
        In pixels; NaN for a face on which they disagree, or which the other one refuses.
    """
    config = network.config
    assert isinstance(config, DenseConfig)
    ask = mirror_averaged(network, MIRROR_68)
    result = np.full((len(faces), len(MIRROR_68), 2), np.nan, dtype=np.float32)
    for k, face in enumerate(track(faces, "Asking the teachers")):
        image, five = read_face_image(face), face.five.astype(np.float64)
        ours = dense_points(ask, config, [image], five[None]).points[0]
        try:
            theirs = _both_ways(image, five, other)
        except ValueError:  # a face that lies outside of its picture, and the like
            continue
        points, unit = (ours + theirs) / 2, face.unit
        apart = np.linalg.norm(ours - theirs, axis=1).mean() / unit
        off = np.linalg.norm(mtfl_five_from_68(points) - five, axis=1).mean() / unit
        if apart < _APART and off < _OFF:
            result[k] = points
    return result


def with_agreed_points(faces: Sequence[Face], points: NDArray[np.float32]) -> list[Face]:
    """The faces that have all of (N, 68, 2) points, with these."""
    return [
        replace(face, points=some, attributes={})
        for face, some in zip(faces, points, strict=True)
        if np.isfinite(some).all()
    ]


def _both_ways(image: NDArray[Any], five: NDArray[np.float64], other: Fits) -> NDArray[np.float64]:
    """The mean of what it says of the face and of its mirror image."""
    last = image.shape[1] - 1

    def mirrored(points: NDArray[np.floating[Any]], partners: Sequence[int]) -> NDArray[np.float64]:
        return np.stack([last - points[list(partners), 0], points[list(partners), 1]], axis=1)

    plain = np.asarray(other.fit_from_points(image, five), dtype=np.float64)
    turned = other.fit_from_points(np.ascontiguousarray(image[:, ::-1]), mirrored(five, MIRROR))
    return (plain + mirrored(turned, MIRROR_68)) / 2
