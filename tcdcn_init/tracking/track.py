"""One face through time: what is shown of it, and where it is to be expected next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.geometry import box_from_points, box_square, centroid_size
from tcdcn_init.initialization import Initialization
from tcdcn_init.tracking.smoothing import OneEuro, OneEuroFilter

__all__ = ["Track", "TrackedFace"]

# Seconds over which a motion that is no longer seen dies away, and how much of a new velocity is believed.
_FADING = 0.3
_BELIEF = 0.5  # the other half is of the velocities before

# A box is kept while the face stays in its middle: a still face is asked about in the same box again, and its points
# move with the pixels alone. In sides of the box, and as a logarithm of the ratio of the sides.
_KEPT_SHIFT = 0.06
_KEPT_SCALE = 0.08


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face in a frame.

    Attributes
    ----------
    id : int
        The same from frame to frame; 0, 1, ... in order of appearance, none given twice.
    points : (5, 2) ndarray of float32
        In this frame, in the order of `geometry.FIVE_POINTS`; smoothed where that was asked for. Of a lost face, where
        they are to be expected.
    face : Initialization
        What was found of it last, with its confidence and expected errors; never smoothed.
    age : int
        Frames since the first one with this face, which has 0.
    lost : bool
        It is not found in this frame.

    Examples
    --------
    >>> face = Initialization([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], [10, 0, 90, 100], confidence=0.98)
    >>> TrackedFace(3, face.points, face, age=10, lost=False)
    TrackedFace(id=3, middle=[50, 60], confidence=0.98, age=10, lost=False)
    """

    id: int
    points: NDArray[np.float32]
    face: Initialization
    age: int
    lost: bool

    @property
    def box(self) -> NDArray[np.float64]:
        """(4,), left, top, right, bottom: the one that a detector would put around the points."""
        return box_from_points(self.points)

    @property
    def confidence(self) -> float:
        """`Initialization.confidence` of `face`; 0 of a lost one."""
        return 0.0 if self.lost else self.face.confidence

    def __repr__(self) -> str:
        middle = self.points.mean(axis=0).round().astype(int).tolist()
        return (
            f"TrackedFace(id={self.id}, middle={middle}, confidence={self.confidence:.2f}, "
            f"age={self.age}, lost={self.lost})"
        )


class Track:
    """What a tracker keeps of one face.

    Parameters
    ----------
    number : int
        Its id.
    face : Initialization
        As first found.
    time : float
        Seconds.
    smoothing : OneEuro or None

    Attributes
    ----------
    id : int
    face : Initialization
        As last found.
    seen : float
        When.
    age : int
        Frames since the first.
    lost : bool
    """

    def __init__(self, number: int, face: Initialization, time: float, smoothing: OneEuro | None) -> None:
        self.id, self.face, self.seen, self.age, self.lost = number, face, time, 0, False
        self._velocity = np.zeros(2)
        self._box: NDArray[np.float64] | None = None
        self._filter = None if smoothing is None else OneEuroFilter(smoothing)
        self._shown = self._smoothed(0.0)

    def points_at(self, time: float) -> NDArray[np.float64]:
        """(5, 2): where the points are to be expected; a motion dies away while it is not seen."""
        along = _FADING * (1.0 - np.exp(-(time - self.seen) / _FADING))
        return np.asarray(self.face.points + self._velocity * along)

    def box_at(self, time: float) -> NDArray[np.float64]:
        """(4,): the box to look in."""
        box = box_from_points(self.points_at(time))
        if self._box is not None:
            (old, new), (side, wanted) = box_square([self._box, box])
            shift, scale = np.linalg.norm(new - old) / side, abs(np.log(wanted / side))
            if shift <= _KEPT_SHIFT and scale <= _KEPT_SCALE:
                return self._box
        self._box = box
        return box

    def found(self, face: Initialization, time: float) -> None:
        """Its face in the next frame."""
        seconds = time - self.seen
        if seconds > 0:
            moved = (face.points.mean(axis=0, dtype=np.float64) - self.face.points.mean(axis=0)) / seconds
            # After a gap the way between says little of the motion now.
            self._velocity = (0.0 if self.lost else _BELIEF) * (moved + self._velocity)
        self.face, self.seen, self.lost = face, time, False
        self._shown = self._smoothed(seconds)
        self.age += 1

    def missed(self) -> None:
        """It is not in the next frame."""
        self.lost = True
        self.age += 1

    def shown(self, time: float) -> TrackedFace:
        """As a caller sees it."""
        points = self.points_at(time).astype(np.float32) if self.lost else self._shown
        return TrackedFace(self.id, points, self.face, self.age, self.lost)

    def state(self) -> dict[str, Any]:
        """All that later answers depend on, as JSON holds it."""
        return {
            "id": self.id,
            "face": self.face.to_dict(),
            "seen": self.seen,
            "age": self.age,
            "lost": self.lost,
            "velocity": self._velocity.tolist(),
            "box": None if self._box is None else self._box.tolist(),
            "filter": None if self._filter is None else self._filter.state(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], smoothing: OneEuro | None) -> Track:
        """The track of a `state`."""
        parts = {name: value for name, value in state["face"].items() if name != "roll" and value is not None}
        track = cls(state["id"], Initialization(**parts), state["seen"], None)
        track.age, track.lost, track._velocity = state["age"], state["lost"], np.array(state["velocity"])
        track._box = None if state["box"] is None else np.array(state["box"])
        if smoothing is not None:
            track._filter = OneEuroFilter(smoothing)
            track._filter.restore(state["filter"])
            track._shown = track._smoothed(0.0)
        return track

    def _smoothed(self, seconds: float) -> NDArray[np.float32]:
        if self._filter is None:
            return self.face.points
        size = float(centroid_size(self.face.points))
        return self._filter(self.face.points, seconds, size).astype(np.float32)
