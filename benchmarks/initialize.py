"""Time per face of the initializer, crops included, with dlib's own shape predictor as the yardstick.

The same face at the same size in a picture of 512x512 and of 4000x3000 pixels, from boxes a few pixels apart. The
yardstick is stock dlib with the layout of its published 68-point file on the same boxes; its time does not depend on
what it has learned. All take turns; the default is timed once more by itself.

And, given MTFL, what users get: AFLW's faces, each in its own image and box, one after the other and 64 images at once;
the mean over faces, and how often a face is looked at.

    python benchmarks/initialize.py [--model tcdcn-robust] [--mtfl MTFL] [--repeats 60] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
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
from tcdcn_init._shared.images import read_image
from tcdcn_init.adapters.ert import ERT
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.geometry import box_from_points
from tcdcn_init.network.config import DEFAULT_PASSES

BATCHES = (1, 64)
YARDSTICK = "dlib, 68 points"


def pictures() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    small = np.ascontiguousarray(astronaut())
    large = np.ascontiguousarray(np.tile(small, (6, 8, 1))[:3000, :4000])
    # The box that a detector would put around the face.
    box = box_from_points(Initializer().points(small, [(178, 64, 277, 163)])[0])
    return {"512x512": (small, box), "4000x3000": (large, box + np.tile([5 * 512.0, 3 * 512.0], 2))}


def real_faces(
    root: Path, initializers: dict[str, Initializer], stock: dlib.shape_predictor, repeats: int
) -> tuple[dict[str, Timing], dict[str, float]]:
    """Seconds a face over a tenth of AFLW, one at a time and in batches of 64, and looks at a face."""
    faces = read_mtfl(root, "testing")[::10]
    images = [read_image(face.image) for face in faces]
    boxes = [face.box[None] for face in faces]
    rectangles = [dlib.rectangle(*map(int, face.box)) for face in faces]
    looks = {}
    for name, initializer in initializers.items():
        counted: list[int] = []
        look = initializer._ask

        def counting(crops: Any, look: Any = look, counted: list[int] = counted) -> Any:
            counted.append(len(crops))
            return look(crops)

        initializer._ask = counting  # type: ignore[method-assign]
        initializer.points(images, boxes)
        initializer._ask = look  # type: ignore[method-assign]
        looks[name] = sum(counted) / len(faces)
    singles: dict[str, list[float]] = {name: [] for name in (*initializers, YARDSTICK)}
    batches: dict[str, list[float]] = {name: [] for name in singles}
    for _ in range(max(2, repeats // 20)):
        sums = dict.fromkeys(singles, 0.0)
        for image, box, rectangle in zip(images, boxes, rectangles, strict=True):
            for name, initializer in initializers.items():
                start = time.perf_counter()
                initializer.points(image, box)
                sums[name] += time.perf_counter() - start
            start = time.perf_counter()
            stock(image, rectangle)
            sums[YARDSTICK] += time.perf_counter() - start
        for name, total in sums.items():
            singles[name].append(total / len(faces))
        for first in range(0, len(faces) - 63, 64):
            part = slice(first, first + 64)
            for name, initializer in initializers.items():
                start = time.perf_counter()
                initializer.points(images[part], boxes[part])
                batches[name].append((time.perf_counter() - start) / 64)
            start = time.perf_counter()
            for image, rectangle in zip(images[part], rectangles[part], strict=True):
                stock(image, rectangle)
            batches[YARDSTICK].append((time.perf_counter() - start) / 64)
    timings = {}
    for kind, times in (("one by one", singles), ("64 images at once", batches)):
        for name, values in times.items():
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            timings[f"AFLW, {kind}: {name}"] = Timing(float(middle), float(high - low))
    return timings, looks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tcdcn-robust")
    parser.add_argument("--mtfl", type=Path, help="folder of MTFL: also AFLW's own faces")
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
            calls[YARDSTICK] = lambda p=picture, r=rectangles: [stock(p, x) for x in r]
            repeats = arguments.repeats if batch == 1 else arguments.repeats // 3
            runs = compare(calls, repeats, per=batch)
            # And as a program has it that does nothing else: no other call between.
            best = f"onnx, passes {DEFAULT_PASSES}"
            runs |= compare({f"{best}, by itself": calls[best]}, 10 * repeats, per=batch)
            for name, timing in runs.items():
                key = f"{size}, batch {batch:2d}: {name}"
                timings[key] = timing
                ratios[key] = timing.median / runs[YARDSTICK].median
    looks: dict[str, float] = {}
    if arguments.mtfl:
        runs, looks = real_faces(arguments.mtfl, initializers, stock, arguments.repeats)
        timings |= runs
        for name, timing in runs.items():
            ratios[name] = timing.median / runs[f"{name.split(': ')[0]}: {YARDSTICK}"].median
        for name, count in looks.items():
            print(f"{name}: {count:.2f} looks at a face of AFLW")
    report(
        "a face from its box to five points; ratio to dlib",
        timings,
        ratios,
        arguments.out,
        model=arguments.model,
        looks=looks,
    )


if __name__ == "__main__":
    main()
