"""How long a run over a cluster takes whose machines are lost now and then: simulated, to plan it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

__all__ = ["SimulatedRun", "simulate"]


@dataclass(frozen=True)
class SimulatedRun:
    """What came of it.

    Attributes
    ----------
    hours : float
        From the first piece's beginning to the last one's end.
    busy : float
        Share of the cores' time in which they did what the output is made of.
    redone : float
        Work that was lost with machines, as a share of the whole.
    """

    hours: float
    busy: float
    redone: float


def simulate(
    pieces: int,
    seconds: float,
    cores: int,
    *,
    spread: float = 0.0,
    handing_out: float = 0.0,
    machine: int = 64,
    lost_after: float = np.inf,
    back_after: float = 300.0,
    seed: int = 0,
) -> SimulatedRun:
    """Play a run through: each free core takes the next piece, and a lost machine's pieces begin anew elsewhere.

    Parameters
    ----------
    pieces : int
    seconds : float
        Of one core for a piece, on average.
    cores : int
    spread : float
        Standard deviation of that time, as a share of it: images differ, and so do machines.
    handing_out : float
        Seconds of the one process that hands pieces out and keeps the journal, for a piece.
    machine : int
        Cores that are lost together.
    lost_after : float
        Hours that a machine runs on average, before it is lost without a warning.
    back_after : float
        Seconds until another one stands in its place.
    seed : int

    Returns
    -------
    SimulatedRun

    Examples
    --------
    >>> simulate(pieces=640, seconds=60.0, cores=64)
    SimulatedRun(hours=0.167, busy=1.0, redone=0.0)
    >>> simulate(pieces=640, seconds=60.0, cores=64, machine=8, lost_after=0.5).redone > 0
    True
    """
    rng = np.random.default_rng(seed)
    work = seconds * np.maximum(1.0 + spread * rng.standard_normal(pieces), 0.05)
    machines = -(-cores // machine)
    ends = rng.exponential(3600.0 * lost_after, machines) if np.isfinite(lost_after) else np.full(machines, np.inf)
    free = [(0.0, core) for core in range(cores)]
    again: list[tuple[float, int]] = []  # when it is known to be lost, and which piece
    next_piece, handed, last, lost = 0, 0.0, 0.0, 0.0
    while next_piece < pieces or again:
        now, core = heapq.heappop(free)
        if next_piece < pieces:
            piece, next_piece = next_piece, next_piece + 1
        else:
            known, piece = heapq.heappop(again)
            now = max(now, known)
        own, start = core // machine, max(now, handed)
        while start >= ends[own]:  # it is another machine by now
            ends[own] += back_after + rng.exponential(3600.0 * lost_after)
        handed = start + handing_out
        end = start + work[piece]
        if end > ends[own]:
            lost += ends[own] - start
            heapq.heappush(again, (float(ends[own]), piece))
            heapq.heappush(free, (float(ends[own] + back_after), core))
            continue
        last = max(last, end)
        heapq.heappush(free, (float(end), core))
    whole = work.sum()
    hours, busy, redone = last / 3600.0, whole / (cores * last), lost / whole
    return SimulatedRun(round(float(hours), 3), round(float(busy), 4), round(float(redone), 5))
