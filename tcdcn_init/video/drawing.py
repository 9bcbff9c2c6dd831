"""The video with boxes, points and ids drawn in, written in pieces that an interruption does not lose."""

from __future__ import annotations

import contextlib
import heapq
import shutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.drawing import BOX_COLOUR, overlay
from tcdcn_init._shared.files import replacing
from tcdcn_init.tracking import TrackedFace
from tcdcn_init.video.reading import require_av

__all__ = ["VIDEO_SUFFIXES", "DrawnVideo", "draw_tracked"]

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov")
"""Of drawn videos: files that hold H.264 beside most kinds of sound."""

# No frames that refer to later ones: pieces can then be laid end to end. One thread gives the same bytes everywhere:
# with four, on a busy machine, they once differed.
_OPTIONS = {"crf": "20", "preset": "veryfast", "bf": "0"}
_THREADS = 1


def draw_tracked(image: NDArray[np.uint8], faces: Sequence[TrackedFace]) -> NDArray[np.uint8]:
    """A copy of a frame with the faces that are found in it: box, points and id.

    Parameters
    ----------
    image : (H, W, 3) ndarray of uint8
    faces : sequence of TrackedFace

    Returns
    -------
    (H, W, 3) ndarray of uint8
    """
    from PIL import Image, ImageDraw

    found = [face for face in faces if not face.lost]
    if not found:
        return image
    drawn = Image.fromarray(overlay(image, [face.points for face in found], [face.box for face in found]))
    pen = ImageDraw.Draw(drawn)
    for face in found:
        left, top, right, _ = face.box.tolist()
        size = float(np.clip((right - left) / 5, 12, 60))
        place = (max(left, 0.0), max(top, size * 1.4))
        text = f" {face.id} "
        pen.rectangle(pen.textbbox(place, text, anchor="lb", font_size=size), fill=(0, 0, 0))
        pen.text(place, text, fill=BOX_COLOUR, anchor="lb", font_size=size)
    return np.asarray(drawn)


class DrawnVideo:
    """A video that is being drawn: encoded in pieces in a folder beside it, then joined with the source's sound.

    Parameters
    ----------
    out : pathlib.Path
        .mp4, .mkv or .mov.
    tick : fractions.Fraction
        Seconds that times are counted in.
    rate : fractions.Fraction
        Frames a second, for what must state one.

    Raises
    ------
    ValueError
        If the suffix is unknown.
    """

    def __init__(self, out: Path, tick: Fraction, rate: Fraction) -> None:
        if out.suffix.lower() not in VIDEO_SUFFIXES:
            raise ValueError(f"drawing {out} has suffix {out.suffix!r}; expected one of {', '.join(VIDEO_SUFFIXES)}")
        self.out, self._tick, self._rate = out, tick, rate
        self._folder = out.with_name(out.name + ".pieces")

    def has_piece(self, number: int) -> bool:
        """Whether a piece lies on the disk."""
        return self._piece(number).exists()

    @contextlib.contextmanager
    def piece(self, number: int) -> Iterator[Callable[[NDArray[np.uint8], int], None]]:
        """Encode a piece, which is there when the block has ended well.

        Parameters
        ----------
        number : int
            From 0.

        Yields
        ------
        callable
            Takes the frames, (H, W, 3) ndarrays of uint8, each with its time in ticks.
        """
        av = require_av()
        with replacing(self._piece(number)) as part, av.open(str(part), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=self._rate, options=_OPTIONS)
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = _THREADS
            stream.time_base = stream.codec_context.time_base = self._tick
            first: list[int] = []

            def add(image: NDArray[np.uint8], ticks: int) -> None:
                height, width = (side + side % 2 for side in image.shape[:2])  # colour has half the resolution
                if not first:
                    first.append(ticks)
                    stream.width, stream.height = width, height
                if (stream.width, stream.height) != (width, height):
                    raise ValueError(
                        f"the video's frames change from {stream.width}x{stream.height} to {width}x{height} pixels, "
                        "which one drawing cannot hold; run it without a drawing"
                    )
                room = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
                frame = av.VideoFrame.from_ndarray(np.pad(image, room, mode="edge"), format="rgb24")
                frame.pts, frame.time_base = ticks - first[0], self._tick
                container.mux(stream.encode(frame))

            yield add
            container.mux(stream.encode())

    def join(self, starts: Sequence[int], source: Path) -> str:
        """Lay the pieces end to end, with the sound of the source.

        Parameters
        ----------
        starts : sequence of int
            The time of each piece's first frame.
        source : pathlib.Path

        Returns
        -------
        str
            Why there is no sound where the source has some; otherwise empty.
        """
        av = require_av()
        silent = ""
        with (
            replacing(self.out) as part,
            av.open(str(source)) as sounding,
            av.open(str(part), "w", format=_FORMATS[self.out.suffix.lower()]) as container,
        ):
            with av.open(str(self._piece(0))) as first:
                stream = container.add_stream_from_template(first.streams.video[0])
                stream.time_base = first.streams.video[0].time_base
            packets = [self._packets(starts, stream)]
            for audio in sounding.streams.audio[:1]:
                if audio.codec_context.name not in container.supported_codecs:
                    silent = f"its sound is not copied: {self.out.suffix} does not hold {audio.codec_context.name}"
                    continue
                start = round((sounding.start_time or 0) / av.time_base / audio.time_base)
                packets.append(_sound(sounding, audio, start, container.add_stream_from_template(audio)))
            for packet in heapq.merge(*packets, key=lambda each: each.dts * each.time_base):
                container.mux(packet)
        return silent

    def remove_pieces(self) -> None:
        """Remove the folder of pieces."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _piece(self, number: int) -> Path:
        return self._folder / f"{number:06d}.mp4"

    def _packets(self, starts: Sequence[int], stream: Any) -> Iterator[Any]:
        av = require_av()
        for number, start in enumerate(starts):
            with av.open(str(self._piece(number))) as piece:
                for packet in piece.demux(piece.streams.video[0]):
                    if packet.dts is None:  # the mark of the end
                        continue
                    later = round(start * self._tick / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                    yield packet


_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}


def _sound(container: Any, audio: Any, start: int, stream: Any) -> Iterator[Any]:
    for packet in container.demux(audio):
        if packet.dts is None or packet.pts is None:
            continue
        packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, stream
        yield packet
