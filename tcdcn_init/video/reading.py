"""Frames of a video file as viewers show them: turned as its metadata say, with the time that each of them has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.names import as_text

__all__ = ["Video", "VideoFrame", "require_av"]


def require_av() -> Any:
    """The module av.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise ImportError(f'video needs PyAV: pip install "tcdcn-init[video]" ({error})') from error
    return av


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame.

    Attributes
    ----------
    number : int
        From 0.
    ticks : int
        Its time in units of `Video.tick` from the beginning of the file; later than that of the frame before.
    time : float
        The same in seconds.
    image : (H, W, 3) ndarray of uint8
        RGB, the right way up.
    """

    number: int
    ticks: int
    time: float
    image: NDArray[np.uint8]


class Video:
    """A video file held open, to be read once.

    Parameters
    ----------
    path : pathlib.Path

    Attributes
    ----------
    path : pathlib.Path
    tick : fractions.Fraction
        Seconds.
    rate : fractions.Fraction
        Frames a second on average, as the file states it; 25 where it does not.
    frames : int or None
        How many to expect, for a bar of progress alone: files are not always right about it.
    broken : str
        Why decoding ended before the end of the file; empty where it did not.

    Raises
    ------
    ImportError
        If PyAV is not installed.
    OSError
        If the file cannot be opened.
    ValueError
        If it is no video.
    """

    def __init__(self, path: Path) -> None:
        av = require_av()
        if path.is_dir():
            raise ValueError(f"{as_text(path)} is a folder; expected a video file")
        self.path, self.broken = path, ""
        try:
            self._container = av.open(str(path))
        except OSError:
            raise
        except av.error.FFmpegError as error:
            raise ValueError(f"{as_text(path)} cannot be read as a video: {error.strerror}") from error
        streams = self._container.streams.video
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in self._container.streams})) or "nothing"
            self._container.close()
            raise ValueError(f"{as_text(path)} holds no video, only {kinds}; expected a video file")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self.tick: Fraction = self._stream.time_base
        self.rate: Fraction = self._stream.average_rate or Fraction(25)
        seconds = (self._container.duration or 0) / av.time_base
        self.frames = self._stream.frames or round(seconds * self.rate) or None

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        """All frames."""
        return self.after(0)

    def after(self, done: int) -> Iterator[VideoFrame]:
        """The frames from the one of this number on; those before are decoded, which is quick, and left out.

        What cannot be decoded ends the video there, and `broken` says why.
        """
        av = require_av()
        start = round((self._container.start_time or 0) / av.time_base / self.tick)
        step = max(1, round(1 / (self.rate * self.tick)))
        last: int | None = None
        number = 0
        try:
            for frame in self._container.decode(self._stream):
                ticks = frame.pts - start if frame.pts is not None else (0 if last is None else last + step)
                # Two frames cannot be shown at once, nor one before the other.
                last = ticks if last is None else max(ticks, last + 1)
                if number >= done:
                    yield VideoFrame(number, last, float(last * self.tick), _upright(frame))
                number += 1
        except av.error.FFmpegError as error:
            self.broken = f"decoding ended after {number} frames: {error.strerror}"


def _upright(frame: Any) -> NDArray[np.uint8]:
    """The pixels of a decoded frame; phones store them as the sensor lies, and how to turn them."""
    pixels = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90.0)  # counter-clockwise
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else np.asarray(pixels)
