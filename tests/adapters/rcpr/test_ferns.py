"""RCPR's ferns, and the settings of its stages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import FIVE
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig, as_complex, sample_levels, turns
from tcdcn_init.geometry import rotation, transform_points


@given(roll=st.floats(-180, 180), scale=st.floats(0.2, 5), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_turns_are_those_of_the_similarity(roll, scale, x, y):
    reference = FIVE - FIVE.mean(axis=0)
    reference /= np.sqrt((reference**2).sum(axis=1).mean())
    shape = transform_points(scale * rotation(roll), reference) + [x, y]
    found = turns(as_complex(reference), as_complex(shape)[None])[0]
    assert found == pytest.approx(scale * np.exp(1j * np.radians(roll)))


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=30)
def test_places_lie_on_the_lines_through_two_points(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :40]
    chips = np.stack([columns * 3, rows * 3]).astype(np.uint8)  # each pixel of the first says its x, of the other its y
    shapes = rng.uniform(10, 30, (6, 5, 2))
    pairs, along = rng.integers(0, 5, (9, 2)).astype(np.int16), rng.uniform(-0.5, 1.5, 9).astype(np.float32)
    wanted = shapes[:, pairs[:, 0]] + along[:, None] * (shapes[:, pairs[:, 1]] - shapes[:, pairs[:, 0]])
    wanted = np.clip(wanted, 0, 39)
    for axis in (0, 1):
        owner = np.full(6, axis)
        seen = sample_levels(chips, owner, as_complex(shapes), pairs, along) / 3.0
        assert np.abs(seen - wanted[:, :, axis]).max() <= 0.5 + 1e-4
        mirrored = sample_levels(chips, owner, as_complex(shapes), pairs, along, np.arange(6) % 2 == 1) / 3.0
        np.testing.assert_array_equal(mirrored[::2], seen[::2])
        np.testing.assert_array_equal(mirrored[1::2], 39 - seen[1::2] if axis == 0 else seen[1::2])


def test_a_fern_says_what_its_bin_holds():
    leaves = np.zeros((1, 2, 4, 2), dtype=np.int8)
    leaves[0, 0, 2], leaves[0, 1, 1] = (10, -20), (1, 1)
    ferns = Ferns(
        pairs=np.array([[[0, 0], [0, 0], [0, 0]]]),
        along=np.zeros((1, 3)),
        compared=np.array([[[[0, 1], [1, 2]], [[1, 0], [0, 2]]]]),
        thresholds=np.array([[[5, 5], [0, 0]]]),
        leaves=leaves,
        scales=np.array([[0.5, 2.0]]),
    )
    ferns.check(RCPRConfig(stages=1, ferns=2, depth=2), 1)
    levels = np.array([[20, 10, 8], [20, 15, 8], [0, 255, 0]], dtype=np.uint8)
    # First fern: bits (20 - 10 > 5, 10 - 8 > 5) = 10; (no, yes) = 01; (no, yes). Second: 01, 01, 10.
    np.testing.assert_allclose(ferns.moves(0, ferns.bins(0, levels))[:, 0], [5 - 10j + 2 + 2j, 2 + 2j, 0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stages": 0}, "stages"),
        ({"depth": 11}, "depth"),
        ({"ferns": 2.0}, "whole number"),
        ({"resolution": float("nan")}, "resolution"),
        ({"check": 1.5}, "check"),
        ({"shrinkage": -1.0}, "shrinkage"),
    ],
)
def test_config_refuses(changes, words):
    with pytest.raises(ValueError, match=words):
        RCPRConfig(**changes)
