"""From images to one file of points, in a run that may be interrupted at any time and goes on where it stopped.

Results go to a journal beside the output as they come, a line an image; the output is written once, from the whole
journal, at the end. What the journal calls done is done: its drawing lies on the disk, and it was made of the image,
the boxes and the model that are there now. One image, box or file name that cannot be used costs its own row and
nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.journal import Journal
from tcdcn_init._shared.names import as_text
from tcdcn_init._shared.progress import track
from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import as_box
from tcdcn_init.images import read_image
from tcdcn_init.initialization import Initialization
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile.drawings import draw_faces, drawing_of
from tcdcn_init.pointfile.finding import boxes_by_image
from tcdcn_init.pointfile.formats import check_output, write_rows
from tcdcn_init.pointfile.rows import Row, columns_of, face_row, failed_row, image_row

__all__ = ["Dense", "PointsReport", "write_points"]

logger = logging.getLogger("tcdcn_init")

Dense = Callable[[NDArray[Any], NDArray[np.float32]], NDArray[Any]]

# Images held in memory at once, whose faces make one batch.
_BATCH = 16

# Of a drawing: names that this image's cannot be written under, where another image's can.
_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ)


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
    """

    images: int
    faces: int
    without_face: tuple[str, ...]
    unreadable: Mapping[str, str]
    out: Path


def write_points(
    images: Sequence[Path],
    out: Path,
    initializer: Initializer,
    *,
    boxes: Mapping[str, Sequence[ArrayLike]] | None = None,
    dense: Dense | None = None,
    draw: Path | None = None,
    attributes: bool = False,
    apply_orientation: bool = True,
    format: str | None = None,
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
    boxes : mapping of str to sequence of boxes, optional
        Boxes by path or by the end of it, such as the file name, where that fits one image only; other images get a row
        with an error. Omitted, faces are detected.
    dense : callable, optional
        ``(image, five points) -> (P, 2)`` shape to write instead of the five points.
    draw : pathlib.Path, optional
        Folder for a copy of every image with boxes and points drawn in. Images below it are no input.
    attributes : bool
        Write the probabilities of the model's attributes too, such as pose and gender (`tasks.TASKS`).
    apply_orientation : bool
        Turn images as their EXIF orientation says (`images.read_image`); boxes and points are then of the turned image.
    format : str, optional
        One of `formats.FORMATS`; default: by the output's name.
    settings : str
        What decides the results, for a reader of the journal; the content of boxes, model and images is compared in
        any case.

    Returns
    -------
    PointsReport

    Raises
    ------
    ValueError
        If the output's suffix is unknown, or a journal of other settings lies beside it.
    ImportError
        If .parquet is asked for without pyarrow, or faces are to be detected without a detector.
    OSError
        If output, journal or drawings cannot be written: what is finished is kept. If another process is writing the
        same output.
    """
    check_output(out, format)
    if draw is not None:
        if draw.exists() and not draw.is_dir():
            raise ValueError(f"{draw} is a file; expected a folder for the drawings")
        images = [path for path in images if draw.resolve() not in path.resolve().parents]
    work = _Work(initializer, images, boxes, dense, draw, attributes, apply_orientation)
    identity = f"{settings}; content of boxes {_content_of_boxes(boxes)}, of model {work.fingerprint}; drawn in {draw}"
    identity += "; with attributes" * attributes + "; as stored" * (not apply_orientation)
    with Journal(out.with_name(out.name + ".journal"), identity) as journal:
        done: dict[Path, list[Row]] = {}
        entries = {piece.get("image"): piece for piece in journal.pieces}
        for path in images:
            if str(path) in entries and work.is_done(path, entries[str(path)]):
                done[path] = entries[str(path)]["rows"]
        todo = [path for path in images if path not in done]
        if done:
            logger.info("%d of %d images are done already; going on", len(done), len(images))
        for group in track(_groups(todo), "Initializing", total=-(-len(todo) // _BATCH)):
            for path, content, rows in work(group):
                journal.append({"image": str(path), "content": content, "rows": rows})
                done[path] = rows
        rows = [row for path in images for row in done[path]]
        write_rows(out, work.columns, rows, format)
        journal.remove()
    return _report(rows, out)


def _report(rows: Sequence[Row], out: Path) -> PointsReport:
    reasons: dict[str, str] = {}
    for row in rows:
        if row.get("error"):
            reasons[row["image"]] = "; ".join(filter(None, [reasons.get(row["image"]), row["error"]]))
    without = tuple(row["image"] for row in rows if row["status"] == "no face")
    faces = sum(row["status"] == "ok" for row in rows)
    read = {row["image"] for row in rows if row["face"] is not None}.union(without)
    return PointsReport(len(read), faces, without, reasons, out)


def _groups(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), _BATCH):
        yield paths[start : start + _BATCH]


class _Work:
    """What makes rows of images.

    Attributes
    ----------
    columns : list of Column
        Of every row, whatever is found.
    fingerprint : str
        Of what model and regressor answer on one image: files may change under their names.
    """

    def __init__(
        self,
        initializer: Initializer,
        images: Sequence[Path],
        boxes: Mapping[str, Sequence[ArrayLike]] | None,
        dense: Dense | None,
        draw: Path | None,
        attributes: bool,
        apply_orientation: bool,
    ) -> None:
        self._tasks = initializer.config.tasks if attributes else ()
        self._initializer, self._dense, self._apply_orientation = initializer, dense, apply_orientation
        self._boxes = None if boxes is None else boxes_by_image(images, boxes)
        self._drawings = {} if draw is None else {path: drawing_of(path, draw) for path in images}
        self._drawn_by = {target: path for path, target in reversed(self._drawings.items())}
        image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
        [face] = initializer(image, [(30.0, 30.0, 90.0, 90.0)])
        shape = face.points
        if dense is not None:
            shape = dense(image, np.array([(47, 50), (73, 50), (60, 65), (50, 78), (70, 78)], dtype=np.float32))
        self._shape = np.shape(shape)
        self.columns = columns_of(len(shape), self._tasks)
        answers = face.points.tobytes() + np.asarray(shape).tobytes() + face.expected_error.tobytes()
        self.fingerprint = hashlib.sha256(answers).hexdigest()[:16]

    def is_done(self, path: Path, entry: Mapping[str, Any]) -> bool:
        """Whether a journal's entry is of the image that is there now, and its drawing on the disk."""
        content = entry.get("content")
        drawn = path not in self._drawings or self._drawings[path].exists()
        return content is not None and "rows" in entry and drawn and content == _content(path)

    def __call__(self, paths: Sequence[Path]) -> Iterator[tuple[Path, str | None, list[Row]]]:
        """Path, content and rows of each image, as its drawing is on the disk."""
        read: list[tuple[Path, str | None, NDArray[Any], list[NDArray[np.float64]], dict[int, str]]] = []
        for path in paths:
            content, image = _content(path), None
            try:
                if path.is_dir():
                    raise ValueError("the folder may not be read; ask for the right to, or leave it out")
                image = read_image(path, apply_orientation=self._apply_orientation)
                boxes, reasons = self._boxes_of(path, image)
            except ImportError:  # no detector: the same for every image
                raise
            except Exception as error:  # decoders and detectors raise what they like
                yield path, content, [failed_row(path, image, error)]
                continue
            read.append((path, content, image, boxes, reasons))
        for (path, content, image, boxes, reasons), faces in zip(read, self._faces(read), strict=True):
            if isinstance(faces, Exception):
                yield path, content, [failed_row(path, image, faces)]
                continue
            rows, drawn = [], []
            for number, (face, box) in enumerate(zip(faces, boxes, strict=True)):
                try:
                    if number in reasons:
                        raise ValueError(reasons[number])
                    if not np.isfinite(face.points).all():
                        where = np.round(box, 1).tolist()
                        raise ValueError(f"its box {where} lies outside of the image, or on pixels that are not finite")
                    shape = face.points if self._dense is None else self._dense(image, face.points)
                    if np.shape(shape) != self._shape or not np.isfinite(shape).all():
                        raise ValueError(
                            f"its shape is {np.asarray(shape).tolist()}; expected {self._shape} finite numbers"
                        )
                    rows.append(face_row(path, image, number, face, shape, self._tasks))
                    drawn.append((shape, face.box))
                except Exception as error:
                    rows.append(failed_row(path, image, error, number))
            rows = rows or [image_row(path, image, "no face")]
            rows += self._draw(path, image, drawn)
            yield path, content, rows

    def _boxes_of(self, path: Path, image: NDArray[Any]) -> tuple[list[NDArray[np.float64]], dict[int, str]]:
        """An image's boxes, and why some of them are none: those are NaN."""
        if self._boxes is None:
            return list(detect_boxes(image)), {}
        given = self._boxes[path]
        if isinstance(given, str):
            raise ValueError(given)
        boxes, reasons = [], {}
        for number, box in enumerate(given):
            try:
                boxes.append(as_box(box))
            except ValueError as error:
                boxes.append(np.full(4, np.nan))
                reasons[number] = str(error)
        return boxes, reasons

    def _faces(self, read: Sequence[tuple[Any, Any, Any, Any, Any]]) -> list[list[Initialization] | Exception]:
        """Faces of each image, in one batch; where that fails, one by one, and the error of each that fails alone."""
        images, boxes = [entry[2] for entry in read], [np.reshape(entry[3], (-1, 4)) for entry in read]
        try:
            return list(self._initializer.batch(images, boxes, on_bad="nan"))
        except Exception as error:
            if len(read) == 1:
                return [error]
            return [faces for entry in read for faces in self._faces([entry])]

    def _draw(self, path: Path, image: NDArray[Any], drawn: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[Row]:
        """Draw an image, if wanted: a row with the error where that fails for this image alone."""
        target = self._drawings.get(path)
        if target is None:
            return []
        try:
            other = self._drawn_by[target]
            if other is not path and other.resolve() != path.resolve():
                raise ValueError(f"{target} is the drawing of {other}")
            draw_faces(target, image, [shape for shape, _ in drawn], [box for _, box in drawn])
        except OSError as error:
            if error.errno not in _NO_SUCH_NAME:
                raise
            return [failed_row(path, image, error, drawn=False)]
        except Exception as error:
            return [failed_row(path, image, error, drawn=False)]
        return []


def _content(path: Path) -> str | None:
    """A hash of a file; None of what cannot be read, which is not done until it can."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return None


def _content_of_boxes(boxes: Mapping[str, Sequence[ArrayLike]] | None) -> str:
    if boxes is None:
        return "none"
    digest = hashlib.sha256()
    for name in sorted(boxes):
        digest.update(f"{as_text(name)}\n{[np.asarray(box).tolist() for box in boxes[name]]}\n".encode())
    return digest.hexdigest()[:16]
