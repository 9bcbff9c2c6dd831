"""Points of every face in every frame of a video file: `tcdcn-init video` without the command line."""

from tcdcn_init.video.reading import Video, VideoFrame
from tcdcn_init.video.running import VideoReport, is_unfinished, write_video_points

__all__ = ["Video", "VideoFrame", "VideoReport", "is_unfinished", "write_video_points"]
