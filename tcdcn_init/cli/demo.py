"""`tcdcn-init demo`: the initializer on scikit-image's bundled portrait, good box, bad box, rolled head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tcdcn_init._shared.files import replacing
from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import FIVE_POINTS, invert, rotation, transform_points
from tcdcn_init.initializer import Initializer

__all__ = ["demo_cases", "draw_demo"]

_COLOURS = ("#39ff88", "#00c8ff", "#ffd400", "#ff6ec7", "#ff8a3c")

_PANEL = 375  # side of a case's picture
_FINER = 3  # drawn so much larger, then reduced: smooth edges


def demo_cases() -> list[tuple[str, NDArray[np.uint8], NDArray[np.float64]]]:
    """The three cases: title, image, box."""
    from skimage.data import astronaut
    from skimage.transform import warp
    from skimage.util import img_as_ubyte

    portrait = np.asarray(astronaut())
    box = detect_boxes(portrait, "skimage")[0]
    side = box[2] - box[0]
    centre = (box[:2] + box[2:]) / 2
    turn = rotation(30.0, centre)
    square = np.vstack([invert(turn), [0.0, 0.0, 1.0]])
    rolled = img_as_ubyte(warp(portrait, square, mode="edge"))
    return [
        ("a good box", portrait, box),
        ("a box 20 % off", portrait, box + side * np.array([0.2, 0.1, 0.2, 0.1])),
        ("a head rolled by 30°", rolled, _box_around(turn, box)),
    ]


def _box_around(turn: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The box of the turned face: its centre turns, its size stays, as a detector's would."""
    centre = (box[:2] + box[2:]) / 2
    moved = transform_points(turn, centre[None])[0] - centre
    return np.asarray(box + np.tile(moved, 2))


def draw_demo(out: Path, initializer: Initializer | None = None) -> list[Any]:
    """Run the three cases and draw them side by side.

    Parameters
    ----------
    out : pathlib.Path
        PNG to write.
    initializer : Initializer, optional
        Default: the default model.

    Returns
    -------
    list of Initialization
        One per case.
    """
    initializer = initializer or Initializer()
    cases = demo_cases()
    faces = [initializer(image, [box])[0] for _, image, box in cases]
    panel, gap, title, legend = _PANEL * _FINER, 10 * _FINER, 30 * _FINER, 60 * _FINER
    page = Image.new("RGB", (3 * panel + 4 * gap, title + panel + legend), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(16 * _FINER)
    for k, ((name, image, box), face) in enumerate(zip(cases, faces, strict=True)):
        left = gap + k * (panel + gap)
        middle, half = (box[:2] + box[2:]) / 2, 0.95 * float(box[2] - box[0])
        corner, scale = middle - half + 0.5, panel / (2 * half)  # PIL counts from the pixels' corners
        part = (*corner, *(corner + 2 * half))
        page.paste(Image.fromarray(image).resize((panel, panel), Image.Resampling.BICUBIC, box=part), (left, title))
        offset = np.array([left, title]) + scale * (0.5 - corner)
        draw.rectangle([*(scale * box[:2] + offset), *(scale * box[2:] + offset)], outline="#ffbe00", width=2 * _FINER)
        for point, colour in zip(face.points, _COLOURS, strict=True):
            _dot(draw, scale * point + offset, colour)
        draw.text((left + panel / 2, title / 2), f"{name}: roll {face.roll:+.0f}°", "black", font, anchor="mm")
    widths = [draw.textlength(name, font) + 60 * _FINER for name in FIVE_POINTS]
    x, y = (page.width - sum(widths)) / 2 + 20 * _FINER, page.height - legend / 2
    for name, colour, width in zip(FIVE_POINTS, _COLOURS, widths, strict=True):
        _dot(draw, np.array([x, y]), colour)
        draw.text((x + 18 * _FINER, y), name, "black", font, anchor="lm")
        x += width
    with replacing(out) as part_file:
        page.reduce(_FINER).save(part_file, "PNG")
    return faces


def _dot(draw: ImageDraw.ImageDraw, centre: NDArray[np.floating], colour: str) -> None:
    draw.circle(tuple(centre), 5.5 * _FINER, colour, "black", _FINER)
