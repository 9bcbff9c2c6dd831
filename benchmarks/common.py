"""What every benchmark shares: timing, and the hardware block of its JSON. Method: README.md beside this file."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# One thread; these must be set before numpy loads its BLAS.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

_WARM = 3


@dataclass(frozen=True)
class Timing:
    """Seconds per call (or per face): median and interquartile range over the repeats."""

    median: float
    iqr: float


def measure(call: Callable[[], Any], repeats: int) -> Timing:
    """Time one call."""
    return compare({"": call}, repeats)[""]


def compare(
    calls: Mapping[str, Callable[[], Any]],
    repeats: int,
    per: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Timing]:
    """Time several calls in turn, so that whatever else the machine does touches all of them alike.

    Parameters
    ----------
    calls : mapping of str to callable
    repeats : int
        Timed rounds, after a few that are not; each times every call once.
    per : int
        What a call's time is divided by: the faces that it fits.
    clock : callable
        Seconds. Processor time by default: with one thread it is what an idle machine needs. Elapsed time where there
        are more threads (`time.perf_counter`).
    """
    import numpy as np

    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_number in range(_WARM + repeats):
        for name, call in calls.items():
            call()  # what ran before it has emptied the processor's caches
            start = clock()
            call()
            if round_number >= _WARM:
                times[name].append((clock() - start) / per)
    result = {}
    for name, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        result[name] = Timing(float(middle), float(high - low))
    return result


def each(calls: Mapping[str, Callable[[int], Any]], count: int, rounds: int) -> dict[str, Any]:
    """Time calls on many inputs, each input once a round, so that none of them is in the processor's caches.

    Parameters
    ----------
    calls : mapping of str to callable
        Takes the index of an input.
    count : int
        Inputs.
    rounds : int
        Timed rounds, after one that is not.

    Returns
    -------
    dict of str to (count,) ndarray of float64
        Median seconds of processor time of each input.
    """
    import numpy as np

    times = {name: np.zeros((rounds + 1, count)) for name in calls}
    for round_number in range(rounds + 1):
        for k in range(count):
            for name, call in calls.items():
                start = time.process_time()
                call(k)
                times[name][round_number, k] = time.process_time() - start
    return {name: np.median(values[1:], axis=0) for name, values in times.items()}


def report(title: str, timings: Mapping[str, Timing], ratios: Mapping[str, float], out: Path, **extra: Any) -> None:
    """Print a table and write it, with the hardware, as JSON.

    Parameters
    ----------
    title : str
    timings : mapping of str to Timing
    ratios : mapping of str to float
        To the reference measured in the same run, by the timing's name.
    out : pathlib.Path
    **extra
        More entries of the JSON.
    """
    print(title)
    width = max(map(len, timings))
    for name, timing in timings.items():
        ratio = f"  {ratios[name]:6.2f} x" if name in ratios else ""
        print(f"  {name:{width}}  {1e3 * timing.median:10.3f} ms  (IQR {1e3 * timing.iqr:.3f}){ratio}")
    from tcdcn_init.eval.measuring.hardware import hardware

    document = {
        "title": title,
        "command": _command(),
        "hardware": asdict(hardware()),
        **extra,
        "seconds": {name: asdict(timing) for name, timing in timings.items()},
        "ratios": dict(ratios),
    }
    out.write_text(json.dumps(document, indent=1) + "\n")
    print(f"wrote {out}")


def _command() -> str:
    """As given, but for where the data lie and where the result goes."""
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]
    for k, word in enumerate(words[:-1]):
        if word == "--data":
            words[k + 1] = "MTFL"
        if word == "--out":
            words[k : k + 2] = ["", ""]
    return " ".join(filter(None, words))
