"""When a face gets another pass."""

from __future__ import annotations

import numpy as np
import pytest

from builders import frames_apart
from tcdcn_init.network.config import ResidualConfig, TCDCNConfig
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.repeat_limits import RepeatLimits, beyond, repeat_limits


@pytest.mark.parametrize(
    ("turn", "scale", "shift", "far"),
    [
        (0, 1.0, 0.0, False),
        (6, 1.0, 0.0, False),
        (8, 1.0, 0.0, True),
        (-8, 1.0, 0.0, True),
        (180, 1.0, 0.0, True),
        (0, 1.11, 0.0, False),
        (0, 1.12, 0.0, True),
        (0, 0.89, 0.0, True),
        (0, 1.0, 0.069, False),
        (0, 1.0, 0.071, True),
    ],
)
@pytest.mark.parametrize("roll", [0, 100])
def test_how_far_a_crop_may_lie_from_the_one_asked_for(turn, scale, shift, far, roll):
    across = 80 * np.exp(1j * np.radians(roll))
    wanted = across * scale * np.exp(1j * np.radians(turn))
    frames = Frame(across.real, across.imag, 50.0, 60.0), Frame(wanted.real, wanted.imag, 50 + 80 * shift, 60.0)
    assert beyond(repeat_limits(TwoStageConfig()))(*frames) == far


def test_the_papers_network_repeats_later_than_networks_that_learned_later_passes():
    paper, residual = repeat_limits(TCDCNConfig()), repeat_limits(ResidualConfig())
    assert paper == RepeatLimits(15.0, 0.2, 0.15 / 1.4)
    assert all(sooner < later for sooner, later in zip(residual, paper, strict=True))


@pytest.mark.parametrize("config", [TCDCNConfig(), ResidualConfig(), TwoStageConfig()])
def test_the_rule_is_that_of_angles_and_logarithms(config):
    rng, limits = np.random.default_rng(2), repeat_limits(config)
    a = rng.uniform(20, 200, 400) * np.exp(1j * rng.uniform(-np.pi, np.pi, 400))
    b = a * np.exp(rng.normal(0, limits.log_scale, 400) + 1j * np.radians(rng.normal(0, limits.degrees, 400)))
    middle = rng.uniform(-50, 50, (400, 2))
    moved = middle + rng.normal(0, limits.shift / 2, (400, 2)) * np.abs(a)[:, None]
    ones, others = (
        [Frame(z.real, z.imag, *at) for z, at in zip(sides, places.tolist(), strict=True)]
        for sides, places in ((a.tolist(), middle), (b.tolist(), moved))
    )
    arrays = (np.array([[[f.a, -f.b, f.x], [f.b, f.a, f.y]] for f in frames]) for frames in (ones, others))
    turn, scale, shift = frames_apart(*arrays)
    expected = (turn > limits.degrees) | (scale > limits.log_scale) | (shift > limits.shift)
    is_far = beyond(limits)
    assert [is_far(*both) for both in zip(ones, others, strict=True)] == expected.tolist()
    assert 0.2 < expected.mean() < 0.95


def test_points_that_coincide_ask_for_none():
    assert not beyond(repeat_limits(TCDCNConfig()))(Frame(80.0, 0.0, 0.0, 0.0), Frame(0.0, 0.0, 500.0, 0.0))
