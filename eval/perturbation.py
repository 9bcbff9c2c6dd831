"""What goes wrong before a regressor starts: bad boxes, rolled heads, occlusion.

Random numbers belong to a face, not to its place in a list: `face_rng` derives them from seed, purpose and name, so
that any order, any subset and any number of processes see the same perturbation.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.geometry import BoxLike, as_box, box_square, compose, invert, rotation, transform_points
from tcdcn_init.images import as_image

__all__ = [
    "FILLS",
    "REGION",
    "Fill",
    "covered",
    "face_rng",
    "noisy_box",
    "occluded",
    "occluder",
    "roll_map",
    "rolled",
]

Fill = Literal["grey", "noise"]
FILLS: tuple[Fill, ...] = ("grey", "noise")

REGION = 3.0
"""Side of the image around a rolled face, in box sides: room for a rotated crop of 1.25 box sides, 0.6 sides off."""


def face_rng(seed: int, name: str, purpose: str) -> np.random.Generator:
    """The random numbers of one face for one purpose.

    Parameters
    ----------
    seed : int
        Of the run; not negative.
    name : str
        `Face.name`.
    purpose : str
        What they are for ("box", "start", "occluder"), so that purposes do not share numbers.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> face_rng(0, "a.jpg", "box").random() == face_rng(0, "a.jpg", "box").random()
    True
    >>> face_rng(0, "a.jpg", "box").random() == face_rng(0, "b.jpg", "box").random()
    False
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    digest = hashlib.sha256(f"{purpose}\0{name}".encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype="<u4").tolist()])


def noisy_box(box: BoxLike, sd: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A box moved and scaled at random, its aspect kept.

    The centre moves by N(0, sd) box sides along x and along y, the logarithm of the size by N(0, sd). The same
    generator state gives the same direction for every `sd`, so that a curve over `sd` is one of paired faces.

    Parameters
    ----------
    box : box
    sd : float
        Standard deviation, in sides of the box's square (`geometry.box_square`); 0 returns the box.
    rng : numpy.random.Generator

    Returns
    -------
    (4,) ndarray of float64

    Examples
    --------
    >>> noisy_box((10, 20, 110, 140), 0.0, np.random.default_rng(0)).tolist()
    [10.0, 20.0, 110.0, 140.0]
    """
    if not (np.isfinite(sd) and sd >= 0):
        raise ValueError(f"sd is {sd}; expected a finite standard deviation of 0 or more, in box sides")
    given = as_box(box)
    move = rng.standard_normal(3)
    if sd == 0:
        return given
    centre, side = box_square(given)
    centre = centre + move[:2] * sd * side
    half = (given[2:] - given[:2]) / 2 * np.exp(move[2] * sd)
    return np.concatenate([centre - half, centre + half])


def roll_map(box: BoxLike, degrees: float, region: float = REGION) -> NDArray[np.float64]:
    """The map from an image to the one that `rolled` makes of it.

    It turns the plane about the box's centre and then moves it by whole pixels.

    Parameters
    ----------
    box : box
    degrees : float
        Positive is clockwise as seen, as in `geometry.roll_degrees`.
    region : float
        Side of the new image in box sides.

    Returns
    -------
    (2, 3) ndarray of float64
        For `geometry.transform_points`; `geometry.invert` maps results back.
    """
    given = as_box(box)
    if not np.isfinite(degrees):
        raise ValueError(f"roll is {degrees}; expected degrees")
    if not (np.isfinite(region) and region >= 1):
        raise ValueError(f"region is {region}; expected 1 or more box sides")
    centre, _ = box_square(given)
    move = np.eye(2, 3)
    # Whole pixels: a roll of 0 degrees then copies pixels and resamples nothing.
    move[:, 2] = -np.floor(centre - (_region_side(given, region) - 1) / 2)
    return compose(move, rotation(degrees, centre))


def rolled(
    image: Any, points: ArrayLike, box: BoxLike, degrees: float, region: float = REGION
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """The image of one face, rotated in its plane about the centre of its box.

    Only the region around the face is read and resampled (linearly), at the scale of the image. Beyond the image's
    border its outermost pixels go on, as in `crops.cut`, so that no black corner gives the angle away. A roll of 0
    copies the same region: compare rolled copies with that.

    The box is the one that an upright box detector is taken to give the rotated face: its centre moves with the face
    and it keeps its width and height.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
    points : (P, 2) array_like
    box : box
    degrees : float
        Positive is clockwise as seen: `geometry.roll_degrees` of the points grows by it.
    region : float
        Side of the new image in box sides.

    Returns
    -------
    image : ndarray
        Square, of the image's dtype and channels.
    points : (P, 2) ndarray of float64
        In the new image: `roll_map` of the old ones.
    box : (4,) ndarray of float64
        In the new image.

    Raises
    ------
    ValueError
        If the box has no area, or no pixel of the image lies in the region.

    Examples
    --------
    >>> image, points, box = rolled(np.zeros((100, 90)), [[30, 40]], (20, 30, 60, 70), 90)
    >>> image.shape, points.round(3).tolist(), box.round(3).tolist()
    ((120, 120), [[70.0, 50.0]], [40.0, 40.0, 80.0, 80.0])
    """
    from skimage.transform import warp

    picture, given = as_image(image), as_box(box)
    forward = roll_map(given, degrees, region)
    side = _region_side(given, region)
    # The part of the image that the rotated square can show, and a pixel more for interpolation.
    corners = np.array([[0, 0], [side - 1, 0], [0, side - 1], [side - 1, side - 1]], dtype=np.float64)
    seen = transform_points(invert(forward), corners)
    height, width = picture.shape[:2]
    left, top = np.maximum(np.floor(seen.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(seen.max(axis=0)).astype(int) + 2, (width, height))
    if right <= left or bottom <= top:
        raise ValueError(
            f"box {tuple(given.tolist())} lies far outside of the image of width {width} and height {height}; "
            "expected (left, top, right, bottom) in its pixels"
        )
    part = picture[top:bottom, left:right]
    back = np.eye(3)
    back[:2] = invert(forward)
    back[:2, 2] -= (left, top)
    # float32 holds integers up to 16 bits exactly and takes half the time. Linear interpolation needs no clipping.
    single = picture.dtype.itemsize <= 2 or picture.dtype == np.float32
    part = part.astype(np.float32 if single else np.float64)
    turned = warp(part, back, output_shape=(side, side), order=1, mode="edge", preserve_range=True, clip=False)
    if picture.dtype.kind != "f":
        turned = np.rint(turned)
    centre = transform_points(forward, box_square(given)[0][None])[0]
    half = (given[2:] - given[:2]) / 2
    new_box = np.concatenate([centre - half, centre + half])
    return turned.astype(picture.dtype), transform_points(forward, points), new_box


def occluder(box: BoxLike, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A rectangle inside of a face box, anywhere with equal probability; its aspect is the box's times 1/2 to 2.

    Parameters
    ----------
    box : box
    share : float
        Area of the rectangle in areas of the box, 0 to 1.
    rng : numpy.random.Generator
        Draws aspect and place. For shares up to a half, the same state gives the same aspect.

    Returns
    -------
    (4,) ndarray of float64
        Left, top, right, bottom, for `covered`.

    Raises
    ------
    ValueError
        If the box has no area, or the share is not 0 to 1.

    Examples
    --------
    >>> rectangle = occluder((10, 10, 90, 90), 0.25, np.random.default_rng(0))
    >>> rectangle.round(1).tolist(), float(np.prod(rectangle[2:] - rectangle[:2]).round(6))
    ([19.7, 11.8, 63.7, 48.2], 1600.0)
    """
    given = as_box(box)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; expected the occluded part of the box, 0 to 1")
    widest = np.log(min(2.0, 1 / max(share, 0.5)))  # beyond it the rectangle would leave the box
    aspect = np.exp(widest * rng.uniform(-1, 1))
    extent = (given[2:] - given[:2]) * np.sqrt(share * np.array([aspect, 1 / aspect]))
    start = given[:2] + rng.random(2) * (given[2:] - given[:2] - extent)
    return np.concatenate([start, start + extent])


def covered(image: Any, rectangle: ArrayLike, rng: np.random.Generator, fill: Fill = "grey") -> NDArray[Any]:
    """A copy of the image with a rectangle over it: over the pixels whose centres lie in it.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
    rectangle : (4,) array_like
        Left, top, right, bottom; may have no area, and reach beyond the image.
    rng : numpy.random.Generator
        Draws the noise.
    fill : {"grey", "noise"}
        Flat grey in the middle of the range, or uniform noise over all of it.

    Returns
    -------
    ndarray
        Of the image's shape and dtype.

    Examples
    --------
    >>> covered(np.zeros((2, 4)), (0.5, 0, 2.5, 1), np.random.default_rng(0)).tolist()
    [[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    if fill not in FILLS:
        raise ValueError(f"fill is {fill!r}; expected 'grey' or 'noise'")
    picture = as_image(image).copy()
    left, top, right, bottom = np.maximum(np.ceil(np.asarray(rectangle, dtype=np.float64)).astype(int), 0)
    under = picture[top:bottom, left:right]
    values = np.full(under.shape, 0.5) if fill == "grey" else rng.random(under.shape)
    white = _white(picture)
    under[...] = values * white if picture.dtype.kind == "f" else np.rint(values * white)
    if under.ndim == 3 and under.shape[2] == 4:
        under[..., 3] = white  # an occluder is opaque
    return picture


def occluded(image: Any, box: BoxLike, share: float, rng: np.random.Generator, fill: Fill = "grey") -> NDArray[Any]:
    """A copy of the image with a rectangle over a part of the face box: an `occluder`, `covered`.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
    box : box
    share : float
        Area of the rectangle in areas of the box, 0 to 1. A part of the box outside of the image occludes nothing.
    rng : numpy.random.Generator
        Draws aspect and place, then the noise.
    fill : {"grey", "noise"}
        Flat grey in the middle of the range, or uniform noise over all of it.

    Returns
    -------
    ndarray
        Of the image's shape and dtype.

    Examples
    --------
    >>> int((occluded(np.zeros((100, 100)), (10, 10, 90, 90), 0.25, np.random.default_rng(0)) > 0).sum()) // 100
    16
    """
    return covered(image, occluder(box, share, rng), rng, fill)


def _region_side(box: NDArray[np.float64], region: float) -> int:
    return int(np.ceil(region * box_square(box)[1]))


def _white(picture: NDArray[Any]) -> float:
    return float(np.iinfo(picture.dtype).max) if picture.dtype.kind in "ui" else 1.0
