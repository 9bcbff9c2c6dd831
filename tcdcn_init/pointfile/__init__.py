"""Points of whole folders: `tcdcn-init points` without the command line."""

from tcdcn_init.pointfile.finding import IMAGE_SUFFIXES, find_images
from tcdcn_init.pointfile.formats import FORMATS
from tcdcn_init.pointfile.rows import Column, columns_of
from tcdcn_init.pointfile.running import PointsReport, write_points

__all__ = ["FORMATS", "IMAGE_SUFFIXES", "Column", "PointsReport", "columns_of", "find_images", "write_points"]
