"""What a set of weights is: its architecture and the crops that it expects. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from tcdcn_init.tasks import TASKS, check_tasks


@dataclass(frozen=True)
class TCDCNConfig:
    """What a set of weights is: its architecture and the crops that it expects.

    Attributes
    ----------
    side : int
        Side of the square grey crop, in pixels.
    view : float
        Side of the crop in units of the side of the face box's square (`crops.frames_from_boxes`).
    widths : tuple of int
        Filters of each convolution.
    kernels : tuple of int
        Side of each convolution's filters; all but the last convolution are followed by 2x2 max pooling.
    feature : int
        Length of the shared feature.
    tasks : tuple of str
        Auxiliary tasks with a head (`tasks.TASKS`), besides the five points.
    shared_filters : bool
        True: ordinary convolutions. False: the locally connected form of the paper's text, whose filters differ
        from place to place.
    """

    side: int = 40
    view: float = 1.4
    widths: tuple[int, ...] = (16, 48, 64, 64)
    kernels: tuple[int, ...] = (5, 3, 3, 2)
    feature: int = 100
    tasks: tuple[str, ...] = tuple(TASKS)
    shared_filters: bool = True

    def __post_init__(self) -> None:
        check_tasks(self.tasks)
        if len(self.widths) != len(self.kernels) or not self.widths:
            raise ValueError(
                f"{len(self.widths)} widths for {len(self.kernels)} kernels; expected one of each per layer"
            )
        if self.sides()[-1] < 1:
            raise ValueError(
                f"input side {self.side} is too small for kernels {self.kernels}; the layers shrink it to nothing"
            )

    def sides(self) -> list[int]:
        """Side of each convolution's output, before its pooling; the last is what the shared feature sees."""
        sides, side = [], self.side
        for index, kernel in enumerate(self.kernels):
            side = side - kernel + 1
            sides.append(side)
            if index < len(self.kernels) - 1:
                side //= 2
        return sides
