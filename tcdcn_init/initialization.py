"""What is found of one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tcdcn_init.geometry import roll_degrees, similarity_between

__all__ = ["DENSE_FIELDS", "Initialization"]

# What `dense=True` adds to a face.
DENSE_FIELDS = ("dense", "dense_expected_error", "dense_visible")


@dataclass(frozen=True, eq=False, repr=False)
class Initialization:
    """Where one face's alignment starts.

    Nothing of it can be changed, its arrays neither; it can be shared between threads, pickled and copied.

    Attributes
    ----------
    points : (5, 2) ndarray of float32
        Left eye, right eye, nose, left mouth corner, right mouth corner (as seen in the image), x then y, in pixels
        with centres at integers. NaN for a face that could not be processed (`on_bad="nan"`). Of a model of other
        points, (N, 2) of them, as are what is said of each.
    box : (4,) ndarray of float64
        The face box they came from.
    attributes : mapping of str to mapping of str to float
        Probability per class and task: "pose", "gender", "glasses", "smile" (`tasks.TASKS`). They are the training
        signals that shaped the network; its points are its purpose.
    expected_error : (5,) ndarray of float32
        How far off each point is to be expected, in inter-ocular distances (`confidence.Calibration`). NaN of a model
        without confidence outputs, as `tcdcn-mtfl`.
    confidence : float
        Probability that the points are good: that the box holds a face, and that they are off by at most a tenth of the
        inter-ocular distance on average. NaN of a model without confidence outputs. Below 0.5 they are more likely bad
        than good: the limit to begin with, see the notes.
    visible : (5,) ndarray of float32
        Probability of each point that it can be seen: that neither the head itself nor anything before it hides it. NaN
        of a model that does not say.
    dense : (68, 2) ndarray of float32, or None
        iBUG's 68 points, where they were asked for (``dense=True``).
    dense_expected_error, dense_visible : (68,) ndarray of float32, or None
        The same of each of them; the expected errors as trained, not calibrated.
    upright : (N, 2) ndarray of float32, or None
        The mean shape that a roll is against, of a model whose points are not the five of a face.

    Notes
    -----
    What a least confidence keeps of the default model's answers, in percent: faces in their own box, failures (errors
    above a tenth of the inter-ocular distance) among those that are kept, and boxes without a face.

    .. table: thresholds rst

    =====  =========  =============  ============  ========  ============  ===========
    least  AFLW kept  AFLW failures  AFLW no face  AFW kept  AFW failures  AFW no face
    =====  =========  =============  ============  ========  ============  ===========
        0      100.0            2.5         100.0     100.0           2.9        100.0
      0.1       99.8            2.3          14.3      99.5           2.7          2.7
     0.25       99.5            2.2           6.6      98.9           2.4          1.6
      0.5       99.2            2.1           3.0      98.1           2.2          1.1
     0.75       98.4            1.9           1.3      96.8           1.9          0.5
      0.9       96.7            1.8           0.3      93.6           1.7          0.3
     0.95       93.8            1.2           0.1      87.5           1.2          0.0
     0.98       88.0            1.0           0.0      79.8           1.0          0.0
     0.99       81.2            0.9           0.0      69.5           1.1          0.0
    =====  =========  =============  ============  ========  ============  ===========

    .. end

    A higher limit buys fewer failures with faces that were right. The errors of AFLW and AFW include what their
    annotations differ by from the training set's, which a confidence cannot know.

    Examples
    --------
    >>> face = Initialization([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], [10, 0, 90, 100], confidence=0.98)
    >>> face
    Initialization(points=[[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]], confidence=0.98)
    >>> face.points[0] = 0
    Traceback (most recent call last):
    ValueError: assignment destination is read-only
    """

    points: NDArray[np.float32]
    box: NDArray[np.float64]
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    expected_error: NDArray[np.float32] = field(default_factory=lambda: np.full(5, np.nan, dtype=np.float32))
    confidence: float = float("nan")
    visible: NDArray[np.float32] = field(default_factory=lambda: np.full(5, np.nan, dtype=np.float32))
    dense: NDArray[np.float32] | None = None
    dense_expected_error: NDArray[np.float32] | None = None
    dense_visible: NDArray[np.float32] | None = None
    upright: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        # Copies: a view would keep the whole batch in memory, and change with it.
        for name, dtype in (
            ("points", np.float32),
            ("box", np.float64),
            ("expected_error", np.float32),
            ("visible", np.float32),
            *((name, np.float32) for name in (*DENSE_FIELDS, "upright")),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _read_only(getattr(self, name), dtype))
        attributes = {task: MappingProxyType(dict(classes)) for task, classes in self.attributes.items()}
        object.__setattr__(self, "attributes", MappingProxyType(attributes))

    @property
    def roll(self) -> float:
        """In-plane rotation in degrees, (-180, 180], positive clockwise as seen (`geometry.roll_degrees`)."""
        if self.upright is None:
            return float(roll_degrees(self.points))
        matrix = similarity_between(self.upright, self.points)
        return float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))

    def similarity_to(self, template: ArrayLike) -> NDArray[np.float64]:
        """The similarity that carries the face's points onto a template's, in the least-squares sense.

        Parameters
        ----------
        template : (N, 2) array_like
            Where the five points should come to lie, e.g. in an aligned chip.

        Returns
        -------
        (2, 3) ndarray of float64
            For `geometry.transform_points`; its inverse (`geometry.invert`) carries a template shape into the image.
        """
        return similarity_between(self.points, template)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain lists, dicts and floats, for JSON; None where there is no number.

        Returns
        -------
        dict
            "points": five lists [x, y]; "box": [left, top, right, bottom]; "roll": degrees; "confidence": number;
            "expected_error", "visible": five numbers; "attributes": task -> class -> probability. In pixels and units
            of the attributes of the same names; the dense ones where there are any.

        Examples
        --------
        >>> face = Initialization([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], [10, 0, 90, 100])
        >>> face.to_dict()["roll"], face.to_dict()["confidence"]
        (0.0, None)
        """
        numbers = {
            "points": self.points.tolist(),
            "box": self.box.tolist(),
            "roll": self.roll,
            "confidence": self.confidence,
            "expected_error": self.expected_error.tolist(),
            "visible": self.visible.tolist(),
            "attributes": {task: dict(classes) for task, classes in self.attributes.items()},
        }
        numbers |= {name: getattr(self, name).tolist() for name in DENSE_FIELDS if getattr(self, name) is not None}
        return {name: _without_nan(value) for name, value in numbers.items()}

    def __repr__(self) -> str:
        points = [[round(value, 1) for value in point] for point in self.points.tolist()]
        return f"Initialization(points={points}, confidence={self.confidence:.2f})"

    def __reduce__(self) -> tuple[Callable[..., Initialization], tuple[Any, ...]]:
        # Mappings that cannot be written to cannot be pickled either.
        attributes = {task: dict(classes) for task, classes in self.attributes.items()}
        dense = (getattr(self, name) for name in DENSE_FIELDS)
        given = (self.points, self.box, attributes, self.expected_error, self.confidence, self.visible, *dense)
        return Initialization, (*given, self.upright)


def _read_only(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return value if np.isfinite(value) else None
