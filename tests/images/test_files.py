"""Image files of the kinds that people have: read alike, turned, or refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, features
from skimage.io import imsave

from tcdcn_init.images import as_grey, read_image


def stored(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("RGB", "a.png"),
        ("RGB", "a.jpg"),
        ("CMYK", "a.jpg"),
        ("CMYK", "a.tif"),
        ("RGBA", "a.png"),
        ("P", "a.gif"),
        ("P", "a.png"),
        ("RGB", "a.webp"),
        ("RGB", "a.bmp"),
        ("RGB", "a.jp2"),
        ("RGB", "a.avif"),
    ],
)
def test_files_of_many_kinds_show_the_same(colours, tmp_path, mode, name):
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    image = read_image(stored(tmp_path, Image.fromarray(colours).convert(mode), name))
    assert image.shape[:2] == colours.shape[:2]
    assert np.abs(as_grey(image) - as_grey(colours)).mean() < 0.05


def test_files_of_16_bits_are_read_by_their_own_range(colours, tmp_path):
    grey = colours[..., 0].astype(np.uint16) * np.uint16(257)
    (tmp_path / "a.pgm").write_bytes(b"P5 60 40 65535\n" + grey.astype(">u2").tobytes())
    imsave(tmp_path / "a.png", grey, check_contrast=False)
    imsave(tmp_path / "a.tif", grey, check_contrast=False)
    imsave(tmp_path / "b.tif", colours.astype(np.uint16) * np.uint16(257), check_contrast=False)
    imsave(tmp_path / "c.tif", colours / 255, check_contrast=False)
    for name in ("a.pgm", "a.png", "a.tif"):
        assert np.abs(as_grey(read_image(tmp_path / name)) - as_grey(colours[..., 0])).max() < 1e-6
    for name in ("b.tif", "c.tif"):
        assert np.abs(as_grey(read_image(tmp_path / name)) - as_grey(colours)).max() < 1e-6


def test_the_first_of_several_images_is_read(colours, tmp_path):
    first, second = Image.fromarray(colours), Image.fromarray(255 - colours)
    for name in ("a.gif", "a.tif", "a.png", "a.webp"):
        image = read_image(stored(tmp_path, first, name, save_all=True, append_images=[second]))
        assert np.abs(as_grey(image) - as_grey(colours)).mean() < 0.05


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_camera_noted(colours, tmp_path, orientation, name):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright, exif = Image.fromarray(colours), Image.Exif()
    exif[0x0112] = orientation
    lying = upright.transpose(turns[orientation]) if orientation in turns else upright
    options = {"a.png": {"exif": exif}, "a.tif": {"tiffinfo": {0x0112: orientation}}}
    path = stored(tmp_path, lying, name, **options.get(name, {"exif": exif, "lossless": True}))
    np.testing.assert_array_equal(read_image(path), colours)
    np.testing.assert_array_equal(read_image(path, apply_orientation=False), np.asarray(lying))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_of_planes_of_16_bits_is_read_and_turned(colours, tmp_path, orientation):
    lying = np.asarray(colours, dtype=np.uint16) * 257
    lying = lying if orientation < 5 else lying.swapaxes(0, 1)
    lying = lying[:: -1 if orientation in (3, 4, 6, 7) else 1, :: -1 if orientation in (2, 3, 7, 8) else 1]
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(lying, 2, 0), photometric="rgb", planarconfig="separate",
        extratags=[(274, "H", 1, orientation, True)],
    )  # fmt: skip
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif") // 257, colours)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", apply_orientation=False), lying)


def test_heic_is_read_turned(colours, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(colours).transpose(Image.Transpose.ROTATE_90)
    pillow_heif.from_pillow(lying).save(tmp_path / "a.heic", quality=-1, exif=exif.tobytes())
    for apply_orientation in (True, False):
        shown = read_image(tmp_path / "a.heic", apply_orientation=apply_orientation)
        assert shown.shape == colours.shape
        assert np.abs(shown.astype(int) - colours).mean() < 8


def test_heic_without_its_package_says_which(colours, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    with pytest.raises(ValueError, match=r'a HEIC image.*pip install "tcdcn-init\[heif\]"'):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.gif"])
def test_an_image_larger_than_the_limit_is_not_decoded(tmp_path, monkeypatch, name):
    path = stored(tmp_path, Image.new("L", (300, 200), 7), name)
    monkeypatch.setattr("tcdcn_init.images.files.PIXEL_LIMIT", 59_999)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as an image: it holds 60000 pixels"):
        read_image(path)
    monkeypatch.setattr("tcdcn_init.images.files.PIXEL_LIMIT", 60_000)
    assert read_image(path).shape[:2] == (200, 300)


def test_what_cannot_be_read_names_the_file(tmp_path, colours):
    with pytest.raises(FileNotFoundError, match=r"no\.jpg does not exist"):
        read_image(tmp_path / "no.jpg")
    whole = stored(tmp_path, Image.fromarray(colours), "whole.jpg").read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2], b"II*\0" + bytes(50)):
        (tmp_path / "bad.jpg").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.jpg cannot be read as an image: ") as refusal:
            read_image(tmp_path / "bad.jpg")
        assert "pip install" not in str(refusal.value)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(FileNotFoundError, match="is a folder; expected a file"):
        read_image(tmp_path)
