"""From images to rows, drawings and crops: what is done to a few images at a time, in one process or in several.

One image, box or name that cannot be used costs its own row and nothing else.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.detection.detectors import Detector, resolved
from tcdcn_init.geometry import as_box
from tcdcn_init.images import orientation_of, read_image
from tcdcn_init.initialization import Initialization
from tcdcn_init.initializer import Initializer
from tcdcn_init.pointfile.drawings import draw_faces
from tcdcn_init.pointfile.rows import Row, face_row, failed_row, image_name, image_row, written
from tcdcn_init.review import crop_face

__all__ = ["ImageResult", "ImageTask", "Worker", "content_of"]

# Bytes of images held in memory at once, whose faces make one batch: three of a phone's.
_MEMORY = 100_000_000

# Of a drawing: names that this image's cannot be written under, where another image's can.
_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ)


class ImageTask(NamedTuple):
    """What is to be done to an image.

    Attributes
    ----------
    path : pathlib.Path or str
        A text is the name of an image whose `data` is given.
    boxes : sequence of boxes, str or None
        None detects; a text says why there are none.
    drawing : path, str or None
        Where to draw it, if it is drawn; a text says why it cannot be.
    data : bytes or None
        Its file's content, if that lies in an archive or a table.
    """

    path: Path | str
    boxes: Sequence[ArrayLike] | str | None = None
    drawing: Path | str | None = None
    data: bytes | None = None


class ImageResult(NamedTuple):
    """What became of it.

    Attributes
    ----------
    path : pathlib.Path or str
    content : str or None
        `content_of` the file.
    rows : list of dict
    crops : list of dict
        The fields of `review.FaceCrop`, of each face with points, if they are wanted.
    """

    path: Path | str
    content: str | None
    rows: list[Row]
    crops: list[dict[str, Any]]


class _Decoded(NamedTuple):
    task: ImageTask
    content: str | None
    image: NDArray[Any]
    orientation: int
    boxes: list[NDArray[np.float64]] | None
    reasons: dict[int, str]


class Worker:
    """Makes rows of images.

    Parameters
    ----------
    initializer : Initializer
        A dense one gives 68 points to write instead of the five.
    attributes, apply_orientation, detector, turned
        As for `write_points`.
    crops : bool
        Cut the faces out for a review.

    Attributes
    ----------
    points : int
        That are written of a face.
    tasks : tuple of str
        Attributes that are written.
    fingerprint : str
        Of the initializer's options and its answers on one image: files may change under their names.

    Raises
    ------
    ImportError, ValueError
        If there is no such detector.
    """

    def __init__(
        self,
        initializer: Initializer,
        *,
        attributes: bool,
        apply_orientation: bool,
        crops: bool,
        detector: Detector | None = None,
        turned: bool | None = None,
    ) -> None:
        self._initializer = initializer
        self._apply_orientation, self._crops = apply_orientation, crops
        self._detector: Detector = "auto" if detector is None else resolved(detector)
        self._turned = turned
        self.tasks = tuple(initializer.config.tasks) if attributes else ()
        image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
        [face] = initializer(image, [(30.0, 30.0, 90.0, 90.0)])
        answers = (face.points, *written(face))
        self.points = len(answers[1])
        # The options too: on one image, answers with other ones may be the same.
        options = f"{initializer.passes} {initializer.mirror}".encode()
        self.fingerprint = hashlib.sha256(b"".join([options, *(each.tobytes() for each in answers)])).hexdigest()[:16]

    def __call__(self, tasks: Iterable[ImageTask]) -> list[ImageResult]:
        """What became of each image, in order; their drawings are on the disk."""
        return list(self._results(tasks))

    def _results(self, tasks: Iterable[ImageTask]) -> Iterator[ImageResult]:
        waiting: list[_Decoded] = []
        for task in tasks:
            decoded = self._decoded(task)
            if isinstance(decoded, ImageResult):
                yield from self._finished(waiting)
                waiting = []
                yield decoded
                continue
            waiting.append(decoded)
            # Images whose faces are to be found go one by one: a detector that fails at one is not asked twice.
            if decoded.boxes is None or sum(entry.image.nbytes for entry in waiting) > _MEMORY:
                yield from self._finished(waiting)
                waiting = []
        yield from self._finished(waiting)

    def _decoded(self, task: ImageTask) -> _Decoded | ImageResult:
        content, image = None if task.data is not None else content_of(Path(task.path)), None
        try:
            if task.data is None and Path(task.path).is_dir():
                raise ValueError("the folder may not be read; ask for the right to, or leave it out")
            image = read_image(task.path, content=task.data, apply_orientation=self._apply_orientation)
            boxes, reasons = _boxes_of(task)
        except Exception as error:  # decoders raise what they like
            return ImageResult(task.path, content, [failed_row(task.path, image, error)], [])
        return _Decoded(task, content, image, orientation_of(task.path, content=task.data), boxes, reasons)

    def _finished(self, waiting: Sequence[_Decoded]) -> Iterator[ImageResult]:
        for entry, faces in zip(waiting, self._faces(waiting), strict=True):
            path, image = entry.task.path, entry.image
            if isinstance(faces, Exception):
                yield _result(entry, [failed_row(path, image, faces)], [])
                continue
            rows, crops = [], []
            drawn: list[tuple[ArrayLike, ArrayLike]] = []
            for number, face in enumerate(faces):
                try:
                    _check(entry, number, face)
                    if self._crops:
                        crops.append(_crop(entry, number, face))
                    rows.append(face_row(path, image, number, face, self.tasks))
                    drawn.append((written(face)[0], face.box))
                except Exception as error:
                    rows.append(failed_row(path, image, error, number))
            rows = rows or [image_row(path, image, "no face")]
            yield _result(entry, rows + _drawn(entry, drawn), crops)

    def _faces(self, waiting: Sequence[_Decoded]) -> list[list[Initialization] | Exception]:
        """Faces of each image, in one batch; where that fails, one by one, and the error of each that fails alone."""
        if not waiting:
            return []
        images = [entry.image for entry in waiting]
        boxes = [None if entry.boxes is None else np.reshape(entry.boxes, (-1, 4)) for entry in waiting]
        try:
            return list(
                self._initializer.batch(images, boxes, detector=self._detector, turned=self._turned, on_bad="nan")
            )
        except ImportError:  # what a detector needs is not there: the same for every image
            raise
        except Exception as error:  # detectors raise what they like
            if len(waiting) == 1:
                return [error]
            return [faces for entry in waiting for faces in self._faces([entry])]


def content_of(path: Path) -> str | None:
    """A hash of a file; None of what cannot be read, which is not done until it can."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return None


def _boxes_of(task: ImageTask) -> tuple[list[NDArray[np.float64]] | None, dict[int, str]]:
    """An image's boxes, None where they are to be found, and why some of them are none: those are NaN."""
    if task.boxes is None:
        return None, {}
    if isinstance(task.boxes, str):
        raise ValueError(task.boxes)
    boxes, reasons = [], {}
    for number, box in enumerate(task.boxes):
        try:
            boxes.append(as_box(box))
        except ValueError as error:
            boxes.append(np.full(4, np.nan))
            reasons[number] = str(error)
    return boxes, reasons


def _result(entry: _Decoded, rows: list[Row], crops: list[dict[str, Any]]) -> ImageResult:
    rows = [row | {"orientation": entry.orientation} for row in rows]
    return ImageResult(entry.task.path, entry.content, rows, crops)


def _check(entry: _Decoded, number: int, face: Initialization) -> None:
    """Raise why a face has no points."""
    if number in entry.reasons:
        raise ValueError(entry.reasons[number])
    points = written(face)[0]
    if np.isnan(face.points).any():
        # Of a box that cannot be used the answer holds no numbers.
        box = (
            "its box, the detector's,"
            if entry.boxes is None
            else f"its box {np.round(entry.boxes[number], 1).tolist()}"
        )
        raise ValueError(f"{box} lies outside of the image, or on pixels that are not finite")
    if not np.isfinite(points).all():
        raise ValueError(f"its points are {points.tolist()}; expected finite numbers")


def _crop(entry: _Decoded, number: int, face: Initialization) -> dict[str, Any]:
    name, (points, _, visible) = image_name(entry.task.path), written(face)
    said = None if np.isnan(visible).any() else visible
    return asdict(crop_face(entry.image, name, number, points, face.box, confidence=face.confidence, visible=said))


def _drawn(entry: _Decoded, faces: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[Row]:
    """Draw an image, if wanted: a row with the error where that fails for this image alone."""
    path, image, target = entry.task.path, entry.image, entry.task.drawing
    if target is None:
        return []
    try:
        if isinstance(target, str):
            raise ValueError(target)
        draw_faces(target, image, [shape for shape, _ in faces], [box for _, box in faces])
    except OSError as error:
        if error.errno is not None and error.errno not in _NO_SUCH_NAME:
            raise
        return [failed_row(path, image, error, drawn=False)]
    except Exception as error:
        return [failed_row(path, image, error, drawn=False)]
    return []
