"""How still points keep on a face that does not move, when only the camera's noise does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.geometry import interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.tracking import FaceTracker, OneEuro

__all__ = ["FRAMES", "NOISES", "Jitter", "Points", "jitter", "methods"]

NOISES = (2.0, 5.0, 10.0)
"""Standard deviations of the noise of each pixel and colour, of 255: a good camera, a dim room, a dark one."""

FRAMES = 40
"""Frames of each face, after a few that do not count: the first box is not one that its points ask for."""

_WARM = 10

Points: TypeAlias = Callable[[NDArray[np.uint8]], "NDArray[Any] | None"]
"""A frame to (P, 2) points; None where the face is lost."""


@dataclass(frozen=True)
class Jitter:
    """How still points keep.

    Attributes
    ----------
    sd : float
        Root mean square over faces and points of the distance to a point's own mean over the frames, in inter-ocular
        distances.
    lost : int
        Frames in which the face was lost; they do not count.
    """

    sd: float
    lost: int


def methods(box: NDArray[np.float64], initializer: Initializer, dlib: Mapping[str, Any]) -> dict[str, Points]:
    """What is compared, made anew for a face.

    Parameters
    ----------
    box : (4,) ndarray
        The face's: every method starts there.
    initializer : Initializer
    dlib : mapping of str to dlib.shape_predictor
        By name; they see the face in the same box in every frame, which is more than a detector gives them.

    Returns
    -------
    dict of str to callable
    """
    boxes = [box]
    found: dict[str, Points] = {
        "`initialize`, the same box": lambda frame: initializer(frame, boxes)[0].points,
        "`FaceTracker`": _tracked(FaceTracker(initializer, detector=lambda frame: boxes)),
        "`FaceTracker(smoothing=OneEuro())`": _tracked(
            FaceTracker(initializer, detector=lambda frame: boxes, smoothing=OneEuro())
        ),
    }
    for name, predictor in dlib.items():
        found[f"{name}, the same box"] = _predicted(predictor, box)
    return found


def jitter(
    images: Sequence[NDArray[np.uint8]],
    points: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[np.float64]],
    initializer: Initializer,
    dlib: Mapping[str, Any],
    noise: float,
    seed: int,
) -> dict[str, Jitter]:
    """Measure every method on still faces under noise.

    Parameters
    ----------
    images : sequence of (H, W, 3) ndarray of uint8
    points : sequence of (5, 2) ndarray
        Annotated.
    boxes : sequence of (4,) ndarray
    initializer, dlib
        See `methods`.
    noise : float
        One of `NOISES`.
    seed : int

    Returns
    -------
    dict of str to Jitter
    """
    squares: dict[str, list[NDArray[np.float64]]] = {}
    lost: dict[str, int] = {}
    for number, (image, truth, box) in enumerate(zip(images, points, boxes, strict=True)):
        ways = methods(box, initializer, dlib)
        shapes: dict[str, list[NDArray[Any]]] = {name: [] for name in ways}
        rng = face_rng(seed, str(number), f"noise {noise:g}")
        for number_of_frame in range(_WARM + FRAMES):
            noisy = image + rng.normal(0.0, noise, image.shape)
            frame = np.rint(np.clip(noisy, 0, 255)).astype(np.uint8)
            for name, way in ways.items():
                shape = way(frame)
                if number_of_frame < _WARM:
                    continue
                if shape is None:
                    lost[name] = lost.get(name, 0) + 1
                else:
                    shapes[name].append(np.asarray(shape, dtype=np.float64))
        for name, each in shapes.items():
            if len(each) > 1:
                off = np.stack(each) - np.mean(each, axis=0)
                squares.setdefault(name, []).append(((off / interocular(truth)) ** 2).sum(axis=2).mean(axis=0))
    return {
        name: Jitter(float(np.sqrt(np.concatenate(each).mean())), lost.get(name, 0)) for name, each in squares.items()
    }


def _tracked(tracker: FaceTracker) -> Points:
    def follow(frame: NDArray[np.uint8]) -> NDArray[Any] | None:
        return next((face.points for face in tracker.update(frame) if face.id == 0 and not face.lost), None)

    return follow


def _predicted(predictor: Any, box: NDArray[np.float64]) -> Points:
    import dlib

    place = dlib.rectangle(*np.rint(box).astype(int).tolist())
    return lambda frame: np.array([(part.x, part.y) for part in predictor(frame, place).parts()])
