"""From a video file to a file of points, in a run that may be interrupted at any time and goes on where it stopped.

Frames are taken in pieces. After each, a journal beside the output gets its rows and the tracker's state, once its
drawing lies on the disk: the run goes on from there, and ends with the same bytes as one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from tcdcn_init._shared.files.journal import Journal
from tcdcn_init._shared.progress import track
from tcdcn_init.pointfile.formats import TABLES, check_output, write_rows
from tcdcn_init.tracking import FaceTracker
from tcdcn_init.video.drawing import DrawnVideo, draw_tracked
from tcdcn_init.video.reading import Video
from tcdcn_init.video.rows import COLUMNS, rows_of

__all__ = ["PIECE", "VideoReport", "is_unfinished", "write_video_points"]

logger = logging.getLogger("tcdcn_init")

PIECE = 100
"""Frames of a piece: what an interruption costs at most."""

_ENDS = 1 << 20  # bytes at both ends of the file that tell it from another of its size


@dataclass(frozen=True)
class VideoReport:
    """What a run did.

    Attributes
    ----------
    frames : int
    faces : int
        Ids that were given.
    without_face : int
        Frames.
    broken : str
        Why decoding ended before the end of the file; empty where it did not.
    silent : str
        Why the drawn video has no sound where the source has some; otherwise empty.
    out : pathlib.Path
    """

    frames: int
    faces: int
    without_face: int
    broken: str
    silent: str
    out: Path


def write_video_points(
    video: Path, out: Path, tracker: FaceTracker, *, draw: Path | None = None, settings: str = ""
) -> VideoReport:
    """Follow every face of a video into one file.

    Parameters
    ----------
    video : pathlib.Path
        Whatever FFmpeg reads.
    out : pathlib.Path
        .csv, .json or .parquet: a row for each face of each frame (`rows.COLUMNS`), a row without a face for a frame
        without one. Times are in seconds from the beginning, as the file has them; points are in pixels of frames that
        are the right way up.
    tracker : FaceTracker
        A new one.
    draw : pathlib.Path, optional
        .mp4, .mkv or .mov: the video with boxes, points and ids drawn in, with the same times (.mkv counts
        milliseconds), and the sound where that can be copied.
    settings : str
        What decides the results, for a reader of the journal; the content of video and model is compared in any case.

    Returns
    -------
    VideoReport

    Raises
    ------
    ImportError
        If PyAV is not installed, or pyarrow where it is needed.
    ValueError
        If the file is no video or holds no frame, a suffix is unknown, or a journal of other settings lies beside the
        output.
    OSError
        If a file cannot be read or written: what is finished is kept. If another process is writing the same output.
    """
    check_output(out, among=TABLES)
    with Video(video) as source:
        drawn = None if draw is None else DrawnVideo(draw, source.tick, source.rate)
        identity = f"{settings}; content of video {_content(video)}, of model {_answers(tracker)}; drawn as {draw}"
        with Journal(_journal(out), identity) as journal:
            pieces = _kept(journal.pieces, drawn)
            if pieces:
                tracker.restore(pieces[-1]["state"])
            if not pieces or not pieces[-1]["last"]:
                for piece in _pieces(source, tracker, drawn, pieces):
                    journal.append(piece)
                    pieces.append(piece)
            if len(pieces) == 1:
                journal.remove()
                raise ValueError(f"{video} holds no frame that can be decoded; {pieces[-1]['broken'] or 'it is empty'}")
            silent = ""
            if drawn is not None:
                silent = drawn.join([piece["start"] for piece in pieces if piece["frames"]], video)
            names = [column.name for column in COLUMNS]
            rows = [dict(zip(names, values, strict=True)) for piece in pieces for values in piece["rows"]]
            write_rows(out, COLUMNS, rows, None)
            journal.remove()
            if drawn is not None:
                drawn.remove_pieces()
    faces = {row["face"] for row in rows if row["face"] is not None}
    without = sum(row["face"] is None for row in rows)
    frames = sum(piece["frames"] for piece in pieces)
    return VideoReport(frames, len(faces), without, pieces[-1]["broken"], silent, out)


def is_unfinished(out: Path) -> bool:
    """Whether a run with this output was interrupted."""
    return _journal(out).exists()


def _journal(out: Path) -> Path:
    return out.with_name(out.name + ".journal")


def _pieces(
    source: Video, tracker: FaceTracker, drawn: DrawnVideo | None, done: list[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The pieces after those that are done, each as its drawing is on the disk; the last one may have no frames."""
    frames = sum(piece["frames"] for piece in done)
    number = len(done)
    if frames:
        logger.info("%d frames are done already; going on", frames)
    left = None if source.frames is None else max(source.frames - frames, 0)
    frames_left = track(source.after(frames), "Tracking", left)
    for first in frames_left:
        rows: list[list[Any]] = []
        count = 0
        with nullcontext() if drawn is None else drawn.piece(number) as add:
            for frame in chain([first], islice(frames_left, PIECE - 1)):
                faces = tracker.update(frame.image, frame.time)
                rows += [list(row.values()) for row in rows_of(frame, faces)]
                count += 1
                if add is not None:
                    add(draw_tracked(frame.image, faces), frame.ticks)
        yield _piece(count, first.ticks, rows, tracker)
        number += 1
    yield _piece(0, None, [], tracker) | {"last": True, "broken": source.broken}


def _piece(frames: int, start: int | None, rows: list[list[Any]], tracker: FaceTracker) -> dict[str, Any]:
    return {"frames": frames, "start": start, "rows": rows, "state": tracker.state(), "last": False, "broken": ""}


def _kept(pieces: list[dict[str, Any]], drawn: DrawnVideo | None) -> list[Mapping[str, Any]]:
    """The pieces of a journal up to the first whose drawing is gone."""
    kept: list[Mapping[str, Any]] = []
    for number, piece in enumerate(pieces):
        if drawn is not None and piece["frames"] and not drawn.has_piece(number):
            break
        kept.append(piece)
    return kept


def _content(path: Path) -> str:
    """A hash of a file's size and ends, where videos keep their tables of contents: all of it would take minutes."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_ENDS))
        file.seek(-min(_ENDS, path.stat().st_size), 2)
        digest.update(file.read())
    return digest.hexdigest()[:16]


def _answers(tracker: FaceTracker) -> str:
    """A hash of what the model answers: files may change under their names."""
    image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
    [face] = tracker.initializer(image, [(30.0, 30.0, 90.0, 90.0)])
    return hashlib.sha256(face.points.tobytes() + face.expected_error.tobytes()).hexdigest()[:16]
