"""What every campaign has: inputs made at random from a seed, an outcome of each, and what must never be one."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Result:
    """What a campaign found.

    Attributes
    ----------
    name, about : str
        Its title, and what holds when there is no fault.
    outcomes : Counter
        Number of inputs by outcome.
    faults : list of str
        What must not be, each with the input that shows it.
    seconds, slowest : float
        Of the whole campaign, and of the input that took longest.
    megabytes : float
        By how much the process grew.
    """

    name: str
    about: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0
    megabytes: float = 0.0

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self.outcomes.total()

    def fault(self, what: str, shown_by: object) -> str:
        """Note a fault; the outcome to count it as."""
        self.faults.append(f"{what}: {str(shown_by)[:2000]}")
        return "FAULT"


Outcome = Callable[[random.Random, Result], str]


def run(name: str, about: str, count: int, seed: int, one: Outcome) -> Result:
    """Run a campaign.

    Parameters
    ----------
    name, about : str
    count : int
        Inputs.
    seed : int
    one : callable
        Makes an input, tries it, and returns its outcome.

    Returns
    -------
    Result
    """
    rng, result = random.Random(f"{name} {seed}"), Result(name, about)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    for _ in range(count):
        start = time.perf_counter()
        result.outcomes[one(rng, result)] += 1
        result.slowest = max(result.slowest, time.perf_counter() - start)
    result.seconds = time.perf_counter() - begun
    result.megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return result


# Numbers at which readers stumble, as bytes of all widths.
_NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def mutated(data: bytes, rng: random.Random, most: int = 4) -> bytes:
    """Data with one to a few changes: bytes set, flipped, cut out, put in, repeated, or numbers of bad repute."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        place = rng.randrange(len(changed) + 1) if rng.random() < 0.7 else rng.randrange(min(len(changed), 256) + 1)
        kind, length = rng.randrange(7), rng.choice((1, 1, 2, 4, 8, 16))
        if kind == 0 and place < len(changed):
            changed[place] = rng.randrange(256)
        elif kind == 1 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = rng.randbytes(length)
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        elif kind == 5:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(_NUMBERS) % (1 << 8 * width)
            changed[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))
        elif rng.random() < 0.2:
            del changed[place:]
    return bytes(changed)
