"""Points of whole folders: `tcdcn-init points` without the command line.

Results go to a journal beside the output as they come, a JSON line an image, so that an interrupted run goes on
where it stopped; the output is written once, from the whole journal, at the end.
"""

from __future__ import annotations

import csv
import glob
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.images import read_image
from tcdcn_init._shared.journal import append, open_journal
from tcdcn_init._shared.progress import track
from tcdcn_init.detection import detect_boxes
from tcdcn_init.initializer import Initialization, Initializer

logger = logging.getLogger("tcdcn_init")

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
OUTPUT_SUFFIXES = (".csv", ".json", ".parquet")

# Pictures held in memory at once, whose faces make one batch.
_BATCH = 16

Dense = Callable[[NDArray[Any], NDArray[np.float32]], NDArray[Any]]


@dataclass(frozen=True)
class PointsReport:
    """What a run did.

    Attributes
    ----------
    images, faces : int
        Pictures read, and faces in them.
    unreadable : dict of str to str
        Reason per file that could not be used, or not wholly.
    out : pathlib.Path
    """

    images: int
    faces: int
    unreadable: Mapping[str, str]
    out: Path


def find_images(patterns: Sequence[str]) -> list[Path]:
    """Files, folders (searched wholly) and glob patterns to a sorted list of pictures without repetition.

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            matches = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        elif path.exists():
            matches = [path]
        else:
            matches = sorted(Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file())  # noqa: PTH207
        if not matches:
            raise FileNotFoundError(
                f"{pattern!r} matches no picture; expected a file, a folder or a pattern with files of "
                f"{', '.join(IMAGE_SUFFIXES)}"
            )
        found.update(dict.fromkeys(matches))
    return list(found)


def write_points(
    images: Sequence[Path],
    out: Path,
    initializer: Initializer,
    *,
    boxes: Mapping[str, Sequence[NDArray[np.float64]]] | None = None,
    dense: Dense | None = None,
    draw: Path | None = None,
    settings: str = "",
) -> PointsReport:
    """Initialize every face of many pictures into one file.

    Parameters
    ----------
    images : sequence of pathlib.Path
    out : pathlib.Path
        .csv, .json or .parquet: a row a face (columns image, face, left, top, right, bottom, x0, y0, ..., roll,
        confidence and the five points' expected errors where the model says them, and the attributes' probabilities),
        and a row with an error for a picture that could not be read.
    initializer : Initializer
    boxes : mapping of str to sequence of boxes, optional
        Boxes by path or, where that is unambiguous, by file name; pictures without an entry are reported as
        errors. Omitted, faces are detected.
    dense : callable, optional
        ``(picture, five points) -> (P, 2)`` shape to write instead of the five points.
    draw : pathlib.Path, optional
        Folder for a copy of every picture with boxes and points drawn in.
    settings : str
        What, besides the pictures, decides the results; a journal of other settings is not gone on with.

    Returns
    -------
    PointsReport

    Raises
    ------
    ValueError
        If the output's suffix is unknown, or a journal of other settings lies beside it.
    ImportError
        If .parquet is asked for without pyarrow.
    """
    if out.suffix not in OUTPUT_SUFFIXES:
        raise ValueError(f"output {out} has suffix {out.suffix!r}; expected one of {', '.join(OUTPUT_SUFFIXES)}")
    if out.suffix == ".parquet":
        _pyarrow()
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = out.with_name(out.name + ".journal")
    done = {entry["image"]: entry["rows"] for entry in open_journal(journal, settings)}
    todo = [path for path in images if str(path) not in done]
    if done and len(todo) < len(images):
        logger.info("%d of %d pictures are done already; going on", len(images) - len(todo), len(images))
    for group in track(_groups(todo), "Initializing", total=-(-len(todo) // _BATCH)):
        for path, rows in _initialize(group, initializer, boxes, dense, draw):
            append(journal, {"image": str(path), "rows": rows})
            done[str(path)] = rows
    rows = [row for path in images for row in done[str(path)]]
    temporary = out.with_name(out.name + ".part")
    {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}[out.suffix](temporary, rows)
    temporary.replace(out)
    journal.unlink()
    bad = [row for row in rows if row.get("error")]
    unread = sum(row["face"] is None for row in bad)
    reasons: dict[str, str] = {}
    for row in bad:
        reasons[row["image"]] = "; ".join(filter(None, [reasons.get(row["image"]), row["error"]]))
    return PointsReport(len(images) - unread, len(rows) - len(bad), reasons, out)


def _groups(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), _BATCH):
        yield paths[start : start + _BATCH]


def _initialize(
    paths: Sequence[Path],
    initializer: Initializer,
    boxes: Mapping[str, Sequence[NDArray[np.float64]]] | None,
    dense: Dense | None,
    draw: Path | None,
) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """One batch of pictures; a picture that fails becomes a row with an error and leaves the others alone."""
    pictures: list[NDArray[Any]] = []
    entries: list[Any] = []
    good: list[Path] = []
    for path in paths:
        try:
            picture = read_image(path)
            entry: Any = detect_boxes(picture) if boxes is None else _boxes_of(path, boxes)
        except (OSError, ValueError, TypeError) as error:
            yield path, [{"image": str(path), "face": None, "error": str(error)}]
            continue
        pictures.append(picture)
        entries.append(entry)
        good.append(path)
    results = initializer.batch(pictures, entries, on_bad="nan")
    for path, picture, entry, faces in zip(good, pictures, entries, results, strict=True):
        rows = []
        shapes = []
        for number, face in enumerate(faces):
            if not np.isfinite(face.points).all():
                reason = f"face {number}: its box {np.round(entry[number], 1).tolist()} cannot be used"
                rows.append({"image": str(path), "face": number, "error": reason})
                continue
            shape = face.points if dense is None else dense(picture, face.points)
            shapes.append((face, shape))
            rows.append(_row(path, number, face, shape))
        yield path, rows
        if draw is not None:
            _draw(draw, path, picture, shapes)


def _boxes_of(path: Path, boxes: Mapping[str, Sequence[NDArray[np.float64]]]) -> Sequence[NDArray[np.float64]]:
    for key in (path.as_posix(), path.name):
        if key in boxes:
            return boxes[key]
    ends = [key for key in boxes if path.as_posix().endswith("/" + key)]
    if len(ends) == 1:
        return boxes[ends[0]]
    raise ValueError(f"no entry in the box file names {path}; expected its path or its file name in the image column")


def _row(path: Path, number: int, face: Initialization, shape: NDArray[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"image": str(path), "face": number}
    row.update(zip(("left", "top", "right", "bottom"), (round(float(v), 3) for v in face.box), strict=True))
    for k, (x, y) in enumerate(shape):
        row[f"x{k}"], row[f"y{k}"] = round(float(x), 3), round(float(y), 3)
    row["roll"] = round(face.roll, 2)
    if np.isfinite(face.confidence):
        row["confidence"] = round(face.confidence, 4)
        row.update({f"expected error {k}": round(float(error), 4) for k, error in enumerate(face.expected_error)})
    for task, chances in face.attributes.items():
        row.update({f"{task} {name}": round(chance, 4) for name, chance in chances.items()})
    row["error"] = None
    return row


def _draw(folder: Path, path: Path, picture: NDArray[Any], shapes: Sequence[tuple[Initialization, Any]]) -> None:
    from skimage.io import imsave

    from tcdcn_init._shared.drawing import overlay

    folder.mkdir(parents=True, exist_ok=True)
    name = "_".join(part for part in path.with_suffix(".png").parts if part not in (path.anchor, "..", "."))
    drawn = overlay(picture, [shape for _, shape in shapes], [face.box for face, _ in shapes])
    imsave(folder / name, drawn, check_contrast=False)


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    names.pop("error", None)
    return [*names, "error"]


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=1) + "\n")


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            '.parquet needs pyarrow: pip install "tcdcn-init[parquet]", or choose .csv or .json'
        ) from error
    return pyarrow


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    pyarrow = _pyarrow()
    table = pyarrow.table({name: [row.get(name) for row in rows] for name in _columns(rows)})
    pyarrow.parquet.write_table(table, path)
