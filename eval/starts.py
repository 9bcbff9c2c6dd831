"""Where a regressor begins: the starts that the protocol compares, by name.

``random-K``
    K different training shapes, drawn at random and placed in the box: the start of RCPR (Burgos-Artizzu, Perona,
    Dollár, ICCV 2013), the baseline.
``mean``
    The mean training shape placed in the box: the start of SDM and ERT.
``tcdcn-aligned``
    The mean shape carried onto TCDCN's five points by the least-squares similarity.
``tcdcn-own``
    The start that a regressor itself makes of TCDCN's five points (``fit_from_points``): what its users have. The
    trees lay their own mean shape on them, as `adapters.dlib.SeededShapePredictor` does.
``tcdcn-nearest-K``
    The K training shapes whose own five points are nearest to TCDCN's, each carried onto them: the start of the TCDCN
    paper (Zhang, Luo, Loy, Tang, ECCV 2014, robust initialization).
``tcdcn-sure-K``
    The same where the initializer is confident of its points, and the mean shape in the box where it is not; for models
    with confidence outputs.
``oracle-K``
    The same from the annotated five points: what perfect points would give.

Besides, whoever has points of their own starts from those (`other_points`): five as ``tcdcn-nearest`` does, whole
shapes as they are.

Where K shapes start the regressor K times, the result is the median of its K answers, coordinate by coordinate; that
is the caller's part. ``random``, ``tcdcn-nearest``, ``tcdcn-sure`` and ``oracle`` without a number mean K = 5, RCPR's
number at test.

The paper does not say in which frame shapes are compared. Here a similarity aligns them first, both to compare them and
to place them: shapes left as they lie in the box are no better than the box. With the annotated points of AFLW
the start's error (K = 5, median of the shapes) is 1.8 % when aligned and 5.5 % when left in the box, and with points
that are 7.5 % off, 15 % in boxes whose centre and log-scale err by 0.1 and 35 % by 0.2, against 6.8 % when aligned in
any box.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.names import unknown_name
from tcdcn_init.geometry import BoxLike, as_box, similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, check_count, from_box_units

__all__ = [
    "DEFAULT_COUNT",
    "STARTS",
    "START_NAMES",
    "OtherPoints",
    "PointsSource",
    "Start",
    "aligned_mean",
    "make_start",
    "mean_shape",
    "nearest_shapes",
    "other_start",
    "random_shapes",
]

DEFAULT_COUNT = 5
"""Shapes of a start that takes several, when its name states no number."""

STARTS = ("random-1", "random-5", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
"""The starts of the protocol. Any other number may follow random-, tcdcn-nearest- and oracle-. ``tcdcn-sure``
and ``tcdcn-own`` are measured where they are asked for."""

PointsSource: TypeAlias = Literal["none", "tcdcn", "sure", "annotated", "other"]
_Placer: TypeAlias = Callable[
    [ShapeBank, int, NDArray[np.float64], NDArray[np.float64], np.random.Generator], NDArray[np.float64]
]


@dataclass(frozen=True)
class OtherPoints(ABC):
    """Points that are neither TCDCN's nor annotated; `other_points` has what there is of them.

    Attributes
    ----------
    name : str
        For reports.
    count : int
        Points P of a face: 5, or as many as the faces have.
    digest : str
        Changes as the points do.
    """

    name: str
    count: int
    digest: str
    turns: ClassVar[bool] = True
    """Whether there are points of rotated images."""

    @abstractmethod
    def __call__(self, copies: Sequence[Any]) -> NDArray[np.float64]:
        """Points (N, P, 2) of N copies of faces (`measuring.copies.Copy`), NaN where there are none."""


@dataclass(frozen=True)
class Start:
    """A start, ready to be called for each face; made by `make_start` or `other_start`.

    Attributes
    ----------
    name : str
        As it was asked for.
    points : {"none", "tcdcn", "sure", "annotated", "other"}
        Which points the caller must hand in, five but for "other". "none": they are not used. "sure": TCDCN's, or None
        where it is not sure of them. "other": those of `other`.
    count : int
        Number K of shapes that a call returns.
    bank : ShapeBank
    other : OtherPoints or None
        Whose points "other" are.
    """

    name: str
    points: PointsSource
    count: int
    bank: ShapeBank
    _place: _Placer
    other: OtherPoints | None = None

    def __call__(self, box: BoxLike, five: ArrayLike | None, rng: np.random.Generator) -> NDArray[np.float64]:
        """The shapes to start from.

        Parameters
        ----------
        box : box
            The face box, as the regressor is given it.
        five : (5, 2) array_like or None
            Five points in pixels, of the source that `points` names; of `other`, as many as those are.
        rng : numpy.random.Generator
            Drawn from by ``random`` alone; `perturbation.face_rng` makes one that belongs to the face.

        Returns
        -------
        (K, P, 2) ndarray of float64
            In pixels.

        Raises
        ------
        ValueError
            If the box has no area, or the points are needed and are not so many finite ones.
        """
        points = np.empty((0, 2))
        if self.points == "sure" and five is None:
            shape = mean_shape(self.bank, 1, as_box(box), points, rng)
            return np.repeat(shape, self.count, axis=0)
        if self.points != "none":
            points = np.asarray(np.nan if five is None else five, dtype=np.float64)
            count = 5 if self.other is None else self.other.count
            if points.shape != (count, 2) or not np.isfinite(points).all():
                raise ValueError(
                    f"start {self.name!r} needs {'five' if count == 5 else count} {self.points} points; got "
                    f"{points.tolist()}, expected ({count}, 2) finite numbers in pixels"
                )
        return self._place(self.bank, self.count, as_box(box), points, rng)


def random_shapes(
    bank: ShapeBank, count: int, box: NDArray[np.float64], five: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """`count` different shapes of the bank, drawn at random and placed in the box."""
    return from_box_units(bank.shapes[rng.choice(len(bank), size=count, replace=False)], box)


def mean_shape(
    bank: ShapeBank, count: int, box: NDArray[np.float64], five: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The bank's mean shape placed in the box."""
    return from_box_units(bank.mean, box)[None]


def aligned_mean(
    bank: ShapeBank, count: int, box: NDArray[np.float64], five: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The bank's mean shape carried onto the five points by the least-squares similarity."""
    return transform_points(similarity_between(bank.mean_five, five), bank.mean)[None]


def nearest_shapes(
    bank: ShapeBank, count: int, box: NDArray[np.float64], five: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The `count` shapes with the nearest five points, nearest first, each carried onto the points."""
    chosen = bank.nearest(five, count)
    return transform_points(similarity_between(bank.five[chosen], five), bank.shapes[chosen])


def _as_it_is(
    bank: ShapeBank, count: int, box: NDArray[np.float64], five: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A whole shape."""
    return five[None]


# Stem of the name -> source of its points, and how it places shapes: module functions, so that a start can be sent to
# another process.
_KINDS: dict[str, tuple[PointsSource, _Placer]] = {
    "random": ("none", random_shapes),
    "mean": ("none", mean_shape),
    "tcdcn-aligned": ("tcdcn", aligned_mean),
    "tcdcn-own": ("tcdcn", aligned_mean),
    "tcdcn-nearest": ("tcdcn", nearest_shapes),
    "tcdcn-sure": ("sure", nearest_shapes),
    "oracle": ("annotated", nearest_shapes),
}
START_NAMES = (*STARTS, *(kind for kind in _KINDS if kind not in STARTS))
"""Names that `make_start` takes, but for other numbers."""

_SINGLE = ("mean", "tcdcn-aligned", "tcdcn-own")


def make_start(name: str, bank: ShapeBank, known: Sequence[str] | None = None) -> Start:
    """Make a start by its name.

    Parameters
    ----------
    name : str
        One of `STARTS`, or ``random-K``, ``tcdcn-nearest-K``, ``tcdcn-sure-K`` or ``oracle-K`` with another number.
    bank : ShapeBank
    known : sequence of str, optional
        Names that a message about an unknown one suggests; default: `START_NAMES`.

    Returns
    -------
    Start

    Raises
    ------
    ValueError
        If there is no such start (near names are suggested), or the bank holds fewer than K shapes.

    Examples
    --------
    >>> shape = [[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.3], [0.15, 0.3]]
    >>> start = make_start("mean", ShapeBank([shape]))
    >>> start((0, 0, 100, 100), None, np.random.default_rng(0)).round(3).tolist()[0][0]
    [30.0, 40.0]
    >>> make_start("tcdcn-aligned", ShapeBank([shape])).points
    'tcdcn'
    """
    match = re.fullmatch(r"(.*?)(?:-([0-9]{1,9}))?", name, re.DOTALL)
    stem, number = (match[1], match[2]) if match else (name, None)
    if stem not in _KINDS or (number is not None and stem in _SINGLE):
        raise ValueError(unknown_name("start", name, START_NAMES if known is None else known))
    points, place = _KINDS[stem]
    count = 1 if stem in _SINGLE else DEFAULT_COUNT if number is None else int(number)
    try:
        check_count(count, bank)
    except ValueError as error:
        raise ValueError(f"start {name!r}: {error}") from None
    return Start(name, points, count, bank, place)


def other_start(other: OtherPoints, bank: ShapeBank) -> Start:
    """Make a start of somebody else's points: whole shapes as they are, five points as ``tcdcn-nearest`` takes them.

    Parameters
    ----------
    other : OtherPoints
    bank : ShapeBank

    Raises
    ------
    ValueError
        If the bank holds fewer shapes than are taken.
    """
    if other.count != 5:
        return Start(other.name, "other", 1, bank, _as_it_is, other)
    check_count(DEFAULT_COUNT, bank)
    return Start(other.name, "other", DEFAULT_COUNT, bank, nearest_shapes, other)
