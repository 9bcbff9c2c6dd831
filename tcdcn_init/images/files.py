"""Image files as a camera held them: Pillow's formats, the TIFFs that it does not know or takes wrong, and HEIC."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.images.arrays import as_image
from tcdcn_init.images.orientation import ORIENTATION, shown, stored

__all__ = ["PIXEL_LIMIT", "orientation_of", "read_image"]

PIXEL_LIMIT = 178_956_970
"""Largest number of pixels of a file that is decoded, by its header; Pillow's own limit, here for all formats."""

_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Brands of files of the ISO's box format, which stand behind its "ftyp".
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")

_BITS, _PLANES = 258, 284  # tags of TIFF


def read_image(path: str | Path, *, content: bytes | None = None, apply_orientation: bool = True) -> NDArray[Any]:
    """Decode an image file, the first image of one that holds several.

    Parameters
    ----------
    path : path
        Of any format that Pillow reads (JPEG, PNG, WebP, GIF, TIFF, BMP, JPEG 2000, AVIF since its version 11.3), a
        TIFF of 16 bits a channel or of floats, or, with the extra ``[heif]``, HEIC.
    content : bytes, optional
        What the file holds, of one that lies in an archive or a table: the path is then but its name.
    apply_orientation : bool
        Turn the image as its EXIF orientation says, as viewers do: phones store portraits lying. Boxes and points are
        then of the turned image. False for annotations that were made on the pixels as they are stored; HEIC has no
        such pixels, and is always turned.

    Returns
    -------
    ndarray
        As `as_image` returns it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an image, is damaged, is larger than `PIXEL_LIMIT`, or needs a package that is not there; the
        message names the file.
    """
    if content is None and not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "does not exist"
        raise FileNotFoundError(f"image {path} {what}; expected a file")
    try:
        return as_image(_decoded(_File(Path(path), content), apply_orientation))
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, DecompressionBombError
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


class _File(NamedTuple):
    path: Path
    content: bytes | None

    def open(self) -> BinaryIO:
        """Its bytes from the first one on; of a file no more than what is asked for."""
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)


def _decoded(file: _File, apply_orientation: bool) -> Any:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        # By its bytes: of a grey TIFF that it maps into memory by its name, Pillow garbles what is to be turned.
        with file.open() as opened, Image.open(opened) as image:
            _check_size(image.width * image.height)
            tags: Any = getattr(image, "tag_v2", {})  # of a TIFF
            if tags.get(_PLANES) == 2 and max(tags.get(_BITS, (1,))) > 8:
                return _read_by_tifffile(file, apply_orientation)  # Pillow silently reads noise
            orientation = image.getexif().get(ORIENTATION, 1)
            image.load()
            if apply_orientation:
                return ImageOps.exif_transpose(image)
            # TIFFs are turned while they are loaded, by most versions of Pillow.
            is_turned = image.getexif().get(ORIENTATION, 1) != orientation
            return stored(np.asarray(image), orientation) if is_turned else image
    except UnidentifiedImageError as error:
        with file.open() as opened:
            head = opened.read(12)
        if head[:4] in _TIFF_HEADS:
            return _read_by_tifffile(file, apply_orientation)
        if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
            return _read_heic(file)
        if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
            raise ValueError(
                "it is an AVIF image; reading it needs Pillow 11.3 or later: pip install -U pillow"
            ) from error
        raise ValueError("it is damaged, or in no known format of images (JPEG, PNG, TIFF, ...)") from error


def orientation_of(path: str | Path, *, content: bytes | None = None) -> int:
    """The EXIF orientation that `read_image` applies to a file: 1 to 8; 1, upright, where there is none.

    Only the file's head is read. What is no image, or one that has no stored pixels of its own (HEIC), has 1.

    Parameters
    ----------
    path, content
        As for `read_image`.

    Returns
    -------
    int
    """
    from PIL import Image

    file = _File(Path(path), content)
    try:
        with file.open() as opened, Image.open(opened) as image:
            value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # of a TIFF that Pillow does not know
        try:
            value = _tiff_orientation(file)
        except Exception:  # what cannot be read has no orientation, and its reader says why
            value = 1
    return int(value) if value in range(1, 9) else 1


def _tiff_orientation(file: _File) -> int:
    from tifffile import TiffFile

    with file.open() as opened, TiffFile(opened) as tiff:
        tag = tiff.pages.first.tags.get(ORIENTATION)
    return 1 if tag is None else int(tag.value)


def _read_by_tifffile(file: _File, apply_orientation: bool) -> NDArray[Any]:
    """The first page of a TIFF that Pillow does not know, as of three channels of 16 bits, or of doubles."""
    from tifffile import PHOTOMETRIC, TiffFile

    with file.open() as opened, TiffFile(opened) as tiff:
        page = tiff.pages.first
        if page.photometric not in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB):
            raise ValueError(f"it is a TIFF of {page.photometric!r}; expected grey or RGB")
        _check_size(page.imagewidth * page.imagelength)
        pixels = np.asarray(page.asarray())
        if page.planarconfig == 2 and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
    return shown(pixels, _tiff_orientation(file)) if apply_orientation else pixels


def _read_heic(file: _File) -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError(
            f'it is a HEIC image, which needs pillow-heif: pip install "tcdcn-init[heif]" ({error})'
        ) from error
    with file.open() as opened:
        heic = pillow_heif.open_heif(opened)
        _check_size(heic.size[0] * heic.size[1])
        return heic.to_pillow()


def _check_size(pixels: int) -> None:
    if pixels > PIXEL_LIMIT:
        raise ValueError(f"it holds {pixels} pixels; expected at most {PIXEL_LIMIT}: make it smaller first")
