"""How many frames a second does the tracker follow, against dlib's predictor in the same run?

Draws a synthetic clip of scikit-image's portrait, and follows its face from frame to frame: without a detector, which
is told of the first frame alone, and with it, as it is by default. dlib's 68-point predictor, of the size of the
published one, fits the same frames in boxes that are given. One thread; frame by frame, all of them in turn.

    python benchmarks/video.py [--frames 100] [--rounds 5] [--out video.json]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from common import Timing, each, report
from initialize import stock_dlib
from skimage.data import astronaut

from tcdcn_init import Initializer
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX, PORTRAIT_POINTS
from tcdcn_init.eval.motion.clips import Shown, cut_out
from tcdcn_init.eval.motion.scenarios import make_clip
from tcdcn_init.geometry import box_from_points
from tcdcn_init.tracking import FaceTracker, OneEuro

CLIPS = ("moving", "turning")
DLIB = "dlib, 68 points, boxes given"


def followed(clip: list[Shown], make: Callable[[], FaceTracker]) -> Callable[[int], Any]:
    """Follows a clip frame by frame, with a new tracker at its beginning."""
    trackers: list[FaceTracker] = []

    def follow(k: int) -> Any:
        if k == 0:
            trackers[:] = [make()]
        return trackers[0].update(clip[k].image, clip[k].time)

    return follow


def one_box(box: Any, image: Any) -> Any:
    """A detector that costs nothing."""
    return [box]


def predicted(stock: Any, clip: list[Shown], rectangles: list[Any], k: int) -> Any:
    return stock(clip[k].image, rectangles[k])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the default one if omitted")
    parser.add_argument("--frames", type=int, default=100, help="of each clip")
    parser.add_argument("--rounds", type=int, default=5, help="over each clip")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("video.json"))
    arguments = parser.parse_args()
    initializer = Initializer(arguments.model) if arguments.model else Initializer()
    stock = stock_dlib(np.random.default_rng(0))
    actor = cut_out(astronaut(), PORTRAIT_POINTS, PORTRAIT_BOX)
    timings: dict[str, Timing] = {}
    ratios: dict[str, float] = {}
    rates: dict[str, float] = {}
    for name in CLIPS:
        clip = [
            shown for shown, _ in zip(make_clip(name, [actor], 0, "benchmark"), range(arguments.frames), strict=False)
        ]
        boxes = box_from_points([shown.points[0] for shown in clip])
        rectangles = [dlib.rectangle(*box) for box in np.rint(boxes).astype(int).tolist()]
        told = partial(FaceTracker, initializer, detector=partial(one_box, boxes[0]))
        calls: dict[str, Callable[[int], Any]] = {
            "without detection": followed(clip, told),
            "without detection, smoothed": followed(clip, partial(told, smoothing=OneEuro())),
            "with detection, its own": followed(clip, partial(FaceTracker, initializer)),
            "with detection, dlib's": followed(clip, partial(FaceTracker, initializer, detector="dlib")),
            "with detection, scikit-image's": followed(clip, partial(FaceTracker, initializer, detector="skimage")),
            DLIB: partial(predicted, stock, clip, rectangles),
        }
        means = {}
        for kind, seconds in each(calls, len(clip), arguments.rounds).items():
            low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
            timings[f"{name}: {kind}"] = Timing(float(middle), float(high - low))
            means[kind] = float(seconds.mean())
        for kind, mean in means.items():
            ratios[f"{name}: {kind}"] = mean / means[DLIB]
            rates[f"{name}: {kind}"] = 1.0 / mean
    report(
        "a frame with a face, followed; ratio of means to dlib",
        timings,
        ratios,
        arguments.out,
        model=str(initializer.model),
        frames=arguments.frames,
        frames_a_second=rates,
    )
    for name, rate in rates.items():
        print(f"  {name}: {rate:.0f} frames a second on average")


if __name__ == "__main__":
    main()
