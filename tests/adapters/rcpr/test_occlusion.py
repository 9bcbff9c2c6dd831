"""RCPR's model of occlusion: zones, weights, and what it learns from faces half of which are covered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import SMALL_RCPR
from tcdcn_init.adapters.cascade.training_starts import box_starts
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.occlusion import Zones
from tcdcn_init.adapters.rcpr.training import train_rcpr
from tcdcn_init.geometry import MIRROR_29, box_from_points

CONFIG = replace(SMALL_RCPR, stages=8, ferns=12, places=120, zones=3)


@pytest.fixture(scope="module")
def covered(draw_29):
    rng = np.random.default_rng(3)
    drawn = [draw_29(rng) for _ in range(130)]
    boxes = [box_from_points(points[[16, 17, 20, 22, 23]]) for _, points, _ in drawn]
    return [(image, points, box, hidden) for (image, points, hidden), box in zip(drawn, boxes, strict=True)]


@pytest.fixture(scope="module")
def knowing(covered) -> RCPR:
    training = covered[:100]
    return train_rcpr(
        [face[:3] for face in training],
        box_starts(8, shapes="random"),
        config=CONFIG,
        mirror=MIRROR_29,
        hidden=[face[3] for face in training],
    )


def test_zones_follow_the_face_and_weigh_by_what_is_seen() -> None:
    grid = np.stack(np.meshgrid(range(3), range(3)), axis=-1).reshape(9, 2).astype(float)
    zones = Zones(grid)
    pairs = np.array([[k, k] for k in range(9)], dtype=np.int16)
    assert zones.of_places(pairs, np.zeros(9, dtype=np.float32)).tolist() == list(range(9))
    beyond = zones.of_places(np.array([[0, 8]], dtype=np.int16), np.array([5.0], dtype=np.float32))
    assert beyond.tolist() == [8]
    everything = np.arange(9)
    equal = zones.weights(everything, np.zeros((1, 9)), 3)
    np.testing.assert_allclose(equal, 1 / 3, rtol=1e-6)
    top_hidden = np.array([[1.0, 1, 1, 0, 0, 0, 0, 0, 0]])
    weights = zones.weights(np.array([0, 4, 7]), top_hidden, 3)[0]
    assert weights[0] < weights[1] < weights[2]
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(zones.weights(everything, np.ones((1, 9)), 3), 1 / 3, rtol=1e-6)  # all hidden: all alike


def test_it_finds_which_half_is_covered(knowing, covered) -> None:
    unseen = covered[100:]
    images, truth = [face[0] for face in unseen], np.stack([face[1] for face in unseen])
    starts = knowing.random_starts([face[2] for face in unseen])
    shapes, said = knowing.fit_with_hidden(images, starts)
    np.testing.assert_array_equal(shapes, knowing.fit_from_shapes(images, starts))
    before = np.linalg.norm(np.median(starts, axis=1) - truth, axis=-1).mean()
    assert np.linalg.norm(shapes - truth, axis=-1).mean() < 0.8 * before
    hidden = np.stack([face[3] for face in unseen])
    assert said[hidden].mean() > said[~hidden].mean() + 0.4
    alone = knowing.fit_with_hidden(images[:1], starts[:1])
    np.testing.assert_array_equal(alone[1][0], said[0])  # a face does not depend on the batch


def test_it_keeps_what_it_knows_in_its_file(knowing, covered, tmp_path) -> None:
    knowing.save(tmp_path / "rcpr.safetensors")
    loaded = RCPR.load(tmp_path / "rcpr.safetensors")
    image, _, box, _ = covered[100]
    starts = knowing.random_starts([box])
    for one, other in zip(knowing.fit_with_hidden(image, starts), loaded.fit_with_hidden(image, starts), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.knows_hidden
    assert loaded.config.zones == 3


def test_a_start_that_cannot_be_used_knows_nothing(knowing, covered) -> None:
    image, _, box, _ = covered[100]
    starts = np.stack([knowing.random_starts(box), np.full((5, 29, 2), np.nan)])
    shapes, said = knowing.fit_with_hidden(image, starts, on_bad="nan")
    assert np.isfinite(said[0]).all()
    assert np.isnan(shapes[1]).all()
    assert np.isnan(said[1]).all()


def test_what_does_not_fit_together_is_refused(rcpr, covered) -> None:
    with pytest.raises(ValueError, match="does not know which points are hidden"):
        rcpr.fit_with_hidden(np.zeros((50, 50), dtype=np.uint8), np.zeros((1, 5, 2)))
    with pytest.raises(ValueError, match="multiple of zones, 3"):
        replace(CONFIG, ferns=10)
    some = [face[:3] for face in covered[:3]]
    with pytest.raises(ValueError, match=r"hidden has shape \(2, 29\)"):
        train_rcpr(some, box_starts(2), config=CONFIG, hidden=np.zeros((2, 29)))
    with pytest.raises(ValueError, match="do not learn what is hidden"):
        train_rcpr(some, box_starts(2), config=CONFIG)
