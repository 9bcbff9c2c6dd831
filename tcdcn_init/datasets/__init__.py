"""Readers of annotated faces, one file each; all yield the same `Face` records.

The data sets are research data and are not part of this project: every reader takes the folder that a user has on
disk.
"""

from tcdcn_init.datasets.base import BadRows, Face
from tcdcn_init.datasets.boxes import read_boxes
from tcdcn_init.datasets.formats.csv_file import read_csv
from tcdcn_init.datasets.formats.labelled import read_coco, read_cvat, read_imglab, read_label_studio
from tcdcn_init.datasets.formats.pts import read_pts, read_pts_folder
from tcdcn_init.datasets.published.afw import read_afw, read_afw68
from tcdcn_init.datasets.published.cofw import read_cofw, read_lfpw29
from tcdcn_init.datasets.published.hidden import read_hidden
from tcdcn_init.datasets.published.ibug68 import mtfl_five_from_68, read_ibug68
from tcdcn_init.datasets.published.mtfl import hold_out, read_mtfl
from tcdcn_init.datasets.published.w300 import read_300w
from tcdcn_init.datasets.published.ytf68 import hold_out_persons, read_ytf68

__all__ = [
    "BadRows",
    "Face",
    "hold_out",
    "hold_out_persons",
    "mtfl_five_from_68",
    "read_300w",
    "read_afw",
    "read_afw68",
    "read_boxes",
    "read_coco",
    "read_cofw",
    "read_csv",
    "read_cvat",
    "read_hidden",
    "read_ibug68",
    "read_imglab",
    "read_label_studio",
    "read_lfpw29",
    "read_mtfl",
    "read_pts",
    "read_pts_folder",
    "read_ytf68",
]
