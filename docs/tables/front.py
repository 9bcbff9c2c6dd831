"""The front page's table: accuracy and cost at a glance."""

from __future__ import annotations

from collections.abc import Callable

from tables.cells import pair, read
from tables.comparison import SEEDED, report, run_of
from tables.experiments import claim
from tables.models import figures_of
from tcdcn_init.eval.measuring.markdown import table


def readme() -> str:
    """What the front page says: accuracy by AFLW and AFW, and what a face costs, and what came of the paper's claim."""
    documents = [report(name) for name in ("aflw", "afw")]
    own = [figures_of("tcdcn-two-stage").datasets[name] for name in ("aflw", "afw")]

    def overall(regressor: str, training: str, start: str) -> list[str]:
        found = [run_of(document.runs, (regressor, training, start)).error for document in documents]
        return [pair(error.mean, error.failure_10) for error in found]

    def bare(kind: str, value: float) -> list[str]:
        found = [next(row.summary for row in getattr(each, kind) if row.value == value) for each in own]
        return [pair(error.mean, error.failure_10) for error in found]

    published = [f"{document.published.figures[document.dataset.name]['TCDCN']:.1f}" for document in documents]
    corrected = [each.corrected for each in own]
    rows = [
        ["TCDCN's points as published, 2014", *published],
        ["**`initialize`**", *(pair(each.overall.mean, each.overall.failure_10) for each in own)],
        [
            "... the annotators' mean offsets taken off",
            *("" if c is None else pair(c.mean, c.failure_10) for c in corrected),
        ],
        ["... in boxes with noise of 0.2 of their side", *bare("noise", 0.2)],
        ["... upside down", *bare("roll", 180.0)],
        ["... a fifth of the box hidden", *bare("occlusion", 0.2)],
        ["RCPR, trained for and started from random shapes in the box", *overall("rcpr-mtfl", "retrained", "random-5")],
        ["RCPR, trained for `tcdcn-robust`'s points, started from these", *overall("rcpr-mtfl", "retrained", SEEDED)],
    ]
    titles = [f"{each.dataset.title}, {each.dataset.faces:,} faces" for each in documents]
    faces = read("benchmarks/initialize.json")["real_faces"]
    cost = (
        f"A face takes {faces['ms']['onnx']:.1f} ms on average on one core with onnxruntime, "
        f"{faces['ratios']['onnx']:.1f} times as long as dlib's 68-point predictor in the same run "
        f"({faces['passes']['mean']:.1f} passes over each of {faces['faces']} faces of AFLW, on average)."
    )
    return f"{table(['mean error / failures, %', *titles], rows)}\n\n{cost}\n\n{claim()}"


TABLES: dict[str, Callable[..., str]] = {
    "readme": readme,
}
