"""Training of a cascade of regression trees through dlib, from the starts that it will be given.

dlib can move training starts only sideways (``oversampling_translation_jitter``). A start that is rotated or wrongly
scaled is put into the image instead: each face is cut out over its perturbed frame, so that the box is upright and
the face is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.frames import SeededFrames, cut_out, frames_from_boxes
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.training_faces import TrainingFace, checked_faces
from tcdcn_init.adapters.ert.cascade import ERT, MISSING_DLIB
from tcdcn_init.geometry import invert, median_aspect, rotation, transform_points
from tcdcn_init.images import as_bytes, read_image

__all__ = ["ERTConfig", "StartNoise", "erring_frames", "start_errors", "train_ert"]

_MARGIN = 0.4  # of the longer side of the box, around it: what a start that is off still covers


# The least that dlib's trainer runs with, where that is not 1.
_LOWEST = {
    "nu": 0,
    "lambda_param": 0,
    "oversampling_translation_jitter": 0,
    "feature_pool_size": 2,
    "feature_pool_region_padding": 0,
    "num_threads": 0,
}


@dataclass(frozen=True)
class ERTConfig:
    """Options of dlib's ``shape_predictor_training_options``, with dlib's defaults.

    Attributes
    ----------
    cascade_depth : int
        Levels.
    num_trees_per_cascade_level : int
    tree_depth : int
        Splits from root to leaf; a tree has 2^tree_depth leaves.
    nu : float
        Learning rate in (0, 1]: small ones regularize.
    oversampling_amount : int
        Starts of each image in training: the mean shape, and mixtures of other faces' shapes.
    oversampling_translation_jitter : float
        Further uniform shift of the starts, in sides of the box.
    feature_pool_size : int
        Pixels that a level reads.
    num_test_splits : int
        Splits that are tried at a node.
    lambda_param : float
        How near to each other the two pixels of a split tend to be.
    feature_pool_region_padding : float
        How far outside the mean shape's extent pixels may lie, in units of the box.
    num_threads : int
        Has no effect on the result.

    Raises
    ------
    ValueError
        If a value is out of range. dlib would end the process for most of them.
    """

    cascade_depth: int = 10
    num_trees_per_cascade_level: int = 500
    tree_depth: int = 4
    nu: float = 0.1
    oversampling_amount: int = 20
    oversampling_translation_jitter: float = 0.0
    feature_pool_size: int = 400
    num_test_splits: int = 20
    lambda_param: float = 0.1
    feature_pool_region_padding: float = 0.0
    num_threads: int = 1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            low = _LOWEST.get(name, 1)
            above = name in ("nu", "lambda_param")
            if not (value > low if above else value >= low) or (name == "nu" and value > 1):
                expected = f"{'above' if above else 'at least'} {low}" + (" and at most 1" if name == "nu" else "")
                raise ValueError(f"{name} is {value}; expected {expected}")


@dataclass(frozen=True)
class StartNoise:
    """Independent normal errors of a start, as standard deviations.

    Attributes
    ----------
    roll_degrees : float
    log_scale : float
        Of the natural logarithm of the scale: 0.1 is about 10 %.
    shift : float
        Along each axis, in sides of the box.
    """

    roll_degrees: float = 0.0
    log_scale: float = 0.0
    shift: float = 0.0

    def sample(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw errors: (count, 4) of roll in degrees, log scale, shift in x and y."""
        return rng.standard_normal((count, 4)) * [self.roll_degrees, self.log_scale, self.shift, self.shift]


def start_errors(frames: ArrayLike, true_frames: ArrayLike) -> NDArray[np.float64]:
    """How starts were off: samples to train a regressor with.

    Parameters
    ----------
    frames, true_frames : (N, 2, 3) array_like
        Frames of the starts and of perfect ones, e.g. `SeededFrames.from_points` of found points and
        `SeededFrames.from_annotations`.

    Returns
    -------
    (N, 4) ndarray
        Roll in degrees, log scale, shift in x and y in sides of the true box.

    Examples
    --------
    >>> true = [[[50.0, 0, 10], [0, 50, 20]]]
    >>> start_errors([[[55.0, 0, 12.5], [0, 55, 17.5]]], true).round(3).tolist()
    [[0.0, 0.095, 0.1, 0.0]]
    """
    off, true = np.asarray(frames, dtype=np.float64), np.asarray(true_frames, dtype=np.float64)
    # The first column is where the box's horizontal side points to.
    angle = np.arctan2(off[:, 1, 0], off[:, 0, 0]) - np.arctan2(true[:, 1, 0], true[:, 0, 0])
    roll = np.degrees((angle + np.pi) % (2 * np.pi) - np.pi)
    scale = np.log(np.abs(np.linalg.det(off[..., :2]) / np.linalg.det(true[..., :2]))) / 2
    shift = transform_points(invert(true), transform_points(off, [[0.5, 0.5]]))[:, 0] - 0.5
    return np.concatenate([roll[:, None], scale[:, None], shift], axis=1)


def erring_frames(true_frames: ArrayLike, errors: ArrayLike) -> NDArray[np.float64]:
    """Frames that are off by given errors: the inverse of `start_errors`.

    Parameters
    ----------
    true_frames : (N, 2, 3) array_like
    errors : (N, 4) array_like
        As `start_errors` gives them.

    Returns
    -------
    (N, 2, 3) ndarray of float64

    Examples
    --------
    >>> erring_frames([[[50.0, 0, 10], [0, 50, 20]]], [[0.0, np.log(1.1), 0.1, 0.0]]).round(6)[0].tolist()
    [[55.0, 0.0, 12.5], [0.0, 55.0, 17.5]]
    """
    true, off = np.asarray(true_frames, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    turns = np.array([rotation(roll)[:, :2] for roll in off[:, 0].tolist()]).reshape(-1, 2, 2)
    linear = np.exp(off[:, 1, None, None]) * turns @ true[:, :, :2]
    centres = transform_points(true, off[:, None, 2:] + 0.5)[:, 0]
    return np.concatenate([linear, (centres - linear @ [0.5, 0.5])[:, :, None]], axis=2)


def train_ert(
    faces: Iterable[TrainingFace],
    starts: StartNoise | ArrayLike | None = None,
    *,
    config: ERTConfig | None = None,
    around: Literal["box", "points", "both"] = "box",
    copies: int = 1,
    side: int = 128,
    layout: IndexMap | None = None,
    seed: int = 0,
) -> ERT:
    """Train a cascade of regression trees with dlib, reproducibly, for the starts that it will be given.

    Parameters
    ----------
    faces : iterable of `Face` records or of (image, points, box)
        The image is an array or a path, the points are (P, 2) pixels, the box (left, top, right, bottom).
    starts : (N, K, P, 2) or (M, 4) array_like, or StartNoise, optional
        K starts of each face, in pixels, as for `sdm.train_sdm`: of them dlib takes the frames alone. Or errors of
        starts, as samples of `start_errors` or as a distribution. Without any, every start is perfect but for dlib's
        own oversampling.
    config : ERTConfig, optional
    around : {"box", "points", "both"}
        What starts are off from: the face's box, for a regressor that starts from boxes, the frame that its
        annotated points give, for one that starts from points, or each in turn, for one that does either.
    copies : int
        Training images of each face, each with a start of its own; "both" makes as many around either.
    side : int
        Longer side of the box in the training images. dlib takes whole pixels only, so this is their precision;
        memory grows with its square.
    layout : mapping, optional
        As for `ERT`; all but ``around="box"`` needs to find the five points.
    seed : int

    Returns
    -------
    ERT
        Its aspect is the median of the boxes'. The same faces, arguments and dlib give the same bytes.

    Raises
    ------
    ValueError
        If there is no face, the shapes differ in length, a box or point cannot be used (the face is named), or shapes
        to start from come with ``around="both"``.
    ImportError
        If dlib is not installed.
    """
    try:
        import dlib
    except ImportError as error:
        raise ImportError(MISSING_DLIB) from error
    if around not in ("box", "points", "both"):
        raise ValueError(f"around is {around!r}; expected 'box', 'points' or 'both'")
    if copies < 1 or side < 16:
        raise ValueError(f"copies is {copies} and side {side}; expected at least 1 and 16")
    images, shapes, boxes = checked_faces(faces)
    aspect = median_aspect(boxes)
    of_boxes = frames_from_boxes(boxes)
    seeded = SeededFrames(transform_points(invert(of_boxes), shapes).mean(axis=0), aspect=aspect, layout=layout)
    perfect = [] if around == "points" else [of_boxes]
    if around != "box":
        perfect.append(seeded.from_annotations(shapes))
    frames = np.repeat(np.stack(perfect, axis=1), copies, axis=1)

    rng = np.random.default_rng(seed)
    noise = _as_errors(starts, seeded, np.stack(perfect, axis=1), shapes.shape)
    errors = _draw(noise, frames.shape[0] * frames.shape[1], rng).reshape(*frames.shape[:2], 4)
    cutouts, detections = [], []
    for image, shape, of_face, off in zip(images, shapes, frames, errors, strict=True):
        pixels = _pixels(image)
        for start in erring_frames(of_face, off):
            cutout = cut_out(pixels, start, side, _MARGIN)
            parts = np.rint(transform_points(invert(cutout.to_image), shape)).astype(int).tolist()
            points = dlib.points([dlib.point(x, y) for x, y in parts])
            cutouts.append(cutout.image)
            detections.append([dlib.full_object_detection(dlib.rectangle(*cutout.box), points)])
    chosen = dlib.shape_predictor_training_options()
    for name, value in asdict(config or ERTConfig()).items():
        setattr(chosen, name, value)
    chosen.random_seed = str(seed)
    return ERT.from_dlib(dlib.train_shape_predictor(cutouts, detections, chosen), aspect=aspect, layout=layout)


def _as_errors(
    starts: StartNoise | ArrayLike | None,
    seeded: SeededFrames,
    perfect: NDArray[np.float64],
    truth: tuple[int, ...],
) -> StartNoise | NDArray[np.float64]:
    """Errors of starts; of shapes, the errors of the frames that they seed."""
    if starts is None:
        return StartNoise()
    if isinstance(starts, StartNoise):
        return starts
    given = np.asarray(starts, dtype=np.float64)
    if given.ndim != 4:
        if given.ndim != 2 or given.shape[1] != 4 or not len(given) or not np.isfinite(given).all():
            raise ValueError(
                f"starts have shape {given.shape}; expected (N, K, {truth[1]}, 2) shapes, or (M, 4) errors, finite, as "
                "start_errors gives them"
            )
        return given
    if (len(given), *given.shape[2:]) != truth or not given.shape[1]:
        raise ValueError(f"starts have shape {given.shape}; expected ({truth[0]}, K, {truth[1]}, 2), K at least 1")
    if perfect.shape[1] != 1:
        raise ValueError("around is 'both', and starts are shapes; expected around='box' or 'points', or errors")
    frames = seeded.from_shapes(given)
    return start_errors(frames.reshape(-1, 2, 3), np.repeat(perfect[:, 0], given.shape[1], axis=0))


def _draw(errors: StartNoise | NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if isinstance(errors, StartNoise):
        return errors.sample(count, rng)
    return errors[rng.integers(len(errors), size=count)]


def _pixels(image: Any) -> NDArray[np.uint8]:
    return as_bytes(read_image(image, apply_orientation=False) if isinstance(image, str | Path) else image)
