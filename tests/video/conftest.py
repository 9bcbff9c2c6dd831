"""A short video of the portrait, with times that are not even and with sound."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init import Initializer
from tcdcn_init.tracking import FaceTracker

av = pytest.importorskip("av")

TICKS = (0, 3600, 7200, 14400, 16200, 19800, 25000, 28600, 32200, 35800, 39400, 43000)
"""Of a ninety-thousandth of a second."""


def _write_video(path: Path, frames: list[np.ndarray], ticks: tuple[int, ...], sound: str = "") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12", "bf": "0"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90000)
        audio = container.add_stream(sound, rate=8000, layout="mono") if sound else None
        for pixels, time in zip(frames, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            for start in range(0, 4096, 1024):
                tone = (3000 * np.sin(np.arange(start, start + 1024) / 3)).astype(np.float32)[None] / 32768
                chunk = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts = 8000, start
                container.mux(audio.encode(chunk))
            container.mux(audio.encode())
    return path


@pytest.fixture(scope="session")
def ticks() -> tuple[int, ...]:
    return TICKS


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """``write_video(path, frames, ticks, sound=codec)`` -> the path."""
    return _write_video


@pytest.fixture(scope="session")
def frames(portrait) -> list[np.ndarray]:
    """The portrait, panned by four pixels a frame; a wall before the last three but one."""
    shown = [np.array(portrait[20:240, 100 + 4 * k : 360 + 4 * k]) for k in range(len(TICKS))]
    for k in (8, 9, 10):
        shown[k][30:150, 20:200] = 90
    return shown


@pytest.fixture(scope="session")
def film(frames, tmp_path_factory) -> Path:
    return _write_video(tmp_path_factory.mktemp("film") / "film.mp4", frames, TICKS, "aac")


@pytest.fixture(scope="session")
def initializer() -> Initializer:
    return Initializer()


@pytest.fixture
def make_tracker(initializer, portrait_box) -> Callable[[], FaceTracker]:
    """Whose detector always says where the face is at first."""
    box = np.array(portrait_box) - [100, 20, 100, 20]
    return lambda: FaceTracker(initializer, detector=lambda image: [box])
