"""How well a regressor does from a start on held-out faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.adapters.base import ShapeRegressor, batched
from tcdcn_init.adapters.cascade.batch import median_shape
from tcdcn_init.confidence import FAILURE
from tcdcn_init.datasets.base import Face, read_face_image
from tcdcn_init.eval.metrics import nme
from tcdcn_init.eval.perturbation import face_rng
from tcdcn_init.eval.starts import make_start
from tcdcn_init.shapes import ShapeBank

__all__ = ["BothFigures", "StartFigures", "start_figures"]

_AT_ONCE = 128  # images in memory


@dataclass(frozen=True)
class StartFigures:
    """Errors in % of the inter-ocular distance; a face without a result counts as 100 %.

    Attributes
    ----------
    start : float
        Mean error of the start, the median of its shapes.
    mean, median : float
        Of the result.
    failures : float
        Faces with an error above 10 %, in % of the faces.
    """

    start: float
    mean: float
    median: float
    failures: float


@dataclass(frozen=True)
class BothFigures:
    """Of a regressor as it was trained, and of the one retrained for the start.

    Attributes
    ----------
    original, retrained : StartFigures
    """

    original: StartFigures
    retrained: StartFigures


def start_figures(
    regressor: ShapeRegressor,
    start: str,
    bank: ShapeBank,
    faces: Sequence[Face],
    found: NDArray[Any] | None = None,
    *,
    seed: int = 0,
) -> StartFigures:
    """Errors of a regressor from a start.

    Parameters
    ----------
    regressor : ShapeRegressor
    start : str
        For `eval.starts.make_start`; of several shapes' results the median counts.
    bank : ShapeBank
        Without the faces' own shapes, or nearest shapes are the answer.
    faces : sequence of N Face
    found : (N, 5, 2) array_like, optional
        TCDCN's points, for the starts that begin with them.
    seed : int
        Of random starts.

    Returns
    -------
    StartFigures
    """
    made = make_start(start, bank)
    truth = np.stack([face.points for face in faces])
    fives = {"none": [None] * len(faces), "tcdcn": found, "annotated": truth}[made.points]
    if fives is None:
        raise ValueError(f"start {start!r} begins with TCDCN's points; give them as found")
    begun = np.stack(
        [made(face.box, five, face_rng(seed, face.name, "start")) for face, five in zip(faces, fives, strict=True)]
    )
    many = batched(regressor)
    ended = [
        many.fit_from_shapes([read_face_image(face) for face in faces[part]], begun[part], on_bad="nan")
        for part in (slice(first, first + _AT_ONCE) for first in range(0, len(faces), _AT_ONCE))
    ]
    started, errors = (
        100 * np.nan_to_num(nme(shapes, truth), nan=1.0) for shapes in (median_shape(begun), np.concatenate(ended))
    )
    return StartFigures(
        start=float(started.mean()),
        mean=float(errors.mean()),
        median=float(np.median(errors)),
        failures=float(100 * (errors > 100 * FAILURE).mean()),
    )
