"""The initializer's own search for faces."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tcdcn_init import Initializer, initialize
from tcdcn_init.detection import detect_boxes
from tcdcn_init.detection.turned import turned_back
from tcdcn_init.detection.windows import search_windows
from tcdcn_init.eval.detection.figures import faces_found

FACE = np.array([[66.0, 56.0, 162.0, 176.0]])


@pytest.fixture(scope="module")
def head(portrait) -> np.ndarray:
    return np.ascontiguousarray(portrait[:220, 110:330])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_heads_are_found_at_any_roll_in_one_search(head, quarters):
    found = detect_boxes(np.rot90(head, quarters), turned=False)
    assert faces_found(turned_back(found, quarters, head.shape[:2]), FACE).tolist() == [0]


@pytest.mark.parametrize("side", [60, 440, 1000])
def test_faces_of_any_size_are_found(head, side):
    image = np.asarray(Image.fromarray(head).resize((side, side), Image.Resampling.BICUBIC))
    assert faces_found(detect_boxes(image), FACE * side / 220).tolist() == [0]


@pytest.mark.parametrize("corner", [(0, 0), (440, 0), (211, 287), (440, 380)])
def test_faces_are_found_wherever_they_are(head, corner):
    image = np.full((600, 660, 3), 90, dtype=np.uint8)
    x, y = corner
    image[y : y + 220, x : x + 220] = head
    assert faces_found(detect_boxes(image), FACE + [x, y, x, y]).tolist() == [0]


def test_hints_are_squares_around_the_coarse_stages_points(portrait):
    initializer = Initializer()
    hints = initializer.hints(portrait)
    assert (hints.scores[:-1] >= hints.scores[1:]).all()
    assert hints.scores[-1] > 0
    width, height = (hints.boxes[:, 2:] - hints.boxes[:, :2]).T
    np.testing.assert_allclose(width, height)
    [face] = initialize(portrait)
    assert faces_found(hints.boxes[:1], face.box[None]).tolist() == [0]


def test_the_coarse_stage_is_asked_about_crops_as_it_knows_them(portrait):
    initializer = Initializer()
    asked = []

    def ask(crops):
        asked.append(crops)
        return initializer._backend(crops)

    search_windows(portrait, ask, initializer.config.coarse)
    crops = np.concatenate(asked)
    assert crops.shape[1:] == (64, 64)
    assert crops.dtype == np.float32
    assert 0.0 <= crops.min() < 0.1 < 0.9 < crops.max() <= 1.0


def test_a_model_of_one_stage_has_faces_found_by_the_default_one(portrait):
    initializer = Initializer("tcdcn-mtfl")
    with pytest.raises(ValueError, match="tcdcn-mtfl has one stage; expected a model of two, such as tcdcn-two-stage"):
        initializer.hints(portrait)
    [face] = initializer(portrait)
    np.testing.assert_array_equal(face.box, initialize(portrait)[0].box)
