"""The settings of a measurement: what model is asked, how, on how many faces, and how the work is spread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from tcdcn_init.initializer import Initializer
from tcdcn_init.network.backends import BackendName
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL

__all__ = ["Settings", "StatedSettings"]


@dataclass(frozen=True)
class StatedSettings:
    """What a report states of its settings: all that decides its numbers.

    Attributes
    ----------
    model, backend, passes, mirror
        See `Initializer`.
    limit : int or None
        Faces of each data set at most.
    seed : int
    """

    model: str
    backend: str
    passes: int
    mirror: bool
    limit: int | None
    seed: int


@dataclass(frozen=True)
class Settings:
    """How something is measured.

    Parameters
    ----------
    model, backend, passes, mirror
        See `Initializer`.
    limit : int, optional
        This many faces of each data set, spread evenly, instead of all.
    seed : int
        Of whatever is drawn at random.
    jobs : int
        Processes; they change no number.
    command : str
        The command as given, for the report to state.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> Settings(limit=100).stated.limit
    100
    """

    model: str = DEFAULT_MODEL
    backend: BackendName = "auto"
    passes: int = DEFAULT_PASSES
    mirror: bool = False
    limit: int | None = None
    seed: int = 0
    jobs: int = 1
    command: str = ""

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise ValueError(f"passes is {self.passes}; expected 1 or more")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; expected a number of faces, 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; expected 0 or more")
        if self.jobs < 1:
            raise ValueError(f"jobs is {self.jobs}; expected a number of processes, 1 or more")

    @property
    def make_initializer(self) -> Callable[[], Initializer]:
        """Makes the initializer, in this process or another."""
        return functools.partial(Initializer, self.model, backend=self.backend, passes=self.passes, mirror=self.mirror)

    @property
    def stated(self) -> StatedSettings:
        """What a report states: not how many processes there were."""
        return StatedSettings(self.model, self.backend, self.passes, self.mirror, self.limit, self.seed)
