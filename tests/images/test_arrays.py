"""Images as people have them: converted by one rule, or refused with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2gray, rgba2rgb
from skimage.util import img_as_float, img_as_ubyte, img_as_uint

from tcdcn_init.images import as_bytes, as_grey, as_image


def off(image: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference in grey, 0 to 1."""
    return float(np.abs(as_grey(image) - as_grey(expected)).max())


# --- arrays


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_an_image_of_the_four_kinds_is_the_callers_own_array(colours, dtype):
    image = {"u": colours.astype(dtype) * dtype(257 if dtype == np.uint16 else 1)}.get(
        np.dtype(dtype).kind, (colours / 255).astype(dtype)
    )
    assert np.shares_memory(as_image(image), image)
    assert off(as_image(image), colours) < 1e-6


@pytest.mark.parametrize(
    "convert",
    [
        lambda c: (c.astype(np.uint16) * 257).astype(">u2"),
        lambda c: (c / 255).astype(">f4"),
        lambda c: (c / 255).astype(np.float16),
        lambda c: (c / 255).astype(np.longdouble),
        lambda c: (c // 2).astype(np.int8),
        lambda c: c.astype(np.int16) * 128,
        lambda c: c.astype(np.uint32) * 16843009,
        lambda c: c.astype(np.int64) * (2**63 // 256),
        lambda c: torch.tensor(c),
        lambda c: (torch.tensor(c) / 255).requires_grad_(),
        lambda c: (torch.tensor(c) / 255).to(torch.bfloat16),
        lambda c: np.ma.masked_array(c, mask=False),
    ],
)
def test_other_types_are_converted_over_their_range(colours, convert):
    image = as_image(convert(colours))
    assert image.dtype in (np.uint8, np.uint16, np.float32, np.float64)
    assert image.dtype.isnative
    assert off(image, colours) < 0.01


def test_a_mask_is_black_and_white():
    mask = np.random.default_rng(6).random((30, 40)) < 0.5
    assert as_image(mask).dtype == np.uint8
    np.testing.assert_array_equal(as_grey(as_image(mask)), mask.astype(np.float32))


def test_a_single_channel_is_grey():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_array_equal(as_image(image), image[..., 0])


def test_what_resampling_leaves_beyond_black_and_white_is_clipped(colours):
    overshoot = 1.1 * (colours / 255) - 0.05
    np.testing.assert_array_equal(as_image(overshoot), np.clip(overshoot, 0, 1))
    overshoot[3, 4] = [np.nan, np.inf, -np.inf]
    image = as_image(overshoot)
    np.testing.assert_array_equal(image[3, 4], [np.nan, np.inf, -np.inf])
    assert image[:3].max() == 1.0


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (lambda c: c.astype(float), r"float64 holds values from 0 to 255; expected 0 to 1: pass image / 255"),
        (lambda c: c * np.float32(257), r"float32 holds values from 0 to 65535; .*: pass image / 65535"),
        (lambda c: c / 127.5 - 1, r"from -1 to 1; expected 0 to 1: pass \(image \+ 1\) / 2"),
        (lambda c: (c / 255 - 0.45) / 0.22, "undo its normalisation"),
        (lambda c: c.astype(np.int64), r"int64 holds nothing above 255.*pass image\.astype\(numpy\.uint8\)"),
        (lambda c: c.tolist(), r"pass image\.astype\(numpy\.uint8\)"),
        (lambda c: c.astype(np.uint16), r"uint16 holds nothing above 255, and white is 65535"),
        (lambda c: c.astype(np.int32) * 257, r"int32 holds nothing above 65535.*image\.astype\(numpy\.uint16\)"),
        (lambda c: c.astype(np.int16) - 128, "int16 holds -128; expected 0, black, to 32767, white"),
        (lambda c: np.moveaxis(c, -1, 0), r"shape \(3, 40, 60\).*channels last: pass numpy\.moveaxis"),
        (lambda c: torch.tensor(c).permute(2, 0, 1), r"channels last: pass numpy\.moveaxis"),
        (lambda c: np.ma.masked_equal(c, 255), r"masked pixels.*image\.filled"),
        (lambda c: c[None], r"shape \(1, 40, 60, 3\).*one image"),
        (lambda c: c[0, 0], r"shape \(3,\)"),
        (lambda c: c[..., :2], r"shape \(40, 60, 2\)"),
        (lambda c: c[:0], "is empty"),
        (lambda c: c[:, :0, 0], "is empty"),
    ],
)
def test_what_has_two_readings_is_refused_with_the_way_out(colours, convert, message):
    for function in (as_image, as_bytes):
        with pytest.raises(ValueError, match=message):
            function(convert(colours))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("face.jpg", r"path 'face\.jpg'.*tcdcn_init\.images\.read_image"),
        (Path("face.jpg"), "read it first"),
        (np.zeros((5, 5), dtype=complex), "dtype complex128"),
        (np.zeros((5, 5), dtype="M8[s]"), r"dtype datetime64\[s\]"),
        (np.array([["a"]]), "dtype <U1"),
        (None, "dtype object"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(TypeError, match=message):
        as_image(image)


# --- Pillow's images


@pytest.mark.parametrize(
    "convert",
    [
        lambda p: p,
        lambda p: p.convert("RGBA"),
        lambda p: p.convert("CMYK"),
        lambda p: p.convert("YCbCr"),
        lambda p: p.convert("HSV"),
        lambda p: p.convert("LAB"),
        lambda p: p.quantize(256),
        lambda p: p.quantize(256).convert("PA"),
        lambda p: p.convert("L"),
        lambda p: p.convert("LA"),
        lambda p: p.convert("LA").convert("La"),
        lambda p: p.convert("RGBA").convert("RGBa"),
    ],
)
def test_images_of_pillow_are_converted_whatever_their_mode(colours, convert):
    image = as_image(convert(Image.fromarray(colours)))
    # Palettes are coarse and Pillow's luma has other weights; ink taken for colour is off by half of the range.
    assert np.abs(as_grey(image) - as_grey(colours)).mean() < 0.1


def test_modes_of_16_bits_and_of_floats_are_read_by_their_range(colours):
    grey = colours[..., 0]
    wide = grey.astype(np.uint16) * np.uint16(257)
    assert off(as_image(Image.fromarray(wide)), grey) < 1e-6
    assert off(as_image(Image.fromarray(wide.astype(np.int32))), grey) < 1e-6
    assert off(as_image(Image.fromarray((grey / 255).astype(np.float32))), grey) < 1e-6
    with pytest.raises(ValueError, match="pass image / 255"):
        as_image(Image.fromarray(grey.astype(np.float32)))
    assert as_image(Image.fromarray(grey > 100)).max() == 255


def test_a_transparent_colour_of_a_palette_lies_on_white():
    image = Image.new("P", (4, 4), 3)
    image.info["transparency"] = 3
    assert as_grey(as_image(image)).min() == 1.0


# --- bytes and grey


@pytest.mark.parametrize("channels", [None, 3, 4])
@pytest.mark.parametrize("convert", [img_as_ubyte, img_as_uint, img_as_float, lambda p: p.astype(np.float32)])
def test_grey_and_bytes_are_what_scikit_image_makes_of_them(channels, convert):
    shape = (30, 40) if channels is None else (30, 40, channels)
    image = convert(np.random.default_rng(5).random(shape))
    expected = img_as_float(image)
    if channels == 4:
        expected = rgba2rgb(expected)
    assert np.abs(as_bytes(image) / 255.0 - expected).max() < 0.5001 / 255
    if channels:
        expected = rgb2gray(expected)
    np.testing.assert_allclose(as_grey(image), expected, atol=1e-5)


def test_bytes_are_the_callers_own_array(colours):
    assert np.shares_memory(as_bytes(colours), colours)
