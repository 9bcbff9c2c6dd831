"""Synthetic video with known truth: real faces, cut out, moved over moving backgrounds; the same bytes every time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from tcdcn_init.geometry import as_box, centroid_size, compose, invert, rotation, transform_points
from tcdcn_init.images import as_bytes

__all__ = ["BACKGROUNDS", "FRAME_SIZE", "Actor", "Clip", "Cover", "Place", "Scene", "Shown", "background", "cut_out"]

FRAME_SIZE = (480, 360)
"""Width and height, in pixels."""

BACKGROUNDS = ("coffee", "motorcycle_left", "rocket", "chelsea", "brick", "gravel")
"""Images of scikit-image without a human face."""

_WALL = "brick"
_PAN = 60.0  # pixels a second of the background

# Half axes of the ellipse that is cut out, in box widths and heights, and the share of them over which it fades.
_ELLIPSE, _FADE = (0.78, 0.68), 0.2


class Place(NamedTuple):
    """Where a face is.

    Attributes
    ----------
    x, y : float
        Middle of the five points, in pixels of the frame.
    size : float
        Their centroid size, in pixels.
    roll : float
        Degrees that its own image is turned by, clockwise.
    """

    x: float
    y: float
    size: float
    roll: float = 0.0


class Cover(NamedTuple):
    """A rectangle of brick before all faces: left, top, right, bottom in pixels."""

    left: float
    top: float
    right: float
    bottom: float


class Scene(NamedTuple):
    """What a frame shows.

    Attributes
    ----------
    places : tuple of Place
        Of every actor, the farthest first; outside of the frame where it is away.
    covers : tuple of Cover
    """

    places: tuple[Place, ...]
    covers: tuple[Cover, ...] = ()


@dataclass(frozen=True, eq=False)
class Actor:
    """A face, cut out of its image (`cut_out`).

    Attributes
    ----------
    pixels : (H, W, 4) ndarray of uint8
        RGBA.
    points : (5, 2) ndarray of float64
    """

    pixels: NDArray[np.uint8]
    points: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame and its truth.

    Attributes
    ----------
    image : (H, W, 3) ndarray of uint8
    time : float
        Seconds.
    points : (A, 5, 2) ndarray of float64
        Of every actor, wherever it is.
    visible : (A,) ndarray of int
        How many of its five points are in the frame and not covered, 0 to 5.
    """

    image: NDArray[np.uint8]
    time: float
    points: NDArray[np.float64]
    visible: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clip:
    """A synthetic video; a frame is drawn when it is asked for.

    Attributes
    ----------
    actors : sequence of Actor
    script : callable
        Seconds to `Scene`.
    behind : (H, W, 3) ndarray of uint8
        As `background` returns it.
    seconds : float
    rate : float
        Frames a second.
    size : (width, height)
        In pixels; places of the script are of these.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> points = [[202.7, 100.4], [246.7, 102.8], [224.8, 125.6], [203.5, 140.2], [243.1, 141.6]]
    >>> actor = cut_out(astronaut(), points, (176, 56, 272, 176))
    >>> clip = Clip([actor], lambda t: Scene((Place(100 + 50 * t, 90, 40),)), background("coffee"), 1.0, 5.0)
    >>> [round(float(shown.points[0, :, 0].mean())) for shown in clip]
    [100, 110, 120, 130, 140]
    """

    actors: Sequence[Actor]
    script: Callable[[float], Scene]
    behind: NDArray[np.uint8]
    seconds: float
    rate: float = 25.0
    size: tuple[int, int] = FRAME_SIZE

    def __len__(self) -> int:
        return round(self.seconds * self.rate)

    def __iter__(self) -> Iterator[Shown]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Shown:
        time = number / self.rate
        return self._drawn(time, self.script(time))

    def _drawn(self, time: float, scene: Scene) -> Shown:
        width, height = self.size
        room = self.behind.shape[1] - width
        # There and back again: a triangle, without a jump at its ends.
        left = round(abs((_PAN * time + room) % (2 * room) - room)) if room else 0
        canvas = Image.fromarray(np.ascontiguousarray(self.behind[:height, left : left + width]))
        points = np.empty((len(self.actors), 5, 2))
        uncovered = np.ones((len(self.actors), 5), dtype=bool)
        for k, (actor, place) in enumerate(zip(self.actors, scene.places, strict=True)):
            placed = _placing(actor, place)
            points[k] = transform_points(placed, actor.points)
            self._paste(canvas, actor, placed)
            there = np.rint(transform_points(invert(placed), points[:k].reshape(-1, 2))).astype(int)
            uncovered[:k] &= ~_is_solid(actor, there).reshape(-1, 5)
        for each in scene.covers:
            corners = np.rint(each).astype(int).tolist()
            box = (max(corners[0], 0), max(corners[1], 0), min(corners[2], width), min(corners[3], height))
            if box[0] < box[2] and box[1] < box[3]:
                canvas.paste(Image.fromarray(background(_WALL)[: box[3] - box[1], : box[2] - box[0]]), box[:2])
            inside = (points >= corners[:2]).all(axis=2) & (points <= corners[2:]).all(axis=2)
            uncovered &= ~inside
        framed = (points >= 0).all(axis=2) & (points <= (width - 1, height - 1)).all(axis=2)
        return Shown(np.asarray(canvas), time, points, (framed & uncovered).sum(axis=1))

    def _paste(self, canvas: Image.Image, actor: Actor, placed: NDArray[np.float64]) -> None:
        high, wide = actor.pixels.shape[:2]
        corners = transform_points(placed, [[0, 0], [wide, 0], [wide, high], [0, high]])
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        top = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, self.size)
        if (low >= top).any():
            return
        # PIL asks where each pixel's middle, half a pixel from its corner, lies in the source.
        inverse = invert(placed)
        shift = inverse[:, :2] @ (low - 0.5) + inverse[:, 2] + 0.5
        affine = (*inverse[0, :2], shift[0], *inverse[1, :2], shift[1])
        source = Image.fromarray(actor.pixels)
        size = (int(top[0] - low[0]), int(top[1] - low[1]))
        patch = source.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        canvas.paste(patch.convert("RGB"), (int(low[0]), int(low[1])), patch.getchannel("A"))


def cut_out(image: Any, points: ArrayLike, box: ArrayLike) -> Actor:
    """Cut a head out of its image by an ellipse that fades at its rim.

    Parameters
    ----------
    image : ndarray
        As for `initialize`.
    points : (5, 2) array_like
    box : (4,) array_like
        Around the face; the ellipse is half as wide and a third as high again, where the image is.

    Returns
    -------
    Actor
    """
    pixels = as_bytes(image)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    left, top, right, bottom = as_box(box)
    half = np.array([right - left, bottom - top]) * _ELLIPSE
    middle = np.array([left + right, top + bottom]) / 2
    low = np.maximum(np.floor(middle - half), 0).astype(int)
    high = np.minimum(np.ceil(middle + half) + 1, pixels.shape[1::-1]).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]]
    radius = np.hypot((columns - middle[0]) / half[0], (rows - middle[1]) / half[1])
    # Where the image ends inside of the ellipse, it fades too.
    rim = np.minimum.reduce([columns - low[0], high[0] - 1 - columns, rows - low[1], high[1] - 1 - rows])
    alpha = np.clip((1.0 - radius) / _FADE, 0.0, 1.0) * np.clip(rim / (_FADE * half.min()), 0.0, 1.0)
    whole = np.concatenate([part, np.rint(255 * alpha[..., None]).astype(np.uint8)], axis=2)
    return Actor(whole, np.asarray(points, dtype=np.float64) - low)


@functools.cache
def background(name: str) -> NDArray[np.uint8]:
    """One of `BACKGROUNDS`, in colour, as high as a frame and wide enough to move behind it.

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    if name not in BACKGROUNDS:
        raise ValueError(f"unknown background {name!r}; expected one of {', '.join(BACKGROUNDS)}")
    import skimage.data

    # By its file: the function of some of these names would look for more than it needs.
    folder = skimage.data.__path__[0]
    suffix = "jpg" if name == "rocket" else "png"
    image = Image.open(f"{folder}/{name}.{suffix}").convert("RGB")
    scale = max(FRAME_SIZE[1] / image.height, 1.5 * FRAME_SIZE[0] / image.width)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    return np.asarray(image)[: FRAME_SIZE[1]]


def _placing(actor: Actor, place: Place) -> NDArray[np.float64]:
    """From an actor's pixels to the frame's."""
    scale = place.size / float(centroid_size(actor.points))
    middle = actor.points.mean(axis=0)
    turned = compose(rotation(place.roll), [[scale, 0, 0], [0, scale, 0]])
    return compose([[1, 0, place.x], [0, 1, place.y]], compose(turned, [[1, 0, -middle[0]], [0, 1, -middle[1]]]))


def _is_solid(actor: Actor, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an actor covers what is behind these of its pixels."""
    height, width = actor.pixels.shape[:2]
    x, y = places[:, 0], places[:, 1]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    alpha = actor.pixels[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1), 3]
    return np.asarray(inside & (alpha > 127))
