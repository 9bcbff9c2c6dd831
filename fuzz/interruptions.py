"""Runs of `points` that are killed, run out of room or meet another: the end is that of a run in peace."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from campaign import Result, run
from skimage.io import imread, imsave

from tcdcn_init import Initializer
from tcdcn_init.pointfile import find_images, write_points

_BOX = np.array([20.0, 12.0, 75.0, 82.0])


def campaign(count: int, seed: int) -> Result:
    """Interrupt runs over a folder of images, with drawings and a few files that cannot be used."""
    folder = Path(tempfile.mkdtemp())
    rng = np.random.default_rng(seed)
    for k in range(40):
        (folder / f"in/{k % 3}").mkdir(parents=True, exist_ok=True)
        imsave(folder / f"in/{k % 3}/{k:02}.png", rng.integers(0, 256, (96, 96), dtype=np.uint8), check_contrast=False)
    (folder / "in" / "broken.png").write_bytes(b"no image")
    os.chdir(folder)
    images = find_images(["in"])
    boxes = {path.name: [_BOX, _BOX + 200] if k % 7 == 0 else [_BOX] for k, path in enumerate(images)}
    initializer = Initializer("tcdcn-mtfl", backend="onnx")

    def work() -> None:
        write_points(images, Path("out/o.csv"), initializer, boxes=boxes, draw=Path("out/drawn"))

    begun = time.perf_counter()
    work()
    peace, length = _state(Path("out")), time.perf_counter() - begun

    def one(rng: random.Random, result: Result) -> str:
        shutil.rmtree("out", ignore_errors=True)
        kind = rng.choice(["killed", "killed", "terminated", "out of room", "two at a time"])
        interruptions = rng.randint(1, 3)
        for _ in range(interruptions):
            children = [
                _child(work, _limit(rng) if kind == "out of room" else None) for _ in range(1 + (kind[0:3] == "two"))
            ]
            if kind in ("killed", "terminated"):
                time.sleep(rng.uniform(0, 1.2 * length))
                os.kill(children[0], signal.SIGKILL if kind == "killed" else signal.SIGTERM)
            for child in children:
                os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(os.waitpid(_child(work), 0)[1])
        left = sorted(path.as_posix() for path in Path("out").rglob("*"))
        if code:
            return result.fault(f"the last run of {interruptions} {kind} ended with {code}", left)
        if _state(Path("out")) != peace:
            return result.fault(f"the end after {interruptions} times {kind} is another", left)
        return f"{kind}, then as in peace"

    about = "Every run ends as one in peace does: the same bytes of output, every drawing whole, nothing left beside."
    return run("Runs of `points` interrupted", about, count, seed, one)


def _limit(rng: random.Random) -> Callable[[], None]:
    size = rng.choice([0, 100, 1000, 5000, 20_000])

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def _child(work: Callable[[], None], before: Callable[[], None] | None = None) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if before is not None:
            before()
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def _state(folder: Path) -> dict[str, object]:
    """Every file: the output's bytes, and the drawings as images."""
    return {
        path.as_posix(): imread(path).tobytes() if path.suffix == ".png" else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if sys.platform == "win32":
    raise SystemExit("this campaign forks: it runs where processes can")
