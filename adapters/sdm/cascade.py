"""SDM, the supervised descent method: a cascade of ridge regressions on HOG patches around the current points.

X. Xiong, F. De la Torre, "Supervised descent method and its applications to face alignment", CVPR 2013. A stage cuts a
patch around each point, describes it by histograms of oriented gradients (scikit-image's HOG), and a linear map of all
descriptors says how the points must move. Patches are cut, and points moved, in the frame of the similarity that
carries the mean shape onto the current shape: every face comes to the cascade upright and of one size, so the roll and
scale of a start carry over. The patches shrink from stage to stage, from half a face to an eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.cascade.batch import Fitted, median_shape
from tcdcn_init.adapters.cascade.chip_cascade import ChipCascade, ShapeChips, within_bounds
from tcdcn_init.adapters.cascade.layouts import IndexMap
from tcdcn_init.adapters.cascade.stored import StoredCascade
from tcdcn_init.adapters.sdm.features import SDMConfig, SDMFeatures
from tcdcn_init.geometry import invert, transform_points

__all__ = ["SDM"]


class SDM(ChipCascade, StoredCascade):
    """A trained cascade.

    Satisfies `base.BatchRegressor`. Made by `training.train_sdm` or `SDM.load`.

    Parameters
    ----------
    mean_shape : (P, 2) array_like
        In units of the box.
    weights : (S, F, 2P) array_like
        Of each stage, from descriptors to moves in radii (`SDMConfig`); S is the number of the config's spans, F is P
        times its `length`. Rounded to float16, which is how files hold them.
    biases : (S, 2P) array_like
    config : SDMConfig, optional
    aspect : float
        Width over height of the boxes it was trained on.
    layout : mapping, optional
        Where the five points are among the model's, for layouts that `layouts.find_layout` does not know.

    Raises
    ------
    ValueError
        If arrays do not fit the config or are not finite.

    Examples
    --------
    >>> mean = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    >>> config = SDMConfig(spans=(1.0,))
    >>> sdm = SDM(mean, np.zeros((1, 5 * config.length, 10)), np.zeros((1, 10)), config)
    >>> image = np.zeros((100, 100), dtype=np.uint8)
    >>> sdm.fit_from_box(image, (10, 20, 60, 70))[0].round(3).tolist()  # weights of zero: the start comes back
    [25.0, 40.0]
    """

    _kind = "SDM"
    _tensor_names = ("mean_shape", "weights", "biases")

    def __init__(
        self,
        mean_shape: ArrayLike,
        weights: ArrayLike,
        biases: ArrayLike,
        config: SDMConfig | None = None,
        *,
        aspect: float = 1.0,
        layout: IndexMap | None = None,
    ) -> None:
        self.config = config or SDMConfig()
        self.metadata = {}
        super().__init__(mean_shape, aspect=aspect, layout=layout)
        # The arithmetic is in float32; rounded to float16 first, so that a cascade is the same before and after a file.
        with np.errstate(over="ignore"):
            self._weights = np.asarray(weights).astype(np.float16).astype(np.float32)
        self._biases = np.asarray(biases, dtype=np.float32)
        points, stages = len(self._mean), len(self.config.spans)
        for name, array, wanted in (
            ("weights", self._weights, (stages, points * self.config.length, 2 * points)),
            ("biases", self._biases, (stages, 2 * points)),
        ):
            if array.shape != wanted:
                raise ValueError(
                    f"{name} of shape {array.shape}; {stages} stages, {points} points and {self.config.length} numbers "
                    f"to a patch call for {wanted}"
                )
            if not np.isfinite(array).all():
                raise ValueError(f"{name} not finite, or beyond float16's 65504")
        self._features = SDMFeatures(self._mean * [aspect, 1.0], self.config)

    def _chips(self) -> ShapeChips:
        return self._features

    def _fit_shapes(self, images: Sequence[Any], shapes: NDArray[np.float64]) -> Fitted:
        each = shapes.shape[1]
        starts = shapes.reshape(-1, *self._mean.shape)
        results = np.full_like(starts, np.nan)
        refused: dict[int, ValueError] = {}
        for part in self._features.blocks(len(starts)):
            rows: list[int] = []
            chips: list[NDArray[np.float32]] = []
            for row in range(part.start, part.stop):
                try:
                    chips.append(self._chip(images[row // each], starts[row]))
                    rows.append(row)
                except ValueError as error:
                    refused.setdefault(row // each, error)
            if rows:
                results[rows] = self._move(np.stack(chips), starts[rows])
        return Fitted(median_shape(results.reshape(shapes.shape)), refused)

    def _move(self, chips: NDArray[np.float32], starts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where starts (N, P, 2) in pixels of the image end, from the chips around them."""
        to_image = self._features.chip_maps(starts)
        # Always as many rows: a product's rounding depends on their number, and a face's result must not.
        padded = np.zeros((self._features.at_once, self._weights.shape[1]), dtype=np.float32)
        shapes = transform_points(invert(to_image), starts)
        astray = np.zeros(len(shapes), dtype=np.bool_)
        for stage, (weights, biases) in enumerate(zip(self._weights, self._biases, strict=True)):
            descriptors, turns = self._features.describe(stage, chips, shapes)
            padded[: len(shapes)] = descriptors
            moves = ((padded @ weights)[: len(shapes)] + biases).reshape(shapes.shape)
            shapes += moves @ np.swapaxes(turns, 1, 2)
            astray |= ~within_bounds(shapes, self._features.side)
            shapes[astray] = self._features.reference  # any shape that the next stages can bear
        shapes[astray] = np.nan
        return transform_points(to_image, shapes)

    def _contents(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        tensors: dict[str, NDArray[Any]] = {
            "mean_shape": self._mean,
            "weights": self._weights.astype(np.float16),
            "biases": self._biases,
        }
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
        config = SDMConfig(**{**settings, "spans": tuple(settings["spans"])})
        return cls(**tensors, config=config, aspect=aspect, layout=layout)
