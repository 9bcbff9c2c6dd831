"""Faces with the start and the result drawn over them, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.confidence import FAILURE
from tcdcn_init.eval.comparison.plots import start_colours
from tcdcn_init.eval.comparison.report import GalleryFace, Panel, Points

__all__ = ["gallery_html"]

# Lines through the points: a chain of indices each. iBUG's eyes and lips are closed.
_FIVE = ((0, 1, 2, 0), (2, 3, 4, 2))
_DENSE = tuple(
    tuple(range(first, last)) + ((first,) if closed else ())
    for first, last, closed in (
        (0, 17, False), (17, 22, False), (22, 27, False), (27, 31, False), (31, 36, False),
        (36, 42, True), (42, 48, True), (48, 60, True), (60, 68, True),
    )
)  # fmt: skip


def gallery_html(faces: Sequence[GalleryFace], starts: Sequence[str]) -> str:
    """Cards of faces, each with its panels side by side.

    Parameters
    ----------
    faces : sequence of GalleryFace
    starts : sequence of str
        Of the report, for their colours.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If an image is not a data URI: the page would ask another file or the network for it.
    """
    return f'<div class="faces">{"".join(_card(face, starts) for face in faces)}</div>'


def _card(face: GalleryFace, starts: Sequence[str]) -> str:
    colours = start_colours([*starts, *(panel.start for panel in face.panels if panel.start not in starts)])
    panels = "".join(_panel(face, panel, colours[panel.start]) for panel in face.panels)
    trained = "" if face.training == "original" else f", {face.training}"
    return (
        f'<article class="card"><div class="pair">{panels}</div>'
        f'<p class="name">{escape(face.name)} <span>{escape(face.regressor + trained)}</span></p></article>'
    )


def _panel(face: GalleryFace, panel: Panel, colour: str) -> str:
    width, height = _size(face.image, face.name)
    said, fails = _error(panel.error if len(panel.shape) else None)
    alt = f"{face.name}: {face.regressor} from {panel.start}, {said}"
    started = "".join(_lines(shape, "start") for shape in panel.shape_start)
    ended = _lines(panel.shape, "halo") + _lines(panel.shape, "result")
    dense = len(face.truth) > 5
    if not dense or not ended:
        ended += _dots(panel.shape, width)
    kind = "dense" if dense else "five"
    ring = width / (160 if dense else 60)
    truth = "".join(f'<circle class="truth" cx="{x:.1f}" cy="{y:.1f}" r="{ring:.1f}"/>' for x, y in _finite(face.truth))
    # Pixel centres are at integers, and so the image begins half a pixel before 0.
    return (
        f'<figure style="--start:{colour}"><div class="face">'
        f'<img src="{escape(face.image)}" width="{width}" height="{height}" alt="{escape(alt)}">'
        f'<svg class="{kind}" viewBox="-0.5 -0.5 {width} {height}" aria-hidden="true">'
        f"{started}{truth}{ended}</svg></div>"
        f'<figcaption><span><i class="swatch"></i>{escape(panel.start)}</span>'
        f"<span><b>{said}</b>{' <em>fails</em>' if fails else ''}</span></figcaption></figure>"
    )


def _size(uri: str, name: str) -> tuple[int, int]:
    from PIL import Image

    if not uri.startswith("data:image/") or ";base64," not in uri:
        raise ValueError(f"the image of {name} is {uri[:40]!r}; expected a data URI, data:image/jpeg;base64,...")
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(";base64,")[2]))) as image:
        return image.size


def _error(error: float | None) -> tuple[str, bool]:
    if error is None or not np.isfinite(error):
        return "no result", True
    return f"{100 * error:.1f} %", error > FAILURE


def _lines(shape: Points, kind: str) -> str:
    points = _array(shape)
    chains = {5: _FIVE, 68: _DENSE}.get(len(points), ())
    path = ""
    for chain in chains:
        part = points[list(chain)]
        if np.isfinite(part).all():
            path += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part)
    return f'<path class="{kind}" d="{path}"/>' if path else ""


def _dots(shape: Points, width: int) -> str:
    points = _finite(shape)
    radius = width / (70 if len(points) <= 5 else 130)
    return "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>' for x, y in points)


def _array(shape: Points) -> NDArray[np.float64]:
    """Points as (P, 2), NaN where one is missing."""
    return np.array([(np.nan, np.nan) if point is None else point for point in shape], dtype=np.float64).reshape(-1, 2)


def _finite(shape: Points) -> list[tuple[float, float]]:
    points = _array(shape)
    return [(float(x), float(y)) for x, y in points[np.isfinite(points).all(axis=1)]]
