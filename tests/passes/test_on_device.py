"""Crops cut by PyTorch, on its CPU device where there is no other, against those of the processor's regions."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from tcdcn_init import Initializer
from tcdcn_init.crops import cut
from tcdcn_init.geometry import interocular
from tcdcn_init.network.model_file import load_model
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.on_device import DeviceCrops
from tcdcn_init.passes.regions import HostCrops
from tcdcn_init.weights import find_model

MODEL = "tcdcn-two-stage"
FRAMES = {
    "upright": Frame(80.0, 0.0, 200.3, 150.7),
    "turned": Frame(60.0, -50.0, 210.0, 180.0),
    "upside down": Frame(-90.0, 0.0, 250.5, 200.0),
    "large": Frame(350.0, -60.0, 250.0, 200.0),
    "over the border": Frame(200.0, 0.0, 490.0, 390.0),
    "beside the picture": Frame(60.0, 10.0, -300.0, 200.0),
    "small": Frame(30.0, 0.0, 9.0, 12.0),
}
ROWS, COLUMNS = np.mgrid[:400, :500]


@pytest.fixture(scope="module")
def host() -> Initializer:
    return Initializer(MODEL, backend="torch")


@pytest.fixture(scope="module")
def device() -> Initializer:
    """The same with its crops from `DeviceCrops`."""
    made = Initializer(MODEL, backend="torch")
    made._cutter = functools.partial(DeviceCrops, device="cpu")
    return made


def crop_of(picture: np.ndarray, frame: Frame, side: int = 64) -> np.ndarray:
    return DeviceCrops([picture], "cpu").first([frame], side, 1 / 160)[0].numpy()


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("ramp", [COLUMNS / 500, ROWS / 400], ids=["across", "down"])
def test_a_ramp_lies_where_it_does_in_exact_crops(name, ramp):
    frame = FRAMES[name]
    exact = cut(ramp, np.array([[[frame.a, -frame.b, frame.x], [frame.b, frame.a, frame.y]]]), 64)[0]
    # At the picture's border, means of squares of pixels end half a square before the last pixel's middle.
    assert np.abs(crop_of(ramp, frame) - exact).max() < 0.008
    assert abs((crop_of(ramp, frame) - exact).mean()) < 0.002


@pytest.mark.parametrize("kind", ["grey", "RGB", "RGBA", "uint16", "float", "backwards", "not to be written to"])
def test_every_kind_of_picture(portrait, kind):
    grey = portrait[..., 1]
    fixed = portrait.copy()
    fixed.flags.writeable = False
    picture = {
        "grey": grey,
        "RGB": portrait,
        "RGBA": np.dstack([portrait, np.full(grey.shape, 255, np.uint8)]),
        "uint16": grey.astype(np.uint16) * 257,
        "float": grey / 255,
        "backwards": portrait[:, ::-1, ::-1],
        "not to be written to": fixed,
    }[kind]
    for frame in (Frame(100.0, -5.0, 224.0, 120.0), Frame(300.0, 20.0, 224.0, 120.0)):
        host, device = HostCrops([picture]), DeviceCrops([picture], "cpu")
        host.first([frame], 80, 1 / 80)
        device.first([frame], 80, 1 / 80)
        ours, theirs = device.further([frame], 80, [0])[0].numpy(), host.further([frame], 80, [0])[0]
        assert np.abs(ours - theirs).mean() < 0.02
        assert abs((ours - theirs).mean()) < 0.003


def test_faces_do_not_depend_on_their_company(portrait):
    large = np.tile(portrait, (2, 2, 1))
    pictures = [portrait, large, portrait, large]
    frames = [Frame(90.0, 20.0, 224.0, 120.0), Frame(400.0, 0.0, 700.0, 600.0), *list(FRAMES.values())[1:3]]
    cutter = DeviceCrops(pictures, "cpu")
    together = cutter.first(frames, 64, 1 / 160).numpy()
    for k, picture in enumerate(pictures):
        np.testing.assert_allclose(together[k], crop_of(picture, frames[k]), atol=1e-4)
    few = cutter.some([3, 0]).first([frames[3], frames[0]], 64, 1 / 160).numpy()
    np.testing.assert_allclose(few, together[[3, 0]], atol=1e-4)


def test_a_part_is_uploaded_once_and_anew_where_a_frame_leaves_it():
    picture = (COLUMNS % 251).astype(np.uint8)
    cutter = DeviceCrops([picture], "cpu")
    cutter.first([Frame(60.0, 0.0, 100.0, 100.0)], 64, 1 / 160)
    [part] = cutter._parts.values()
    assert part.extent == (0, 0, 192, 192)
    cutter.further([Frame(40.0, 30.0, 110.0, 95.0)], 80, [0])
    assert [*cutter._parts.values()] == [part]
    beyond = Frame(60.0, 0.0, 400.0, 300.0)
    np.testing.assert_allclose(cutter.further([beyond], 64, [0])[0], crop_of(picture, beyond), atol=1e-4)


@pytest.mark.parametrize("size", [1, 4])
def test_points_are_those_of_crops_cut_on_the_processor(host, device, portrait, size):
    """Of a head turned by quarters, in several boxes, and in images four times as large."""
    boxes = {0: [(170, 70, 275, 205), (150, 60, 300, 230)], 1: [(185, 60, 275, 190)], 3: [(160, 75, 280, 200)]}
    pictures, given = [], []
    for roll, of_roll in boxes.items():
        corners = np.array(of_roll, float).reshape(-1, 2, 2)
        for _ in range(roll):
            corners = np.stack([corners[..., 1], 511 - corners[..., 0]], axis=2)
        given.append(size * np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1))
        pictures.append(np.kron(np.rot90(portrait, roll), np.ones((size, size, 1), np.uint8)))
    ours, theirs = device.raw(pictures, given), host.raw(pictures, given)
    errors = np.linalg.norm(ours.points - theirs.points, axis=2).mean(axis=1) / interocular(theirs.points)
    # Crops are centred to steps of a degree and of a fiftieth, and points move a little with every step.
    assert errors.mean() < 0.01
    assert errors.max() < 0.02
    assert abs(ours.confidence - theirs.confidence).max() < 0.05


def test_mirror_images_and_numbers_that_are_not_finite(portrait, portrait_box):
    both = Initializer(MODEL, backend="torch", mirror=True)
    wanted = both.points(portrait, [portrait_box])
    both._cutter = functools.partial(DeviceCrops, device="cpu")
    unit = interocular(wanted)[0]
    assert np.linalg.norm(both.points(portrait, [portrait_box]) - wanted, axis=2).mean() < 0.01 * unit
    picture = portrait / 255.0
    picture[98:104, 218:224] = np.nan
    with pytest.raises(ValueError, match="holds NaN or infinity under box"):
        both.points(picture, [portrait_box])
    bad, good = both.points(picture, [portrait_box, (380, 380, 460, 480)], on_bad="nan")
    assert np.isnan(bad).all()
    assert np.isfinite(good).all()


@pytest.mark.parametrize("name", ["tcdcn-mtfl", "tcdcn-robust", MODEL, "tcdcn-68"])
def test_networks_make_nothing_on_another_device(name):
    """Told without a second device by the one that holds no numbers: PyTorch refuses to mix it with the processor."""
    network, _ = load_model(find_model(name, ".safetensors"))
    stages = [getattr(network, stage) for stage in ("coarse", "fine") if hasattr(network, stage)] or [network]
    for stage in stages:
        crops = torch.empty(2, 1, stage.config.side, stage.config.side, device="meta")
        outputs = stage.folded().to("meta")(crops)
        assert {value.device.type for value in outputs.values()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch has no CUDA device here")
@pytest.mark.parametrize("name", ["tcdcn-robust", MODEL])
def test_points_are_the_same_on_cuda(name, portrait, portrait_box):
    ours, theirs = (Initializer(name, backend="torch", device=kind) for kind in ("cuda", "cpu"))
    wanted = theirs.points([portrait, portrait], [[portrait_box], [(170, 50, 280, 180)]])
    found = ours.points([portrait, portrait], [[portrait_box], [(170, 50, 280, 180)]])
    assert np.linalg.norm(found - wanted, axis=2).mean() < 0.01 * interocular(wanted).mean()
