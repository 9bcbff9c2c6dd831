"""Crops by way of a face's region, against those of `crops.cut`."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.crops import cut
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.regions import Region

FRAMES = {
    "upright": [[80, 0, 200.3], [0, 80, 150.7]],
    "turned": [[60, -50, 210.0], [50, 60, 180.0]],
    "upside down": [[-90, 0, 250.5], [0, -90, 200.0]],
    "large": [[350, 60, 250.0], [-60, 350, 200.0]],
    "over the border": [[200, 0, 490.0], [0, 200, 390.0]],
    "small": [[30, 0, 9.0], [0, 30, 12.0]],
}
RAMPS = {"across": np.mgrid[:400, :500][1] / 500, "down": np.mgrid[:400, :500][0] / 400}


def as_frame(matrix: np.ndarray) -> Frame:
    return Frame(matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2])


def pitch(frame: np.ndarray, side: int = 72) -> float:
    return float(np.hypot(*frame[:, 0])) / side


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("ramp", RAMPS)
def test_a_ramp_lies_where_it_does_in_exact_crops(name, ramp):
    frame = np.array(FRAMES[name])
    picture = RAMPS[ramp]
    region = Region(picture, as_frame(frame), pitch(frame))
    ours, exact = region.turned(as_frame(frame), 72) / 255, cut(picture, frame[None], 72)[0]
    # Two levels of 255 of rounding, and at the picture's border a thinned region's own pixel.
    assert np.abs(ours - exact).max() < 0.008
    assert abs((ours - exact).mean()) < 0.004
    if name in ("upright", "over the border", "small"):
        assert np.abs(region.upright(as_frame(frame), 40) / 255 - cut(picture, frame[None], 40)[0]).max() < 0.008


def test_a_portrait_looks_as_in_exact_crops(portrait, portrait_points):
    from tcdcn_init.crops import frames_from_boxes, frames_from_points

    frame = frames_from_boxes([(176.0, 56.0, 272.0, 176.0)], 2.2)[0]
    turned = frames_from_points(portrait_points[None], 1.1)[0]
    region = Region(portrait, as_frame(frame), pitch(turned))
    assert region.covers(as_frame(turned))
    assert np.abs(region.turned(as_frame(turned), 72) / 255 - cut(portrait, turned[None], 72)[0]).mean() < 0.015
    assert np.abs(region.upright(as_frame(frame), 40) / 255 - cut(portrait, frame[None], 40)[0]).mean() < 0.02


def test_the_picture_goes_on_beyond_its_border_and_beside_it():
    for centre, wanted in (((-100, -200), 0), ((900, 800), 254), ((900, -50), 254), ((250, 900), 128)):
        frame = Frame(50.0, 0.0, *centre)
        region = Region(np.rint(RAMPS["across"] * 255).astype(np.uint8), frame, 1.0)
        crop = region.upright(frame, 40)
        assert abs(float(crop[:, 20].mean()) - wanted) <= 2
        assert region.covers(frame)


@pytest.mark.parametrize("kind", ["grey", "RGB", "RGBA", "uint16", "float"])
def test_every_kind_of_picture(portrait, kind):
    grey = portrait[..., 1]
    picture = {
        "grey": grey,
        "RGB": portrait,
        "RGBA": np.dstack([portrait, np.full(grey.shape, 255, np.uint8)]),
        "uint16": grey.astype(np.uint16) * 257,
        "float": grey / 255,
    }[kind]
    frame = np.array([[100.0, 5, 224], [-5, 100.0, 120]])
    ours = Region(picture, as_frame(frame), pitch(frame)).turned(as_frame(frame), 72) / 255
    assert np.abs(ours - cut(picture, frame[None], 72)[0]).mean() < 0.02


def test_numbers_that_are_not_finite_are_noticed_where_they_are_seen():
    picture = np.full((200, 300), 0.5)
    picture[100, 50] = np.nan
    near, far = (Frame(40.0, 0.0, x, 100.0) for x in (50.0, 250.0))
    assert not Region(picture, near, 1.0).finite
    assert Region(picture, far, 1.0).finite
    assert Region(picture, near, 1.0).upright(near, 40).shape == (40, 40)


def test_a_frame_beyond_the_region_is_told_apart_from_one_beyond_the_picture():
    picture = np.zeros((400, 500), dtype=np.uint8)
    region = Region(picture, Frame(100.0, 0.0, 250, 200), 1.0)
    assert region.covers(Frame(60.0, -20.0, 255, 210))
    for x, y in ((180, 200), (320, 200), (250, 120), (250, 280)):
        assert not region.covers(Frame(60.0, 0.0, x, y))
    corner = Region(picture, Frame(100.0, 0.0, 20, 20), 1.0)
    assert corner.covers(Frame(60.0, 0.0, 0, 0))


def test_the_cost_does_not_grow_with_the_face():
    sizes = []
    for side in (400, 1600, 6000):
        frame = Frame(side, 0.0, 3000.0, 3000.0)
        sizes.append(Region(np.zeros((6000, 6000), np.uint8), frame, side / 144).upright(frame, 40).size)
        assert max(Region(np.zeros((6000, 6000), np.uint8), frame, side / 144)._pixels.size) < 450
    assert sizes == [1600] * 3
