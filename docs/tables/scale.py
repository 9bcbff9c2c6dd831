"""Tables of docs/scale.md, from what `benchmarks/scale.py` left."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tables.cells import ROOT
from tcdcn_init.eval.measuring.markdown import table

CORES = (64, 1024, 4096)


@cache
def measured() -> Any:
    """benchmarks/scale.json."""
    return json.loads((ROOT / "benchmarks/scale.json").read_text(encoding="utf-8"))


def throughput() -> str:
    """One machine, with Ray and without."""
    document = measured()
    rows = []
    for name, ratio in document["ratios"].items():
        seconds, start = (document["seconds"][key]["median"] for key in (name, f"start of {name}"))
        rows.append([f"`{name}`", f"{1 / seconds:.2f}", f"{ratio:.2f}", f"{start:.0f}"])
    made = table(["", "images a second", "x the time of `--jobs`", "s to start and end"], rows)
    alone = document["seconds"]["a piece by itself"]["median"]
    return (
        f"{made}\n\n{document['images']} images of {document['size']} pixels, their faces detected. A piece with next "
        f"to nothing in it takes {1e3 * alone:.0f} ms: the more images in one, the less that is."
    )


def costs() -> str:
    """What all images cost, by their size."""
    document = measured()
    total, rows = document["total"], []
    for size, cost in document["sizes"].items():
        hours = cost["seconds"] * total / 3600
        rows.append(
            [
                size,
                f"{1e3 * cost['seconds']:.0f}",
                f"{hours:,.0f}",
                *(f"{hours / cores:,.1f}" for cores in CORES),
                f"{cost['bytes_read'] * total / 1e12:,.1f}",
                f"{1e-6 * cost['bytes_read'] * CORES[1] / cost['seconds']:,.0f}",
                f"{cost['bytes_written'] * total / 1e9:,.0f}",
            ]
        )
    head = ["image", "ms", "core hours", *(f"hours on {cores:,} cores" for cores in CORES)]
    head += ["TB read", f"MB/s read by {CORES[1]:,} cores", "GB written"]
    return table(head, rows)


def simulated() -> str:
    """Runs in which machines are lost."""
    document = measured()
    assumed = document["assumed"]
    rows = [
        [
            f"{run['cores']:,}",
            f"{run['piece']:,}",
            f"{assumed['seconds'] * run['piece'] / 60:.1f}",
            f"{run['hours']:.1f}",
            f"{100 * run['busy']:.1f}",
            f"{100 * run['redone']:.2f}",
        ]
        for run in document["runs"]
    ]
    made = table(["cores", "images a piece", "minutes a piece", "hours", "cores busy, %", "done anew, %"], rows)
    return (
        f"{made}\n\nAssumed: {1e3 * assumed['seconds']:.0f} ms an image, as measured above for one of "
        f"{document['jobs']} processes; pieces' times differ by {100 * assumed['spread']:.0f} %; a machine of "
        f"{assumed['machine']} cores is lost every {assumed['lost_after']:.0f} hours on average, with all that it was "
        f"at, and replaced after {assumed['back_after'] / 60:.0f} minutes; handing out a piece takes "
        f"{1e3 * assumed['handing_out']:.0f} ms, as long as an empty one takes in all."
    )


TABLES: dict[str, Callable[..., str]] = {
    "scale-throughput": throughput,
    "scale-costs": costs,
    "scale-simulated": simulated,
}
