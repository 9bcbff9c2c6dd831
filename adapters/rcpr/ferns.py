"""Stages of RCPR: places that follow a shape, ferns that compare the pixels there, and the moves in their leaves.

Shapes are complex here, x + iy, so that a turn with a scale is one product. All arithmetic is of one start at a time:
results do not depend on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ferns", "RCPRConfig", "as_complex", "as_points", "sample_levels", "turns"]


@dataclass(frozen=True)
class RCPRConfig:
    """What a cascade samples, and how it is trained. The defaults are those of ``rcpr-mtfl``, whose card says how.

    Lengths are in *radii* of the shape, the root mean square distance of its points from their mean: 0.64 of the
    inter-ocular distance for the five points.

    Attributes
    ----------
    resolution : float
        Pixels to a radius of the chip that a face is cut out to, once, before all stages.
    reach : float
        How far a chip reaches from the start's middle, in radii. Past its border its last pixels go on.
    stages, ferns, depth : int
        Stages of the cascade, ferns of a stage, comparisons of a fern.
    places : int
        Candidate places of a stage in training.
    beyond : float
        How far past the two points a place may lie on the line through them, in units of their distance.
    shrinkage : float
        Starts of no move that are added to each bin of a fern, in starts for each thousand training starts.
    check : float
        Share of the stages after which the results from different starts are compared.
    spread : float
        Mean distance of their points from the median shape's, in its radii, above which the starts are drawn anew.
    restarts : int
        At most so often.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    resolution: float = 20.0
    reach: float = 3.0
    stages: int = 80
    ferns: int = 40
    depth: int = 5
    places: int = 300
    beyond: float = 0.5
    shrinkage: float = 5.0
    check: float = 0.1
    spread: float = 0.2
    restarts: int = 3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("stages", 1, 1000),
            ("ferns", 1, 1000),
            ("depth", 1, 10),
            ("places", 2, 10_000),
            ("restarts", 0, 100),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}; expected a whole number of {low} to {high}")
        for name, least, most in (
            ("resolution", 2.0, 256.0),
            ("reach", 1.0, 20.0),
            ("beyond", 0.0, 10.0),
            ("shrinkage", 0.0, 1e6),
            ("check", 0.0, 1.0),
            ("spread", 0.0, 1e6),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value!r}; expected {least:g} to {most:g}")

    @property
    def checked_stage(self) -> int:
        """Stages before the spread is measured; at least one."""
        return max(1, round(self.check * self.stages))


@dataclass(frozen=True)
class Ferns:
    """The ferns of all T stages, S places and F ferns of D comparisons each.

    Attributes
    ----------
    pairs : (T, S, 2) ndarray of int
        The two points that each place lies between.
    along : (T, S) ndarray of float32
        Where: 0 at the first point, 1 at the second.
    compared : (T, F, D, 2) ndarray of int
        Places whose grey levels a comparison subtracts.
    thresholds : (T, F, D) ndarray of int
        A bit is set where the difference is greater.
    leaves : (T, F, 2^D, 2P) ndarray of int8
        Moves of the points in steps of `scales`: x, y of the first point, and so on.
    scales : (T, F) ndarray of float32
        In radii.
    """

    pairs: NDArray[np.int16]
    along: NDArray[np.float32]
    compared: NDArray[np.int16]
    thresholds: NDArray[np.int16]
    leaves: NDArray[np.int8]
    scales: NDArray[np.float32]

    def __post_init__(self) -> None:
        for field in fields(self):
            wanted = (
                np.float32 if field.name in ("along", "scales") else np.int8 if field.name == "leaves" else np.int16
            )
            given = np.asarray(getattr(self, field.name))
            array = given.astype(wanted)
            if not np.array_equal(array, given):
                raise ValueError(f"{field.name} of {given.dtype} holds values that {np.dtype(wanted)} does not")
            object.__setattr__(self, field.name, array)

    def check(self, config: RCPRConfig, points: int) -> None:
        """Raise a ValueError unless the arrays fit together, the config and the number of points."""
        stages, ferns, depth = config.stages, config.ferns, config.depth
        places = self.along.shape[1] if self.along.ndim == 2 else 0
        for name, wanted in (
            ("pairs", (stages, places, 2)),
            ("along", (stages, places)),
            ("compared", (stages, ferns, depth, 2)),
            ("thresholds", (stages, ferns, depth)),
            ("leaves", (stages, ferns, 2**depth, 2 * points)),
            ("scales", (stages, ferns)),
        ):
            shape = getattr(self, name).shape
            if shape != wanted:
                raise ValueError(
                    f"{name} of shape {shape}; {stages} stages of {ferns} ferns of depth {depth} call for {wanted}"
                )
        for name, limit in (("pairs", points), ("compared", places)):
            array = getattr(self, name)
            if array.size and not (array.min() >= 0 and array.max() < limit):
                raise ValueError(f"{name} names {array.min()} to {array.max()}; expected 0 to {limit - 1}")
        for name in ("along", "scales"):
            if not (np.abs(getattr(self, name)) < 1e3).all():
                raise ValueError(f"{name} not finite, or beyond 1000")

    def moves(self, stage: int, values: NDArray[np.uint8]) -> NDArray[np.complex128]:
        """A stage's moves (N, P), in radii, from the levels (N, S) at its places."""
        levels = values.astype(np.int16)
        count, (ferns, depth) = len(values), self.thresholds[stage].shape
        bins = np.zeros((count, ferns), dtype=np.intp)
        for bit in range(depth):
            first, second = self.compared[stage, :, bit].T
            bins <<= 1
            bins |= levels.take(first, axis=1) - levels.take(second, axis=1) > self.thresholds[stage, :, bit]
        bins += np.arange(ferns) << depth
        table = self.leaves[stage].astype(np.float32) * self.scales[stage, :, None, None]
        table = table.reshape(-1, table.shape[-1])
        moves = table.take(bins, axis=0).sum(axis=1, dtype=np.float64)
        return np.asarray(moves.view(np.complex128))


def as_complex(points: NDArray[np.floating[Any]]) -> NDArray[np.complex128]:
    """Points (..., 2) as x + iy."""
    return np.asarray(points[..., 0] + 1j * points[..., 1], dtype=np.complex128)


def as_points(shapes: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The inverse of `as_complex`."""
    return np.stack([shapes.real, shapes.imag], axis=-1)


def turns(reference: NDArray[np.complex128], shapes: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Turn and scale (N,) of the similarities that carry a centred reference (P,) of radius 1 onto shapes (N, P)."""
    return np.asarray((shapes * reference.conj()).sum(axis=1) / len(reference))


def sample_levels(
    chips: NDArray[np.uint8],
    owner: NDArray[np.intp],
    shapes: NDArray[np.complex128],
    pairs: NDArray[np.int16],
    along: NDArray[np.float32],
    mirrored: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Grey levels at places that follow shapes.

    Parameters
    ----------
    chips : (C, side, side) ndarray of uint8
    owner : (N,) ndarray of int
        The chip of each shape.
    shapes : (N, P) ndarray of complex
        In pixels of the chips.
    pairs : (S, 2) ndarray of int
    along : (S,) ndarray
    mirrored : (N,) ndarray of bool, optional
        Whose chips are sampled mirrored.

    Returns
    -------
    (N, S) ndarray of uint8
        The nearest pixels'.
    """
    side = chips.shape[-1]
    first, second = pairs.T
    index = np.repeat((owner * side**2)[:, None], len(pairs), axis=1)
    for axis, values in enumerate((shapes.real, shapes.imag)):
        flat = values.astype(np.float32)
        place = flat.take(first, axis=1)
        place += along * (flat.take(second, axis=1) - place)
        np.rint(place, out=place)
        np.clip(place, 0, side - 1, out=place)
        if axis == 0 and mirrored is not None:
            place[mirrored] = (side - 1) - place[mirrored]
        at = place.astype(np.intp)
        if axis == 1:
            at *= side
        index += at
    return chips.ravel().take(index)
