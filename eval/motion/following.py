"""What a tracker makes of a clip whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tcdcn_init.eval.motion.clips import Shown
from tcdcn_init.geometry import interocular
from tcdcn_init.tracking import FaceTracker, TrackedFace
from tcdcn_init.tracking.matching import apart, assigned

__all__ = ["RETURN_FRAMES", "Followed", "Summary", "follow", "summary"]

RETURN_FRAMES = 5
"""A face that is back should be found again within so many frames."""

# A tracked face is an actor's up to this distance of the middles, in sizes, and this logarithm of the ratio of sizes.
_NEAR, _SCALE = 0.6, 0.6

# An actor is away when for so many frames not all of its points are visible, and in one of them none is.
_AWAY_FRAMES = 3


@dataclass(frozen=True)
class Followed:
    """What became of one face of a clip.

    Attributes
    ----------
    name : str
    frames : int
        In which all five points are visible, from the first in which it was found.
    found : int
        Of these, frames in which it was found.
    errors : list of float
        Mean error of each, in inter-ocular distances.
    changes : int
        How often its id changed.
    returns : list of int or None
        After each absence, the frames until it was found, 0 for at once; None where it was not.
    first : int or None
        Frames until it was found at all.
    """

    name: str
    frames: int
    found: int
    errors: list[float]
    changes: int
    returns: list[int | None]
    first: int | None


@dataclass(frozen=True)
class Summary:
    """All faces of a scenario.

    Attributes
    ----------
    faces : int
    never_found : int
        Faces that were not found in any frame; they count in nothing else.
    frames : int
        In which all five points of a face are visible, from the first in which it was found.
    found : float
        Share of these in which it was.
    error : float or None
        Mean over them, in inter-ocular distances; None where no face was found.
    changes : int
        Changes of ids.
    returns : int
        Absences that ended.
    in_time : int
        Of these, found again within `RETURN_FRAMES` frames.
    slowest : int or None
        Most frames until found again; None where there is no absence, or one was not found again.
    false : int
        Faces in frames where there is none.
    """

    faces: int
    never_found: int
    frames: int
    found: float
    error: float | None
    changes: int
    returns: int
    in_time: int
    slowest: int | None
    false: int


def follow(tracker: FaceTracker, clip: Iterable[Shown], names: Sequence[str]) -> tuple[list[Followed], int]:
    """Let a tracker follow the faces of a clip.

    Parameters
    ----------
    tracker : FaceTracker
        A new one.
    clip : iterable of Shown
    names : sequence of str
        Of its actors.

    Returns
    -------
    list of Followed
        One for each actor.
    int
        Faces in frames where there is none.
    """
    shown = list(_answers(tracker, clip))
    ids = np.array([answer[0] for answer in shown])  # (frames, actors), -1 where not found
    errors = np.array([answer[1] for answer in shown])
    visible = np.array([answer[2] for answer in shown])
    return [
        _followed(name, ids[:, k], errors[:, k], visible[:, k]) for k, name in enumerate(names)
    ], sum(answer[3] for answer in shown)  # fmt: skip


def _answers(tracker: FaceTracker, clip: Iterable[Shown]) -> Iterable[tuple[list[int], list[float], list[int], int]]:
    for frame in clip:
        faces = [face for face in tracker.update(frame.image, frame.time) if not face.lost]
        yield _matched(frame, faces)


def _matched(frame: Shown, faces: Sequence[TrackedFace]) -> tuple[list[int], list[float], list[int], int]:
    """Of each actor: the id that it has, its error, its visible points; and how many faces are nobody's."""
    count = len(frame.points)
    ids, errors = [-1] * count, [float("nan")] * count
    pairs: list[tuple[int, int]] = []
    if faces:
        distance, scale = apart(frame.points, [face.points for face in faces])
        pairs = assigned(np.where((distance <= _NEAR) & (scale <= _SCALE), distance + scale, np.inf))
    for actor, number in pairs:
        ids[actor] = faces[number].id
        off = np.linalg.norm(faces[number].points - frame.points[actor], axis=1).mean()
        errors[actor] = float(off / interocular(frame.points[actor]))
    # What is partly visible may be found or not; what is not visible at all may not.
    real = sum(frame.visible[actor] > 0 for actor, _ in pairs)
    return ids, errors, frame.visible.tolist(), len(faces) - int(real)


def _followed(name: str, ids: np.ndarray, errors: np.ndarray, visible: np.ndarray) -> Followed:
    whole, there = visible == 5, ids >= 0
    found = np.flatnonzero(there)
    if not len(found):
        return Followed(name, 0, 0, [], 0, [], None)
    known = ids[found]
    counted = whole.copy()
    counted[: found[0]] = False
    returns: list[int | None] = []
    for start, stop in _runs(~whole):
        if start > found[0] and stop < len(whole) and stop - start >= _AWAY_FRAMES and not visible[start:stop].all():
            # Found before it is whole again is found at once.
            after = np.flatnonzero(there[stop:])
            returns.append(int(after[0]) if len(after) else None)
    return Followed(
        name,
        int(counted.sum()),
        int((counted & there).sum()),
        [round(float(error), 5) for error in errors[counted & there]],
        int((np.diff(known) != 0).sum()),
        returns,
        int(found[0]),
    )


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Starts and stops of the stretches that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def summary(faces: Sequence[Followed], false: int) -> Summary:
    """The figures of a scenario.

    Parameters
    ----------
    faces : sequence of Followed
    false : int

    Returns
    -------
    Summary
    """
    seen = [face for face in faces if face.first is not None]
    returns = [each for face in seen for each in face.returns]
    in_time = [each for each in returns if each is not None and each <= RETURN_FRAMES]
    frames = sum(face.frames for face in seen)
    errors = [error for face in seen for error in face.errors]
    return Summary(
        faces=len(faces),
        never_found=len(faces) - len(seen),
        frames=frames,
        found=sum(face.found for face in seen) / max(frames, 1),
        error=float(np.mean(errors)) if errors else None,
        changes=sum(face.changes for face in seen),
        returns=len(returns),
        in_time=len(in_time),
        slowest=None if None in returns or not returns else max(each for each in returns if each is not None),
        false=false,
    )
