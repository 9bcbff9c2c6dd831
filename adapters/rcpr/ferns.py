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


_DTYPES: dict[str, type[np.generic]] = {
    "along": np.float32,
    "scales": np.float32,
    "leaves": np.int8,
    "hidden_leaves": np.int8,
    "hidden_scales": np.float32,
}


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
    zones : int
        Ferns of a step, each of which looks at one of the face's 3 x 3 zones alone and counts the more the less of its
        zone is hidden: RCPR's occlusion-centred weighting, which takes 3. `ferns` is a multiple. 0: every fern is a
        step, and looks at the whole face.

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
    zones: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("stages", 1, 1000),
            ("ferns", 1, 1000),
            ("depth", 1, 10),
            ("places", 2, 10_000),
            ("restarts", 0, 100),
            ("zones", 0, 9),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}; expected a whole number of {low} to {high}")
        if self.zones and self.ferns % self.zones:
            raise ValueError(f"ferns is {self.ferns}; expected a multiple of zones, {self.zones}")
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
    hidden_leaves : (T, F, 2^D, P) ndarray of int8 or None
        Changes of how hidden each point is, in steps of `hidden_scales`; None of ferns that know nothing of it.
    hidden_scales : (T, F) ndarray of float32 or None
    """

    pairs: NDArray[np.int16]
    along: NDArray[np.float32]
    compared: NDArray[np.int16]
    thresholds: NDArray[np.int16]
    leaves: NDArray[np.int8]
    scales: NDArray[np.float32]
    hidden_leaves: NDArray[np.int8] | None = None
    hidden_scales: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if (self.hidden_leaves is None) != (self.hidden_scales is None):
            raise ValueError("hidden_leaves without hidden_scales, or the other way round; expected both or neither")
        for field in fields(self):
            if getattr(self, field.name) is None:
                continue
            wanted = _DTYPES.get(field.name, np.int16)
            given = np.asarray(getattr(self, field.name))
            array = given.astype(wanted)
            if not np.array_equal(array, given):
                raise ValueError(f"{field.name} of {given.dtype} holds values that {np.dtype(wanted)} does not")
            object.__setattr__(self, field.name, array)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays that there are, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in named.items() if array is not None}

    def check(self, config: RCPRConfig, points: int) -> None:
        """Raise a ValueError unless the arrays fit together, the config and the number of points."""
        stages, ferns, depth = config.stages, config.ferns, config.depth
        places = self.along.shape[1] if self.along.ndim == 2 else 0
        arrays = self.arrays
        if config.zones and "hidden_leaves" not in arrays:
            raise ValueError("ferns in zones that do not learn what is hidden; expected hidden_leaves, or zones=0")
        for name, wanted in (
            ("pairs", (stages, places, 2)),
            ("along", (stages, places)),
            ("compared", (stages, ferns, depth, 2)),
            ("thresholds", (stages, ferns, depth)),
            ("leaves", (stages, ferns, 2**depth, 2 * points)),
            ("scales", (stages, ferns)),
            ("hidden_leaves", (stages, ferns, 2**depth, points)),
            ("hidden_scales", (stages, ferns)),
        ):
            if name in arrays and arrays[name].shape != wanted:
                raise ValueError(
                    f"{name} of shape {arrays[name].shape}; {stages} stages of {ferns} ferns of depth {depth} call for "
                    f"{wanted}"
                )
        for name, limit in (("pairs", points), ("compared", places)):
            array = arrays[name]
            if array.size and not (array.min() >= 0 and array.max() < limit):
                raise ValueError(f"{name} names {array.min()} to {array.max()}; expected 0 to {limit - 1}")
        for name in ("along", "scales", "hidden_scales"):
            if name in arrays and not (np.abs(arrays[name]) < 1e3).all():
                raise ValueError(f"{name} not finite, or beyond 1000")

    def bins(self, stage: int, values: NDArray[np.uint8]) -> NDArray[np.intp]:
        """The bins (N, F) of a stage's ferns, counted through all of them, from the levels (N, S) at its places."""
        levels = values.astype(np.int16)
        count, (ferns, depth) = len(values), self.thresholds[stage].shape
        bins = np.zeros((count, ferns), dtype=np.intp)
        for bit in range(depth):
            first, second = self.compared[stage, :, bit].T
            bins <<= 1
            bins |= levels.take(first, axis=1) - levels.take(second, axis=1) > self.thresholds[stage, :, bit]
        bins += np.arange(ferns) << depth
        return bins

    def moves(
        self, stage: int, bins: NDArray[np.intp], weights: NDArray[np.float32] | None = None
    ) -> NDArray[np.complex128]:
        """A stage's moves (N, P), in radii, of the `bins`; each fern (N, F) weighted."""
        moves = _sums(self.leaves[stage], self.scales[stage], bins, weights)
        return np.asarray(moves.view(np.complex128))

    def hidden_changes(
        self, stage: int, bins: NDArray[np.intp], weights: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """A stage's changes (N, P) of how hidden points are, of the `bins`."""
        assert self.hidden_leaves is not None
        assert self.hidden_scales is not None
        return _sums(self.hidden_leaves[stage], self.hidden_scales[stage], bins, weights)


def _sums(
    leaves: NDArray[np.int8],
    scales: NDArray[np.float32],
    bins: NDArray[np.intp],
    weights: NDArray[np.float32] | None,
) -> NDArray[np.float64]:
    """Sums (N, V) over ferns of what their bins (N, F) hold."""
    table = leaves.astype(np.float32) * scales[:, None, None]
    held = table.reshape(-1, table.shape[-1]).take(bins, axis=0)
    if weights is not None:
        held *= weights[:, :, None]
    return np.asarray(held.sum(axis=1, dtype=np.float64))


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
