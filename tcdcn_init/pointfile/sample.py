"""A random sample of the faces of a run, on the page that else holds all of them.

It is drawn when all faces are known, each as likely as any other, and only its images are read again: it costs the same
whatever the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.pointfile.rows import BOX, Row
from tcdcn_init.review import FaceCrop, crop_face, write_review

__all__ = ["check_sample", "drawn_numbers", "write_sample"]


def check_sample(size: int | None, review: Path | None) -> None:
    """Refuse what cannot be a sample, or names no page for it, before any work.

    Raises
    ------
    ValueError
    """
    if size is not None and size < 1:
        raise ValueError(f"sample is {size}; expected a number of faces, 1 or more")
    if size is not None and review is None:
        raise ValueError(
            f"a sample of {size} faces is for a page to review them; name that as well: --review FILE.html"
        )
    if review is not None and (review.suffix.lower() not in (".html", ".htm") or review.is_dir()):
        raise ValueError(f"review {review} is no name of a page; expected one that ends in .html")


def drawn_numbers(count: int, size: int, seed: int = 0) -> NDArray[np.int64]:
    """Which of `count` faces are in a sample, in order; all of them where there are no more than `size`.

    Examples
    --------
    >>> drawn_numbers(1_000_000, 3).tolist() == drawn_numbers(1_000_000, 3).tolist()
    True
    >>> drawn_numbers(2, 200).tolist()
    [0, 1]
    """
    return np.sort(np.random.default_rng(seed).choice(count, min(size, count), replace=False))


def write_sample(path: Path, rows: Sequence[Row], read: Callable[[str], NDArray[Any]], title: str) -> None:
    """Write the review page of some rows, whose images are read again.

    Parameters
    ----------
    path : pathlib.Path
    rows : sequence of dict
        Of faces with points, those of an image together.
    read : callable
        From an image's name to its pixels. What it raises stands on the page in the place of the image's faces.
    title : str

    Raises
    ------
    OSError
        If the page cannot be written.
    """
    crops: list[FaceCrop] = []
    others: list[tuple[str, str]] = []
    for name, of_image in groupby(rows, key=lambda row: row["image"]):
        try:
            image = read(name)
        except Exception as error:  # it was read before, yet may have changed or gone
            others.append((name, str(error)))
            continue
        crops += [_crop(image, row) for row in of_image]
    write_review(path, crops, others, title)


def _crop(image: NDArray[Any], row: Row) -> FaceCrop:
    count = sum(re.fullmatch(r"x\d+", name) is not None for name in row)
    points = [(row[f"x{k}"], row[f"y{k}"]) for k in range(count)]
    visible = [row[f"visible{k}"] for k in range(count)]
    return crop_face(
        image, row["image"], row["face"], points, [row[side] for side in BOX],
        confidence=row["confidence"], visible=None if None in visible else np.array(visible, dtype=np.float64),
    )  # fmt: skip
