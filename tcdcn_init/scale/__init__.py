"""Points of millions of images, over the processes of one machine or of many, by Ray (the extra ``[ray]``)."""

from tcdcn_init.scale.report import RunReport
from tcdcn_init.scale.running import annotate

__all__ = ["RunReport", "annotate"]
