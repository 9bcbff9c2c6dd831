"""How fast is the cascade in numpy, and how long does its file take to read, against stock dlib in the same run?

Makes a file of the size and layout of dlib's published 68-point one (15 levels x 500 trees of depth 4, 500 pixels a
level; random numbers, increments that shrink from level to level as trained ones do), reads it, and fits faces of
scikit-image's portrait from the same boxes. One thread, warm; rounds of dlib and of ours alternate.

    python benchmarks/ert.py [--repeats 15] [--out ert.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import dlib
import numpy as np
from common import Timing, compare, measure, report
from skimage.data import astronaut

from tcdcn_init.adapters.dlib import SeededShapePredictor
from tcdcn_init.adapters.ert import ERT, CascadeArrays, read_dat

LEVELS, TREES, DEPTH, POINTS, PIXELS = 15, 500, 4, 68, 500
FACES = 64


def made(rng: np.random.Generator) -> CascadeArrays:
    splits = 2**DEPTH - 1
    leaves = rng.standard_normal((LEVELS, TREES, splits + 1, 2 * POINTS), dtype=np.float32)
    leaves *= (2e-3 * 0.8 ** np.arange(LEVELS, dtype=np.float32))[:, None, None, None]
    return CascadeArrays(
        mean_shape=rng.uniform(0.1, 0.9, (POINTS, 2)),
        split_pixels=rng.integers(0, PIXELS, (LEVELS, TREES, splits, 2)),
        thresholds=rng.normal(0, 30, (LEVELS, TREES, splits)),
        leaves=leaves,
        anchors=rng.integers(0, POINTS, (LEVELS, PIXELS)),
        deltas=rng.normal(0, 0.1, (LEVELS, PIXELS, 2)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ert.json"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        dat, own = Path(folder) / "made.dat", Path(folder) / "made.safetensors"
        ERT(made(rng)).save_dat(dat)
        megabytes = dat.stat().st_size / 1e6
        timings["dlib reads the .dat"] = measure(lambda: dlib.shape_predictor(str(dat)), 5)
        timings["ours reads the .dat"] = measure(lambda: read_dat(dat), 5)
        ERT.from_dat(dat).save(own)
        timings["ours loads its own file"] = measure(lambda: ERT.load(own), 5)
        stock, ert = dlib.shape_predictor(str(dat)), ERT.from_dat(dat)

    rgb = astronaut()
    corners, sides = rng.integers(0, 300, (FACES, 2)), rng.integers(80, 200, (FACES, 1))
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
                f"a face, dlib, {name}": lambda image=image: [stock(image, box) for box in rectangles],
                f"a face, ours in a batch of {FACES}, {name}": lambda image=image: ert.fit_from_boxes(image, boxes),
                f"a face, ours one by one, {name}": lambda image=image: [ert.fit_from_box(image, b) for b in boxes],
                f"a face, seeded chip, {name}": lambda image=image: [chip.fit_from_points(image, s) for s in seeds],
            },
            arguments.repeats,
            per=FACES,
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
