"""Time per face of the initializer, crops included, with dlib's own shape predictor as the yardstick.

The same face at the same size in a picture of 512x512 and of 4000x3000 pixels, from boxes a few pixels apart. The
yardstick is stock dlib with the layout of its published 68-point file on the same boxes; its time does not depend on
what it has learned. All take turns; the default is timed once more by itself.

    python benchmarks/initialize.py [--model tcdcn-robust] [--repeats 60] [--out benchmarks/initialize.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch
from common import Timing, compare, report
from ert import made
from numpy.typing import NDArray
from skimage.data import astronaut

from tcdcn_init import Initializer
from tcdcn_init.adapters.ert import ERT
from tcdcn_init.geometry import box_from_points
from tcdcn_init.network.config import DEFAULT_PASSES

BATCHES = (1, 64)


def pictures() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    small = np.ascontiguousarray(astronaut())
    large = np.ascontiguousarray(np.tile(small, (6, 8, 1))[:3000, :4000])
    # The box that a detector would put around the face.
    box = box_from_points(Initializer().points(small, [(178, 64, 277, 163)])[0])
    return {"512x512": (small, box), "4000x3000": (large, box + np.tile([5 * 512.0, 3 * 512.0], 2))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tcdcn-robust")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("initialize.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    initializers = {
        f"{backend}, passes {passes}": Initializer(arguments.model, backend=backend, passes=passes)  # type: ignore[arg-type]
        for backend in ("onnx", "torch")
        for passes in (1, DEFAULT_PASSES)
    }
    initializers["onnx, mirror images too"] = Initializer(arguments.model, backend="onnx", mirror=True)
    with tempfile.TemporaryDirectory() as folder:
        dat = Path(folder) / "made.dat"
        ERT(made(rng)).save_dat(dat)
        stock = dlib.shape_predictor(str(dat))

    timings: dict[str, Timing] = {}
    ratios: dict[str, float] = {}
    for size, (picture, box) in pictures().items():
        for batch in BATCHES:
            boxes = box + rng.uniform(-4.0, 4.0, (batch, 4))
            rectangles = [dlib.rectangle(*map(int, b)) for b in boxes]
            calls: dict[str, Any] = {
                name: lambda i=initializer, p=picture, b=boxes: i.points(p, b)
                for name, initializer in initializers.items()
            }
            calls["dlib, 68 points"] = lambda p=picture, r=rectangles: [stock(p, x) for x in r]
            repeats = arguments.repeats if batch == 1 else arguments.repeats // 3
            runs = compare(calls, repeats, per=batch)
            # And as a program has it that does nothing else: no other call between.
            best = f"onnx, passes {DEFAULT_PASSES}"
            runs |= compare({f"{best}, by itself": calls[best]}, 10 * repeats, per=batch)
            for name, timing in runs.items():
                key = f"{size}, batch {batch:2d}: {name}"
                timings[key] = timing
                ratios[key] = timing.median / runs["dlib, 68 points"].median
    report("a face from its box to five points; ratio to dlib", timings, ratios, arguments.out, model=arguments.model)


if __name__ == "__main__":
    main()
