"""From images to one file of points, in a run that may be interrupted at any time and goes on where it stopped.

Results go to a journal beside the output as they come, a line an image; the output is written once, from the whole
journal, at the end. What the journal calls done is done: its drawing lies on the disk, and it was made of the image,
the boxes and the model that are there now.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.names import as_text
from tcdcn_init._shared.processes import as_finished
from tcdcn_init._shared.progress import progress
from tcdcn_init.detection.detectors import BUILT_IN, Detector
from tcdcn_init.images import read_image
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile.drawings import drawings_of
from tcdcn_init.pointfile.finding import boxes_by_image
from tcdcn_init.pointfile.formats import check_output, write_rows
from tcdcn_init.pointfile.rows import Row, columns_of, image_name
from tcdcn_init.pointfile.sample import check_sample, drawn_numbers, write_sample
from tcdcn_init.pointfile.work import ImageResult, ImageTask, Worker, content_of
from tcdcn_init.review import FaceCrop, write_review

__all__ = ["PointsReport", "write_points"]

logger = logging.getLogger("tcdcn_init")

# Images at most that a process is given at a time: so many are done anew after an interruption.
_GROUP = 16


@dataclass(frozen=True)
class PointsReport:
    """What a run did.

    Attributes
    ----------
    images, faces : int
        Images read, and faces in them.
    without_face : tuple of str
        Images that were read and have no face, or no box in the box file.
    unreadable : dict of str to str
        Reason per file that could not be used, or not wholly.
    out : pathlib.Path
    rows : sequence of Row
        What was written, in order.
    """

    images: int
    faces: int
    without_face: tuple[str, ...]
    unreadable: Mapping[str, str]
    out: Path
    rows: Sequence[Row]


def write_points(
    images: Sequence[Path],
    out: Path,
    initializer: Initializer,
    *,
    boxes: Mapping[str, Sequence[ArrayLike]] | None = None,
    detector: Detector = "auto",
    turned: bool | None = None,
    draw: Path | None = None,
    review: Path | None = None,
    sample: int | None = None,
    attributes: bool = False,
    apply_orientation: bool = True,
    format: str | None = None,
    jobs: int = 1,
    settings: str = "",
) -> PointsReport:
    """Initialize every face of many images into one file.

    Parameters
    ----------
    images : sequence of pathlib.Path
    out : pathlib.Path
        .csv, .json or .parquet, with the columns of `columns_of`: a row a face, a row without a face's number for an
        image without one, and a row with an error for an image or a face that could not be used. Or a file of a
        labelling tool, with the images that could be read and the faces that could be used.
    initializer : Initializer
        With ``dense=True``, 68 points are written instead of the five.
    boxes : mapping of str to sequence of boxes, optional
        Boxes by path or by the end of it, such as the file name, where that fits one image only; other images get a row
        with an error. Omitted, faces are detected.
    detector, turned
        What detects them, as for `initialize`; with several jobs it must be possible to pickle it, as names can be.
    draw : pathlib.Path, optional
        Folder for a copy of every image with boxes and points drawn in, as JPEG of the image's size, in the images' own
        folders below the last that they share. Images below it are no input.
    review : pathlib.Path, optional
        .html: a page of all faces to look through (`review.write_review`).
    sample : int, optional
        So many faces on that page, drawn at random, instead of all.
    attributes : bool
        Write the probabilities of the model's attributes too, such as pose and gender (`tasks.TASKS`).
    apply_orientation : bool
        Turn images as their EXIF orientation says (`images.read_image`); boxes and points are then of the turned image.
        What labelling tools read is of the pixels that they show, either way (`labelling.SHOWS_TURNED`).
    format : str, optional
        One of `formats.FORMATS`; default: by the output's name.
    jobs : int
        Processes, each with a copy of the initializer and one thread. The output does not depend on it.
    settings : str
        What decides the results, for a reader of the journal; the content of boxes, model and images is compared in
        any case.

    Returns
    -------
    PointsReport

    Raises
    ------
    ValueError
        If an output's suffix or the detector is unknown, all images lie in the folder of the drawings, `jobs` or
        `sample` is below 1, a sample has no page to go to, or a journal of other settings lies beside the output.
    ImportError
        If .parquet is asked for without pyarrow, or the detector cannot be imported.
    OSError
        If output, journal, drawings or review cannot be written, or a process ended too early: what is finished is
        kept. If another process is writing the same output.
    """
    check_output(out, format)
    if boxes is None and detector in BUILT_IN:
        initializer.need_five("looking for faces")
    check_sample(sample, review)
    if draw is not None:
        images = _outside(images, draw)
    crops = review is not None and sample is None
    worker = functools.partial(
        Worker, initializer,
        attributes=attributes, apply_orientation=apply_orientation, crops=crops,
        detector=detector if boxes is None else None, turned=turned,
    )  # fmt: skip
    # Made here once, whatever the number of processes: what it answers is a part of the settings.
    own = worker()
    columns = columns_of(own.points, own.tasks)
    identity = (
        f"{settings}; content of boxes {_content_of_boxes(boxes)}, of model {own.fingerprint}; drawn in {draw}"
        + "; with attributes" * attributes
        + "; as stored" * (not apply_orientation)
    )
    tasks = _tasks(images, boxes, draw)
    with Journal(out.with_name(out.name + ".journal"), identity) as journal:
        done: dict[Path | str, dict[str, Any]] = {}
        entries = {piece.get("image"): piece for piece in journal.pieces}
        for task in tasks:
            entry = entries.get(str(task.path))
            if entry is not None and _is_done(task, entry, crops):
                done[task.path] = entry
        todo = [task for task in tasks if task.path not in done]
        if done:
            logger.info("%d of %d images are done already; going on", len(done), len(images))
        # A few groups for each process even of a small folder, so that none waits for another's.
        size = max(1, min(_GROUP, len(todo) // (4 * jobs) if jobs > 1 else _GROUP))
        groups = [todo[start : start + size] for start in range(0, len(todo), size)]
        faces = 0
        with progress("Initializing", len(todo), "images") as advance:
            for _, results in as_finished((lambda: own) if jobs == 1 else worker, groups, jobs):
                for result in results:
                    done[result.path] = _entry(result, crops)
                    journal.append(done[result.path])
                    faces += sum(row["status"] == "ok" for row in result.rows)
                    advance(note=f"{faces:,} faces")
        rows = [row for path in images for row in done[path]["rows"]]
        write_rows(out, columns, rows, format, turned=apply_orientation)
        if review is not None and sample is None:
            faces_cut = [FaceCrop(**crop) for path in images for crop in done[path]["crops"]]
            others = [(row["image"], row.get("error") or row["status"]) for row in rows if row["status"] != "ok"]
            write_review(review, faces_cut, others, f"Faces of {out.name}")
        elif review is not None and sample is not None:
            named = {image_name(path): path for path in images}
            of_faces = [row for row in rows if row["status"] == "ok"]
            some = [of_faces[k] for k in drawn_numbers(len(of_faces), sample)]
            write_sample(
                review, some, lambda name: read_image(named[name], apply_orientation=apply_orientation),
                f"{len(some)} of {len(of_faces)} faces of {out.name}, drawn at random",
            )  # fmt: skip
        journal.remove()
    return _report(rows, out)


def _outside(images: Sequence[Path], draw: Path) -> Sequence[Path]:
    """Images that are no drawings."""
    if draw.exists() and not draw.is_dir():
        raise ValueError(f"{draw} is a file; expected a folder for the drawings")
    folder = draw.resolve()
    outside = [path for path in images if folder not in path.resolve().parents]
    if images and not outside:
        raise ValueError(f"all images lie in the folder of the drawings, {draw}; expected another folder for these")
    return outside


def _tasks(
    images: Sequence[Path], boxes: Mapping[str, Sequence[ArrayLike]] | None, draw: Path | None
) -> list[ImageTask]:
    own = {} if boxes is None else boxes_by_image(images, boxes)
    drawings = {} if draw is None else drawings_of(images, draw)
    return [ImageTask(path, own.get(path), drawings.get(path)) for path in images]


def _entry(result: ImageResult, crops: bool) -> dict[str, Any]:
    """A line of the journal."""
    entry = {"image": str(result.path), "content": result.content, "rows": result.rows}
    return entry | {"crops": result.crops} if crops else entry


def _is_done(task: ImageTask, entry: Mapping[str, Any], crops: bool) -> bool:
    """Whether a journal's entry is of the image that is there now, and its drawing on the disk."""
    content = entry.get("content")
    if content is None or "rows" not in entry or (crops and "crops" not in entry):
        return False
    drawn = not isinstance(task.drawing, Path) or task.drawing.exists()
    return bool(drawn and content == content_of(Path(task.path)))


def _content_of_boxes(boxes: Mapping[str, Sequence[ArrayLike]] | None) -> str:
    if boxes is None:
        return "none"
    digest = hashlib.sha256()
    for name in sorted(boxes):
        digest.update(f"{as_text(name)}\n{[np.asarray(box).tolist() for box in boxes[name]]}\n".encode())
    return digest.hexdigest()[:16]


def _report(rows: Sequence[Row], out: Path) -> PointsReport:
    reasons: dict[str, str] = {}
    for row in rows:
        if row.get("error"):
            reasons[row["image"]] = "; ".join(filter(None, [reasons.get(row["image"]), row["error"]]))
    without = tuple(row["image"] for row in rows if row["status"] == "no face")
    faces = sum(row["status"] == "ok" for row in rows)
    read = {row["image"] for row in rows if row["face"] is not None}.union(without)
    return PointsReport(len(read), faces, without, reasons, out, rows)
