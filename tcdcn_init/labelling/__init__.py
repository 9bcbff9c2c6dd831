"""Formats of labelling tools, a file each: points that a person looks through and corrects, and corrected ones back.

`tcdcn-init points --format` writes them, `tcdcn_init.datasets` reads them as faces to train and measure on.
"""

from tcdcn_init.labelling.coco import parse_coco, write_coco
from tcdcn_init.labelling.cvat import parse_cvat, write_cvat
from tcdcn_init.labelling.frames import SHOWS_TURNED, face_as_stored, in_frame_of
from tcdcn_init.labelling.imglab import parse_imglab, write_imglab
from tcdcn_init.labelling.label_studio import label_config, parse_label_studio, write_label_studio
from tcdcn_init.labelling.pts import write_pts
from tcdcn_init.labelling.records import LabelledFace, LabelledImage, images_of_rows

__all__ = [
    "SHOWS_TURNED",
    "LabelledFace",
    "LabelledImage",
    "face_as_stored",
    "images_of_rows",
    "in_frame_of",
    "label_config",
    "parse_coco",
    "parse_cvat",
    "parse_imglab",
    "parse_label_studio",
    "write_coco",
    "write_cvat",
    "write_imglab",
    "write_label_studio",
    "write_pts",
]
