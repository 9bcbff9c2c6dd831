"""RCPR, robust cascaded pose regression: a cascade of random ferns from several starts, whose median is the result.

X. P. Burgos-Artizzu, P. Perona, P. Dollár, "Robust face landmark estimation under occlusion", ICCV 2013, which builds
on the cascaded pose regression of Dollár, Welinder, Perona, CVPR 2010: the regressor that TCDCN's points were first
made to start (Zhang, Luo, Loy, Tang, ECCV 2014). A stage is an ensemble of ferns that compare pixels at places on the
lines through two points of the current shape, so that the places follow its form; ferns move the points in the frame of
the similarity that carries the mean shape onto the current shape, so that a start's roll and scale carry over. When a
tenth of the cascade leaves the starts of a face far apart, they are thrown away and others drawn: *smart restarts*.
RCPR's third part, its model of occlusion (`occlusion`), is there where training faces tell which points are hidden:
COFW's and LFPW's do, MTFL's do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import cached_property, partial
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import Fitted, OnBad
from tcdcn_init.adapters.cascade.chip_cascade import ChipCascade, ShapeChips, radius, within_bounds
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.stored import StoredCascade
from tcdcn_init.adapters.cascade.training_faces import as_levels
from tcdcn_init.adapters.rcpr.attempts import Attempt, median_of_valid
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig, as_complex, as_points, sample_levels, turns
from tcdcn_init.adapters.rcpr.occlusion import Zones
from tcdcn_init.geometry import invert, similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, from_box_units

__all__ = ["RCPR", "STARTS", "Redraw"]

STARTS = 5
"""Starts of a face, RCPR's number at test."""

_AT_ONCE = 256  # starts: their chips and levels stay in the processor's cache

Redraw: TypeAlias = Callable[[NDArray[np.intp], int], NDArray[np.float64] | None]
"""Draws new starts: called with the numbers (M,) of the faces and the attempt (1, 2, ...), it returns (M, K, P, 2), or
None when it has no others."""


class RCPR(ChipCascade, StoredCascade):
    """A trained cascade.

    Satisfies `base.BatchRegressor`: from a box it starts with five training shapes in it and restarts, from five points
    with the five training shapes nearest to them. Made by `training.train_rcpr` or `RCPR.load`.

    Parameters
    ----------
    mean_shape : (P, 2) array_like
        In units of the box.
    ferns : Ferns
    shapes : (B, P, 2) array_like
        Training shapes in the units of `shapes.to_box_units`, to start from in a box. Rounded to float16.
    config : RCPRConfig, optional
    aspect : float
        Width over height of the boxes it was trained on.
    layout : mapping, optional
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know.
    hidden_rate : (P,) array_like, optional
        How often each point is hidden, which is what is believed at a start; of ferns that know of it.

    Raises
    ------
    ValueError
        If arrays do not fit together or are not finite.

    Examples
    --------
    >>> from tcdcn_init.adapters.base import load_regressor
    >>> from tcdcn_init.geometry import interocular
    >>> from skimage.data import astronaut
    >>> shape = load_regressor("rcpr-mtfl").fit_from_box(astronaut(), (176, 56, 272, 176))
    >>> shape.shape, bool(40 < interocular(shape) < 50)
    ((5, 2), True)
    """

    _kind = "RCPR"
    _optional_tensors = ("hidden_rate", "hidden_leaves", "hidden_scales")
    _tensor_names = ("mean_shape", "shapes", *(f.name for f in fields(Ferns) if not f.name.startswith("hidden")))

    def __init__(
        self,
        mean_shape: ArrayLike,
        ferns: Ferns,
        shapes: ArrayLike,
        config: RCPRConfig | None = None,
        *,
        aspect: float = 1.0,
        layout: IndexMap | None = None,
        hidden_rate: ArrayLike | None = None,
    ) -> None:
        super().__init__(mean_shape, aspect=aspect, layout=layout)
        self.config = config or RCPRConfig()
        self.metadata = {}
        ferns.check(self.config, len(self._mean))
        self._ferns = ferns
        self._bank = np.asarray(shapes).astype(np.float16)
        if self._bank.ndim != 3 or self._bank.shape[1:] != self._mean.shape or not len(self._bank):
            raise ValueError(f"shapes have shape {self._bank.shape}; expected (B, {len(self._mean)}, 2), B at least 1")
        if not np.isfinite(self._bank).all():
            raise ValueError("shapes not finite")
        self._maker = ShapeChips(self._mean * [aspect, 1.0], self.config.resolution, self.config.reach)
        self._reference = as_complex(self._maker.reference)
        if (hidden_rate is None) != (ferns.hidden_leaves is None):
            raise ValueError("hidden_rate and the ferns' hidden_leaves belong together; expected both or neither")
        self._rate = np.zeros(len(self._mean)) if hidden_rate is None else np.asarray(hidden_rate, dtype=np.float64)
        if self._rate.shape != (len(self._mean),) or not ((self._rate >= 0) & (self._rate <= 1)).all():
            raise ValueError(f"hidden_rate is {self._rate}; expected {len(self._mean)} shares of 0 to 1")
        zones = Zones(self._maker.reference)
        # Both places of a comparison, and all comparisons of a fern, lie in one zone.
        places = [zones.of_places(pairs, along) for pairs, along in zip(ferns.pairs, ferns.along, strict=True)]
        self._zones = zones
        self._looks_at = [of[first] for of, first in zip(places, ferns.compared[:, :, 0, 0], strict=True)]

    @property
    def knows_hidden(self) -> bool:
        """Whether it finds which points are hidden, `fit_with_hidden`."""
        return self._ferns.hidden_leaves is not None

    @property
    def shapes(self) -> NDArray[np.float16]:
        """The (B, P, 2) training shapes to start from, in the units of `shapes.to_box_units`."""
        return self._bank.copy()

    def random_starts(
        self, boxes: ArrayLike, count: int = STARTS, *, seed: int | Sequence[int] = 0
    ) -> NDArray[np.float64]:
        """Training shapes drawn at random, placed in boxes: RCPR's own start.

        Parameters
        ----------
        boxes : (..., 4) array_like
        count : int
            Shapes of each box.
        seed : int or sequence of int
            All boxes get the shapes that it draws, whatever boxes are beside them.

        Returns
        -------
        (..., count, P, 2) ndarray of float64
        """
        if not 1 <= count <= len(self._bank):
            raise ValueError(f"{count} starts are wanted of {len(self._bank)} shapes; expected 1 to {len(self._bank)}")
        chosen = np.random.default_rng(seed).choice(len(self._bank), count, replace=False)
        return from_box_units(self._bank[chosen], np.asarray(boxes, dtype=np.float64)[..., None, :])

    def nearest_starts(self, points: ArrayLike, count: int = STARTS) -> NDArray[np.float64]:
        """Training shapes whose own five points are nearest, carried onto five points: the start of the TCDCN paper.

        Parameters
        ----------
        points : (..., 5, 2) array_like
            In the order of `geometry.FIVE_POINTS`.
        count : int
            Shapes for each face.

        Returns
        -------
        (..., count, P, 2) ndarray of float64
            NaN where points are not finite or coincide.

        Raises
        ------
        ValueError
            If there are fewer shapes, or the model's layout does not give all five points.
        """
        array = np.asarray(points, dtype=np.float64)
        valid = self.seeded.valid(array)
        starts = np.full((*valid.shape, count, *self._mean.shape), np.nan)
        bank = self._nearest
        for place in np.ndindex(valid.shape):
            if valid[place]:
                chosen = bank.nearest(array[place], count)
                onto = similarity_between(bank.five[chosen], array[place])
                starts[place] = transform_points(onto, bank.shapes[chosen])
        return starts

    @cached_property
    def _nearest(self) -> ShapeBank:
        shapes = self._bank.astype(np.float32)
        return ShapeBank(shapes, self.seeded.layout.of_shape(shapes).astype(np.float32))

    def fit_from_shapes(
        self,
        images: Any | Sequence[Any],
        shapes: ArrayLike,
        *,
        on_bad: OnBad = "raise",
        redraw: Redraw | None = None,
    ) -> NDArray[np.float64]:
        """Fit faces from start shapes; the median of each face's results counts.

        Parameters
        ----------
        images : ndarray, or a list or tuple of N ndarrays
            One image with all faces, or the image of each.
        shapes : (N, P, 2) or (N, K, P, 2) array_like
            In pixels; K starts of each face.
        on_bad : {"raise", "nan"}
            What a start that cannot be used does: raise, or be left out of the median; a face without any becomes NaN.
        redraw : callable, optional
            Makes restarts: draws new starts for the faces whose results lie too far apart after `RCPRConfig.check` of
            the stages, up to `RCPRConfig.restarts` times; of all the attempts, the one that lay closest together
            goes on. Without it nothing is restarted.

        Returns
        -------
        (N, P, 2) ndarray of float64
            A face does not depend on the others in the batch.

        Raises
        ------
        TypeError, ValueError
            As `fit_from_boxes`; ValueError if `redraw` gives starts of another shape.
        """
        fit = partial(self._fit_shapes, redraw=redraw)
        return self._joined(fit, images, self._checked_starts(shapes, on_bad), {}, on_bad)

    def fit_with_hidden(
        self,
        images: Any | Sequence[Any],
        shapes: ArrayLike,
        *,
        on_bad: OnBad = "raise",
        redraw: Redraw | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fit faces from start shapes, and say how hidden each point is.

        Parameters
        ----------
        images, shapes, on_bad, redraw
            As for `fit_from_shapes`.

        Returns
        -------
        shapes : (N, P, 2) ndarray of float64
            What `fit_from_shapes` gives.
        hidden : (N, P) ndarray of float64
            About 0, visible, to 1; the median of a face's results. NaN for a face without a shape.

        Raises
        ------
        TypeError, ValueError
            As `fit_from_shapes`; ValueError if it was trained without flags.
        """
        if not self.knows_hidden:
            raise ValueError("this cascade does not know which points are hidden; train one with hidden=")
        found: list[NDArray[np.float64]] = []

        def fit(images: Sequence[Any], starts: NDArray[np.float64]) -> Fitted:
            fitted, hidden = self._fit_all(images, starts, redraw)
            found.append(hidden)
            return fitted

        fitted = self._joined(fit, images, self._checked_starts(shapes, on_bad), {}, on_bad)
        hidden = found[0] if found else np.empty((0, len(self._mean)))
        hidden[~np.isfinite(fitted).all(axis=(1, 2))] = np.nan
        return fitted, hidden

    def _fit_boxes(self, images: Sequence[Any], boxes: NDArray[np.float64]) -> Fitted:
        """From five training shapes in each box, with smart restarts."""
        count = min(STARTS, len(self._bank))

        def redraw(faces: NDArray[np.intp], attempt: int) -> NDArray[np.float64]:
            return self.random_starts(boxes[faces], count, seed=attempt)

        return self._fit_shapes(images, self.random_starts(boxes, count), redraw)

    def _fit_points(self, images: Sequence[Any], points: NDArray[np.float64]) -> Fitted:
        """From the five training shapes nearest to each face's five points."""
        return self._fit_shapes(images, self.nearest_starts(points, min(STARTS, len(self._bank))))

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64], redraw: Redraw | None = None) -> Fitted:
        return self._fit_all(images, shapes, redraw)[0]

    def _fit_all(
        self, images: Sequence[Any], shapes: NDArray[np.float64], redraw: Redraw | None
    ) -> tuple[Fitted, NDArray[np.float64]]:
        """Shapes, and how hidden their points (N, P) are."""
        results = np.full((len(shapes), *self._mean.shape), np.nan)
        hidden = np.full((len(shapes), len(self._mean)), np.nan)
        refused: dict[int, ValueError] = {}
        step = max(1, _AT_ONCE // shapes.shape[1])
        for first in range(0, len(shapes), step):
            faces = np.arange(first, min(first + step, len(shapes)))
            best = self._begin([images[n] for n in faces.tolist()], shapes[faces])
            refused |= {first + n: error for n, error in best.refused.items()}
            for attempt in range(1, self.config.restarts + 1):
                apart = np.flatnonzero(best.spread > self.config.spread)
                drawn = redraw(faces[apart], attempt) if redraw is not None and len(apart) else None
                if drawn is None:
                    break
                new = np.asarray(drawn, dtype=np.float64)
                if new.shape != (len(apart), *shapes.shape[1:]):
                    raise ValueError(f"redraw gave shape {new.shape}; expected {(len(apart), *shapes.shape[1:])}")
                best.improve(apart, self._begin([images[n] for n in faces[apart].tolist()], new))
            first_left, last = self.config.checked_stage, self.config.stages
            ends, known = self._stages(best.chips, best.shapes, best.hidden, first_left, last)
            results[faces] = median_of_valid(transform_points(best.to_image, as_points(ends)), best.valid)
            hidden[faces] = median_of_valid(known[..., None], best.valid)[..., 0]
        return Fitted(results, refused), hidden

    def _begin(self, images: Sequence[NDArray[Any]], starts: NDArray[np.float64]) -> Attempt:
        """The first stages, from starts (M, K, P, 2) of M faces."""
        count, each = starts.shape[:2]
        side = self._maker.side
        chips = np.zeros((count, each, side, side), dtype=np.uint8)
        shapes = starts.copy()
        valid = np.ones((count, each), dtype=bool)
        refused: dict[int, ValueError] = {}
        for row, k in np.ndindex(count, each):
            try:
                chips[row, k] = as_levels(self._chip(images[row], starts[row, k]))
            except ValueError as error:
                refused.setdefault(row, error)
                valid[row, k] = False
                shapes[row, k] = self._mean  # stands in, and is left out of the results
        to_image = self._maker.chip_maps(shapes.reshape(-1, *self._mean.shape)).reshape(count, each, 2, 3)
        within = as_complex(transform_points(invert(to_image), shapes))
        believed = np.broadcast_to(self._rate, within.shape)
        begun, known = self._stages(chips, within, believed, 0, self.config.checked_stage)
        reached = transform_points(to_image, as_points(begun))
        middle = median_of_valid(reached, valid)
        away = np.linalg.norm(reached - middle[:, None], axis=-1).mean(axis=-1)
        with np.errstate(invalid="ignore"):
            spread = (away * valid).sum(axis=1) / valid.sum(axis=1) / radius(middle)
        return Attempt(chips, to_image, begun, known, valid, np.nan_to_num(spread, nan=np.inf), refused)

    def _stages(
        self,
        chips: NDArray[np.uint8],
        shapes: NDArray[np.complex128],
        hidden: NDArray[np.float64],
        first: int,
        last: int,
    ) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
        """Move shapes (..., P) through some stages, in pixels of their chips (..., side, side), and what is hidden."""
        side, points = self._maker.side, len(self._mean)
        flat, own = shapes.reshape(-1, points).copy(), chips.reshape(-1, side, side)
        known = hidden.reshape(-1, points).copy()
        owner, ferns = np.arange(len(flat)), self._ferns
        astray = ~within_bounds(flat, side)
        weights = None
        for stage in range(first, last):
            flat[astray] = self._reference  # any shape that the stages can bear
            values = sample_levels(own, owner, flat, ferns.pairs[stage], ferns.along[stage])
            bins = ferns.bins(stage, values)
            if self.config.zones:
                weights = self._zones.weights(self._looks_at[stage], known, self.config.zones)
            flat += ferns.moves(stage, bins, weights) * turns(self._reference, flat)[:, None]
            if ferns.hidden_leaves is not None:
                known += ferns.hidden_changes(stage, bins, weights)
            astray |= ~within_bounds(flat, side)
        flat[astray] = np.nan
        return flat.reshape(shapes.shape), known.reshape(shapes.shape)

    def _chips(self) -> ShapeChips:
        return self._maker

    def _contents(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        tensors: dict[str, NDArray[Any]] = {"mean_shape": self._mean, "shapes": self._bank}
        tensors |= self._ferns.arrays
        if self.knows_hidden:
            tensors["hidden_rate"] = self._rate
        return asdict(self.config), tensors

    @classmethod
    def _from_contents(
        cls,
        settings: dict[str, Any],
        tensors: dict[str, NDArray[Any]],
        *,
        aspect: float,
        layout: IndexMap | None,
    ) -> Self:
        mean, shapes = tensors.pop("mean_shape"), tensors.pop("shapes")
        rate, config = tensors.pop("hidden_rate", None), RCPRConfig(**settings)
        return cls(mean, Ferns(**tensors), shapes, config, aspect=aspect, layout=layout, hidden_rate=rate)
