"""Images: whatever a caller has as one kind of array, and files of all kinds."""

from tcdcn_init.images.arrays import OVERSHOOT, as_bytes, as_grey, as_image
from tcdcn_init.images.files import PIXEL_LIMIT, read_image

__all__ = ["OVERSHOOT", "PIXEL_LIMIT", "as_bytes", "as_grey", "as_image", "read_image"]
