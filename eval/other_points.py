"""Points that are somebody else's: what their own initializer answers, or what stands in a file of them.

A package offers its initializer by an entry point, and its name then works wherever a start is named::

    [project.entry-points."tcdcn_init.starts"]
    mine = "my_package:find"

where ``find(image, boxes)`` returns ``(N, 5, 2)`` points in pixels for N boxes, in the order of `geometry.FIVE_POINTS`,
or ``(N, 68, 2)``; NaN where it has none.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.offers import load_offer, offered
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX
from tcdcn_init.eval.measuring.copies import Copy
from tcdcn_init.eval.point_rows import read_point_rows
from tcdcn_init.eval.starts import START_NAMES, OtherPoints, Start, make_start, other_start
from tcdcn_init.geometry import five_of
from tcdcn_init.shapes import ShapeBank

__all__ = ["ENTRY_POINT_GROUP", "AskedPoints", "Find", "PointsFile", "any_start", "available_starts", "start_name"]

ENTRY_POINT_GROUP = "tcdcn_init.starts"
"""Each entry point of this group names a callable from an image and N boxes to ``(N, P, 2)`` points."""

Find: TypeAlias = Callable[[Any, NDArray[np.float64]], Any]


def available_starts() -> list[str]:
    """Names that a start may have: those of `starts.make_start`, and those that installed packages offer.

    Examples
    --------
    >>> available_starts()[:3]
    ['random-1', 'random-5', 'mean']
    """
    return [*START_NAMES, *offered(ENTRY_POINT_GROUP)]


def start_name(given: str | Find) -> str:
    """What a report calls a start: of a file its name, of a callable its own, else the name that it was given by.

    Examples
    --------
    >>> start_name("found/yunet.csv"), start_name("random-5"), start_name(max)
    ('yunet.csv', 'random-5', 'max')
    """
    if not isinstance(given, str):
        return getattr(given, "__name__", type(given).__name__)
    return Path(given).name if given.endswith(".csv") else given


def any_start(given: str | Find, bank: ShapeBank, faces: Sequence[Face]) -> Start:
    """Make a start of the protocol, or one of somebody else's points.

    Parameters
    ----------
    given : str or callable
        A name of `starts.make_start`; one that a package offers, ``module:function``, or a callable, see above; or the
        path of a CSV file (`point_rows.read_point_rows`).
    bank : ShapeBank
        Of shapes with as many points as the faces have.
    faces : sequence of Face
        What will be measured on.

    Returns
    -------
    Start

    Raises
    ------
    ValueError
        If the name is unknown, or its points are none that a start can be made of.
    FileNotFoundError
        If there is no such file.
    ImportError
        If it cannot be imported.
    """
    if isinstance(given, str) and given.endswith(".csv"):
        return other_start(_of_file(Path(given), faces), bank)
    if isinstance(given, str) and ":" not in given:
        known = [*available_starts(), "module:function", "FILE.csv"]
        try:
            return make_start(given, bank, known)  # no package takes a name of the protocol
        except ValueError:
            if given not in offered(ENTRY_POINT_GROUP):
                raise
    return other_start(_asked(given, len(faces[0].points)), bank)


@dataclass(frozen=True)
class AskedPoints(OtherPoints):
    """What somebody's own initializer answers.

    Attributes
    ----------
    find : str or callable
        The callable, or the name that it is loaded by in each process.
    """

    find: str | Find

    def __call__(self, copies: Sequence[Copy]) -> NDArray[np.float64]:
        """Points (N, P, 2) of N copies of faces, NaN where it has none.

        Raises
        ------
        ValueError
            Naming the face at which it fails, or answers otherwise than it should.
        """
        found = np.empty((len(copies), self.count, 2))
        for k, copy in enumerate(copies):
            found[k] = _reduced(self.name, _answer(self.name, self.find, copy.image, copy.box, copy.name), self.count)
        return found


@dataclass(frozen=True)
class PointsFile(OtherPoints):
    """What stands in a file, in whatever box a face is shown; a rotated image has no points there.

    Attributes
    ----------
    points : mapping of str to (P, 2) ndarray
        By the face's name.
    """

    points: Mapping[str, NDArray[np.float64]] = field(repr=False)
    turns: ClassVar[bool] = False

    def __call__(self, copies: Sequence[Copy]) -> NDArray[np.float64]:
        """Points (N, P, 2) of N copies of faces, NaN where the file has none."""
        nothing = np.full((self.count, 2), np.nan)
        return np.stack([nothing if c.condition.kind == "roll" else self.points.get(c.name, nothing) for c in copies])


def _of_file(path: Path, faces: Sequence[Face]) -> PointsFile:
    rows = read_point_rows(path, faces)
    whole = len(next(iter(rows.values())))
    count = len(faces[0].points) if whole == len(faces[0].points) else 5
    points = {name: _reduced(path.name, found, count) for name, found in rows.items()}
    digest = hashlib.sha256(b"".join(name.encode() + points[name].tobytes() for name in sorted(points)))
    return PointsFile(path.name, count, digest.hexdigest()[:16], points)


def _asked(given: str | Find, wanted: int) -> AskedPoints:
    """The initializer, tried on scikit-image's portrait: what is wrong with it shows before anything is measured."""
    from skimage.data import astronaut

    name = start_name(given)
    answer = _answer(name, given, astronaut(), np.array(PORTRAIT_BOX), "scikit-image's portrait")
    count = wanted if len(answer) == wanted else 5
    digest = hashlib.sha256(_reduced(name, answer, count).tobytes()).hexdigest()[:16]
    return AskedPoints(name, count, digest, given)


@functools.lru_cache(maxsize=8)
def _loaded(name: str) -> Find:
    find, place = load_offer("start", ENTRY_POINT_GROUP, name)
    if not callable(find):
        raise ValueError(
            f"start {name!r} from {place} is a {type(find).__name__}; expected a callable from an image and boxes to "
            "points"
        )
    return find  # type: ignore[no-any-return]


def _answer(name: str, given: str | Find, image: NDArray[Any], box: NDArray[np.float64], face: str) -> NDArray[Any]:
    """One face's points (P, 2), of whatever number."""
    find = _loaded(given) if isinstance(given, str) else given
    try:
        answer = np.asarray(find(image.copy(), box[None].copy()), dtype=np.float64)  # theirs to draw on
    except Exception as error:
        raise ValueError(f"start {name!r} fails on {face}: {type(error).__name__}: {error}") from error
    if answer.ndim != 3 or answer.shape[::2] != (1, 2):
        raise ValueError(
            f"start {name!r} answers with shape {answer.shape} on {face}; expected (1, 5, 2), of one box, NaN where it "
            "has none"
        )
    return np.asarray(answer[0])


def _reduced(name: str, points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """All points, or the five of them."""
    try:
        reduced = points if len(points) == count else five_of(points)
    except ValueError:
        reduced = points
    if len(reduced) != count:
        raise ValueError(f"start {name!r} has {len(points)} points; expected {count}, the same number for all faces")
    return reduced
