"""The demo's three cases and its image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imread

from tcdcn_init.cli.demo import demo_cases, draw_demo
from tcdcn_init.geometry import box_square


@pytest.fixture(scope="module")
def cases():
    return demo_cases()


def test_a_good_box_a_bad_box_and_a_rolled_head(cases, portrait):
    titles, images, boxes = zip(*cases, strict=True)
    assert len(set(titles)) == 3
    np.testing.assert_array_equal(images[0], portrait)
    np.testing.assert_array_equal(images[1], portrait)
    assert images[2].shape == portrait.shape
    assert images[2].dtype == np.uint8
    (good, side), (off, _), (rolled, turned) = map(box_square, boxes)
    assert np.hypot(*(off - good)) == pytest.approx(0.22 * side, rel=0.05)
    np.testing.assert_allclose(rolled, good)
    assert turned == pytest.approx(side)


def test_the_image_is_written(tmp_path):
    faces = draw_demo(tmp_path / "demo.png")
    assert len(faces) == 3
    assert all(np.isfinite(face.points).all() for face in faces)
    assert faces[2].roll > faces[0].roll + 10.0
    image = imread(tmp_path / "demo.png")
    assert image.shape[0] > 300
    assert image.shape[1] > 900
    assert np.std(image[..., :3]) > 20
