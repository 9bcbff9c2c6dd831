"""Follows faces through a video: detection only when needed, ids that stay, losses noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.boxes import checked_boxes
from tcdcn_init.confidence import UNSURE_BELOW
from tcdcn_init.detection.detectors import Detector, resolved
from tcdcn_init.geometry import box_from_points, overlap
from tcdcn_init.images import as_bytes, as_image
from tcdcn_init.initialization import Initialization
from tcdcn_init.initializer import Initializer
from tcdcn_init.tracking.matching import apart, assigned, same_face, without_repeats
from tcdcn_init.tracking.smoothing import OneEuro
from tcdcn_init.tracking.track import Track, TrackedFace

__all__ = ["DETECTION_SIDE", "FOLLOWED_FROM", "FOUND_FROM", "SEARCH_EVERY", "FaceTracker"]

FOLLOWED_FROM = 0.2
"""Confidence from which a face that is followed counts as found. It decides little: on three clips each of occluded,
leaving and crossing faces of MTFL's held-out tenth, 0.05, 0.2 and 0.5 changed no id and found faces in the same frames,
one apart (`tcdcn-init motion --dataset mtfl-val --followed-from 0.5`)."""

FOUND_FROM = UNSURE_BELOW
"""Confidence from which a face counts as found that was not there in the frame before."""

SEARCH_EVERY = 0.12
"""Seconds between two detections while a face is lost, or there is none."""

DETECTION_SIDE = 640
"""Longest side, in pixels, of the shrunken frame that a built-in detector sees."""

# A face that is found again may lie so far from where it was expected: in sizes, and sizes a second of its absence.
_REACH, _REACH_GROWTH = 1.0, 2.0
# ... and differ so much in size, as a logarithm.
_SCALE = 0.7

# A lost track yields a face to one that is followed: it costs so much more, in sizes.
_LOST_COST = 1.0

# A detected box that overlaps so much with a followed face's is that face's.
_KNOWN_OVERLAP = 0.3


class FaceTracker:
    """Follows the faces of a video.

    Each frame's boxes come from the points of the frame before, moved on by the face's motion; the network then takes
    about as long as for boxes that are given. A detector is asked when there is no face, at once when one is lost and
    then every `SEARCH_EVERY` seconds while it is, and every `redetect_every` seconds for new ones.

    A face is lost when the network is not confident of it (`followed_from`), when it leaves the frame, and when its
    points jump onto a face that another track follows. It keeps its id for `max_lost` seconds, within which the id goes
    to the nearest face that appears about where it was lost. **There is no recognition**: another person who appears
    there gets the id, and one who comes back elsewhere, or later, a new one.

    Parameters
    ----------
    initializer : Initializer, optional
        The default one if omitted. Its model must have a confidence.
    detector : str or callable
        As for `detection.detect_boxes`: a name, which sees frames shrunk to `DETECTION_SIDE` pixels, or
        ``image -> boxes``, which sees them as they are. Both have to find upright heads alone: a face that turns later
        is followed.
    smoothing : OneEuro, optional
        Smooths `TrackedFace.points`, which then lag behind (`OneEuro` says by how much). Off if omitted.
    redetect_every : float
        Seconds, above 0.
    max_lost : float
        Seconds, 0 or more.
    rate : float
        Frames a second, where `update` is not told times.
    followed_from : float
        Confidence, 0 to 1, from which a face that is followed counts as found; higher gives up sooner what is covered
        in part.

    Raises
    ------
    ValueError
        If a number is out of its range, or the model has no confidence.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> tracker = FaceTracker()
    >>> [face.id for face in tracker.update(astronaut())]
    [0]
    >>> [(face.id, face.age) for face in tracker.update(astronaut()[:, 4:])]  # she moves by four pixels
    [(0, 1)]
    """

    def __init__(
        self,
        initializer: Initializer | None = None,
        *,
        detector: Detector = "auto",
        smoothing: OneEuro | None = None,
        redetect_every: float = 1.0,
        max_lost: float = 3.0,
        rate: float = 25.0,
        followed_from: float = FOLLOWED_FROM,
    ) -> None:
        for name, value in (("redetect_every", redetect_every), ("rate", rate)):
            if not 0 < value < np.inf:
                raise ValueError(f"{name} is {value}; expected a number above 0")
        if not 0 <= max_lost < np.inf:
            raise ValueError(f"max_lost is {max_lost}; expected seconds, 0 or more")
        if not 0 <= followed_from <= 1:
            raise ValueError(f"followed_from is {followed_from}; expected a confidence, 0 to 1")
        self.followed_from = followed_from
        self.initializer = Initializer() if initializer is None else initializer
        self.initializer.need_five("following faces")
        if not {"expected_error", "face"} <= set(self.initializer.config.outputs):
            raise ValueError(
                f"the model {self.initializer.model} has no confidence, by which a loss is noticed; use the default one"
            )
        self.detector, self.smoothing = resolved(detector), smoothing
        self.redetect_every, self.max_lost, self.rate = redetect_every, max_lost, rate
        self._tracks: list[Track] = []
        self._next, self._time, self._detected = 0, -np.inf, -np.inf

    def update(self, frame: Any, time: float | None = None) -> list[TrackedFace]:
        """Go on to the next frame.

        Parameters
        ----------
        frame : image
            As for `initialize`.
        time : float, optional
            The frame's, in seconds; not before the last one's. Omitted, ``1 / rate`` after it.

        Returns
        -------
        list of TrackedFace
            By id; those that are lost too, marked as such, until they are given up.

        Raises
        ------
        ValueError
            If the frame is no image, or the time is not finite or runs backwards.
        """
        image = as_image(frame)
        now = self._clock(time)
        missing = self._follow(image, now)
        if self._is_due(now):
            self._detected = now
            missing = self._search(image, now, missing)
        for track in missing:
            track.missed()
        self._tracks = [track for track in self._tracks if not track.lost or now - track.seen <= self.max_lost]
        self._time = now
        return [track.shown(now) for track in self._tracks]

    def state(self) -> dict[str, Any]:
        """All that later answers depend on, as JSON holds it: an interrupted run goes on from there to the same ones.

        Examples
        --------
        >>> FaceTracker().state()["tracks"]
        []
        """
        times = {name: value if np.isfinite(value) else None for name, value in self._times().items()}
        return {"next": self._next, **times, "tracks": [track.state() for track in self._tracks]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of a tracker with the same settings."""
        self._next = state["next"]
        self._time, self._detected = (-np.inf if state[name] is None else state[name] for name in self._times())
        self._tracks = [Track.restored(each, self.smoothing) for each in state["tracks"]]

    def _times(self) -> dict[str, float]:
        return {"time": self._time, "detected": self._detected}

    def _clock(self, time: float | None) -> float:
        if time is None:
            return 0.0 if self._time == -np.inf else self._time + 1.0 / self.rate
        if not np.isfinite(time):
            raise ValueError(f"the frame's time is {time}; expected seconds")
        if time < self._time:
            raise ValueError(
                f"the frame's time is {time}, before the last one's, {self._time}; expected times in order"
            )
        return float(time)

    def _is_due(self, now: float) -> bool:
        """Whether to detect in this frame; `Track.missed` has not been called for what was lost in it."""
        waited = now - self._detected + 1e-9  # times are sums of fractions
        just_lost = any(not track.lost and track.seen < now for track in self._tracks)
        searching = not self._tracks or any(track.lost for track in self._tracks)
        return just_lost or waited >= self.redetect_every or (searching and waited >= SEARCH_EVERY)

    def _follow(self, image: NDArray[Any], now: float) -> list[Track]:
        """Look where each track's face is to be expected; returns the tracks whose face is not there."""
        if not self._tracks:
            return []
        boxes = np.array([track.box_at(now) for track in self._tracks])
        answers = self.initializer(image, checked_boxes(image, boxes, "nan"), on_bad="nan")
        least = [FOUND_FROM if track.lost else self.followed_from for track in self._tracks]
        faces = [
            answer
            for answer, confidence in zip(answers, least, strict=True)
            if answer.confidence >= confidence and _is_inside(image, answer)
        ]
        return self._continued(self._tracks, _distinct(faces), now)[0]

    def _search(self, image: NDArray[Any], now: float, missing: list[Track]) -> list[Track]:
        """Detect faces that no track follows: for the missing tracks, or new ones; returns those still missing."""
        boxes = checked_boxes(image, self._detect(image), "nan")
        seen = [track.face.points for track in self._tracks if track not in missing]
        if seen and len(boxes):
            boxes = boxes[(overlap(boxes[:, None], box_from_points(seen)[None]) < _KNOWN_OVERLAP).all(axis=1)]
        if not len(boxes):
            return missing
        faces = [
            face
            for face in _distinct(self.initializer(image, boxes, on_bad="nan"))
            if face.confidence >= FOUND_FROM and _is_inside(image, face)
        ]
        if seen and faces:
            known = same_face([face.points for face in faces], seen)
            faces = [face for face, same in zip(faces, known, strict=True) if not same.any()]
        missing, new = self._continued(missing, faces, now)
        for face in new:
            self._tracks.append(Track(self._next, face, now, self.smoothing))
            self._next += 1
        return missing

    def _continued(
        self, tracks: Sequence[Track], faces: Sequence[Initialization], now: float
    ) -> tuple[list[Track], list[Initialization]]:
        """Give each track the face that continues it; returns the tracks and the faces that are left over."""
        if not len(tracks) or not len(faces):
            return list(tracks), list(faces)
        expected = [track.points_at(now) for track in tracks]
        distance, scale = apart(expected, [face.points for face in faces])
        absence = np.array([now - track.seen for track in tracks])[:, None]
        possible = (distance <= _REACH + _REACH_GROWTH * absence) & (scale <= _SCALE)
        lost = np.array([_LOST_COST * track.lost for track in tracks])[:, None]
        pairs = assigned(np.where(possible, distance + scale + lost, np.inf))
        for row, column in pairs:
            tracks[row].found(faces[column], now)
        rows, columns = ({pair[k] for pair in pairs} for k in (0, 1))
        return (
            [track for k, track in enumerate(tracks) if k not in rows],
            [face for k, face in enumerate(faces) if k not in columns],
        )

    def _detect(self, image: NDArray[Any]) -> Any:
        """Boxes, of a built-in detector those in which the initializer sees a face; heads upright."""
        if not isinstance(self.detector, str):
            return self.detector(image)
        from PIL import Image

        small = Image.fromarray(as_bytes(image)).convert("L")
        factor = max(small.size) / DETECTION_SIDE
        if factor > 1.0:
            small = small.resize([max(1, round(side / factor)) for side in small.size], Image.Resampling.BOX)
        return self.initializer.find(np.asarray(small), self.detector, turned=False).boxes * max(factor, 1.0)


def _distinct(faces: Sequence[Initialization]) -> list[Initialization]:
    """The surest answer for each face; without those of boxes that hold nothing."""
    there = [face for face in faces if np.isfinite(face.points).all()]
    return [there[k] for k in without_repeats([face.points for face in there], [face.confidence for face in there])]


def _is_inside(image: NDArray[Any], face: Initialization) -> bool:
    """Whether the middle of a face lies in the image."""
    x, y = face.points.mean(axis=0).tolist()
    height, width = image.shape[:2]
    return bool(-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5)
