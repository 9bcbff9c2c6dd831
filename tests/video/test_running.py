"""From a video to its points: every frame has its rows, and an interruption changes nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcdcn_init import Initializer
from tcdcn_init.tracking import FaceTracker
from tcdcn_init.video import Video, running, write_video_points
from tcdcn_init.video.rows import COLUMNS

av = pytest.importorskip("av")


class Interrupted(Initializer):
    """Ctrl-C comes at a frame."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def batch(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().batch(*args, **kwargs)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(running, "PIECE", 5)


@pytest.fixture(scope="module")
def whole(film, initializer, portrait_box, tmp_path_factory) -> Path:
    """The folder of a run in one go, in pieces of five frames."""
    folder = tmp_path_factory.mktemp("whole")
    box = np.array(portrait_box) - [100, 20, 100, 20]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "PIECE", 5)
        tracker = FaceTracker(initializer, detector=lambda image: [box])
        report = write_video_points(film, folder / "points.csv", tracker, draw=folder / "drawn.mp4")
    assert (report.frames, report.faces, report.without_face, report.broken, report.silent) == (12, 1, 3, "", "")
    return folder


def test_every_frame_has_its_time_and_its_face(whole, ticks, portrait_points):
    found = rows(whole / "points.csv")
    assert list(found[0]) == [column.name for column in COLUMNS]
    assert [int(row["frame"]) for row in found] == list(range(len(ticks)))
    np.testing.assert_allclose([float(row["time"]) for row in found], np.array(ticks) / 90000, atol=1e-6)
    assert [row["face"] for row in found] == ["0"] * 8 + [""] * 3 + ["0"]
    for number in (0, 7, 11):
        points = [[float(found[number][f"{axis}{k}"]) for axis in "xy"] for k in range(5)]
        truth = portrait_points - [100 + 4 * number, 20]
        assert np.linalg.norm(points - truth, axis=1).mean() < 4
    assert not found[8]["x0"]


def test_the_drawn_video_has_the_times_the_size_and_the_sound_of_the_source(whole, film, ticks):
    with Video(whole / "drawn.mp4") as drawn, Video(film) as source:
        for ours, theirs in zip(drawn, source, strict=True):
            assert ours.time == theirs.time
            assert ours.image.shape == theirs.image.shape
            differs = np.abs(ours.image.astype(float) - theirs.image).mean()
            assert (differs > 3) == (theirs.number not in (8, 9, 10))
    with av.open(str(whole / "drawn.mp4")) as ours, av.open(str(film)) as theirs:
        sounds = [[bytes(p) for p in each.demux(audio=0) if p.dts is not None] for each in (ours, theirs)]
        times = [[f.pts for f in each.decode(audio=0)] for each in map(av.open, map(str, (whole / "drawn.mp4", film)))]
    assert sounds[0] == sounds[1]
    assert times[0] == times[1]
    assert sorted(path.name for path in whole.iterdir()) == ["drawn.mp4", "points.csv"]


@pytest.mark.parametrize("at", [3, 8])
def test_an_interrupted_run_ends_with_the_same_bytes(at, whole, film, make_tracker, short_pieces, tmp_path):
    out, draw = tmp_path / "points.csv", tmp_path / "drawn.mp4"
    broken = FaceTracker(Interrupted(at + 1), detector=make_tracker().detector)
    with pytest.raises(KeyboardInterrupt):
        write_video_points(film, out, broken, draw=draw)
    assert not out.exists()
    assert not draw.exists()
    # The journal names the drawing, which lies elsewhere than the whole run's.
    write_video_points(film, out, make_tracker(), draw=draw)
    assert out.read_bytes() == (whole / "points.csv").read_bytes()
    assert draw.read_bytes() == (whole / "drawn.mp4").read_bytes()


def test_a_piece_whose_drawing_is_gone_is_made_again(whole, film, make_tracker, short_pieces, tmp_path):
    out, draw = tmp_path / "points.csv", tmp_path / "drawn.mp4"
    with pytest.raises(KeyboardInterrupt):
        write_video_points(film, out, FaceTracker(Interrupted(12), detector=make_tracker().detector), draw=draw)
    (tmp_path / "drawn.mp4.pieces" / "000000.mp4").unlink()
    write_video_points(film, out, make_tracker(), draw=draw)
    assert draw.read_bytes() == (whole / "drawn.mp4").read_bytes()


def test_another_video_does_not_go_on_from_the_journal(film, frames, ticks, write_video, make_tracker, tmp_path):
    out = tmp_path / "points.csv"
    with pytest.raises(KeyboardInterrupt):
        write_video_points(film, out, FaceTracker(Interrupted(4), detector=make_tracker().detector))
    other = write_video(tmp_path / "other.mp4", frames[:6], ticks[:6])
    with pytest.raises(ValueError, match="unfinished run with other settings"):
        write_video_points(other, out, make_tracker())


def test_a_video_that_breaks_off_gives_what_is_there(film, make_tracker, tmp_path):
    # The table of contents first, so that it survives.
    streamed, cut = tmp_path / "streamed.mkv", tmp_path / "cut.mkv"
    with av.open(str(film)) as source, av.open(str(streamed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(streamed.read_bytes()[: streamed.stat().st_size * 2 // 3])
    report = write_video_points(cut, tmp_path / "points.csv", make_tracker())
    assert 2 <= report.frames < 12
    assert len(rows(tmp_path / "points.csv")) == report.frames


def test_a_frame_of_odd_size_is_drawn(frames, ticks, write_video, make_tracker, tmp_path):
    # Encoded as the codec allows it, without halved colour.
    odd = tmp_path / "odd.mkv"
    with av.open(str(odd), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 259, 219, "yuv444p"
        for pixels in frames[:2]:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:219, :259]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    write_video_points(odd, tmp_path / "points.csv", make_tracker(), draw=tmp_path / "drawn.mkv")
    with Video(tmp_path / "drawn.mkv") as drawn:
        assert next(iter(drawn)).image.shape == (220, 260, 3)


def test_sound_that_the_drawing_cannot_hold_is_told_of(frames, ticks, write_video, make_tracker, tmp_path):
    source = write_video(tmp_path / "pcm.mkv", frames[:3], ticks[:3], "pcm_u8")
    report = write_video_points(source, tmp_path / "points.csv", make_tracker(), draw=tmp_path / "drawn.mp4")
    assert report.silent == "its sound is not copied: .mp4 does not hold pcm_u8"
    with av.open(str(tmp_path / "drawn.mp4")) as drawn:
        assert [stream.type for stream in drawn.streams] == ["video"]


def test_the_command_writes_refuses_and_replaces(run, film, tmp_path):
    out, draw = tmp_path / "points.csv", tmp_path / "drawn.mp4"
    result = run("video", film, "--out", out, "--draw", draw, "--smooth")
    assert result.exit_code == 0, result.output
    assert "1 faces in 12 frames" in result.output
    assert "no face in 3 frames" in result.output
    assert run("video", film, "--out", out).exit_code == 2
    assert run("video", film, "--out", tmp_path / "points.doc").exit_code == 2
    assert run("video", film, "--out", tmp_path / "p.csv", "--draw", tmp_path / "d.avi").exit_code == 2
    assert run("video", film, "--out", out, "--force").exit_code == 0


@pytest.mark.parametrize("name", ["v.xml", "coco.json"])
def test_labelling_tools_have_no_place_for_a_video(tmp_path, name):
    with pytest.raises(ValueError, match=rf"output .*{name} has suffix .*; expected one of \.csv, \.json, \.parquet$"):
        write_video_points(tmp_path / "none.mp4", tmp_path / name, FaceTracker())
