"""The faces that a report shows: those that a better start helps most, and those that are worst all the same."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.processes import over_processes
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.measure import Measured, StartFitter
from tcdcn_init.eval.comparison.plan import BASELINE, NO_REGRESSOR, Plan, Run
from tcdcn_init.eval.comparison.report import Gallery, GalleryFace, Panel, Points
from tcdcn_init.eval.measuring.copies import OWN_BOX, Copy, make_copy, read_images
from tcdcn_init.eval.metrics import nme, with_missing

__all__ = ["SHOWN_START", "choose_faces", "make_gallery", "primary_regressor"]

SHOWN_START = "tcdcn-nearest"
"""The start that is shown beside the baseline: the paper's."""

_PRIMARY = ("rcpr-mtfl", "sdm-mtfl")
_LONGEST = 260  # pixels
_AROUND = 0.25  # of the face's extent
_MOST = 12


def make_gallery(faces: Sequence[Face], plan: Plan, measured: Measured, most: int = _MOST) -> Gallery:
    """Choose faces, fit them again and cut them out.

    Parameters
    ----------
    faces : sequence of Face
    plan : Plan
    measured : Measured
        Of these faces.
    most : int
        Faces of each kind.

    Returns
    -------
    Gallery
        Empty where one of the two starts was not measured.
    """
    name = primary_regressor(list(plan.regressors))
    before, after = Run(name, "original", BASELINE), Run(name, "original", SHOWN_START)
    if before not in measured.runs or after not in measured.runs:
        return Gallery()
    old, new = (measured.errors[measured.runs.index(run)] for run in (before, after))
    chosen = choose_faces(old, new, most)
    wanted = sorted({k for rows in chosen.values() for k in rows})
    shown = [faces[k] for k in wanted]
    images, _ = read_images(shown)
    made = {
        k: make_copy(face, images.get(face.image), OWN_BOX, plan.seed) for k, face in zip(wanted, shown, strict=True)
    }
    copies = {k: copy for k, copy in made.items() if copy is not None}
    narrow = Plan(
        {name: plan.regressors[name]} if name != NO_REGRESSOR else {},
        tuple(start for start in plan.starts if start.name in (BASELINE, SHOWN_START)),
        plan.initializer,
        seed=plan.seed,
    )
    [drawn] = over_processes(lambda: _Drawer(StartFitter(narrow), before, after), [copies], 1)
    improved, worst = ([drawn[k] for k in chosen[kind] if k in drawn] for kind in ("improved", "worst"))
    return Gallery(improved, worst)


def choose_faces(before: NDArray[np.float64], after: NDArray[np.float64], most: int = _MOST) -> dict[str, list[int]]:
    """Rows of the most improved and of the worst faces, the most remarkable first.

    Parameters
    ----------
    before, after : (N,) ndarray
        Errors of the baseline and of the start that is shown; NaN is missing.
    most : int
        Faces of each kind.

    Returns
    -------
    dict
        "improved": the largest drops, none without one; "worst": the largest errors after.

    Examples
    --------
    >>> choose_faces(np.array([0.5, 0.1, 0.3]), np.array([0.1, 0.2, 0.2]), most=2)
    {'improved': [0, 2], 'worst': [1, 2]}
    """
    drop = with_missing(before) - with_missing(after)
    improved = [int(k) for k in np.argsort(-drop, kind="stable")[:most] if drop[k] > 0]
    worst = [int(k) for k in np.argsort(-with_missing(after), kind="stable")[:most]]
    return {"improved": improved, "worst": worst}


def primary_regressor(names: Sequence[str]) -> str:
    """The regressor whose faces are shown: RCPR, which the paper starts, or SDM, or the first."""
    return next((name for name in (*_PRIMARY, *names) if name in names), NO_REGRESSOR)


class _Drawer:
    """Fits and cuts out faces."""

    def __init__(self, fitter: StartFitter, before: Run, after: Run) -> None:
        self.fitter = fitter
        self.runs = (before, after)

    def __call__(self, copies: dict[int, Copy]) -> dict[int, GalleryFace]:
        if not copies:
            return {}
        fits = {fit.run: fit for fit in self.fitter.fit(list(copies.values()))}
        drawn = {}
        for row, (k, copy) in enumerate(copies.items()):
            starts = [fits[run].starts[row] for run in self.runs]
            shapes = [fits[run].shapes[row] for run in self.runs]
            drawn[k] = _cut_out(copy, self.runs, starts, shapes)
        return drawn


def _cut_out(
    copy: Copy, runs: Sequence[Run], starts: Sequence[NDArray[Any]], shapes: Sequence[NDArray[Any]]
) -> GalleryFace:
    from skimage.transform import resize
    from skimage.util import img_as_ubyte

    height, width = copy.image.shape[:2]
    seen = np.concatenate([copy.box.reshape(2, 2), copy.points])
    low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
    margin = _AROUND * (high - low).max()
    left, top = np.clip(np.floor(low - margin), 0, [width - 1, height - 1]).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], [width, height]).astype(int).tolist()
    part = copy.image[top:bottom, left:right]
    scale = min(_LONGEST / max(part.shape[:2]), 4.0)
    size = tuple(max(1, round(side * scale)) for side in part.shape[:2])
    crop = img_as_ubyte(np.clip(resize(part, size, anti_aliasing=scale < 1), 0, 1))

    def placed(points: NDArray[Any]) -> Points:
        """Points in pixels of the crop, whose centres are at integers too; None for what is missing."""
        at = (points - [left, top] + 0.5) * scale - 0.5
        return [[round(x, 2), round(y, 2)] if np.isfinite([x, y]).all() else None for x, y in at.tolist()]

    target = copy.points
    panels = [
        Panel(
            run.start,
            [placed(shape) for shape in start if np.isfinite(shape).all()],
            placed(shape) if np.isfinite(shape).all() else [],
            round(float(with_missing(nme(shape[None], target[None]))[0]), 6),
        )
        for run, start, shape in zip(runs, starts, shapes, strict=True)
    ]
    return GalleryFace(
        name=copy.name,
        image=_data_uri(crop),
        scale=scale,
        origin=[float(left), float(top)],
        truth=placed(copy.points),
        panels=panels,
        regressor=runs[0].regressor,
        training=runs[0].training,
    )


def _data_uri(image: NDArray[np.uint8]) -> str:
    from PIL import Image

    if image.ndim == 3 and image.shape[2] == 4:
        image = image[..., :3]
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()
