"""Alignment errors and their summaries.

Errors are fractions of the normalising length: 0.1 is 10 % of the inter-ocular distance (or of the box side). An
error that is NaN or infinite belongs to a *missing* face: one that failed to load, or that a regressor gave no finite
answer for. A missing face is never dropped. It fails at every threshold, and wherever a number is needed it enters
with the error `MISSING_ERROR`, and so into mean, median, 90th percentile and paired differences; its number is
reported beside them. It is a constant, because a value taken from the other faces would let one face change the error
of another. Finite errors are never capped.
"""

from tcdcn_init.eval.metrics.errors import (
    Norm,
    annotated,
    face_errors,
    nme,
    offset_corrected,
    outer_corner_ratio,
    point_errors,
)
from tcdcn_init.eval.metrics.summaries import (
    MISSING_ERROR,
    NO_POSE,
    Summary,
    auc,
    ced,
    failure_rate,
    pose_rows,
    summarise,
    summarise_points,
    summarise_poses,
    with_missing,
)

__all__ = [
    "MISSING_ERROR",
    "NO_POSE",
    "Norm",
    "Summary",
    "annotated",
    "auc",
    "ced",
    "face_errors",
    "failure_rate",
    "nme",
    "offset_corrected",
    "outer_corner_ratio",
    "point_errors",
    "pose_rows",
    "summarise",
    "summarise_points",
    "summarise_poses",
    "with_missing",
]
