"""Images: whatever a caller has as one kind of array, and files of all kinds."""

from tcdcn_init.images.arrays import OVERSHOOT, as_bytes, as_grey, as_image
from tcdcn_init.images.files import PIXEL_LIMIT, orientation_of, read_image
from tcdcn_init.images.orientation import is_mirrored, points_as_shown, points_as_stored

__all__ = [
    "OVERSHOOT",
    "PIXEL_LIMIT",
    "as_bytes",
    "as_grey",
    "as_image",
    "is_mirrored",
    "orientation_of",
    "points_as_shown",
    "points_as_stored",
    "read_image",
]
