"""Points of every face in every frame of a video file: `tcdcn-init video` without the command line."""
