"""`tcdcn-init demo`: the initializer on scikit-image's bundled portrait, good box, bad box, rolled head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import FIVE_POINTS, invert, rotation, transform_points
from tcdcn_init.initializer import Initializer

__all__ = ["demo_cases", "draw_demo"]

_COLOURS = ("#39ff88", "#00c8ff", "#ffd400", "#ff6ec7", "#ff8a3c")


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

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from tcdcn_init._shared.plotting import drawn

    initializer = initializer or Initializer()
    cases = demo_cases()
    faces = [initializer(image, [box])[0] for _, image, box in cases]
    with drawn(out, size=(10.5, 4.3)) as figure:
        from matplotlib.patches import Rectangle

        for axis, (title, image, box), face in zip(figure.subplots(1, 3), cases, faces, strict=True):
            axis.imshow(image)
            extent = box[2:] - box[:2]
            axis.add_patch(Rectangle(tuple(box[:2]), *extent, fill=False, edgecolor="#ffbe00", linewidth=1.5))
            for (x, y), name, colour in zip(face.points, FIVE_POINTS, _COLOURS, strict=True):
                axis.plot(x, y, "o", color=colour, markersize=7, markeredgecolor="black", label=name)
            axis.set_title(f"{title}: roll {face.roll:+.0f}°")
            middle, half = (box[:2] + box[2:]) / 2, 0.95 * float(extent[0])
            axis.set_xlim(middle[0] - half, middle[0] + half)
            axis.set_ylim(middle[1] + half, middle[1] - half)
            axis.set_axis_off()
        handles, names = axis.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=5)
    return faces
