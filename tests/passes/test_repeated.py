"""Passes over a face: where the image or the face lies, and which way round, makes no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tcdcn_init.geometry import FIVE_POINTS, MIRROR
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.passes.repeated import mirror_averaged, run_passes

CONFIG = TCDCNConfig(tasks=("pose",))
UPRIGHT = np.array([[-0.15, -0.1], [0.15, -0.1], [0.0, 0.0], [-0.1, 0.15], [0.1, 0.15]], dtype=np.float32)
BOXES = [(170, 70, 275, 205), (160, 60, 300, 230), (190, 90, 290, 180), (150, 80, 260, 190)]


class Network:
    """Answers each pass with the next of the given points, and remembers how many crops it was given."""

    def __init__(self, *points: np.ndarray) -> None:
        self.answers, self.counts = list(points), []

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        points = self.answers[min(len(self.counts), len(self.answers) - 1)]
        self.counts.append(len(crops))
        pose = np.tile(np.arange(5, dtype=np.float32), (len(crops), 1))
        return {"points": np.broadcast_to(points, (len(crops), 5, 2)).copy(), "pose": pose}


def run(network: Any, count: int = 1, passes: int = 3) -> np.ndarray:
    boxes = np.array([(20, 20, 80, 80)] * count, dtype=float)
    return run_passes(network, CONFIG, [np.zeros((100, 100), np.uint8)], [boxes], passes=passes, on_bad="raise")[0]


# --- how often


def test_points_that_ask_for_their_own_crop_are_asked_once():
    network = Network(UPRIGHT)
    np.testing.assert_allclose(run(network, 3)[0], UPRIGHT * 60 * 1.4 + 50, atol=1e-4)
    assert network.counts == [3]


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_points_that_ask_for_another_crop_are_asked_again_at_most_as_often_as_allowed(passes):
    network = Network(UPRIGHT + [0.3, 0])
    run(network, 2, passes)
    assert network.counts == [2] * passes


def test_points_that_coincide_ask_for_no_crop():
    network = Network(np.zeros((5, 2), dtype=np.float32))
    np.testing.assert_allclose(run(network), 50.0)
    assert network.counts == [1]


def test_an_answer_that_is_not_finite_is_the_models_fault():
    with pytest.raises(ValueError, match="model's answer is not finite; its weights are damaged"):
        run(Network(np.full((5, 2), np.nan, dtype=np.float32)))


def test_a_mirrored_answer_exchanges_left_and_right():
    off = UPRIGHT + np.float32([0.02, 0.0])
    answers = mirror_averaged(Network(off))(np.zeros((3, 40, 40), np.float32))
    np.testing.assert_allclose(answers["points"][0], (off + (off * [-1, 1])[list(MIRROR)]) / 2, atol=1e-6)
    np.testing.assert_array_equal(answers["pose"][0], [2, 2, 2, 2, 2])
    assert [name for name in FIVE_POINTS if "left" in name] == [FIVE_POINTS[k] for k in (0, 3)]


# --- where


@pytest.fixture(scope="module", params=["tcdcn-mtfl", "tcdcn-robust", "mirror"])
def initializer(request) -> Initializer:
    if request.param == "mirror":
        return Initializer(mirror=True)
    return Initializer(request.param)


@pytest.mark.parametrize("shift", [(1, 0), (3, 5), (37, 52), (640, 3)])
def test_a_moved_image_has_moved_points(initializer, portrait, shift):
    moved = np.pad(portrait, ((shift[1], 0), (shift[0], 0), (0, 0)), mode="edge")
    here = initializer.points(portrait, BOXES)
    there = initializer.points(moved, np.array(BOXES) + [*shift, *shift])
    np.testing.assert_allclose(there, here + np.float32(shift), atol=1e-3)


def test_with_mirror_images_a_mirrored_image_has_mirrored_points(portrait):
    initializer, width = Initializer(mirror=True), portrait.shape[1] - 1
    turned = [(width - right, top, width - left, bottom) for left, top, right, bottom in BOXES]
    here, there = initializer.points(portrait, BOXES), initializer.points(portrait[:, ::-1], turned)
    # A pixel of a crop that is rounded to the other side is enough to move answers of networks in whole numbers.
    np.testing.assert_allclose(there[:, list(MIRROR)] * [-1, 1] + [width, 0], here, atol=0.3)
