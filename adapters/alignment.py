"""Where the five points lie on a recognition chip, and the transforms of scikit-image that carry a face there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import skimage as ski  # imports its submodules when they are first used
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import as_floats
from tcdcn_init.adapters.warping import as_shape
from tcdcn_init.geometry import FARTHEST

if TYPE_CHECKING:
    from skimage._shared.utils import FailedEstimation
    from skimage.transform import AffineTransform, SimilarityTransform, ThinPlateSplineTransform

__all__ = ["ARCFACE_TEMPLATE", "Kind", "alignment", "as_points", "insightface_template", "template"]

ARCFACE_TEMPLATE: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""The five points on a 112x112 recognition chip, (x, y), pixel centres at integers.

``arcface_dst`` of InsightFace (``python-package/insightface/utils/face_align.py``), on which ArcFace and its
descendants are trained [1]_; there the points go to ``cv2.warpAffine``, whose pixel centres are at integers as well.
The numbers are those of SphereFace's 112x96 chip [2]_, moved 8 px to the right; `template` returns either. SphereFace's
own code is MATLAB and counts pixels from 1: for chips exactly like its own, subtract 1 from ``template((112, 96))``.

References
----------
.. [1] Deng, Guo, Xue, Zafeiriou. ArcFace: additive angular margin loss for deep face recognition. CVPR 2019.
.. [2] Liu, Wen, Yu, Li, Raj, Song. SphereFace: deep hypersphere embedding for face recognition. CVPR 2017;
   ``preprocess/code/face_align_demo.m``.
"""
ARCFACE_TEMPLATE.setflags(write=False)

_TEMPLATE_SIDE = 112

_NEAREST = 1e-6  # pixels: points closer than this are one point

Kind = Literal["similarity", "affine", "thin-plate"]


def template(size: int | tuple[int, int] = 112, margin: float = 0.0) -> NDArray[np.float64]:
    """Where the five points lie on a chip of a given shape.

    The height decides the scale, and the face is centred across the width, so that 112 gives ArcFace's points and
    (112, 96) SphereFace's. The square's edges, not its pixel centres, are scaled: on a chip of 224 a point lies half a
    pixel from where ``2 * ARCFACE_TEMPLATE`` puts it, and the face lies where it did.

    Parameters
    ----------
    size : int or (rows, cols)
        Of the chip, in pixels; one number is the side of a square. Columns below a third of the rows do not hold all
        five points without a margin.
    margin : float
        Context added on each side of the standard face, as a fraction of its height: 0.25 shows half as much again.
        Negative margins cut closer; more than -0.5.

    Returns
    -------
    (5, 2) ndarray of float64
        x, y in pixels, in the order of `tcdcn_init.geometry.FIVE_POINTS`.

    Raises
    ------
    ValueError
        If a side is not a positive integer or the margin is not a finite number above -0.5.

    Notes
    -----
    InsightFace's own chips of 112 pixels are these; for its other sizes, see `insightface_template`.

    Examples
    --------
    >>> template((112, 96)).round(4).tolist()[0]
    [30.2946, 51.6963]
    >>> template((112, 112), margin=0.25).round(2).tolist()[2]
    [55.85, 66.32]
    """
    rows, cols = as_shape(size)
    if not (np.isfinite(margin) and margin > -0.5):
        raise ValueError(f"margin {margin!r} leaves nothing of the face; expected a finite number above -0.5")
    scale = rows / (_TEMPLATE_SIDE * (1 + 2 * margin))
    centre = np.array([cols - 1, rows - 1]) / 2
    return np.asarray((ARCFACE_TEMPLATE - (_TEMPLATE_SIDE - 1) / 2) * scale + centre)


def insightface_template(side: int = 112) -> NDArray[np.float64]:
    """Where InsightFace's ``norm_crop`` puts the five points on a square chip, for models trained on its chips.

    Chips whose side is a multiple of 112 are `ARCFACE_TEMPLATE` scaled about the middle of the corner pixel; those
    of a multiple of 128 show the same face with 8 more pixels of 128 on its left and right and 16 below it
    (``estimate_norm`` of ``python-package/insightface/utils/face_align.py``). 112 comes first: 896, a multiple of both,
    is laid out as 112 is.

    Parameters
    ----------
    side : int
        Of the chip, in pixels: a multiple of 112 or 128.

    Returns
    -------
    (5, 2) ndarray of float64
        x, y in pixels, in the order of `tcdcn_init.geometry.FIVE_POINTS`.

    Raises
    ------
    ValueError
        If the side is no positive multiple of either.

    Examples
    --------
    >>> insightface_template(256).round(4).tolist()[0]
    [92.5892, 103.3926]
    """
    rows, _ = as_shape(side)
    if rows % 112 == 0:
        return ARCFACE_TEMPLATE * (rows / 112)
    if rows % 128 == 0:
        return (ARCFACE_TEMPLATE + [8.0, 0.0]) * (rows / 128)
    raise ValueError(
        f"InsightFace has no chips of {rows} pixels; expected a multiple of 112 or 128. "
        "The template 'centred' fits chips of any size"
    )


def alignment(
    points: ArrayLike, template: ArrayLike = ARCFACE_TEMPLATE, kind: Kind = "similarity"
) -> SimilarityTransform | AffineTransform | ThinPlateSplineTransform | FailedEstimation:
    """The transform of scikit-image that carries points of an image onto a template.

    Parameters
    ----------
    points : (P, 2) array_like
        x, y in the image, in pixels.
    template : (P, 2) array_like
        x, y of the same points where they should be.
    kind : {"similarity", "affine", "thin-plate"}
        ``similarity`` (turn, scale, shift) and ``affine`` (with shear) fit in the least-squares sense; ``thin-plate``
        passes through every point. A thin-plate spline has no inverse: to warp with one, estimate it the other way
        round, ``warp(image, alignment(template, points, "thin-plate"))``.

    Returns
    -------
    skimage.transform.SimilarityTransform, AffineTransform or ThinPlateSplineTransform
        Where no such transform exists, scikit-image's ``FailedEstimation`` instead: it is falsy, ``str()`` of it
        says why, and any use of it raises ``skimage.util.FailedEstimationAccessError``. A similarity fails where the
        points coincide, an affine transform where they lie on a line, a thin-plate spline there and where two of
        them coincide; all fail on points that are not finite.

    Raises
    ------
    ValueError
        If the shapes are wrong or differ, or `kind` is unknown. (Those are mistakes; a failure is a property of the
        face.)

    Examples
    --------
    >>> points = [[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]]
    >>> upright = alignment(points)
    >>> round(float(np.degrees(upright.rotation)), 1), round(float(upright.scale), 2)
    (-2.2, 0.89)
    >>> failed = alignment([[7.0, 7.0]] * 5)
    >>> bool(failed), str(failed)
    (False, 'SimilarityTransform: the points coincide')
    """
    source, target = as_points(points, "points"), as_points(template, "template")
    if source.shape != target.shape:
        raise ValueError(f"points have shape {source.shape}, the template {target.shape}; expected the same points")
    classes = {
        "similarity": "SimilarityTransform",
        "affine": "AffineTransform",
        "thin-plate": "ThinPlateSplineTransform",
    }
    if kind not in classes:
        raise ValueError(f"kind {kind!r} is unknown; expected one of {', '.join(map(repr, classes))}")
    name = classes[kind]
    if not all((np.abs(shape) < FARTHEST).all() for shape in (source, target)):
        return _failure(f"{name}: a coordinate is not finite or beyond {FARTHEST:g} px")
    spread = np.linalg.svd(source - source.mean(axis=0), compute_uv=False)
    if len(source) < 2 or spread[0] < _NEAREST:
        return _failure(f"{name}: the points coincide")
    if kind != "similarity" and (len(source) < 3 or spread[1] < 1e-4 * spread[0]):
        return _failure(f"{name}: the points lie on a line")
    estimated = getattr(ski.transform, name).from_estimate(source, target)
    if kind == "similarity" and estimated and not estimated.scale > 1e-12:
        return _failure(f"{name}: no turn of the points resembles the template")
    # scikit-image solves its spline in single precision, where a singular system rarely looks singular.
    if kind == "thin-plate" and estimated:
        miss = np.abs(estimated(source) - target).max()
        if not miss <= 1e-3 * np.ptp(target, axis=0).max():
            return _failure(f"{name}: two points nearly coincide")
    return estimated


def as_points(points: ArrayLike, name: str, count: int | None = None) -> NDArray[np.float64]:
    """Points (P, 2) as floats; ValueError, which calls them by name, if they have another shape."""
    array = as_floats(points, name)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) != (count or len(array)):
        raise ValueError(f"{name} have shape {array.shape}; expected ({count or 'P'}, 2): x, y in pixels")
    return array


def _failure(message: str) -> FailedEstimation:
    # scikit-image does not export the class of its failures; an estimate that fails is the public way to it.
    failed = ski.transform.SimilarityTransform.from_estimate(np.zeros((2, 2)), np.zeros((2, 2)))
    return type(failed)(message)
