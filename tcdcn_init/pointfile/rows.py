"""The rows of an output: which columns they have, what these mean, and how a face fills them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.names import as_text
from tcdcn_init.initialization import Initialization
from tcdcn_init.tasks import TASKS

__all__ = ["Column", "Row", "columns_of", "face_row", "failed_row", "image_name", "image_row", "written"]

Row: TypeAlias = dict[str, Any]

Status: TypeAlias = Literal["ok", "no face", "failed", "not drawn"]

BOX = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Column:
    """A column of an output.

    Attributes
    ----------
    name : str
    kind : {"text", "whole", "number"}
        Of its values; whole are integers, number are floats.
    unit : str
        Empty where there is none.
    meaning : str
        The same for columns that belong together, such as those of the points.
    """

    name: str
    kind: Literal["text", "whole", "number"]
    unit: str
    meaning: str


def columns_of(points: int = 5, tasks: Sequence[str] = ()) -> list[Column]:
    """The columns of every row of a run, in order, whatever is found.

    Parameters
    ----------
    points : int
        Of the shape that is written.
    tasks : sequence of str
        Attributes that are written (`tasks.TASKS`).

    Returns
    -------
    list of Column

    Examples
    --------
    >>> [column.name for column in columns_of()][:8]
    ['image', 'width', 'height', 'orientation', 'face', 'status', 'left', 'top']
    >>> [column.name for column in columns_of(tasks=["smile"])][-3:]
    ['smile_no', 'smile_yes', 'error']
    """
    size = "size of the image that boxes and points refer to: turned by its EXIF orientation, unless `--as-stored`"
    shape = "the points, x then y, pixel centres at integers; outside of the image where the face reaches out of it"
    error = (
        "how far off each point is to be expected; blank of a model that does not say, and of 68 points as trained, "
        "not calibrated"
    )
    visible = "that each point can be seen, not hidden; blank of a model that does not say"
    columns = [
        Column("image", "text", "", "the image's path as given, in UTF-8; bytes that are not are written as `\\xe9`"),
        *(Column(name, "whole", "pixels", size) for name in ("width", "height")),
        Column("orientation", "whole", "", "the file's EXIF orientation, 1 to 8; 1 is upright, as it is stored"),
        Column("face", "whole", "", "number of the face in its image, from 0; blank in a row of the whole image"),
        Column(
            "status", "text", "", "`ok`; `no face`: none was found, or the box file has none; `failed`: this face, or "
            "the whole image, could not be used; `not drawn`: its points are there, its drawing is not",
        ),
        *(Column(name, "number", "pixels", "the face box that was used") for name in BOX),
        Column("confidence", "number", "probability", "that the points are good; blank of a model that does not say"),
        Column("roll", "number", "degrees", "how far the head is turned in the image, clockwise as seen, -180 to 180"),
        *(Column(f"{axis}{k}", "number", "pixels", shape) for k in range(points) for axis in "xy"),
        *(Column(f"expected_error{k}", "number", "inter-ocular distances", error) for k in range(points)),
        *(Column(f"visible{k}", "number", "probability", visible) for k in range(points)),
    ]  # fmt: skip
    for task in tasks:
        meaning = f"of each class of {task}; only with `--attributes`"
        columns += [Column(_attribute(task, name), "number", "probability", meaning) for name in TASKS[task]]
    return [*columns, Column("error", "text", "", "why it is `failed` or `not drawn`; otherwise blank")]


def _attribute(task: str, name: str) -> str:
    return f"{task}_{name}".replace(" ", "_")


def image_name(path: Path | str) -> str:
    """An image's name in an output: its path as text that is UTF-8, and that no spreadsheet takes for a formula.

    Examples
    --------
    >>> image_name(Path("in/a.jpg")), image_name(Path("=1+1.jpg"))
    ('in/a.jpg', './=1+1.jpg')
    """
    text = as_text(path)
    return f"./{text}" if text[:1] in "=+-@\t\r" else text


def image_row(path: Path | str, image: NDArray[Any] | None, status: Status, number: int | None = None) -> Row:
    """A row without points.

    Parameters
    ----------
    path : pathlib.Path or str
        A text is the name of an image that is no file of its own.
    image : ndarray or None
        As `images.as_image` returns it; None of what could not be read.
    status : str
    number : int, optional
        Of the face; None is a row of the whole image.
    """
    row: Row = {"image": image_name(path)}
    if image is not None:
        row["height"], row["width"] = image.shape[:2]
    return row | {"face": number, "status": status}


def failed_row(
    path: Path | str, image: NDArray[Any] | None, error: Exception | str, number: int | None = None, drawn: bool = True
) -> Row:
    """A row that says why an image or a face has no points, or an image no drawing; parameters as for `image_row`."""
    reason = str(error) or type(error).__name__
    if not drawn:
        return image_row(path, image, "not drawn") | {"error": as_text(f"not drawn: {reason}")}
    said = reason.removeprefix(f"{path} ")  # the name stands in the row
    if said == reason:
        said = f"{'' if number is None else f'face {number} '}cannot be used: {reason}"
    return image_row(path, image, "failed", number) | {"error": as_text(said)}


def face_row(
    path: Path | str,
    image: NDArray[Any],
    number: int,
    face: Initialization,
    tasks: Sequence[str] = (),
) -> Row:
    """The row of a face.

    Parameters
    ----------
    path, image, number
        As for `image_row`.
    face : Initialization
        Its 68 points are written where it has them, otherwise its five.
    tasks : sequence of str
        Attributes to write.
    """
    row = image_row(path, image, "ok", number)
    row.update(zip(BOX, (round(float(value), 3) for value in face.box), strict=True))
    row.update(confidence=_rounded(face.confidence, 4), roll=round(face.roll, 2))
    points, expected_error, visible = written(face)
    for k, (x, y) in enumerate(points):
        row[f"x{k}"], row[f"y{k}"] = round(float(x), 3), round(float(y), 3)
    row.update({f"expected_error{k}": _rounded(value, 4) for k, value in enumerate(expected_error)})
    row.update({f"visible{k}": _rounded(value, 4) for k, value in enumerate(visible)})
    for task in tasks:
        row.update({_attribute(task, name): round(value, 4) for name, value in face.attributes[task].items()})
    return row


def written(face: Initialization) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The points that are written of a face, their expected errors, and the probabilities that they can be seen."""
    if face.dense is None or face.dense_expected_error is None or face.dense_visible is None:
        return face.points, face.expected_error, face.visible
    return face.dense, face.dense_expected_error, face.dense_visible


def _rounded(value: float | np.floating[Any], digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
