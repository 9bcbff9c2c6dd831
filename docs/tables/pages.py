"""Pages of other reports, each from the JSON beside it."""

from __future__ import annotations

from collections.abc import Callable

from tables.cells import ROOT
from tcdcn_init.eval.cascaded_cnn.report import CascadedCNNReport, cascaded_cnn_tables
from tcdcn_init.eval.detection.figures import DetectionReport
from tcdcn_init.eval.detection.report import detection_text
from tcdcn_init.eval.motion.report import MotionReport, motion_text
from tcdcn_init.eval.occlusion.report import OcclusionReport, occlusion_page

PAGES: dict[str, Callable[[], str]] = {
    "docs/detection/detection.md": lambda: detection_text(DetectionReport.read(ROOT / "docs/detection/detection.json")),
    "docs/video/motion.md": lambda: motion_text(MotionReport.read(ROOT / "docs/video/motion.json")),
    "docs/results/lfpw29/occlusion.md": lambda: occlusion_page(
        OcclusionReport.read(ROOT / "docs/results/lfpw29/occlusion.json")
    ),
    "docs/experiments/cascaded-cnn.md": lambda: cascaded_cnn_tables(
        CascadedCNNReport.read(ROOT / "docs/experiments/cascaded-cnn.json")
    ),
}
