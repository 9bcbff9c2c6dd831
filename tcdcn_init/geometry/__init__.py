"""Boxes, five points and similarity transforms: pure numpy, no image.

Conventions of the whole project: points are ``(P, 2)`` arrays, x then y, in pixels, with pixel *centres* at
integers; boxes are ``(left, top, right, bottom)`` floats. "Left" and "right" are as seen in the image.
"""

from __future__ import annotations

from tcdcn_init.geometry.box_formats import BoxFormat
from tcdcn_init.geometry.boxes import (
    BoxLike,
    Rectangle,
    as_box,
    box_around,
    box_from_points,
    box_square,
    median_aspect,
    overlap,
)
from tcdcn_init.geometry.detectors import PointDetector, five_from
from tcdcn_init.geometry.layouts import Layout, five_by_layout, parse_layout
from tcdcn_init.geometry.numbers import FARTHEST, as_numbers
from tcdcn_init.geometry.points import (
    FIVE_POINTS,
    MIRROR,
    MIRROR_29,
    MIRROR_68,
    FloatArray,
    as_five_points,
    centroid_size,
    completed,
    filled,
    filled_five,
    five_from_29,
    five_from_68,
    five_of,
    interocular,
    roll_degrees,
)
from tcdcn_init.geometry.transforms import compose, invert, rotation, similarity_between, transform_points

__all__ = [
    "FARTHEST",
    "FIVE_POINTS",
    "MIRROR",
    "MIRROR_29",
    "MIRROR_68",
    "BoxFormat",
    "BoxLike",
    "FloatArray",
    "Layout",
    "PointDetector",
    "Rectangle",
    "as_box",
    "as_five_points",
    "as_numbers",
    "box_around",
    "box_from_points",
    "box_square",
    "centroid_size",
    "completed",
    "compose",
    "filled",
    "filled_five",
    "five_by_layout",
    "five_from",
    "five_from_29",
    "five_from_68",
    "five_of",
    "interocular",
    "invert",
    "median_aspect",
    "overlap",
    "parse_layout",
    "roll_degrees",
    "rotation",
    "similarity_between",
    "transform_points",
]
