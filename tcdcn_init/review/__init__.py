"""A page on which a person looks through the faces of a run and finds the bad ones."""

from tcdcn_init.review.crops import FaceCrop, crop_face
from tcdcn_init.review.page import write_review

__all__ = ["FaceCrop", "crop_face", "write_review"]
