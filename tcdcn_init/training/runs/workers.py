"""Processes that train together, as torchrun starts them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import distributed

__all__ = ["Workers", "use_threads"]


def use_threads(count: int) -> None:
    """Train on this many processor threads.

    Examples
    --------
    >>> use_threads(1)
    """
    torch.set_num_threads(count)


@dataclass(frozen=True)
class Workers:
    """This process's place among those that train together (torchrun sets it up).

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    world : int
        How many there are.

    Examples
    --------
    >>> Workers(rank=1, world=2).share(64)
    slice(32, 64, None)
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls) -> Workers:
        """Join the group that torchrun describes in the environment, or be alone."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("gloo")
        return cls(distributed.get_rank(), world)

    def share(self, batch: int) -> slice:
        """Rows of a global batch that this process takes.

        Raises
        ------
        ValueError
            If the batch cannot be shared evenly.
        """
        if batch % self.world:
            raise ValueError(
                f"batch {batch} cannot be shared by {self.world} processes; choose a multiple of {self.world}"
            )
        size = batch // self.world
        return slice(self.rank * size, (self.rank + 1) * size)
