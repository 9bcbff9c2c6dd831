"""Time an image of `tcdcn-init points`, and how many times as long drawings and the review page make it.

Photographs of a phone's size, decoded, their boxes given or, with --detect, their faces found as well, points, rows,
journal and output: all that the command does after it has started. The drawn run and the plain one take turns.

    python benchmarks/points.py [--detect] [--width 4000] [--images 4] [--repeats 10] [--out points.json]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import compare, report
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

from tcdcn_init import Initializer
from tcdcn_init.pointfile import find_images, write_points

_FACE = np.array([178.0, 64.0, 277.0, 163.0])


def photographs(folder: Path, width: int, count: int) -> Mapping[str, Sequence[NDArray[np.float64]]]:
    """JPEGs of 4 to 3 with a portrait that fills their height; the box of each."""
    rng = np.random.default_rng(0)
    height = width * 3 // 4
    portrait = Image.fromarray(astronaut()).resize((height, height), Image.Resampling.BICUBIC)
    boxes = {}
    for number in range(count):
        # Noise as of a sensor: without it a JPEG is done far too soon.
        pixels = np.full((height, width, 3), 128, dtype=np.float32)
        pixels[:, :height] = portrait
        pixels += rng.normal(0.0, 4.0, (height, width, 1)).astype(np.float32)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        image.save(folder / f"{number}.jpg", quality=92)
        boxes[f"{number}.jpg"] = [_FACE * (height / 512)]
    return boxes


def once(initializer: Initializer, images: Sequence[Path], out: Path, boxes: Any, extras: Sequence[str]) -> None:
    """One run into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    draw = out / "drawn" if "draw" in extras else None
    review = out / "review.html" if "review" in extras else None
    found = write_points(images, out / "points.csv", initializer, boxes=boxes, draw=draw, review=review)
    if found.faces != len(images):
        raise SystemExit(f"{found.faces} faces in {len(images)} images; expected one in each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detect", action="store_true", help="also without boxes")
    parser.add_argument("--width", type=int, default=4000, help="of the photographs, in pixels")
    parser.add_argument("--images", type=int, default=4, help="a run")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("points.json"))
    arguments = parser.parse_args()
    initializer = Initializer()
    with tempfile.TemporaryDirectory() as folder:
        given = photographs(Path(folder), arguments.width, arguments.images)
        images = find_images([folder])
        timings, ratios = {}, {}
        for kind, boxes in (("boxes given", given), ("faces found", None))[: 1 + arguments.detect]:
            calls = {
                f"{kind}{', ' * bool(extras)}{' and '.join(extras)}": partial(
                    once, initializer, images, Path(folder) / "out", boxes, extras
                )
                for extras in ([], ["draw"], ["review"])
            }
            found = compare(calls, arguments.repeats, per=arguments.images)
            timings |= found
            ratios |= {name: timing.median / found[kind].median for name, timing in found.items()}
        size = f"{arguments.width}x{arguments.width * 3 // 4}"
    report(
        f"an image of {size} pixels from its file to its row; ratio to the run without drawings",
        timings, ratios, arguments.out, size=size, images=arguments.images,
    )  # fmt: skip


if __name__ == "__main__":
    main()
