"""Throughput of a run over Ray on this machine against `points --jobs`, and what a hundred million images would cost.

Both work on the same photographs, whose faces are detected, and take turns. Throughput is that of the time between the
first image and the last; what comes before, starting processes, is told beside. What an image costs one core is
measured for several sizes, and a run over many machines is simulated from that (`tcdcn_init.scale.simulation`).

    python benchmarks/scale.py [--images 180] [--width 1024] [--jobs 2] [--repeats 2] [--out scale.json]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from common import Timing, compare, report
from points import photographs

from tcdcn_init import Initializer
from tcdcn_init.pointfile import columns_of, find_images, write_points
from tcdcn_init.pointfile.formats import write_rows
from tcdcn_init.scale import annotate
from tcdcn_init.scale.cluster import connected
from tcdcn_init.scale.simulation import simulate

IMAGES = 100_000_000
RUNS = ((256, 1000), (1024, 1000), (1024, 10_000), (4096, 1000))
"""Cores, and images of a piece, of the runs that are simulated."""

ASSUMED: dict[str, Any] = {"spread": 0.2, "machine": 64, "lost_after": 24.0, "back_after": 300.0}
"""Of the simulation: how far pieces' times differ; cores of a machine; the hours after which one is lost, on average;
the seconds until another stands in its place."""


def image_costs(initializer: Initializer, folder: Path, widths: Sequence[int], repeats: int) -> dict[str, Any]:
    """By size: processor time of one thread, and the bytes of a file, an image."""
    found = {}
    for width in widths:
        images = some_photographs(folder / f"costs{width}", width, 2)
        out = folder / "costs.parquet"

        def once(images: Sequence[Path] = images, out: Path = out) -> None:
            out.unlink(missing_ok=True)
            write_points(images, out, initializer)

        size = f"{width}x{width * 3 // 4}"
        timing = compare({size: once}, repeats, per=len(images))[size]
        found[size] = {"timing": timing, "bytes": round(np.mean([path.stat().st_size for path in images]))}
    return found


def row_bytes(folder: Path, count: int = 1000) -> float:
    """Bytes of a face's row in a part, of numbers that differ from row to row."""
    rng = np.random.default_rng(0)
    columns = columns_of()
    rows = [
        {column.name: round(float(rng.uniform(0.0, 1000.0)), 3) for column in columns if column.kind == "number"}
        | {"image": f"photographs/{k // 1000:05d}.tar/{k:08d}.jpg", "status": "ok", "face": 0}
        | {"width": 1024, "height": 768}
        for k in range(count)
    ]
    write_rows(folder / "rows.parquet", columns, rows, None)
    return (folder / "rows.parquet").stat().st_size / count


def some_photographs(folder: Path, width: int, count: int) -> list[Path]:
    folder.mkdir()
    photographs(folder, width, count)
    return find_images([str(folder)])


def many(images: Sequence[Path], folder: Path, count: int) -> Path:
    """A folder of so many images: the few of them again and again, under names of their own."""
    folder.mkdir()
    for k in range(count):
        os.link(images[k % len(images)], folder / f"{k:05d}.jpg")
    return folder


class Rate:
    """Watches a run's journal: seconds of an image between the first and the last, and until the first."""

    def __init__(self, journal: Path, per_line: int) -> None:
        self._journal, self._per_line = journal, per_line

    def of(self, call: Callable[[], Any], count: int) -> tuple[float, float]:
        seen: list[tuple[float, int]] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.005):
                try:
                    lines = self._journal.read_bytes().count(b'"piece"')
                except OSError:
                    continue
                if lines and (not seen or lines > seen[-1][1]):
                    seen.append((time.perf_counter(), lines))

        thread = threading.Thread(target=watch)
        thread.start()
        start = time.perf_counter()
        try:
            call()
        finally:
            end = time.perf_counter()
            over.set()
            thread.join()
        if len(seen) < 3:  # too few for a slope: a run so short is all start
            return (end - start) / count, 0.0
        times, lines = np.array(seen).T
        seconds = 1.0 / np.polyfit(times - start, lines * self._per_line, 1)[0]
        return float(seconds), float(max(end - start - seconds * count, 0.0))


def timing_of(values: Sequence[float]) -> Timing:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Timing(float(middle), float(high - low))


def throughputs(
    initializer: Initializer, photos: Path, folder: Path, count: int, jobs: int, repeats: int
) -> dict[str, Timing]:
    """Elapsed time of an image for both ways, of the start of each, and of a piece with next to nothing in it."""
    images, piece = find_images([str(photos)]), max(1, count // 36)
    plain, ray = f"points --jobs {jobs}", f"points --ray local --jobs {jobs}"
    empty = folder / "empty"
    empty.mkdir()
    for k in range(count):
        (empty / f"{k:05d}.jpg").touch()
    found: dict[str, list[float]] = {}
    out = folder / "out"

    def note(name: str, journal: Path, per_line: int, call: Callable[[], Any]) -> None:
        shutil.rmtree(out, ignore_errors=True)
        seconds, start = Rate(journal, per_line).of(call, count)
        found.setdefault(name, []).append(seconds)
        found.setdefault(f"start of {name}", []).append(start)

    os.environ.setdefault("RAY_worker_niceness", "0")  # as the other processes have
    with connected("local", jobs):
        for _ in range(repeats):
            note(
                plain, out / "points.parquet.journal", 1,
                lambda: write_points(images, out / "points.parquet", initializer, jobs=jobs),
            )  # fmt: skip
            note(ray, out / "_journal", piece, lambda: annotate(photos, out, initializer, jobs=jobs, piece=piece))
            note(
                "a piece by itself", out / "_journal", 1, lambda: annotate(empty, out, initializer, jobs=jobs, piece=1)
            )
    return {name: timing_of(values) for name, values in found.items() if name != "start of a piece by itself"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=180, help="a run")
    parser.add_argument("--width", type=int, default=1024, help="of the photographs of the runs, in pixels")
    parser.add_argument("--widths", type=int, nargs="+", default=[480, 1024, 2048], help="whose cost is measured")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("scale.json"))
    arguments = parser.parse_args()
    initializer = Initializer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs = image_costs(initializer, folder, arguments.widths, arguments.repeats)
        written = row_bytes(folder)
        photos = many(some_photographs(folder / "few", arguments.width, 12), folder / "photos", arguments.images)
        timings = throughputs(initializer, photos, folder, arguments.images, arguments.jobs, arguments.repeats)
    first, second, *_ = (name for name in timings if not name.startswith("start of"))
    piece = timings["a piece by itself"].median
    sizes = {}
    for size, cost in costs.items():
        timings[f"{size}, one core"] = cost["timing"]
        sizes[size] = {"seconds": cost["timing"].median, "bytes_read": cost["bytes"], "bytes_written": round(written)}
    size = f"{arguments.width}x{arguments.width * 3 // 4}"
    seconds = timings[second].median * arguments.jobs
    runs = [
        {"cores": cores, "piece": images}
        | asdict(simulate(IMAGES // images, seconds * images, cores, handing_out=piece, **ASSUMED))
        for cores, images in RUNS
    ]
    report(
        "an image over Ray's processes on one machine; ratio to the processes of --jobs",
        timings, {first: 1.0, second: timings[second].median / timings[first].median}, arguments.out,
        size=size, images=arguments.images, jobs=arguments.jobs, sizes=sizes, total=IMAGES,
        assumed=ASSUMED | {"seconds": seconds, "handing_out": piece}, runs=runs,
    )  # fmt: skip


if __name__ == "__main__":
    main()
