"""Five points for scikit-image: transforms, aligned chips and the start of a snake.

scikit-image's conventions hold throughout. Transforms take and return (x, y); contours and indices are (row, col).
Images are converted by `skimage.util.img_as_float`, though only where they are read. An alignment that cannot be
estimated is scikit-image's falsy object, which explains itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.alignment import (
    ARCFACE_TEMPLATE,
    Kind,
    alignment,
    as_points,
    insightface_template,
    template,
)
from tcdcn_init.adapters.cascade.batch import OnBad, as_floats, check_on_bad
from tcdcn_init.adapters.warping import as_float, as_shape, warp_face
from tcdcn_init.geometry import FloatArray, as_five_points
from tcdcn_init.images import as_image

__all__ = [
    "ARCFACE_TEMPLATE",
    "Kind",
    "align_face",
    "alignment",
    "insightface_template",
    "snake_start",
    "template",
    "to_rc",
]

# The ellipse nearest to the median jaw line of 3,456 frames of YouTube Faces (points 0 to 16 of iBUG's 68), each laid
# on ARCFACE_TEMPLATE by its own five points. The jaw decides its width and chin; its top lies near the hair line.
_OUTLINE_CENTRE, _OUTLINE_SEMI_AXES = (55.5, 57.3), (42.0, 62.0)


def align_face(
    image: Any,
    points: ArrayLike,
    size: int | tuple[int, int] = 112,
    margin: float = 0.0,
    *,
    template: Literal["centred", "insightface"] | ArrayLike = "centred",
    anti_aliasing: bool = True,
    mode: Literal["constant", "edge"] = "constant",
    cval: float = 0.0,
    preserve_range: bool = False,
    on_bad: OnBad = "raise",
) -> FloatArray:
    """An upright chip of a face, or of many, the points laid on the recognition template by a similarity.

    ``alignment(points, template(size, margin))`` is the transform from image to chip. Only the face's region
    of the image is read: time and memory grow with that region and the chip, not with the image.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        Grey, RGB or RGBA, as `images.as_image` takes it. (H, W, 1) counts as (H, W).
    points : (5, 2) or (N, 5, 2) array_like
        x, y in pixels, in the order of `tcdcn_init.geometry.FIVE_POINTS`; of one face, or of N faces of the image.
    size : int or (rows, cols)
        Of the chip, in pixels; one number is the side of a square.
    margin : float
        Context on each side; see `template`.
    template : {"centred", "insightface"} or (5, 2) array_like
        Where the points lie on the chip. "centred": `template`, for any size. "insightface": `insightface_template`,
        as ``norm_crop`` lays them out on squares of a multiple of 112 or 128 pixels, without a margin. Or the points.
    anti_aliasing : bool
        Smooth before shrinking, as `skimage.transform.resize` does. Without it the chip is what plain bilinear
        warping gives (at 112 x 112, InsightFace's ``norm_crop`` up to rounding), whose pixels skip most of a large
        face.
    mode : {"constant", "edge"}
        What lies outside the image: `cval`, or the nearest pixel.
    cval : float
        In the chip's range.
    preserve_range : bool
        Keep the image's own range of values, whatever it is, as in `skimage.transform.warp`, instead of [0, 1].
    on_bad : {"raise", "nan"}
        What a face does whose points allow no similarity: raise, or get a chip that is all NaN.

    Returns
    -------
    (rows, cols), (rows, cols, 3) or (rows, cols, 4) ndarray, or (N, ...)
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
    >>> import skimage as ski
    >>> chip = align_face(ski.data.astronaut(), points)
    >>> chip.shape, chip.dtype, bool(chip.max() <= 1)
    ((112, 112, 3), dtype('float64'), True)
    >>> chips = align_face(ski.data.astronaut(), [points, [[7.0, 7.0]] * 5], on_bad="nan")
    >>> chips.shape, np.isnan(chips).any(axis=(1, 2, 3)).tolist()
    ((2, 112, 112, 3), [False, True])
    >>> align_face(ski.data.astronaut(), points, 256, template="insightface").shape
    (256, 256, 3)
    """
    check_on_bad(on_bad)
    array = _in_its_own_range(image) if preserve_range else as_image(image)
    faces = as_floats(points, "points")
    single = faces.ndim == 2
    faces = faces[None] if single else faces.reshape(0, 5, 2) if faces.shape == (0,) else faces
    if faces.ndim != 3 or faces.shape[1:] != (5, 2):
        raise ValueError(f"points have shape {np.shape(points)}; expected (5, 2), or (N, 5, 2) for N faces")
    shape = as_shape(size)
    target = _target(template, shape, margin)
    chips = np.full((len(faces), *shape, *array.shape[2:]), np.nan, as_float(array[:1, :1], preserve_range).dtype)
    for number, face in enumerate(faces):
        try:
            placed = _placed(face, target)
        except ValueError as error:
            if on_bad == "raise":
                raise ValueError(f"face {number} of {len(faces)}: {error}" if len(faces) > 1 else str(error)) from error
            continue
        chips[number] = warp_face(
            array,
            placed,
            shape,
            anti_aliasing=anti_aliasing,
            mode=mode,
            cval=cval,
            preserve_range=preserve_range,
        )
    return np.asarray(chips[0]) if single else chips


def _target(given: str | ArrayLike, shape: tuple[int, int], margin: float) -> NDArray[np.float64]:
    """The template of a chip, by its name or as given."""
    if not isinstance(given, str):
        return as_points(given, "template", count=5)
    if given == "centred":
        return template(shape, margin)
    if given != "insightface":
        raise ValueError(f"template is {given!r}; expected 'centred', 'insightface' or five points (5, 2)")
    if shape[0] != shape[1] or margin:
        raise ValueError(
            f"size is {shape} and margin {margin:g}; InsightFace's chips are squares without a margin: "
            "give one number, or the template 'centred'"
        )
    return insightface_template(shape[0])


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
    >>> import skimage as ski
    >>> smooth = ski.filters.gaussian(ski.color.rgb2gray(ski.data.astronaut()[:256, :400]), sigma=3)
    >>> face = ski.segmentation.active_contour(smooth, start, alpha=0.015, beta=10, gamma=0.001)
    >>> face.shape
    (100, 2)
    """
    if n_points < 3:
        raise ValueError(f"n_points is {n_points}; a closed contour has at least 3")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale}; expected a positive number")
    placed = _placed(as_points(points, "points", count=5), ARCFACE_TEMPLATE)
    angle = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
    ellipse = np.stack([np.sin(angle), -np.cos(angle)], axis=1) * _OUTLINE_SEMI_AXES * scale + _OUTLINE_CENTRE
    return to_rc(placed.inverse(ellipse))


def _placed(face: NDArray[np.float64], target: NDArray[np.float64]) -> Any:
    """The similarity that carries a face onto its place; ValueError where there is none."""
    placed = alignment(as_five_points(face), target)
    if not placed:
        raise ValueError(f"the face at {face.round(1).tolist()} cannot be aligned ({placed}); detect or mark it anew")
    return placed


def _in_its_own_range(image: Any) -> NDArray[Any]:
    """An image of values of any range: only what is no image at all is refused, as `images.as_image` does."""
    if isinstance(image, str | Path) or np.asarray(image).dtype.kind not in "buif":
        return as_image(image)
    array = np.asarray(image)
    as_image(np.broadcast_to(np.uint8(0), array.shape))
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
