"""Whatever a caller has, turned into the one kind of image that the whole project works on.

That kind is an array (H, W), (H, W, 3) or (H, W, 4), grey, RGB or RGBA, of uint8, uint16, float32 or float64: integers
over the whole range of their type, floats from 0 to 1, as in scikit-image. Every function here that takes an image
takes all that `as_image` takes, and nothing is guessed: what has two readings is refused with the way out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OVERSHOOT", "as_bytes", "as_grey", "as_image"]

OVERSHOOT = 0.25
"""How far below 0 and above 1 floats may lie, as resampling leaves them; it is clipped. More is of another range."""

# scikit-image's rgb2gray (ITU-R BT.709 luma).
_LUMA = np.array([0.2125, 0.7154, 0.0721], dtype=np.float32)

# Modes of Pillow whose arrays are images as they are, and what others are converted to.
_AS_IT_IS = ("L", "RGB", "RGBA", "F", "I;16", "I;16L", "I;16B", "I;16N")
_CONVERTED = {"1": "L", "LA": "RGBA", "La": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}


def as_image(image: Any) -> NDArray[Any]:
    """Validate an image, and convert it where it has to be.

    The pixels of uint8 are not touched, so that an image may be as large as it likes; of other types they are read once
    to find their range.

    Parameters
    ----------
    image : (H, W), (H, W, 3) or (H, W, 4) array_like, PIL image or torch tensor
        Grey, RGB or RGBA. bool, integers over the whole range of their type, or floats from 0 to 1 and a little beyond
        (`OVERSHOOT`), in any byte order. PIL images of any mode are converted (a palette to colours, CMYK to RGB, mode
        ``I`` as the 16 bits that it stands for); a camera's EXIF orientation is not applied to them, since their pixels
        are what the caller sees.

    Returns
    -------
    (H, W), (H, W, 3) or (H, W, 4) ndarray of uint8, uint16, float32 or float64
        The caller's array where it is of these; (H, W, 1) becomes (H, W). NaN and infinity stay: who uses such pixels
        says so, and whose face is elsewhere need not mind.

    Raises
    ------
    TypeError
        If it is a path instead of an array, or its dtype holds no pixels.
    ValueError
        If it is empty, has another number of dimensions or channels, or its values are of another range than their type
        says: floats of 0 to 255 or -1 to 1, bytes in wider integers.

    Examples
    --------
    >>> as_image(np.array([[True, False]])).tolist()
    [[255, 0]]
    >>> as_image(np.array([[0.0, 1.02]])).tolist()
    [[0.0, 1.0]]
    >>> as_image(np.array([[0.0, 200.0]]))
    Traceback (most recent call last):
    ValueError: image of float64 holds values from 0 to 200; expected 0 to 1: pass image / 255
    """
    array = _as_array(image)
    if array.dtype.kind not in "buif":
        raise TypeError(f"image has dtype {array.dtype}; expected bool, integers or floats from 0 to 1")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        turn = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        raise ValueError(
            f"image has shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4), one image, channels last"
            + (": pass numpy.moveaxis(numpy.asarray(image), 0, -1)" if turn else "")
        )
    if array.size == 0:
        raise ValueError(f"image of shape {array.shape} is empty; expected at least one pixel")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    return _floats(array) if array.dtype.kind == "f" else _integers(array)


def as_bytes(image: Any) -> NDArray[np.uint8]:
    """An image as detectors and files take it: bytes, grey or RGB.

    Parameters
    ----------
    image : ndarray
        As for `as_image`.

    Returns
    -------
    (H, W) or (H, W, 3) ndarray of uint8
        The caller's array where it is one. RGBA lies on white; values that are not finite become 0.

    Raises
    ------
    TypeError, ValueError
        As `as_image`.

    Examples
    --------
    >>> as_bytes(np.array([[0.0, 0.5, np.nan]])).tolist()
    [[0, 128, 0]]
    """
    array = as_image(image)
    alpha = array.shape[2:] == (4,)
    if array.dtype == np.uint8 and not alpha:
        return array
    values = array.astype(np.float32) * _gain(array)
    if alpha:
        values = values[..., :3] * values[..., 3:] + (1.0 - values[..., 3:])
    if array.dtype.kind == "f":
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(np.rint(values * 255.0), dtype=np.uint8)


def as_grey(region: NDArray[Any]) -> NDArray[np.float32]:
    """Grey floats: integers over their range, RGB by its luma (ITU-R BT.709), RGBA on white.

    Parameters
    ----------
    region : ndarray
        As `as_image` returns it, or a part of that.

    Returns
    -------
    (H, W) ndarray of float32
        0 to 1.
    """
    gain = _gain(region)
    if region.ndim == 2:
        return region.astype(np.float32) * gain
    # Channel by channel: half the time of converting all of them before a product with the weights.
    red, green, blue = (region[..., k].astype(np.float32) * (weight * gain) for k, weight in enumerate(_LUMA))
    luma = red + green + blue
    if region.shape[2] == 4:
        alpha = region[..., 3].astype(np.float32) * gain
        luma = luma * alpha + (1.0 - alpha)
    return np.asarray(luma, dtype=np.float32)


def _as_array(image: Any) -> NDArray[Any]:
    """An array of a caller's object, whose values are still to be checked."""
    if isinstance(image, str | Path):
        raise TypeError(
            f"image is the path {str(image)!r}; expected an array: read it first, tcdcn_init.images.read_image(path)"
        )
    if isinstance(image, np.ma.MaskedArray) and np.ma.is_masked(image):
        raise ValueError("image has masked pixels; expected values for all: pass image.filled(value)")
    # Libraries that the caller need not have are asked for only where they are loaded already.
    pillow, torch = sys.modules.get("PIL.Image"), sys.modules.get("torch")
    if pillow is not None and isinstance(image, pillow.Image):
        return _array_of_pillow(image)
    if torch is not None and isinstance(image, torch.Tensor):
        tensor: Any = image.detach().cpu()
        return np.asarray(tensor.float() if tensor.dtype == torch.bfloat16 else tensor)
    return np.asarray(image)


def _array_of_pillow(image: Any) -> NDArray[Any]:
    if image.mode == "I":
        # 32 bits by name; what files and Pillow's conversions put there are 16.
        array = np.asarray(image)
        return array.astype(np.uint16) if array.min() >= 0 and array.max() <= 65535 else array
    if image.mode in _AS_IT_IS:
        return np.asarray(image)
    if image.mode in _CONVERTED:
        # Pillow knows no direct way from premultiplied grey.
        return np.asarray((image.convert("LA") if image.mode == "La" else image).convert(_CONVERTED[image.mode]))
    return np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))


def _floats(array: NDArray[Any]) -> NDArray[Any]:
    name = array.dtype
    if array.dtype.itemsize not in (4, 8):
        array = array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    low, high = float(array.min()), float(array.max())
    finite = None
    if not np.isfinite([low, high]).all():
        finite = np.isfinite(array)
        if not finite.any():
            return array
        low, high = float(array[finite].min()), float(array[finite].max())
    if low < -OVERSHOOT or high > 1.0 + OVERSHOOT:
        raise ValueError(
            f"image of {name} holds values from {low:g} to {high:g}; expected 0 to 1: {_remedy(low, high)}"
        )
    if low >= 0.0 and high <= 1.0:
        return array
    clipped = np.clip(array, 0.0, 1.0)
    return clipped if finite is None else np.where(finite, clipped, array)


def _remedy(low: float, high: float) -> str:
    if low < -OVERSHOOT:
        symmetric = low >= -1.0 - OVERSHOOT and high <= 1.0 + OVERSHOOT
        return "pass (image + 1) / 2" if symmetric else "undo its normalisation"
    for largest in (255, 65535):
        if high <= largest * (1.0 + OVERSHOOT):
            return f"pass image / {largest}"
    return "divide it by the value of white"


def _integers(array: NDArray[Any]) -> NDArray[Any]:
    name, largest = array.dtype, int(np.iinfo(array.dtype).max)
    low, high = int(array.min()), int(array.max())
    if low < 0:
        raise ValueError(f"image of {name} holds {low}; expected 0, black, to {largest}, white: shift and scale it")
    # A tiny part of the type's range is an image of another type in a wider one.
    if array.dtype.itemsize > 1 and 0 < high <= max(255, largest // 1000 if array.dtype.itemsize > 2 else 0):
        narrow = next((f"image.astype(numpy.{kind})" for kind in ("uint8", "uint16") if high <= np.iinfo(kind).max), "")
        raise ValueError(
            f"image of {name} holds nothing above {high}, and white is {largest}; "
            f"pass {narrow or 'it divided by the value of its white'}"
        )
    if array.dtype == np.uint16:
        return array
    return np.asarray(array / largest, dtype=np.float32)


def _gain(array: NDArray[Any]) -> np.float32:
    """What white is multiplied by to be 1."""
    return np.float32(1.0 if array.dtype.kind == "f" else 1.0 / np.iinfo(array.dtype).max)
