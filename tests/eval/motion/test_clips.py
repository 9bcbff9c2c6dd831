"""Synthetic clips: the same every time, and true to their own truth."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut

from builders import FIVE, draw, portrait_clip
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX, PORTRAIT_POINTS
from tcdcn_init.eval.motion.clips import Actor, Clip, Cover, Place, Scene, background, cut_out
from tcdcn_init.eval.motion.scenarios import SCENARIOS, make_clip


def still(places: list[Place], covers: tuple[Cover, ...] = ()) -> Clip:
    actor = cut_out(draw(FIVE, (140, 120)), FIVE, (5, 10, 95, 115))
    return Clip([actor] * len(places), lambda time: Scene(tuple(places), covers), background("coffee"), 1.0)


def dark_mark(image: np.ndarray, near: np.ndarray, reach: int = 12) -> np.ndarray:
    """The middle of what is dark about a place."""
    x, y = np.rint(near).astype(int)
    part = image[y - reach : y + reach + 1, x - reach : x + reach + 1].mean(axis=2)
    weight = np.maximum(60.0 - part, 0.0)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("roll", [0.0, 30.0, -90.0])
def test_the_face_is_where_the_truth_says(roll):
    shown = still([Place(200.3, 150.7, 90.0, roll)])[0]
    np.testing.assert_allclose(shown.points[0].mean(axis=0), (200.3, 150.7))
    for eye in shown.points[0, :2]:  # the dark marks of the drawn face
        np.testing.assert_allclose(dark_mark(shown.image, eye), eye, atol=0.35)


def test_what_is_hidden_is_known():
    places = [Place(150, 150, 60), Place(150, 150, 60)]
    assert still(places)[0].visible.tolist() == [0, 5]
    assert still([Place(150, 150, 60), Place(350, 150, 60)])[0].visible.tolist() == [5, 5]
    assert still([Place(600, 150, 60)])[0].visible.tolist() == [0]
    five = still([Place(150, 150, 60)])[0].points[0]
    half = Cover(0, 0, float(five[[0, 3], 0].max()) + 1, 360)
    covered = still([Place(150, 150, 60)], (half,))[0]
    assert covered.visible.tolist() == [3]
    assert not np.array_equal(covered.image[:, :100], still([Place(150, 150, 60)])[0].image[:, :100])


def test_a_clip_is_the_same_every_time_and_others_are_not():
    one, again = (portrait_clip("company", 40, 42) for _ in range(2))
    for first, second in zip(one, again, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
    actor = cut_out(astronaut(), PORTRAIT_POINTS, PORTRAIT_BOX)
    other = make_clip("company", [actor] * 3, 1, "portrait")[40]
    assert not np.array_equal(other.image, one[0].image)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_has_what_its_figures_need(name):
    scenario = SCENARIOS[name]
    blank = Actor(np.full((120, 100, 4), 255, np.uint8), FIVE)
    clip = make_clip(name, [blank] * scenario.actors, 0, "blank")
    assert len(clip) == round(scenario.seconds * scenario.rate)
    visible = np.array([clip[number].visible for number in range(0, len(clip), 2)])
    assert (visible[0] == 5).all()
    assert (visible[-1] == 5).all()
    away = (visible == 0).sum(axis=0)
    expected = {"occluded": 1, "leaving": 1, "crossing": 1, "company": 1}
    assert (away > 2).sum() == expected.get(name, 0)


def test_a_background_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown background 'beach'"):
        background("beach")
