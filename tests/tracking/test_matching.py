"""Which points are of one face, and which face continues which track."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from builders import FIVE
from tcdcn_init.tracking.matching import apart, assigned, same_face, without_repeats


def test_a_face_is_itself_and_neither_its_neighbour_nor_its_double():
    assert same_face(
        [FIVE], [FIVE + 5, FIVE + [80, 0], FIVE.mean(axis=0) + 2 * (FIVE - FIVE.mean(axis=0))]
    ).tolist() == [[True, False, False]]


def test_distances_are_in_sizes():
    near, far = apart([FIVE, 10 * FIVE], [FIVE + [7, 0], 10 * FIVE + [70, 0]])[0].diagonal()
    assert near == np.float64(far).round(12) or np.isclose(near, far)


def test_of_two_answers_for_a_face_the_surer_stays():
    assert without_repeats([FIVE, FIVE + 1, FIVE + 200], [0.6, 0.9, 0.7]) == [1, 2]
    assert without_repeats([], []) == []


@settings(deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(0, 9) | st.just(np.inf)))
def test_as_many_pairs_as_there_can_be_and_none_cheaper(costs):
    pairs = assigned(costs)
    assert all(np.isfinite(costs[pair]) for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    best = (0, 0.0)
    wide = costs if costs.shape[0] <= costs.shape[1] else costs.T
    for columns in itertools.permutations(range(wide.shape[1]), wide.shape[0]):
        chosen = wide[range(wide.shape[0]), columns]
        finite = chosen[np.isfinite(chosen)]
        if (len(finite), -finite.sum()) > (best[0], -best[1]):
            best = (len(finite), float(finite.sum()))
    assert len(pairs) == best[0]
    assert np.isclose(sum(costs[pair] for pair in pairs), best[1])
