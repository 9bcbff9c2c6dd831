"""Boxes -> crops -> network -> points in image coordinates."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.boxes import checked_boxes
from tcdcn_init.crops import as_picture, cut, frames_apart, frames_from_boxes, frames_from_points, snapped
from tcdcn_init.geometry import MIRROR, BoxLike, roll_degrees, similarity_between, transform_points
from tcdcn_init.network.backends import BackendName, load_backend
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.tasks import MIRRORED_POSE, TASKS
from tcdcn_init.weights import DEFAULT_MODEL

# Outputs of networks that say how far they can be trusted, and the numbers of every output but the points.
_TRUST = ("expected_error", "face")
_LENGTHS = {**{task: len(classes) for task, classes in TASKS.items()}, "expected_error": 5, "face": 2}


@dataclass(frozen=True, eq=False)
class Initialization:
    """Where one face's alignment starts.

    Attributes
    ----------
    points : (5, 2) ndarray of float32
        Left eye, right eye, nose, left mouth corner, right mouth corner (as seen in the image), x then y, in pixels
        with centres at integers. NaN for a face that could not be processed (`on_bad="nan"`).
    box : (4,) ndarray of float64
        The face box they came from.
    attributes : dict of str to dict of str to float
        Probability per class and task: "pose", "gender", "glasses", "smile" (`tasks.TASKS`). They are the training
        signals that shaped the network; its points are its purpose.
    expected_error : (5,) ndarray of float32
        How far off each point is to be expected, in inter-ocular distances (`confidence.Calibration`). NaN of a model
        that does not say, as `tcdcn-mtfl`.
    confidence : float
        Probability that the points are good: that the box holds a face, and that they are off by at most a tenth of the
        inter-ocular distance on average. NaN of a model that does not say.
    """

    points: NDArray[np.float32]
    box: NDArray[np.float64]
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    expected_error: NDArray[np.float32] = field(default_factory=lambda: np.full(5, np.nan, dtype=np.float32))
    confidence: float = float("nan")

    @property
    def roll(self) -> float:
        """In-plane rotation in degrees, (-180, 180], positive clockwise as seen (`geometry.roll_degrees`)."""
        return float(roll_degrees(self.points))

    def similarity_to(self, template: ArrayLike) -> NDArray[np.float64]:
        """The similarity that carries the face's points onto a template's, in the least-squares sense.

        Parameters
        ----------
        template : (5, 2) array_like
            Where the five points should come to lie, e.g. in an aligned chip.

        Returns
        -------
        (2, 3) ndarray of float64
            For `geometry.transform_points`; its inverse (`geometry.invert`) carries a template shape into the image.
        """
        return similarity_between(self.points, template)


class Initializer:
    """A model held ready for repeated use.

    Parameters
    ----------
    model : str or path
        A bundled model (`weights.bundled_models`) or the path of a .safetensors or .onnx file.
    backend : {"torch", "onnx", "auto"}
        See `backends.load_backend`.
    passes : int
        How often to look, at most. The first look is at the box. Where its answer says that the head is rolled or the
        box is off (the model's own limits, ``config.again``), the next is at a crop that is upright and centred by
        that answer; other faces keep theirs. 1 never looks again.
    mirror : bool
        Look at the mirror image of every crop too and take the mean of both answers: more exact, at twice the time.

    Raises
    ------
    ValueError
        If the model or backend is unknown, or `passes` is below 1.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> initializer = Initializer()
    >>> initializer.points(astronaut(), [(170, 70, 275, 205)]).shape
    (1, 5, 2)
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        backend: BackendName = "torch",
        passes: int = DEFAULT_PASSES,
        mirror: bool = False,
    ) -> None:
        if passes < 1:
            raise ValueError(f"passes is {passes}; expected 1 or more")
        self.passes, self.mirror = passes, mirror
        self._backend = load_backend(model, backend)
        self.config, self.calibration = self._backend.config, self._backend.calibration

    def __call__(
        self,
        image: Any,
        boxes: Sequence[BoxLike] | ArrayLike | None = None,
        *,
        on_bad: Literal["raise", "nan"] = "raise",
    ) -> list[Initialization]:
        """Initialize the faces of one image; parameters and errors as in `initialize`."""
        return self.batch([image], [boxes], on_bad=on_bad)[0]

    def batch(
        self,
        images: Sequence[Any],
        boxes: Sequence[Sequence[BoxLike] | ArrayLike | None],
        *,
        on_bad: Literal["raise", "nan"] = "raise",
    ) -> list[list[Initialization]]:
        """Initialize the faces of many images in one batch.

        Parameters
        ----------
        images : sequence of ndarray
        boxes : sequence, one entry per image
            Each as for `initialize`; None detects.
        on_bad : {"raise", "nan"}
            As for `initialize`.

        Returns
        -------
        list of list of Initialization
            Per image, per box.
        """
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} entries of boxes; expected one entry per image")
        pictures = [as_picture(image) for image in images]
        checked = [checked_boxes(picture, entry, on_bad) for picture, entry in zip(pictures, boxes, strict=True)]
        points, answers = self._run(pictures, checked, on_bad, self.config.outputs[1:])
        chances = {task: _softmax(answers[task]) for task in self.config.tasks}
        expected, sure = self._trust(answers, len(points))
        results: list[list[Initialization]] = []
        start = 0
        for entry in checked:
            rows = range(start, start + len(entry))
            start = rows.stop
            results.append(
                [
                    Initialization(points[k], box, _attributes(chances, k), expected[k], float(sure[k]))
                    for k, box in zip(rows, entry, strict=True)
                ]
            )
        return results

    def points(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float32]:
        """The array form: points only.

        Parameters
        ----------
        images : ndarray or list of ndarray
            One image, or a list of them.
        boxes : (N, 4) array_like, or a list of them
            The image's boxes; for a list of images, one such array per image.
        on_bad : {"raise", "nan"}
            As for `initialize`.

        Returns
        -------
        (N, 5, 2) ndarray of float32
            All boxes of all images, in order.
        """
        return self._run(*self._checked(images, boxes, on_bad), on_bad)[0]

    def points_and_confidence(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The array form with confidences; parameters as for `points`.

        Returns
        -------
        points : (N, 5, 2) ndarray of float32
        confidence : (N,) ndarray of float64
            `Initialization.confidence`; NaN of a model that does not say.
        """
        points, answers = self.answers(images, boxes, on_bad=on_bad)
        return points, self._trust(answers, len(points))[1]

    def answers(
        self, images: Any, boxes: Sequence[BoxLike] | ArrayLike, *, on_bad: Literal["raise", "nan"] = "raise"
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """The array form with the network's raw further outputs, for calibration; parameters as for `points`.

        Returns
        -------
        points : (N, 5, 2) ndarray of float32
        answers : dict of str to (N, K) ndarray of float32
            By the names of ``config.outputs`` beyond "points", as `backends.Backend` describes them.
        """
        return self._run(*self._checked(images, boxes, on_bad), on_bad, self.config.outputs[1:])

    def _trust(
        self, answers: Mapping[str, NDArray[np.float32]], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Expected errors (N, 5) and confidences (N,)."""
        if not set(_TRUST) <= answers.keys():
            return np.full((count, 5), np.nan, dtype=np.float32), np.full(count, np.nan)
        raw = answers["expected_error"]
        expected = self.calibration.expected_error(raw).astype(np.float32)
        return expected, self.calibration.confidence(raw, answers["face"])

    @staticmethod
    def _checked(
        images: Any, boxes: Sequence[BoxLike] | ArrayLike, on_bad: str
    ) -> tuple[list[NDArray[Any]], list[NDArray[np.float64]]]:
        """Pictures, and the boxes of each, of the array form's arguments."""
        many = isinstance(images, list | tuple)
        entries: Sequence[Any] = boxes if many else [boxes]  # type: ignore[assignment]
        pictures = [as_picture(image) for image in (images if many else [images])]
        if len(pictures) != len(entries):
            raise ValueError(f"{len(pictures)} images but {len(entries)} arrays of boxes; expected one array per image")
        return pictures, [
            checked_boxes(picture, entry, on_bad) for picture, entry in zip(pictures, entries, strict=True)
        ]

    def _run(
        self,
        pictures: Sequence[NDArray[Any]],
        boxes: Sequence[NDArray[np.float64]],
        on_bad: str,
        wanted: Sequence[str] = (),
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Points of all boxes and the wanted further outputs; rows of unusable boxes are NaN."""
        counts = [len(entry) for entry in boxes]
        every = np.concatenate([*boxes, np.empty((0, 4))])
        points = np.full((len(every), 5, 2), np.nan, dtype=np.float32)
        answers = {name: np.full((len(every), _LENGTHS[name]), np.nan, np.float32) for name in wanted}
        floats = any(picture.dtype.kind == "f" for picture in pictures)
        owner = np.repeat(np.arange(len(pictures)), counts)
        good = np.flatnonzero(np.isfinite(every).all(axis=1))
        if not len(good):
            return points, answers
        view = self.config.view
        frames = frames_from_boxes(every[good], view)
        for number in range(self.passes):
            if number:
                asked = frames_from_points(points[good], view)
                again = _too_far(frames, asked, self.config.again)
                if not again.any():
                    break
                good, frames = good[again], snapped(asked[again])
            crops = np.empty((len(good), self.config.side, self.config.side), dtype=np.float32)
            for k in sorted(set(owner[good].tolist())):
                rows = owner[good] == k
                crops[rows] = cut(pictures[k], frames[rows], self.config.side)
            usable = np.isfinite(crops).all(axis=(1, 2)) if floats else np.ones(len(good), dtype=bool)
            if not usable.all():
                if on_bad == "raise":
                    k = int(good[np.flatnonzero(~usable)[0]])
                    raise ValueError(
                        f"the image holds NaN or infinity under box {tuple(every[k].tolist())}; replace such pixels, "
                        "e.g. with numpy.nan_to_num, or pass on_bad='nan'"
                    )
                points[good[~usable]] = np.nan
                for values in answers.values():
                    values[good[~usable]] = np.nan
                good, frames, crops = good[usable], frames[usable], crops[usable]
            if not len(good):
                break
            outputs = self._look(crops)
            points[good] = transform_points(frames, outputs["points"])
            for name, values in answers.items():
                # Whether the box holds a face is the first look's to say: a later one may have wandered to another.
                if name != "face" or not number:
                    values[good] = outputs[name]
        return points, answers

    def _look(self, crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The network's answers to crops, as `backends.Backend` describes them."""
        if not self.mirror:
            return self._backend(crops)
        both = self._backend(np.concatenate([crops, crops[:, :, ::-1]]))
        joined: dict[str, NDArray[np.float32]] = {}
        for name, values in both.items():
            ours, theirs = values[: len(crops)], values[len(crops) :]
            if name == "points":
                theirs = theirs[:, list(MIRROR)] * np.array([-1, 1], dtype=np.float32)
            elif name == "expected_error":
                theirs = theirs[:, list(MIRROR)]
            elif name == "pose":
                theirs = theirs[:, list(MIRRORED_POSE)]
            joined[name] = np.float32(0.5) * (ours + theirs)
        return joined


def initialize(
    image: Any,
    boxes: Sequence[BoxLike] | ArrayLike | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    backend: BackendName = "torch",
    passes: int = DEFAULT_PASSES,
    mirror: bool = False,
    on_bad: Literal["raise", "nan"] = "raise",
) -> list[Initialization]:
    """Five points for every face of an image, good enough to start a cascaded shape regressor.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) ndarray
        Grey, RGB or RGBA; uint8, other integers over their range, or float in [0, 1], as in scikit-image.
    boxes : sequence of boxes, or (N, 4) array_like, optional
        Face boxes (left, top, right, bottom) in pixels, or objects such as ``dlib.rectangle``. Omitted, a detector
        looks for faces (`detection.detect_boxes`, whose limits apply).
    model : str or path
        A bundled model or the path of a file. Kept in memory after the first call.
    backend : {"torch", "onnx", "auto"}
        See `backends.load_backend`.
    passes, mirror
        See `Initializer`.
    on_bad : {"raise", "nan"}
        What a box that cannot be used does: raise, or get NaN points while the others get theirs.

    Returns
    -------
    list of Initialization
        One per box, in order; empty when no face is found.

    Raises
    ------
    TypeError
        If the image is a path, or of a dtype that holds no pixels.
    ValueError
        If the image is empty, of the wrong shape or not finite; if a box has no area, is not finite, or lies wholly
        outside of the image; if the model or backend is unknown.

    References
    ----------
    Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> face = initialize(astronaut(), [(170, 70, 275, 205)])[0]
    >>> face.points.shape, abs(face.roll) < 15
    ((5, 2), True)
    """
    return _cached(model, backend, passes, mirror)(image, boxes, on_bad=on_bad)


@functools.lru_cache(maxsize=4)
def _cached(model: str | Path, backend: BackendName, passes: int, mirror: bool) -> Initializer:
    return Initializer(model, backend=backend, passes=passes, mirror=mirror)


def _too_far(
    frames: NDArray[np.float64], wanted: NDArray[np.float64], limits: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Which crops lie too far from those that their points ask for: degrees, logarithm of the scale, sides."""
    turn, scale, shift = frames_apart(frames, wanted)
    return np.asarray((turn > limits[0]) | (scale > limits[1]) | (shift > limits[2]))


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _attributes(tasks: Mapping[str, NDArray[np.float32]], row: int) -> dict[str, dict[str, float]]:
    return {task: dict(zip(TASKS[task], map(float, values[row]), strict=True)) for task, values in tasks.items()}
