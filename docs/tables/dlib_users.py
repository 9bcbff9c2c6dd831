"""What dlib's users gain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tables.cells import ROOT, pair, read
from tables.comparison import report
from tcdcn_init.eval.comparison.report import RunFigures, Sweep
from tcdcn_init.eval.dlib_users.recognition import RecognitionReport, recognition_table
from tcdcn_init.eval.dlib_users.seeds import SeedReport, seeds_table
from tcdcn_init.eval.measuring.markdown import table


@cache
def _recognition() -> RecognitionReport:
    return RecognitionReport.read(ROOT / "docs/dlib/recognition.json")


@cache
def _seeds() -> SeedReport:
    return SeedReport.read(ROOT / "docs/dlib/seeds.json")


def dlib_headline() -> str:
    """The published 68-point file, plain and seeded, and what recognition makes of it."""
    document = report("300w-dlib")
    names = {"mean": "plain, in boxes around the points", "tcdcn-own": "**seeded**"}
    rows = []
    for start, text in names.items():
        run = next(run for run in document.runs if run.start == start)
        conditions = [(document.noise, 0.15), (document.roll, 45.0)]
        cells = [_at_pair(run, sweep, value) for sweep, value in conditions if sweep is not None]
        rows.append([text, pair(run.error.mean, run.error.failure_10), *cells])
    return table(
        ["300-W common, mean error / failures, %", "as they are", "box noise 0.15", "head turned by 45°"], rows
    )


def dlib_seeds() -> str:
    """Whose five points seed it."""
    found = _seeds()
    text = (
        f"{found.faces} faces of {found.dataset}, {found.detected} of them in the box of dlib's own detector, "
        "the others in one around their points."
    )
    return f"{seeds_table(found)}\n\n{text}"


def dlib_recognition() -> str:
    """What recognition gains."""
    found = _recognition()
    text = (
        f"{found.pairs} same-person pairs and {found.strangers:,} pairs of two persons: a frame each of two "
        f"videos of {found.persons} persons; {found.detected} of the {2 * found.persons} faces in the box of dlib's "
        "own detector, the others in one around their points."
    )
    return f"{recognition_table(found)}\n\n{text}"


def dlib_commands() -> str:
    """What wrote these figures."""
    return "\n".join(f"    {text}" for text in (report("300w-dlib").command, _seeds().command, _recognition().command))


def speed_seeded() -> str:
    """The one changed line against dlib."""
    found = read("benchmarks/seeded.json")
    groups = (found["ratios"], found["ratios_upright"], found["ratios_turned"])
    rows = [
        [name, f"{1e3 * timing['median']:.2f}", *(f"{ratios[name]:.2f}" for ratios in groups)]
        for name, timing in found["seconds"].items()
    ]
    head = ["", "median ms", "x dlib", "... upright", "... turned"]
    share = f"{found['faces']} faces of AFLW, of which {100 * found['upright']:.0f} % are upright to 7.5 degrees."
    return f"{table(head, rows)}\n\n{share}"


def _at_pair(run: RunFigures, sweep: Sweep, value: float) -> str:
    column = sweep.values.index(value)
    found = next(each for each in sweep.runs if (each.regressor, each.start) == (run.regressor, run.start))
    return pair(found.mean[column], found.failure[column])


TABLES: dict[str, Callable[..., str]] = {
    "dlib-headline": dlib_headline,
    "dlib-seeds": dlib_seeds,
    "dlib-recognition": dlib_recognition,
    "dlib-commands": dlib_commands,
    "speed-seeded": speed_seeded,
}
