"""The five points: their order, their measures, and what is refused in their place."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry.numbers import FARTHEST, as_numbers

__all__ = [
    "FIVE_POINTS",
    "MIRROR",
    "MIRROR_29",
    "MIRROR_68",
    "FloatArray",
    "as_five_points",
    "centroid_size",
    "completed",
    "filled",
    "filled_five",
    "five_from_29",
    "five_from_68",
    "five_of",
    "interocular",
    "roll_degrees",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]

FIVE_POINTS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
"""Order of the five points, left and right as seen in the image."""

MIRROR = (1, 0, 2, 4, 3)
"""Index of each point's partner when the image is mirrored left to right."""

MIRROR_29 = (1, 0, 3, 2, 6, 7, 4, 5, 9, 8, 11, 10, 14, 15, 12, 13, 17, 16, 19, 18, 20, 21, 23, 22, 24, 25, 26, 27, 28)
"""The same of LFPW's 29 points, in COFW's order: brows, eyes, pupils, nose, mouth, chin."""

MIRROR_68 = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),
    *range(35, 30, -1),  # nose
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
    *(64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
)
"""The same of iBUG's 68 points."""


def as_five_points(points: ArrayLike) -> NDArray[np.float64]:
    """Validate five points that a caller brings.

    Parameters
    ----------
    points : (5, 2) array_like
        In pixels, x then y, in the order of `FIVE_POINTS`.

    Returns
    -------
    (5, 2) ndarray of float64

    Raises
    ------
    ValueError
        If they are not finite numbers below 1e12, lie within a pixel, as relative coordinates do, or are in mirrored
        order, as of who takes left and right as the person's own or y before x. The points of no face are: of 13,372
        annotated ones, with heads turned to full profile, each is clearly on the right side.

    Examples
    --------
    >>> as_five_points([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]])[0].tolist()
    [30.0, 40.0]
    >>> as_five_points([[70, 40], [30, 40], [50, 60], [65, 80], [35, 80]])
    Traceback (most recent call last):
    ValueError: the points are in mirrored order; expected left and right as seen in the image, x before y
    """
    array = as_numbers(points)
    if array is None or array.shape != (5, 2):
        given = "are not numbers" if array is None else f"have shape {array.shape}"
        raise ValueError(f"the points {given}; expected (5, 2), {', '.join(FIVE_POINTS)}, x before y")
    if not np.isfinite(array).all():
        raise ValueError(f"the points {array.tolist()} are not finite; drop this face or find its points anew")
    if np.abs(array).max() > FARTHEST:
        raise ValueError(f"the points {array.tolist()} lie beyond {FARTHEST:g} pixels; expected pixels of an image")
    if np.ptp(array, axis=0).max() < 1.0:
        raise ValueError(
            f"the points {array.tolist()} lie within a pixel; expected pixels: "
            "multiply relative coordinates by the image's width and height"
        )
    across, down = _axes(array)
    if across[0] * down[1] - across[1] * down[0] <= 0.0:
        raise ValueError("the points are in mirrored order; expected left and right as seen in the image, x before y")
    return array


def centroid_size(points: ArrayLike) -> NDArray[np.float64]:
    """Square root of the summed squared distances of the points to their mean: a shape's size, free of yaw's
    effect on the inter-ocular distance.

    Parameters
    ----------
    points : (..., P, 2) array_like

    Returns
    -------
    (...) ndarray, in pixels
    """
    array = np.asarray(points, dtype=np.float64)
    return np.asarray(np.sqrt(((array - array.mean(axis=-2, keepdims=True)) ** 2).sum(axis=(-2, -1))))


def interocular(points: ArrayLike) -> NDArray[np.float64]:
    """Distance between the two eye centres of five points, the usual normaliser of alignment errors.

    Parameters
    ----------
    points : (..., 5, 2) array_like

    Returns
    -------
    (...) ndarray, in pixels

    Examples
    --------
    >>> float(interocular([[30, 40], [60, 80], [50, 60], [35, 80], [65, 80]]))
    50.0
    """
    array = np.asarray(points, dtype=np.float64)
    return np.asarray(np.linalg.norm(array[..., 1, :] - array[..., 0, :], axis=-1))


def roll_degrees(points: ArrayLike) -> NDArray[np.float64]:
    """In-plane rotation of a face, from all five points.

    The angle that carries an upright, symmetric five-point shape onto the points: the direction of the
    eye-to-eye and mouth-to-mouth vectors added to the (turned) direction from mouth to eyes, so that a profile,
    whose eyes nearly coincide, still has one.

    Parameters
    ----------
    points : (..., 5, 2) array_like

    Returns
    -------
    (...) ndarray, in degrees, in (-180, 180]; positive is clockwise as seen (y points down)

    Examples
    --------
    >>> float(roll_degrees([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]]))
    0.0
    """
    across, down = _axes(np.asarray(points, dtype=np.float64))
    x = across[..., 0] + down[..., 1]
    y = across[..., 1] - down[..., 0]
    return np.asarray(np.degrees(np.arctan2(y, x)))


def five_from_68(points: ArrayLike) -> NDArray[np.float64]:
    """Five points from iBUG's 68: eye centres as the mean of six contour points, nose tip, mouth corners.

    Parameters
    ----------
    points : (..., 68, 2) array_like

    Returns
    -------
    (..., 5, 2) ndarray of float64
    """
    array = np.asarray(points, dtype=np.float64)
    if array.shape[-2:] != (68, 2):
        raise ValueError(f"points have shape {array.shape}; expected (..., 68, 2) in iBUG's order")
    eyes = [array[..., 36:42, :].mean(axis=-2), array[..., 42:48, :].mean(axis=-2)]
    return np.stack([*eyes, array[..., 30, :], array[..., 48, :], array[..., 54, :]], axis=-2)


def five_from_29(points: ArrayLike) -> NDArray[np.float64]:
    """Five points from LFPW's 29 in COFW's order: pupils, nose tip, mouth corners.

    Parameters
    ----------
    points : (..., 29, 2) array_like

    Returns
    -------
    (..., 5, 2) ndarray of float64
    """
    array = np.asarray(points, dtype=np.float64)
    if array.shape[-2:] != (29, 2):
        raise ValueError(f"points have shape {array.shape}; expected (..., 29, 2) in COFW's order")
    return array[..., [16, 17, 20, 22, 23], :]


def five_of(points: ArrayLike) -> NDArray[np.float64]:
    """Five points of whole shapes: of five themselves, of COFW's 29 or of iBUG's 68.

    Parameters
    ----------
    points : (..., P, 2) array_like

    Returns
    -------
    (..., 5, 2) ndarray of float64

    Raises
    ------
    ValueError
        If the number of points is another.

    Examples
    --------
    >>> five_of(np.zeros((4, 29, 2))).shape, five_of(np.zeros((68, 2))).shape
    ((4, 5, 2), (5, 2))
    """
    array = np.asarray(points, dtype=np.float64)
    if array.shape[-2:] == (5, 2):
        return array
    if array.shape[-2:] == (29, 2):
        return five_from_29(array)
    if array.shape[-2:] == (68, 2):
        return five_from_68(array)
    raise ValueError(f"points have shape {array.shape}; expected (..., P, 2) of 5, 29 or 68 points")


def _axes(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Twice the mean vector from left to right, and twice that from eyes to mouth."""
    across = points[..., 1, :] - points[..., 0, :] + points[..., 4, :] - points[..., 3, :]
    down = points[..., 3, :] + points[..., 4, :] - points[..., 0, :] - points[..., 1, :]
    return across, down


# A profile's hidden eye and mouth corner from what is seen of it, by least squares over MTFL's training profiles. As
# complex numbers about the visible eye: (hidden eye, hidden corner) of a head that looks left are these times (nose,
# corner).
_HIDDEN = np.array([[0.722 + 0.265j, -0.199 + 0.057j], [0.993 + 0.070j, 0.496 - 0.111j]])
_HALVES = ((1, 2, 4), (0, 2, 3))  # what is seen of a head that looks left, and right


def completed(points: ArrayLike) -> NDArray[np.float64]:
    """Five points, a profile's other eye and mouth corner filled in where they are NaN.

    They lie where MTFL's annotators put them in profiles, roughly: 13 % of the distance from eye to mouth corner off.
    Good enough for boxes and crops; nothing is learned from or measured on them.

    Parameters
    ----------
    points : (..., 5, 2) array_like
        NaN for one eye and the mouth corner below it, or for none.

    Returns
    -------
    (..., 5, 2) ndarray of float64

    Raises
    ------
    ValueError
        If other points are missing.

    Examples
    --------
    >>> completed([[np.nan, np.nan], [40, 40], [10, 60], [np.nan, np.nan], [30, 80]]).round().tolist()
    [[13.0, 38.0], [40.0, 40.0], [10.0, 60.0], [8.0, 79.0], [30.0, 80.0]]
    """
    array = np.array(points, dtype=np.float64)
    if array.shape[-2:] != (5, 2):
        raise ValueError(f"points have shape {array.shape}; expected (..., 5, 2)")
    flat = array.reshape(-1, 5, 2)
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(flat).all(axis=2))
    for half, others in zip(_HALVES, _HALVES[::-1], strict=True):
        hidden = [k for k in others if k != 2]
        rows = np.flatnonzero(seen[:, half].all(axis=1) & ~seen[:, hidden].any(axis=1))
        z = flat[rows, :, 0] + 1j * flat[rows, :, 1]
        factors = _HIDDEN if half == _HALVES[0] else _HIDDEN.conj()  # mirrored
        eye, nose, corner = (z[:, k] for k in half)
        found = eye[:, None] + np.stack([nose - eye, corner - eye], axis=1) @ factors.T
        flat[rows[:, None], hidden] = np.stack([found.real, found.imag], axis=2)
    missing = np.flatnonzero(~np.isfinite(flat).all(axis=(1, 2)))
    if len(missing):
        there = np.flatnonzero(seen[missing[0]]).tolist()
        raise ValueError(
            f"only the points {there} of five are annotated; expected all, or nose, eye and mouth corner of one half"
        )
    return array


def filled(points: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Points of one shape, missing ones put where a reference has them that is laid onto those that are there.

    Parameters
    ----------
    points : (P, 2) array_like
        NaN where a point is missing.
    reference : (P, 2) array_like
        A shape of the same points, anywhere and of any size: it is turned, scaled and moved onto them.

    Returns
    -------
    (P, 2) ndarray of float64

    Raises
    ------
    ValueError
        If fewer than two distinct points are there, which do not say how large the shape is.

    Examples
    --------
    >>> filled([[10, 10], [30, 10], [np.nan, np.nan]], [[0, 0], [1, 0], [1, 1]]).tolist()
    [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0]]
    """
    array = np.array(points, dtype=np.float64)
    there = np.isfinite(array).all(axis=1)
    if there.all():
        return array
    if there.sum() < 2 or not np.ptp(array[there], axis=0).any():
        raise ValueError(f"has {int(there.sum())} of {len(array)} points; expected at least two distinct ones")
    z = array[:, 0] + 1j * array[:, 1]
    like = np.asarray(reference, dtype=np.float64) @ np.array([1, 1j])
    middle, like = z[there].mean(), like - like[there].mean()
    size = (np.abs(like[there]) ** 2).sum()
    # The least-squares similarity; a reference that has all of these in one place says nothing of turn and size.
    factor = (z[there] - middle) @ like[there].conj() / size if size > 0 else 0.0
    z[~there] = middle + factor * like[~there]
    return np.stack([z.real, z.imag], axis=1)


# Mean of the training shapes of MTFL in their boxes, centred, of centroid size 1.
_MEAN_FIVE = np.array([[-0.351, -0.383], [0.345, -0.393], [-0.005, 0.036], [-0.296, 0.373], [0.307, 0.366]])


def filled_five(points: ArrayLike) -> NDArray[np.float64]:
    """Five points of one face, missing ones filled in: a profile's half by `completed`, others by the mean face.

    Good enough for boxes, crops and the length that errors are divided by; nothing is learned from or measured on them.

    Parameters
    ----------
    points : (5, 2) array_like
        NaN where a point is missing.

    Returns
    -------
    (5, 2) ndarray of float64

    Raises
    ------
    ValueError
        If fewer than two distinct points are there.

    Examples
    --------
    >>> filled_five([[30, 40], [70, 40], [np.nan, np.nan], [35, 80], [65, 80]])[2].round().tolist()
    [50.0, 62.0]
    """
    try:
        return completed(points)
    except ValueError:
        return filled(points, _MEAN_FIVE)
