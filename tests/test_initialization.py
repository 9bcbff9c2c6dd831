"""One face's result: nothing in it changes, and it goes wherever people send it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest

from tcdcn_init.initialization import Initialization

FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


@pytest.fixture
def face() -> Initialization:
    return Initialization(FIVE, [10, 0, 90, 100], {"smile": {"no": 0.25, "yes": 0.75}}, np.full(5, 0.04), 0.9)


def test_nothing_of_it_can_be_changed(face):
    for name in ("points", "box", "expected_error"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(face, name)[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(face, name, None)
    with pytest.raises(TypeError):
        face.attributes["smile"]["yes"] = 1.0
    with pytest.raises(TypeError):
        face.attributes["age"] = {}


def test_it_holds_copies_of_what_it_was_made_of():
    batch, attributes = np.stack([FIVE, FIVE]).astype(np.float32), {"smile": {"yes": 0.5}}
    face = Initialization(batch[0], [10, 0, 90, 100], attributes)
    batch[:] = 0
    attributes["smile"]["yes"] = 0.0
    np.testing.assert_array_equal(face.points, FIVE)
    assert face.points.base is None
    assert face.attributes["smile"]["yes"] == 0.5


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda face: pickle.loads(pickle.dumps(face))])
def test_it_can_be_pickled_and_copied(face, again):
    other = again(face)
    assert other.to_dict() == face.to_dict()
    with pytest.raises(ValueError, match="read-only"):
        other.points[0] = 0


def test_it_is_shown_in_one_line(face):
    assert repr(face) == (
        "Initialization(points=[[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]], confidence=0.90)"
    )


def test_it_becomes_json(face):
    plain = json.loads(json.dumps(face.to_dict(), allow_nan=False))
    assert plain["points"] == FIVE.tolist()
    assert plain["box"] == [10, 0, 90, 100]
    assert plain["roll"] == 0.0
    assert plain["confidence"] == 0.9
    assert plain["attributes"] == {"smile": {"no": 0.25, "yes": 0.75}}
    bare = json.loads(json.dumps(Initialization(np.full((5, 2), np.nan), [0, 0, 1, 1]).to_dict(), allow_nan=False))
    assert bare["points"] == [[None, None]] * 5
    assert bare["roll"] is bare["confidence"] is None
