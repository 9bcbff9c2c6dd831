"""What one stage of the two-stage initializer is. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from tcdcn_init.network.limits import MOST_ACTIVATIONS, check_fields
from tcdcn_init.tasks import TASKS, check_tasks

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
    widths : tuple of int
        Maps of each level; the first works at half the crop's side, each further one at half of the one before.
    layers : tuple of int
        Convolutions of each level.
    feature : int
        Length of the shared feature.
    votes : bool
        Whether every place of the last level but one votes for the points (`stage.Votes`).
    tasks : tuple of str
        As in `architecture.TCDCNConfig`.
    """

    side: int = 72
    view: float = 1.1
    widths: tuple[int, ...] = (16, 32, 64, 96)
    layers: tuple[int, ...] = (1, 2, 3, 2)
    feature: int = 192
    votes: bool = False
    tasks: tuple[str, ...] = tuple(TASKS)

    def __post_init__(self) -> None:
        check_fields(self)
        check_tasks(self.tasks)
        if len(self.widths) != len(self.layers) or len(self.widths) < 2 or min(self.layers) < 1:
            raise ValueError(
                f"widths {self.widths} and layers {self.layers}; expected one of each per level, two levels or more"
            )
        if min((*self.widths, self.side, self.feature)) < 1 or not self.view:
            raise ValueError(
                f"side {self.side}, widths {self.widths}, feature {self.feature}, view {self.view}; "
                "expected more than 0"
            )
        if max(width * (self.side / 2 ** (k + 1) + 1) ** 2 for k, width in enumerate(self.widths)) > MOST_ACTIVATIONS:
            raise ValueError(f"input side {self.side} with widths {self.widths} needs more than 64 MB for a crop")

    @property
    def last_side(self) -> int:
        """Side of the maps that the shared feature sees."""
        side = self.side
        for _ in self.widths:
            side = (side + 1) // 2
        return side

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the network answers."""
        return ("points", *self.tasks, "expected_error", "face", "visible")


COARSE = StageConfig(side=40, view=2.2, widths=(16, 40, 64), layers=(1, 3, 2), feature=96, votes=True)
"""Finds the face: any roll, boxes off by 40 %."""

_MOST_PASSES = 16

FINE = StageConfig(votes=True)
"""Places the points on an upright, centred crop."""


@dataclass(frozen=True)
class TwoStageConfig:
    """A coarse network on the box's crop, then a fine one on an upright crop centred by the coarse one's points.

    Attributes
    ----------
    coarse, fine : StageConfig
        Of different sides, by which a crop is known for one stage's or the other's, and of the same tasks.
    fine_passes : int
        Passes of the fine stage, each over a crop centred by the one before: the second mends what a coarse stage that
        was far off has spoilt, at the same cost for every face.
    """

    coarse: StageConfig = COARSE
    fine: StageConfig = FINE
    fine_passes: int = 2

    def __post_init__(self) -> None:
        if not (isinstance(self.fine_passes, int) and 1 <= self.fine_passes <= _MOST_PASSES):
            raise ValueError(f"fine_passes is {self.fine_passes!r}; expected 1 to {_MOST_PASSES}")
        if self.coarse.side == self.fine.side:
            raise ValueError(
                f"both stages take crops of side {self.fine.side}; expected two sides, which tell their crops apart"
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
