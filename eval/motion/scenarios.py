"""What happens in the clips that a tracker is measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tcdcn_init.eval.motion.clips import BACKGROUNDS, FRAME_SIZE, Actor, Clip, Cover, Place, Scene, background
from tcdcn_init.eval.perturbation import face_rng

__all__ = ["SCENARIOS", "Scenario", "make_clip"]

Script = Callable[[float], Scene]

_SIZE = 55.0
"""Of a face, in pixels: its box is some 85 wide and 110 high."""

_W, _H = FRAME_SIZE


@dataclass(frozen=True)
class Scenario:
    """A kind of clip.

    Attributes
    ----------
    about : str
        What happens, for a table.
    script : callable
        Random numbers to a script.
    actors : int
    seconds, rate : float
        See `Clip`.
    keeps_ids : bool
        Whether a tracker without recognition can be asked to keep its ids.
    """

    about: str
    script: Callable[[np.random.Generator], Script]
    actors: int = 1
    seconds: float = 4.0
    rate: float = 25.0
    keeps_ids: bool = True


def make_clip(name: str, actors: Sequence[Actor], seed: int, of: str) -> Clip:
    """A clip of a scenario.

    Parameters
    ----------
    name : str
        Of `SCENARIOS`.
    actors : sequence of Actor
        As many as it has.
    seed : int
    of : str
        Names the clip: with the seed it decides directions, phases and the background.

    Returns
    -------
    Clip
    """
    scenario = SCENARIOS[name]
    rng = face_rng(seed, of, f"motion: {name}")
    behind = background(BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))])
    return Clip(actors, scenario.script(rng), behind, scenario.seconds, scenario.rate)


def _wave(time: float, period: float, phase: float = 0.0) -> float:
    return float(np.sin(2 * np.pi * (time / period + phase)))


def _moving(rng: np.random.Generator, slower: float = 1.0) -> Script:
    across, down = rng.random(2).tolist()

    def script(time: float) -> Scene:
        t = time / slower
        return Scene((Place(_W / 2 + 150 * _wave(t, 4.0, across), _H / 2 + 60 * _wave(t, 2.6, down), _SIZE),))

    return script


def _slowly(rng: np.random.Generator) -> Script:
    return _moving(rng, slower=2.0)


def _turning(rng: np.random.Generator) -> Script:
    sign = rng.choice([-1.0, 1.0])

    def script(time: float) -> Scene:
        return Scene((Place(_W / 2 + 40 * _wave(time, 4.0), _H / 2, _SIZE, 60.0 * sign * _wave(time, 3.0)),))

    return script


def _spinning(rng: np.random.Generator) -> Script:
    sign = rng.choice([-1.0, 1.0])
    return lambda time: Scene((Place(_W / 2, _H / 2, _SIZE, sign * 90.0 * max(time - 0.4, 0.0)),))


def _scaling(rng: np.random.Generator) -> Script:
    phase = float(rng.choice([0.0, 0.5]))

    def script(time: float) -> Scene:
        return Scene((Place(_W / 2, _H / 2, _SIZE * float(np.exp(0.6 * _wave(time, 3.0, phase)))),))

    return script


def _occluded(rng: np.random.Generator) -> Script:
    sign, start = rng.choice([-1.0, 1.0]), rng.uniform(-40, 40)

    def script(time: float) -> Scene:
        face = Place(_W / 2 + start + 25.0 * sign * (time - 2.0), _H / 2, _SIZE)
        x = _W / 2 + start - 260.0 * sign * (time - 2.0)  # meets the face after two seconds
        return Scene((face,), (Cover(x - 85, 0, x + 85, _H),))

    return script


def _leaving(rng: np.random.Generator) -> Script:
    sign = rng.choice([-1.0, 1.0])
    y = _H / 2 + rng.uniform(-40, 40)

    def script(time: float) -> Scene:
        # 250 pixels a second to beyond the border, a second there, and back.
        way = min(max(time - 0.6, 0.0), max(4.4 - time, 0.0), 1.4) * 250.0
        return Scene((Place(_W / 2 + sign * way, y, _SIZE),))

    return script


def _crossing(rng: np.random.Generator) -> Script:
    sign, lift = rng.choice([-1.0, 1.0]), rng.uniform(-20, 20)

    def script(time: float) -> Scene:
        x = 130.0 * sign * float(np.cos(np.pi * time / 4.0))
        return Scene((Place(_W / 2 + x, _H / 2 + lift, _SIZE), Place(_W / 2 - x, _H / 2 - lift, _SIZE)))

    return script


def _company(rng: np.random.Generator) -> Script:
    phases = rng.random(3).tolist()

    def script(time: float) -> Scene:
        places = [Place(100 + 140 * k, _H / 2 + 60 * _wave(time, 3.0, phase), 40.0) for k, phase in enumerate(phases)]
        # The one on the right leaves and comes back.
        way = min(max(time - 0.8, 0.0), max(4.0 - time, 0.0), 1.0) * 200.0
        places[2] = places[2]._replace(x=places[2].x + way)
        return Scene(tuple(places))

    return script


def _cut(rng: np.random.Generator) -> Script:
    sign = rng.choice([-1.0, 1.0])

    def script(time: float) -> Scene:
        side = sign if time < 2.0 else -sign
        return Scene((Place(_W / 2 + 130 * side + 20 * time, _H / 2 - 40 * side, _SIZE * (1.0 + 0.3 * side)),))

    return script


SCENARIOS = {
    "moving": Scenario("moves about, up to 4.5 sizes a second", _moving),
    "few frames": Scenario("moves half as fast, at 8 frames a second", _slowly, seconds=8.0, rate=8.0),
    "many frames": Scenario("moves as fast, at 60 frames a second", _moving, rate=60.0),
    "turning": Scenario("rolls by 60 degrees to both sides, up to 126 degrees a second", _turning),
    "spinning": Scenario("turns once around in its plane", _spinning, seconds=4.4),
    "scaling": Scenario("comes nearer and goes, by a factor of 3.3", _scaling),
    "occluded": Scenario("a wall passes before it, half a second", _occluded),
    "leaving": Scenario("leaves the frame and comes back after a second", _leaving, seconds=5.2),
    "crossing": Scenario("two faces pass, one before the other", _crossing, actors=2),
    "company": Scenario("three faces, one leaves and comes back", _company, actors=3, seconds=5.0),
    "cut": Scenario("a cut: it is elsewhere, of other size", _cut, keeps_ids=False),
}
"""By name; sizes are centroid sizes of the five points (`geometry.centroid_size`), a face is 1.55 wide."""
