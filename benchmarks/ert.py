"""How fast is the cascade in numpy, and how long does its file take to read, against stock dlib in the same run?

Makes a file of the size and layout of dlib's published 68-point one (15 levels x 500 trees of depth 4, 500 pixels a
level; random numbers, increments that shrink from level to level as trained ones do), reads it, and fits faces of
scikit-image's portrait from the same boxes. One thread, warm; rounds of dlib and of ours alternate.

    python benchmarks/ert.py [--repeats 15] [--out ert.json]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from common import Timing, compare, measure, report
from skimage.data import astronaut

from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.ert import ERT, CascadeArrays, read_dat

LEVELS, TREES, DEPTH, POINTS, PIXELS = 15, 500, 4, 68, 500


def made(rng: np.random.Generator, levels: int = LEVELS) -> CascadeArrays:
    """A cascade in the layout of dlib's published file, or with fewer levels."""
    splits = 2**DEPTH - 1
    leaves = rng.standard_normal((levels, TREES, splits + 1, 2 * POINTS), dtype=np.float32)
    leaves *= (2e-3 * 0.8 ** np.arange(levels, dtype=np.float32))[:, None, None, None]
    return CascadeArrays(
        mean_shape=rng.uniform(0.1, 0.9, (POINTS, 2)).astype(np.float32),
        split_pixels=rng.integers(0, PIXELS, (levels, TREES, splits, 2), dtype=np.int32),
        thresholds=rng.normal(0, 30, (levels, TREES, splits)).astype(np.float32),
        leaves=leaves,
        anchors=rng.integers(0, POINTS, (levels, PIXELS), dtype=np.int32),
        deltas=rng.normal(0, 0.1, (levels, PIXELS, 2)).astype(np.float32),
    )


def one_by_one(fit: Callable[[Any, Any], Any], image: Any, places: Iterable[Any]) -> list[Any]:
    return [fit(image, place) for place in places]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--levels", type=int, default=LEVELS, help="of the cascade")
    parser.add_argument("--faces", type=int, default=64, help="of a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ert.json"))
    arguments = parser.parse_args()
    rng, faces = np.random.default_rng(arguments.seed), arguments.faces
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        dat, own = Path(folder) / "made.dat", Path(folder) / "made.safetensors"
        ERT(made(rng, arguments.levels)).save_dat(dat)
        megabytes = dat.stat().st_size / 1e6
        reads = min(5, arguments.repeats)
        timings["dlib reads the .dat"] = measure(lambda: dlib.shape_predictor(str(dat)), reads)
        timings["ours reads the .dat"] = measure(lambda: read_dat(dat), reads)
        ERT.from_dat(dat).save(own)
        timings["ours loads its own file"] = measure(lambda: ERT.load(own), reads)
        stock, ert = dlib.shape_predictor(str(dat)), ERT.from_dat(dat)

    rgb = astronaut()
    corners, sides = rng.integers(0, 300, (faces, 2)), rng.integers(80, 200, (faces, 1))
    boxes = np.concatenate([corners, corners + sides], axis=1)
    rectangles = [dlib.rectangle(*box) for box in boxes.tolist()]
    five = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    seeds = five * sides[:, None] + corners[:, None]
    chip = SeededShapePredictor(stock, "chip")
    ratios: dict[str, float] = {}
    for name, image in (("grey", np.ascontiguousarray(rgb[..., 1])), ("RGB", rgb)):
        theirs = np.array([[(part.x, part.y) for part in stock(image, box).parts()] for box in rectangles])
        assert np.array_equal(theirs, np.floor(ert.fit_from_boxes(image, boxes) + 0.5)), "not dlib's points"
        runs = compare(
            {
                f"a face, dlib, {name}": partial(one_by_one, stock, image, rectangles),
                f"a face, ours in a batch of {faces}, {name}": partial(ert.fit_from_boxes, image, boxes),
                f"a face, ours one by one, {name}": partial(one_by_one, ert.fit_from_box, image, boxes),
                f"a face, seeded chip, {name}": partial(one_by_one, chip.fit_from_points, image, seeds),
            },
            arguments.repeats,
            per=faces,
        )
        ratios |= {key: timing.median / runs[f"a face, dlib, {name}"].median for key, timing in runs.items()}
        timings |= runs
    report(
        f"cascade of regression trees, a file of {megabytes:.1f} MB; ratio to dlib",
        timings,
        ratios,
        arguments.out,
        file_megabytes=megabytes,
        seed=arguments.seed,
    )


if __name__ == "__main__":
    main()
