"""Videos as viewers show them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tcdcn_init.video import Video

av = pytest.importorskip("av")

_TO_MATRIX = 44  # bytes from a track header's name in MP4 to its matrix


def turned(film: Path, out: Path, a: int, b: int, c: int, d: int) -> Path:
    """The film with another matrix in its header, as phones write it."""
    content = bytearray(film.read_bytes())
    start = content.find(b"tkhd") + _TO_MATRIX
    assert struct.unpack(">9i", content[start : start + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    content[start : start + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    out.write_bytes(content)
    return out


def test_frames_come_with_the_times_that_they_have(film, frames, ticks):
    with Video(film) as video:
        found = list(video)
        assert not video.broken
    assert [frame.number for frame in found] == list(range(len(ticks)))
    np.testing.assert_allclose([frame.time for frame in found], np.array(ticks) / 90000)
    for frame, truth in zip(found, frames, strict=True):
        assert np.abs(frame.image.astype(float) - truth).mean() < 6


@pytest.mark.parametrize(("matrix", "quarters"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_a_phone_s_video_is_turned_as_its_header_says(film, tmp_path, matrix, quarters):
    with Video(film) as video:
        upright = next(iter(video)).image
    with Video(turned(film, tmp_path / "phone.mp4", *matrix)) as video:
        np.testing.assert_array_equal(next(iter(video)).image, np.rot90(upright, quarters))


def test_what_is_done_is_passed_over(film):
    with Video(film) as video:
        whole = list(video)
    with Video(film) as video:
        rest = list(video.after(9))
    assert [frame.number for frame in rest] == [9, 10, 11]
    assert [frame.ticks for frame in rest] == [frame.ticks for frame in whole[9:]]
    np.testing.assert_array_equal(rest[0].image, whole[9].image)


def test_a_film_that_begins_late_begins_at_zero(frames, ticks, write_video, tmp_path):
    late = write_video(tmp_path / "late.mkv", frames, tuple(tick + 900000 for tick in ticks))
    with Video(late) as video:
        times = [frame.time for frame in video]
    np.testing.assert_allclose(times, np.array(ticks) / 90000, atol=1e-3)  # this format counts milliseconds


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        chunk = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        chunk.sample_rate = 8000
        container.mux(stream.encode(chunk))
    with pytest.raises(ValueError, match=r"notes\.mp4 cannot be read as a video"):
        Video(tmp_path / "notes.mp4")
    with pytest.raises(ValueError, match="holds no video, only audio"):
        Video(sound)
    with pytest.raises(ValueError, match="is a folder"):
        Video(tmp_path)
    with pytest.raises(FileNotFoundError):
        Video(tmp_path / "none.mp4")
