"""What does the one changed line cost, `SeededShapePredictor` against the dlib predictor that it stands for?

AFLW's faces in their boxes, each in its own image, one after the other: stock dlib, the initializer alone, as
`SeededShapePredictor` has it by default and as `initialize` has it, and dlib and either together. "points known" leaves
the initializer away: the adapter's own share, and what `SeededShapePredictor` costs who seeds it with other points.
Heads that are not upright are cut out of the image first, so they are also told apart.

    python benchmarks/seeded.py --data MTFL [--predictor shape_predictor_68_face_landmarks.dat] [--out seeded.json]

Without a predictor it takes numbers of no meaning in the layout of dlib's published file; its time is the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch
from common import Timing, each, report
from initialize import DLIB, stock_dlib
from numpy.typing import NDArray

from tcdcn_init import Initializer
from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.dlib_modes import is_upright
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.datasets.base import read_face_image

INITIALIZERS: dict[str, dict[str, Any]] = {"quick, the default": {"passes": 2, "quick": True}, "initialize's": {}}
KNOWN = "points known"


class Known:
    """Answers with points that were found before."""

    def __init__(self) -> None:
        self.answer: Any = None

    def points_and_confidence(self, images: Any, boxes: Any, *, on_bad: str) -> Any:
        return self.answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of MTFL, for AFLW's faces")
    parser.add_argument("--predictor", type=Path, help="dlib's 68-point file")
    parser.add_argument("--faces", type=int, default=200, help="of AFLW, evenly spread")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("seeded.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    stock = (
        dlib.shape_predictor(str(arguments.predictor)) if arguments.predictor else stock_dlib(np.random.default_rng(0))
    )
    faces = read_mtfl(arguments.data, "testing")
    faces = faces[:: max(1, len(faces) // arguments.faces)][: arguments.faces]
    images = [read_face_image(face) for face in faces]
    boxes = [dlib.rectangle(*map(int, face.box)) for face in faces]

    known = Known()
    with_known = SeededShapePredictor(stock, initializer=known)
    calls: dict[str, Callable[[int], Any]] = {DLIB: lambda k: stock(images[k], boxes[k])}
    for name, options in INITIALIZERS.items():
        initializer = Initializer(backend="onnx", **options)
        found = [initializer.points_and_confidence([image], [[box]]) for image, box in zip(images, boxes, strict=True)]
        seeded = SeededShapePredictor(stock, initializer=initializer)
        calls[f"{name}, the initializer alone"] = lambda k, ask=initializer: ask.points(images[k], [boxes[k]])  # type: ignore[misc]
        calls[f"{name}, SeededShapePredictor"] = lambda k, fit=seeded: fit(images[k], boxes[k])  # type: ignore[misc]

    def known_points(k: int) -> Any:
        known.answer = found[k]
        return with_known(images[k], boxes[k])

    calls[f"{KNOWN}, SeededShapePredictor"] = known_points
    times = each(calls, len(faces), arguments.rounds)
    upright = np.array([is_upright(with_known.seeded.from_points(points[0])) for points, _ in found])
    timings = {name: _timing(values) for name, values in times.items()}
    ratios = {name: float(values.mean() / times[DLIB].mean()) for name, values in times.items()}
    report(
        "the one changed line; ratio to dlib, of means over faces",
        timings,
        ratios,
        arguments.out,
        faces=len(faces),
        upright=float(upright.mean()),
        ratios_upright=_ratios(times, upright),
        ratios_turned=_ratios(times, ~upright),
    )


def _timing(values: NDArray[np.float64]) -> Timing:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Timing(float(middle), float(high - low))


def _ratios(times: dict[str, NDArray[np.float64]], chosen: NDArray[np.bool_]) -> dict[str, float]:
    """Of means over the chosen faces; nothing where there are none."""
    if not chosen.any():
        return {}
    return {name: float(values[chosen].mean() / times[DLIB][chosen].mean()) for name, values in times.items()}


if __name__ == "__main__":
    main()
