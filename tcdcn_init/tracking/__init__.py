"""Faces followed from frame to frame, with ids that stay."""

from tcdcn_init.tracking.smoothing import OneEuro
from tcdcn_init.tracking.track import TrackedFace
from tcdcn_init.tracking.tracker import FaceTracker

__all__ = ["FaceTracker", "OneEuro", "TrackedFace"]
