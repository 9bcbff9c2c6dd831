"""Five points for scikit-image: transforms, aligned chips, detector boxes and the start of a snake.

scikit-image's conventions hold throughout. Transforms take and return (x, y); contours and indices are (row, col).
Images are converted by `skimage.util.img_as_float`, though only where they are read. An alignment that cannot be
estimated is scikit-image's falsy object, which explains itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import skimage as ski  # imports its submodules when they are first used
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.warping import as_float, as_shape, warp_face
from tcdcn_init.crops import as_picture
from tcdcn_init.geometry import FloatArray

if TYPE_CHECKING:
    from skimage._shared.utils import FailedEstimation
    from skimage.transform import AffineTransform, SimilarityTransform, ThinPlateSplineTransform

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

# Pixels. Coordinates beyond the first, or points closer than the second, are no face, and their squares may overflow.
_FARTHEST, _NEAREST = 1e12, 1e-6

# The ellipse nearest to the median jaw line of 3,456 frames of YouTube Faces (points 0 to 16 of iBUG's 68), each laid
# on ARCFACE_TEMPLATE by its own five points. The jaw decides its width and chin; its top lies near the hair line.
_OUTLINE_CENTRE, _OUTLINE_SEMI_AXES = (55.5, 57.3), (42.0, 62.0)

Kind = Literal["similarity", "affine", "thin-plate"]


def template(output_shape: tuple[int, int] = (112, 112), margin: float = 0.0) -> NDArray[np.float64]:
    """Where the five points lie on a chip of a given shape.

    The height decides the scale, and the face is centred across the width, so that (112, 112) gives ArcFace's
    points and (112, 96) SphereFace's. The square's edges, not its pixel centres, are scaled: on a 224x224 chip a
    point lies half a pixel from where ``2 * ARCFACE_TEMPLATE`` puts it, and the face lies where it did.

    Parameters
    ----------
    output_shape : (rows, cols)
        Of the chip, in pixels. Columns below a third of the rows do not hold all five points without a margin.
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

    Examples
    --------
    >>> template((112, 96)).round(4).tolist()[0]
    [30.2946, 51.6963]
    >>> template((112, 112), margin=0.25).round(2).tolist()[2]
    [55.85, 66.32]
    """
    rows, cols = as_shape(output_shape)
    if not (np.isfinite(margin) and margin > -0.5):
        raise ValueError(f"margin {margin!r} leaves nothing of the face; expected a finite number above -0.5")
    scale = rows / (_TEMPLATE_SIDE * (1 + 2 * margin))
    centre = np.array([cols - 1, rows - 1]) / 2
    return np.asarray((ARCFACE_TEMPLATE - (_TEMPLATE_SIDE - 1) / 2) * scale + centre)


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
    source, target = _as_points(points, "points"), _as_points(template, "template")
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
    if not all((np.abs(shape) < _FARTHEST).all() for shape in (source, target)):
        return _failure(f"{name}: a coordinate is not finite or beyond {_FARTHEST:g} px")
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


def align_face(
    image: NDArray[Any],
    points: ArrayLike,
    output_shape: tuple[int, int] = (112, 112),
    margin: float = 0.0,
    *,
    anti_aliasing: bool = True,
    mode: Literal["constant", "edge"] = "constant",
    cval: float = 0.0,
    preserve_range: bool = False,
) -> FloatArray:
    """An upright chip of a face, its points laid on the recognition template by a similarity.

    ``alignment(points, template(output_shape, margin))`` is the transform from image to chip. Only the face's region
    of the image is read: time and memory grow with that region and the chip, not with the image.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        Grey, RGB or RGBA; bool, integer or float. (H, W, 1) counts as (H, W).
    points : (5, 2) array_like
        x, y in pixels, in the order of `tcdcn_init.geometry.FIVE_POINTS`.
    output_shape : (rows, cols)
        Of the chip.
    margin : float
        Context on each side; see `template`.
    anti_aliasing : bool
        Smooth before shrinking, as `skimage.transform.resize` does. Without it the chip is what plain bilinear
        warping gives (InsightFace's ``norm_crop`` up to rounding), whose pixels skip most of a large face.
    mode : {"constant", "edge"}
        What lies outside the image: `cval`, or the nearest pixel.
    cval : float
        In the chip's range.
    preserve_range : bool
        Keep the image's own range of values, as in `skimage.transform.warp`, instead of [0, 1].

    Returns
    -------
    (rows, cols), (rows, cols, 3) or (rows, cols, 4) ndarray
        float32 for float16 and float32 images, otherwise float64.

    Raises
    ------
    TypeError
        If `image` is a path or holds no numbers.
    ValueError
        If the points allow no similarity, or an argument has the wrong shape or value.

    Examples
    --------
    >>> points = [[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]]
    >>> chip = align_face(ski.data.astronaut(), points)
    >>> chip.shape, chip.dtype, bool(chip.max() <= 1)
    ((112, 112, 3), dtype('float64'), True)
    """
    array = as_picture(image)
    face = _as_points(points, "points", count=5)
    placed = alignment(face, template(output_shape, margin))
    if not placed:
        raise ValueError(f"the face at {face.round(1).tolist()} cannot be aligned ({placed}); detect or mark it anew")
    return warp_face(array, placed, output_shape, anti_aliasing, mode, cval, preserve_range)


def align_faces(
    image: NDArray[Any],
    points: ArrayLike,
    output_shape: tuple[int, int] = (112, 112),
    margin: float = 0.0,
    *,
    anti_aliasing: bool = True,
    mode: Literal["constant", "edge"] = "constant",
    cval: float = 0.0,
    preserve_range: bool = False,
) -> FloatArray:
    """The chips of all faces of an image: `align_face` for a batch.

    Parameters
    ----------
    image, output_shape, margin, anti_aliasing, mode, cval, preserve_range
        See `align_face`.
    points : (N, 5, 2) array_like
        N may be 0.

    Returns
    -------
    (N, rows, cols), (N, rows, cols, 3) or (N, rows, cols, 4) ndarray
        A face whose points allow no similarity does not spoil the others: its chip is all NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, shape or value.

    Examples
    --------
    >>> points = [[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]]
    >>> chips = align_faces(ski.data.astronaut(), [points, [[7.0, 7.0]] * 5], preserve_range=True)
    >>> chips.shape, np.isnan(chips).any(axis=(1, 2, 3)).tolist()
    ((2, 112, 112, 3), [False, True])
    """
    array = as_picture(image)
    faces = np.asarray(points, dtype=np.float64)
    if faces.shape == (0,):  # the points of no face, collected in a list
        faces = faces.reshape(0, 5, 2)
    if faces.ndim != 3 or faces.shape[1:] != (5, 2):
        raise ValueError(f"points have shape {faces.shape}; expected (N, 5, 2): x, y of the five points of each face")
    target = template(output_shape, margin)
    dtype = as_float(array[:1, :1], preserve_range).dtype
    chips = np.full((len(faces), *as_shape(output_shape), *array.shape[2:]), np.nan, dtype=dtype)
    for chip, face in zip(chips, faces, strict=True):
        if placed := alignment(face, target):
            chip[...] = warp_face(array, placed, output_shape, anti_aliasing, mode, cval, preserve_range)
    return chips


def to_rc(points: ArrayLike) -> NDArray[Any]:
    """Points (x, y) as the (row, col) that scikit-image uses outside its transforms.

    Parameters
    ----------
    points : (..., 2) array_like

    Returns
    -------
    (..., 2) ndarray
        A copy of the same dtype; not rounded.

    Raises
    ------
    ValueError
        If the last axis does not hold two numbers.

    Examples
    --------
    >>> to_rc([[202.25, 100.5]]).tolist()
    [[100.5, 202.25]]
    """
    array = np.asarray(points)
    if array.ndim == 0 or array.shape[-1] != 2:
        raise ValueError(f"points have shape {array.shape}; expected (..., 2)")
    return array[..., ::-1].copy()


def from_rc(points: ArrayLike) -> NDArray[Any]:
    """Points (row, col) as (x, y): the inverse of `to_rc`, and the same exchange of columns.

    Parameters, result and errors are those of `to_rc`.

    Examples
    --------
    >>> from_rc(to_rc([[202.25, 100.5]])).tolist()
    [[202.25, 100.5]]
    """
    return to_rc(points)


def snake_start(points: ArrayLike, n_points: int = 200, scale: float = 1.0) -> NDArray[np.float64]:
    """A closed contour around a face, from which `skimage.segmentation.active_contour` starts.

    An ellipse in the face's own frame, so that it turns and grows with the face: on the recognition template, the
    one nearest to the median jaw line of 3,456 frames of YouTube Faces, reaching from the chin to about the hair line.

    Parameters
    ----------
    points : (5, 2) array_like
        x, y in pixels, in the order of `tcdcn_init.geometry.FIVE_POINTS`.
    n_points : int
        Points of the contour, at least 3. The end is not repeated (boundary condition ``periodic``).
    scale : float
        Above 1, a wider ellipse about the same centre: a snake contracts, so start it a little outside.

    Returns
    -------
    (n_points, 2) ndarray of float64
        (row, col), equally spaced in angle, beginning at the top of the head and clockwise on an upright face.

    Raises
    ------
    ValueError
        If the points allow no similarity, `n_points` is below 3 or `scale` is not positive.

    Examples
    --------
    >>> points = [[202.3, 100.3], [246.7, 103.0], [225.7, 123.7], [204.3, 141.0], [243.0, 142.0]]
    >>> start = snake_start(points, n_points=100, scale=1.1)
    >>> start.round(1).tolist()[0]
    [29.1, 227.4]
    >>> smooth = ski.filters.gaussian(ski.color.rgb2gray(ski.data.astronaut()[:256, :400]), sigma=3)
    >>> face = ski.segmentation.active_contour(smooth, start, alpha=0.015, beta=10, gamma=0.001)
    >>> face.shape
    (100, 2)
    """
    if n_points < 3:
        raise ValueError(f"n_points is {n_points}; a closed contour has at least 3")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale}; expected a positive number")
    face = _as_points(points, "points", count=5)
    placed = alignment(face)
    if not placed:
        raise ValueError(f"the face at {face.round(1).tolist()} has no frame ({placed}); detect or mark it anew")
    angle = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
    ellipse = np.stack([np.sin(angle), -np.cos(angle)], axis=1) * _OUTLINE_SEMI_AXES * scale + _OUTLINE_CENTRE
    return to_rc(placed.inverse(ellipse))


def detect_boxes(image: NDArray[Any]) -> NDArray[np.float64]:
    """Boxes of the faces that the cascade bundled with scikit-image finds, for `tcdcn_init.initialize`.

    `tcdcn_init.detection.detect_boxes` offers others.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        Grey, RGB or RGBA; bool, integer or float.

    Returns
    -------
    (N, 4) ndarray of float64
        (left, top, right, bottom) in pixels, the largest first; N is 0 where no face is found.

    Examples
    --------
    >>> boxes = detect_boxes(ski.data.astronaut())
    >>> boxes.shape[1]
    4
    """
    from tcdcn_init import detection

    return detection.detect_boxes(image, "skimage")


def _as_points(points: ArrayLike, name: str, count: int | None = None) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) != (count or len(array)):
        raise ValueError(f"{name} have shape {array.shape}; expected ({count or 'P'}, 2): x, y in pixels")
    return array


def _failure(message: str) -> FailedEstimation:
    # scikit-image does not export the class of its failures; an estimate that fails is the public way to it.
    failed = ski.transform.SimilarityTransform.from_estimate(np.zeros((2, 2)), np.zeros((2, 2)))
    return type(failed)(message)
