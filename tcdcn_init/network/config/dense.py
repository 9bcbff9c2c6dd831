"""What the network of dense points is. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from tcdcn_init.network.config.limits import MOST_ACTIVATIONS, check_fields

__all__ = ["DenseConfig"]


@dataclass(frozen=True)
class DenseConfig:
    """A network that goes on from five points to many.

    Attributes
    ----------
    side : int
        Side of the square grey crop, in pixels: a multiple of `fold`, doubled for each further level.
    view : float
        Side of the crop in sides of the box around the five points (`crops.frames_from_points`): wide enough for chins
        and the rims of faces.
    fold : int
        Side of the squares of pixels that become one place each of the first maps.
    widths, layers : tuple of int
        As of `config.stages.StageConfig`.
    maps, mixing : int
        Maps on which points are looked for, and convolutions over them after the last two levels are joined.
    points : int
    """

    side: int = 112
    view: float = 1.5
    fold: int = 4
    widths: tuple[int, ...] = (40, 80, 128)
    layers: tuple[int, ...] = (2, 3, 2)
    maps: int = 96
    mixing: int = 2
    points: int = 68

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.widths) != len(self.layers) or len(self.widths) < 2 or min(self.layers) < 1:
            raise ValueError(
                f"widths {self.widths} and layers {self.layers}; expected one of each per level, two levels or more"
            )
        if min((*self.widths, self.side, self.fold, self.maps, self.points)) < 1 or not self.view:
            raise ValueError(
                f"side {self.side}, fold {self.fold}, widths {self.widths}, maps {self.maps}, points {self.points}, "
                f"view {self.view}; expected more than 0"
            )
        step = self.fold * 2 ** (len(self.widths) - 1)
        if self.side % step:
            raise ValueError(f"side {self.side} does not halve evenly level by level; expected a multiple of {step}")
        places = (self.side // self.fold) ** 2
        if max(*self.widths, self.maps, 5 * self.points) * places > MOST_ACTIVATIONS:
            raise ValueError(
                f"side {self.side} with widths {self.widths}, {self.maps} maps and {self.points} points needs more "
                "than 64 MB for a crop"
            )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the network answers."""
        return ("points", "expected_error", "visible")
