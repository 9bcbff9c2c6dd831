"""How each family of regressors is retrained: as the bundled ones were trained, from starts that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.training import ERTConfig, train_ert
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import RCPRConfig
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.adapters.recipes.trees import RECIPES
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.adapters.sdm.training import train_sdm
from tcdcn_init.datasets import Face
from tcdcn_init.geometry import MIRROR

__all__ = ["Method", "ert_method", "methods", "rcpr_method", "sdm_method"]


@dataclass(frozen=True)
class Method:
    """How a regressor is retrained.

    Attributes
    ----------
    original : str
        The bundled regressor that it stands beside.
    count : int
        Starts of each face.
    settings : str
        What else decides the result.
    train : callable
        Of faces, their starts (N, K, P, 2), the start's name and a seed: the regressor.
    save : callable
        Of a regressor, a path and metadata.
    """

    original: str
    count: int
    settings: str
    train: Callable[[Sequence[Face], NDArray[np.float64], str, int], Any]
    save: Callable[[Any, Path, dict[str, str]], None]


def sdm_method(config: SDMConfig | None = None) -> Method:
    """`sdm.train_sdm` as the bundled cascades are trained: 6 starts of each face, every second one mirrored."""
    chosen = config or SDMConfig()

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> SDM:
        return train_sdm(faces, starts, config=chosen, mirror=MIRROR, seed=seed)

    return Method("sdm-mtfl-box", 6, repr(chosen), train, SDM.save)


def rcpr_method(config: RCPRConfig | None = None) -> Method:
    """`rcpr.train_rcpr` with the 20 starts of each face that RCPR takes, every second one mirrored."""
    chosen = config or RCPRConfig()

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> RCPR:
        return train_rcpr(faces, starts, config=chosen, mirror=MIRROR, seed=seed)

    return Method("rcpr-mtfl", 20, repr(chosen), train, RCPR.save)


def ert_method(options: ERTConfig | None = None, copies: int = 2, side: int = 128) -> Method:
    """`ert.train_ert`, the frames of its training images off as the starts' frames are.

    dlib takes no start shapes. From a start it learns where the face's frame is believed to be; the shape in it is the
    mean, or a mixture of other faces' shapes. For starts whose shapes say more than their frames (the nearest ones) it
    is retrained in part only.

    Parameters
    ----------
    options : ERTConfig, optional
        Default: those of the recipe ``ert5-mtfl`` with fewer trees a level, so that a file is of 0.7 MB.
    copies : int
        Training images of each face.
    side : int
        Of the box in them.
    """
    chosen = options or replace(RECIPES["ert5-mtfl"].config, num_trees_per_cascade_level=190)

    def train(faces: Sequence[Face], starts: NDArray[np.float64], start: str, seed: int) -> ERT:
        around: Literal["box", "points"] = "box" if start in ("random", "mean") else "points"
        return train_ert(faces, starts, config=chosen, around=around, copies=copies, side=side, seed=seed)

    def save(model: ERT, path: Path, metadata: dict[str, str]) -> None:
        model.save(path, metadata, leaves="int8")

    return Method("ert5-mtfl", 6, f"{chosen}, {copies} copies of side {side}", train, save)


def methods() -> dict[str, Method]:
    """The families of regressors that can be retrained, by name."""
    return {"ert": ert_method(), "sdm": sdm_method(), "rcpr": rcpr_method()}
