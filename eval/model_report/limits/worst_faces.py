"""Images of what an initializer gets wrong: contact sheets of photographs, drawings that may be shown anywhere.

The images of MTFL, AFLW and AFW may not be passed on: sheets of them go into a folder of their own that Git ignores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.plotting import drawn
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX, PORTRAIT_POINTS
from tcdcn_init.eval.measuring.copies import Condition, make_copy, read_images
from tcdcn_init.eval.metrics import nme
from tcdcn_init.eval.model_report.limits.figures import Limits, PortraitPart
from tcdcn_init.eval.perturbation import covered, face_rng
from tcdcn_init.geometry import interocular
from tcdcn_init.initializer import Initializer
from tcdcn_init.tasks import TASKS

__all__ = ["Cell", "draw_sheet", "portrait_cells", "worst_cells"]

_TRUTH, _FOUND, _BOX = "#00A5FF", "#FF5A00", "#FFC400"
_PANEL = 2.15  # inches
_AROUND = 0.08  # of the shown extent
# One line through the five points: eyes, nose and mouth corners.
_THROUGH = [0, 1, 2, 4, 3, 2, 0]


class Cell(NamedTuple):
    """One face of a sheet.

    Attributes
    ----------
    image : ndarray or None
        None draws the shapes alone.
    box : (4,) ndarray
    truth, found : (5, 2) ndarray
        Annotated and found points.
    caption : str
    """

    image: NDArray[Any] | None
    box: NDArray[np.float64]
    truth: NDArray[np.float64]
    found: NDArray[np.float64]
    caption: str


def worst_cells(limits: Limits, place: int, rows: Sequence[int], *, photographs: bool, seed: int) -> list[Cell]:
    """Faces as a sheet shows them.

    Parameters
    ----------
    limits : Limits
    place : int
        Of the occluded part in `Limits.shares`.
    rows : sequence of int
        Of `Limits.faces`, as `limits.worst_faces` gives them.
    photographs : bool
        With their images and file names, or as shapes alone.
    seed : int
        As the faces were measured with.

    Returns
    -------
    list of Cell
    """
    cells = []
    for k in rows:
        face, share = limits.faces[k], limits.shares[place]
        pose = face.attributes.get("pose")
        caption = f"{100 * limits.errors[place, k].mean():.0f} %"
        caption += ", no pose given" if pose is None else f", {TASKS['pose'][pose]}"
        if limits.has_confidence:
            caption += f"\nconfidence {100 * limits.confidence[place, k]:.0f} %"
        image = None
        if photographs:
            images, _ = read_images([face])
            copy = make_copy(face, images.get(face.image), Condition("occlusion", share), seed)
            image = None if copy is None else copy.image
            caption += f"\n{_short(face.name)}"
        cells.append(Cell(image, face.box, limits.truth[k], limits.found[place, k], caption))
    return cells


def portrait_cells(initializer: Initializer) -> tuple[list[Cell], list[PortraitPart]]:
    """scikit-image's portrait with one part after the other under noise.

    Parameters
    ----------
    initializer : Initializer

    Returns
    -------
    cells : list of Cell
    figures : list of PortraitPart
    """
    from skimage.data import astronaut

    truth, box = np.array(PORTRAIT_POINTS), np.array(PORTRAIT_BOX)
    unit = float(interocular(truth[None])[0])
    cells, figures = [], []
    for part, rectangle in _portrait_parts(truth, box, unit).items():
        image = covered(astronaut(), rectangle, face_rng(0, part, "occluder"), "noise")
        [face] = initializer(image, [box], on_bad="nan")
        error = float(nme(face.points[None], truth[None])[0])
        caption = f"{part}\nerror {100 * error:.1f} %"
        expected, confidence = None, None
        if np.isfinite(face.confidence):
            expected, confidence = float(face.expected_error.mean()), float(face.confidence)
            caption += f" (expected {100 * expected:.1f} %)\nconfidence {100 * confidence:.0f} %"
        cells.append(Cell(image, box, truth, face.points.astype(np.float64), caption))
        figures.append(PortraitPart(part, error, expected, confidence))
    return cells, figures


def _portrait_parts(
    truth: NDArray[np.float64], box: NDArray[np.float64], unit: float
) -> dict[str, NDArray[np.float64]]:
    """Rectangles by the name of what they occlude."""

    def around(points: NDArray[np.float64], across: float, up: float) -> NDArray[np.float64]:
        reach = np.array([across, up]) * unit
        return np.concatenate([points.min(axis=0) - reach, points.max(axis=0) + reach])

    left, top, right, bottom = box
    middle_x, middle_y = truth[2]
    return {
        "nothing": np.array([left, top, left, top]),
        "left eye": around(truth[:1], 0.4, 0.28),
        "right eye": around(truth[1:2], 0.4, 0.28),
        "both eyes": around(truth[:2], 0.4, 0.28),
        "nose": around(truth[2:3], 0.3, 0.3),
        "mouth": around(truth[3:], 0.2, 0.25),
        "left half": np.array([left, top, middle_x, bottom]),
        "right half": np.array([middle_x, top, right, bottom]),
        "lower half": np.array([left, middle_y, right, bottom]),
        "all of it": box,
    }


def draw_sheet(groups: Mapping[str, Sequence[Cell]], *files: Path, columns: int = 6) -> None:
    """Draw groups of faces below each other.

    Parameters
    ----------
    groups : mapping of str to sequence of Cell
        By title; at least one face in each.
    *files : pathlib.Path
        Of kinds that matplotlib knows by their suffix.
    columns : int
        At most; fewer where there are fewer faces.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    columns = max(3, min(columns, max(map(len, groups.values()))))  # three leave room for the legend
    rows = [-(-len(cells) // columns) for cells in groups.values()]
    lines = max(cell.caption.count("\n") + 1 for cells in groups.values() for cell in cells)
    heights = [row * (_PANEL + 0.17 * lines) + 0.35 for row in rows]
    with drawn(*files, size=(_PANEL * columns + 0.2, sum(heights) + 0.45)) as figure:
        *parts, last = figure.subfigures(len(groups) + 1, 1, height_ratios=[*heights, 0.45])
        for part, (title, cells), row in zip(parts, groups.items(), rows, strict=True):
            part.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
            axes = part.subplots(row, columns, squeeze=False).ravel()
            for axis, cell in zip(axes, cells, strict=False):
                _draw_cell(axis, cell)
            for axis in axes[len(cells) :]:
                axis.set_axis_off()
        handles = [
            Line2D([], [], color=_TRUTH, marker="o", markerfacecolor="none", label="annotated"),
            Line2D([], [], color=_FOUND, marker="o", label="found"),
            Patch(edgecolor=_BOX, facecolor="none", linewidth=1.5, label="box"),
        ]
        last.legend(handles=handles, loc="center", ncols=len(handles), fontsize=11)


def _draw_cell(axis: Any, cell: Cell) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    seen = np.concatenate([cell.box.reshape(2, 2), cell.truth, cell.found])
    low, high = seen.min(axis=0), seen.max(axis=0)
    middle, half = (low + high) / 2, float((high - low).max()) * (0.5 + _AROUND)
    (left, top), (right, bottom) = middle - half, middle + half
    if cell.image is not None:
        _draw_image(axis, cell.image, (left, top, right, bottom))
    left_edge, top_edge, right_edge, bottom_edge = cell.box
    size = (right_edge - left_edge, bottom_edge - top_edge)
    axis.add_patch(Rectangle((left_edge, top_edge), *size, fill=False, edgecolor=_BOX, linewidth=1.4))
    # A light rim, to be seen on any image.
    rim = [] if cell.image is None else [Stroke(linewidth=2.2, foreground="white"), Normal()]
    for points, colour in ((cell.truth, _TRUTH), (cell.found, _FOUND)):
        axis.plot(*points[_THROUGH].T, color=colour, linewidth=1.0, path_effects=rim)
    for points, colour, fill in ((cell.truth, _TRUTH, "none"), (cell.found, _FOUND, _FOUND)):
        axis.plot(
            *points.T,
            linestyle="none",
            marker="o",
            markersize=4.5,
            color=colour,
            markerfacecolor=fill,
            path_effects=rim,
        )
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set(edgecolor="#cccccc", visible=True)
    axis.set_xlabel(cell.caption, fontsize=9.5, labelpad=3)


def _draw_image(axis: Any, image: NDArray[Any], view: tuple[float, float, float, float]) -> None:
    """The part of the image that is in view, and grey beyond its border."""
    from tcdcn_init._shared.drawing import overlay

    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(view[:2]).astype(int), 0)
    right, bottom = np.minimum(np.ceil(view[2:]).astype(int) + 1, (width, height))
    axis.set_facecolor("#dddddd")
    if right > left and bottom > top:
        part = overlay(image[top:bottom, left:right])
        axis.imshow(part, extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5), interpolation="nearest")


def _short(name: str, longest: int = 26) -> str:
    """A name that fits under an image: its end says more than its start."""
    return name if len(name) <= longest else "…" + name[1 - longest :]
