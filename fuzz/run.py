"""Run all campaigns, print what came of them, and write docs/reliability.md: `make fuzz`."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

# Before torch is imported: inputs this small are done before a second thread has woken up.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import dat
import files
import images
import interruptions
from campaign import Result

# Campaigns and their shares of the inputs.
_CAMPAIGNS = [
    (dat.campaign, 0.5),
    (files.campaign, 0.3),
    (files.journals, 0.0995),
    (images.campaign, 0.1),
    (interruptions.campaign, 0.0005),
]


def page(results: Sequence[Result], command: str) -> str:
    """docs/reliability.md."""
    total, faults = sum(result.inputs for result in results), sum(len(result.faults) for result in results)
    lines = [
        "# Reliability",
        "",
        f"{total:,} inputs made at random, in {len(results)} campaigns: {faults or 'no'} fault{'s' * (faults != 1)}. "
        "A fault is an answer or an end that the sentence of its campaign rules out.",
        "",
        f"Written by `{command}` (Python {platform.python_version()}, {platform.system()}, one process, "
        f"{sum(result.seconds for result in results) / 60:.1f} minutes).",
    ]
    for result in results:
        lines += [
            "",
            f"## {result.name}",
            "",
            f"{result.about} {result.inputs:,} inputs, {len(result.faults)} faults; the slowest took "
            f"{1000 * result.slowest:.0f} ms, and the process grew by {max(result.megabytes, 0):.0f} MB.",
            "",
            "| outcome | inputs |",
            "|---|---|",
            *(f"| {outcome} | {number:,} |" for outcome, number in sorted(result.outcomes.items())),
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run from the command line; the exit status is 1 where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="page to write")
    options = parser.parse_args()
    out = options.out and options.out.resolve()
    warnings.simplefilter("ignore")  # decoders', about damaged files
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    results = []
    for campaign, share in _CAMPAIGNS:
        result = campaign(max(1, round(share * options.inputs)), options.seed)
        results.append(result)
        print(f"{result.name}: {result.inputs} inputs in {result.seconds:.0f} s, {len(result.faults)} faults")
        for outcome, number in sorted(result.outcomes.items()):
            print(f"  {number:8d}  {outcome}")
        for fault in result.faults[:5]:
            print(f"  {fault}")
        sys.stdout.flush()
    if out:
        out.write_text(page(results, f"python fuzz/run.py --inputs {options.inputs} --seed {options.seed}"))
    return int(any(result.faults for result in results))


if __name__ == "__main__":
    sys.exit(main())
