"""Time per face of the initializer, crops included, with dlib's own shape predictor as the yardstick.

1. One face in a loop, the best case: the same portrait in an image of 512x512 and of 4000x3000 pixels, from boxes a
   few pixels apart. All take turns; the default is timed once more by itself.
2. With --data, what a user gets: AFLW's faces, each in its own image and its own box, one after the other and in
   batches of 64, with the number of passes that each face takes.
3. With --device as well, faces a second of those batches by elapsed time: the network on that device, PyTorch's, beside
   the default on the processor.

The yardstick is stock dlib with the layout of its published 68-point file on the same boxes; its time does not depend
on what it has learned.

    python benchmarks/initialize.py [--data MTFL [--device cuda]] [--model tcdcn-two-stage] [--repeats 60] [--out FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch
from common import Timing, compare, each, report
from ert import made, one_by_one
from numpy.typing import NDArray
from skimage.data import astronaut

from tcdcn_init import Initializer
from tcdcn_init.adapters.ert import ERT
from tcdcn_init.datasets import read_mtfl
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.geometry import box_from_points
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL

DLIB = "dlib, 68 points"
WHOLE, DENSE = "onnx, whole answers", "onnx, whole answers with 68 points"


def portraits() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """The portrait and its box, as it is and in a large image."""
    small = np.ascontiguousarray(astronaut())
    large = np.ascontiguousarray(np.tile(small, (6, 8, 1))[:3000, :4000])
    # The box that a detector would put around the face.
    box = box_from_points(Initializer().points(small, [(178, 64, 277, 163)])[0])
    return {"512x512": (small, box), "4000x3000": (large, box + np.tile([5 * 512.0, 3 * 512.0], 2))}


def stock_dlib(rng: np.random.Generator) -> Any:
    """dlib's predictor with numbers of no meaning in the layout of its published file."""
    with tempfile.TemporaryDirectory() as folder:
        dat = Path(folder) / "made.dat"
        ERT(made(rng)).save_dat(dat)
        return dlib.shape_predictor(str(dat))


def one_face(
    model: str, stock: Any, rng: np.random.Generator, repeats: int, batch_size: int
) -> tuple[dict[str, Timing], dict[str, float]]:
    """The portrait in a loop: timings, and their ratios to dlib."""
    initializers = {
        f"{backend}, passes {passes}": Initializer(model, backend=backend, passes=passes)  # type: ignore[arg-type]
        for backend in ("onnx", "torch")
        for passes in (1, DEFAULT_PASSES)
    }
    initializers["onnx, mirror images too"] = Initializer(model, backend="onnx", mirror=True)
    timings: dict[str, Timing] = {}
    ratios: dict[str, float] = {}
    for size, (image, box) in portraits().items():
        for batch in (1, batch_size):
            boxes = box + rng.uniform(-4.0, 4.0, (batch, 4))
            rectangles = [dlib.rectangle(*map(int, b)) for b in boxes]
            calls: dict[str, Callable[[], Any]] = {
                name: partial(initializer.points, image, boxes) for name, initializer in initializers.items()
            }
            calls[DLIB] = partial(one_by_one, stock, image, rectangles)
            rounds = repeats if batch == 1 else -(-repeats // 3)
            runs = compare(calls, rounds, per=batch)
            # And as a program has it that does nothing else: no other call between.
            best = f"onnx, passes {DEFAULT_PASSES}"
            runs |= compare({f"{best}, by itself": calls[best]}, 10 * rounds, per=batch)
            for name, timing in runs.items():
                key = f"{size}, batch {batch:2d}: {name}"
                timings[key] = timing
                ratios[key] = timing.median / runs[DLIB].median
    return timings, ratios


def real_faces(
    model: str, stock: Any, data: Path, limit: int, rounds: int, batch_size: int, device: str | None
) -> dict[str, Any]:
    """AFLW's faces one after the other, each in its own image: milliseconds a face on average, and passes."""
    faces = read_mtfl(data, "testing")
    faces = faces[:: max(1, len(faces) // limit)][:limit]
    images, boxes = [read_face_image(face) for face in faces], [face.box[None] for face in faces]
    initializers = {backend: Initializer(model, backend=backend) for backend in ("onnx", "torch")}  # type: ignore[arg-type]

    def ours(initializer: Initializer, size: int, k: int) -> Any:
        part = slice(k * size, (k + 1) * size)
        return initializer.points(images[part], boxes[part])

    def theirs(k: int) -> Any:
        return stock(images[k], dlib.rectangle(*map(int, faces[k].box)))

    dense = Initializer(model, backend="onnx", dense=True)

    def whole(initializer: Initializer, k: int) -> Any:
        return initializer(images[k], boxes[k])

    one = {name: partial(ours, initializer, 1) for name, initializer in initializers.items()}
    one |= {WHOLE: partial(whole, initializers["onnx"]), DENSE: partial(whole, dense)}
    many = {name: partial(ours, initializer, batch_size) for name, initializer in initializers.items()}
    times = each({**one, DLIB: theirs}, len(faces), rounds)
    batched = each(many, -(-len(faces) // batch_size), rounds)
    on_device = faces_per_second(model, device, images, boxes, rounds, batch_size) if device else {}
    passes = count_passes(model, images, boxes)
    numbers = np.unique(passes).tolist()
    return {
        "dataset": "AFLW",
        "faces": len(faces),
        "batch": batch_size,
        "passes": {"mean": float(passes.mean()), "share": {str(n): float((passes == n).mean()) for n in numbers}},
        "ms": {name: float(1e3 * values.mean()) for name, values in times.items()},
        "ms_by_passes": {
            str(n): {name: float(1e3 * values[passes == n].mean()) for name, values in times.items()} for n in numbers
        },
        "ms_in_batches": {name: float(1e3 * values.sum() / len(faces)) for name, values in batched.items()},
        **on_device,
        "ratios": {name: float(values.mean() / times[DLIB].mean()) for name, values in times.items()},
    }


def faces_per_second(
    model: str, device: str, images: list[Any], boxes: list[Any], rounds: int, batch_size: int
) -> dict[str, Any]:
    """Batches on a device, and in the same run by the default backend on the processor."""
    initializers = {
        "auto on cpu": Initializer(model),
        f"torch on {device}": Initializer(model, backend="torch", device=device),
    }

    def all_of(initializer: Initializer) -> None:
        for k in range(0, len(images), batch_size):
            initializer.points(images[k : k + batch_size], boxes[k : k + batch_size])

    calls = {name: partial(all_of, initializer) for name, initializer in initializers.items()}
    runs = compare(calls, rounds, per=len(images), clock=time.perf_counter)
    return {"faces_per_second": {name: 1.0 / timing.median for name, timing in runs.items()}}


def count_passes(model: str, images: list[Any], boxes: list[Any]) -> NDArray[np.int64]:
    """How many passes each face takes: a further one has moved its points."""
    found = [Initializer(model, backend="onnx", passes=p).points(images, boxes) for p in range(1, DEFAULT_PASSES + 1)]
    moved = [(one != other).any(axis=(1, 2)) for one, other in zip(found[1:], found, strict=False)]
    return np.asarray(1 + np.sum(moved, axis=0), dtype=np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64, help="faces of the larger batch")
    parser.add_argument("--data", type=Path, help="folder of MTFL, for AFLW's faces")
    parser.add_argument("--device", help="with --data, also faces a second in batches on it: cuda, cuda:1, mps, cpu")
    parser.add_argument("--faces", type=int, default=500, help="of AFLW, evenly spread")
    parser.add_argument("--rounds", type=int, default=5, help="over these faces")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("initialize.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    stock = stock_dlib(rng)
    timings, ratios = one_face(arguments.model, stock, rng, arguments.repeats, arguments.batch)
    extra: dict[str, Any] = {"model": arguments.model}
    if arguments.data:
        extra["real_faces"] = real_faces(
            arguments.model,
            stock,
            arguments.data,
            arguments.faces,
            arguments.rounds,
            arguments.batch,
            arguments.device,
        )
    report("a face from its box to five points; ratio to dlib", timings, ratios, arguments.out, **extra)
    if arguments.data:
        found = extra["real_faces"]
        for name, ms in found["ms"].items():
            print(f"  a face of AFLW on average, {name}: {ms:.2f} ms, {found['ratios'][name]:.2f} x")
        for name, rate in found.get("faces_per_second", {}).items():
            print(f"  batches of {arguments.batch}, {name}: {rate:.0f} faces a second")
        print(f"  passes on average: {found['passes']['mean']:.2f}")


if __name__ == "__main__":
    main()
