"""Picture files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tcdcn_init.crops import as_picture


def read_image(path: str | Path) -> NDArray[Any]:
    """Decode a picture file.

    Parameters
    ----------
    path : path

    Returns
    -------
    ndarray
        As `crops.as_picture` returns it. A rotation that a camera noted in the file is not applied: points and boxes
        refer to the pixels as they are stored.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a picture, is damaged or is absurdly large; the message names the file.
    """
    from skimage.io import imread

    if not Path(path).is_file():
        raise FileNotFoundError(f"picture {path} does not exist")
    try:
        return as_picture(imread(path))
    except (
        Exception
    ) as error:  # decoders raise what they like: OSError, SyntaxError, zlib.error, DecompressionBombError
        raise ValueError(f"{path} cannot be read as a picture: {error}") from error
