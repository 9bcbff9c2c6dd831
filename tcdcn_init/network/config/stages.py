"""What one stage of the two-stage initializer is. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcdcn_init.network.config.limits import MOST_ACTIVATIONS, check_fields
from tcdcn_init.tasks import TASKS, check_tasks

if TYPE_CHECKING:
    from tcdcn_init.network.config.own_points import OwnPoints

__all__ = ["COARSE", "FINE", "StageConfig", "TwoStageConfig"]


@dataclass(frozen=True)
class StageConfig:
    """One network of the two-stage initializer.

    Attributes
    ----------
    side : int
        Side of the square grey crop, in pixels.
    view : float
        Side of the crop: of the coarse stage in sides of the face box's square (`crops.frames_from_boxes`), of the fine
        one in sides of the box around the coarse stage's points (`crops.frames_from_points`).
    fold : int
        Side of the squares of pixels that become one place each of the first maps.
    widths : tuple of int
        Maps of each level; the first works at the crop's side over `fold`, each further one at half of the one before.
    layers : tuple of int
        Convolutions of each level. The last level but one votes for the points (`votes.Votes`).
    feature, rank : int
        Length of the shared feature, and of what the last maps are brought to before it: a layer from all of them to
        the whole feature would hold more than half of the fine stage's parameters, and most of them say nothing.
    points : int
        Five, or those of `TwoStageConfig.own`.
    tasks : tuple of str
        As in `config.TCDCNConfig`.
    """

    side: int = 80
    view: float = 1.1
    fold: int = 4
    widths: tuple[int, ...] = (40, 80, 128)
    layers: tuple[int, ...] = (2, 3, 2)
    feature: int = 192
    rank: int = 64
    points: int = 5
    tasks: tuple[str, ...] = tuple(TASKS)

    def __post_init__(self) -> None:
        check_fields(self)
        check_tasks(self.tasks)
        if len(self.widths) != len(self.layers) or len(self.widths) < 2 or min(self.layers) < 1:
            raise ValueError(
                f"widths {self.widths} and layers {self.layers}; expected one of each per level, two levels or more"
            )
        if min((*self.widths, self.side, self.feature, self.rank, self.fold, self.points)) < 1 or not self.view:
            raise ValueError(
                f"side {self.side}, fold {self.fold}, widths {self.widths}, feature {self.feature}, "
                f"rank {self.rank}, points {self.points}, view {self.view}; expected more than 0"
            )
        if self.side % self.fold:
            raise ValueError(f"side {self.side} cannot be laid in squares of {self.fold}; expected a multiple of it")
        if max(width * side**2 for width, side in zip(self.widths, self.sides, strict=True)) > MOST_ACTIVATIONS:
            raise ValueError(f"input side {self.side} with widths {self.widths} needs more than 64 MB for a crop")

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of each level's maps."""
        sides = [self.side // self.fold]
        for _ in self.widths[1:]:
            sides.append((sides[-1] + 1) // 2)
        return tuple(sides)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the network answers."""
        return ("points", *self.tasks, "expected_error", "face", "visible")


COARSE = StageConfig(side=64, view=2.2, widths=(32, 64, 128), layers=(2, 3, 2), feature=128)
"""Finds the face: any roll, boxes off by 40 %."""

FINE = StageConfig()
"""Places the points on an upright, centred crop."""


@dataclass(frozen=True)
class TwoStageConfig:
    """A coarse network on the box's crop, then a fine one on an upright crop centred by the coarse one's points.

    Attributes
    ----------
    coarse, fine : StageConfig
        Of different sides, by which a crop is known for one stage's or the other's, and of the same tasks.
    own : OwnPoints, optional
        Points that both place instead of the five.
    """

    coarse: StageConfig = COARSE
    fine: StageConfig = FINE
    own: OwnPoints | None = None

    def __post_init__(self) -> None:
        if self.coarse.side == self.fine.side:
            raise ValueError(
                f"both stages take crops of side {self.fine.side}; expected two sides, which tell their crops apart"
            )
        count = 5 if self.own is None else self.own.count
        if self.coarse.points != count or self.fine.points != count:
            raise ValueError(
                f"the stages place {self.coarse.points} and {self.fine.points} points; expected {count}, which centre "
                "crops"
            )
        if self.coarse.tasks != self.fine.tasks:
            raise ValueError(f"the stages' tasks are {self.coarse.tasks} and {self.fine.tasks}; expected the same")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Auxiliary tasks of both stages."""
        return self.fine.tasks

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what either stage answers."""
        return self.fine.outputs
