"""The documentation's tables, each from JSON that a command left. `write.py` puts them where pages mark them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open

from tcdcn_init.datasets import named
from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.cascaded_cnn.report import CascadedCNNReport, cascaded_cnn_tables
from tcdcn_init.eval.comparison.finding import finding
from tcdcn_init.eval.comparison.plan import POINTS_RUN
from tcdcn_init.eval.comparison.report import Report, RunFigures, RunName, Sweep
from tcdcn_init.eval.comparison.tables import report_tables
from tcdcn_init.eval.detection.figures import DetectionReport
from tcdcn_init.eval.detection.report import detection_text
from tcdcn_init.eval.measuring.documents import from_json
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.model_report.bad_boxes import BoxReport, box_sentence, box_tables, box_text
from tcdcn_init.eval.model_report.confidence import UNSURE_BELOW, ConfidenceReport
from tcdcn_init.eval.model_report.confidence_report import confidence_tables, confidence_text
from tcdcn_init.eval.model_report.figures import FiguresReport, figures_table
from tcdcn_init.eval.model_report.limits import LimitsReport
from tcdcn_init.eval.model_report.limits_text import limits_text
from tcdcn_init.eval.motion.report import MotionReport, motion_text
from tcdcn_init.eval.occlusion.report import OcclusionReport, occlusion_page
from tcdcn_init.eval.retraining.figures import BothFigures
from tcdcn_init.pointfile import columns_of
from tcdcn_init.tasks import TASKS
from tcdcn_init.video.rows import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ("aflw", "aflw-paper", "afw", "afw68-given", "afw68-points", "300w-dlib", "300w-68")
"""Folders of docs/results that `tcdcn-init eval` wrote and that have a page."""

_PLOTS = {
    "ced": "Cumulative errors",
    "points": "Change of each point's mean error against the baseline",
    "poses": "Mean error by pose",
    "noise": "Failures by box noise",
    "roll": "Failures by roll",
}
_SEEDED = "tcdcn-nearest"

N = TypeVar("N", bound=RunName)


@cache
def read(path: str) -> Any:
    """JSON by its path in the repository."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def both(error: float, failures: float) -> str:
    """Failures and mean error, both in percent."""
    return f"{100 * failures:.1f} ({100 * error:.2f})"


def pair(error: float, failures: float) -> str:
    """Mean error and failures, both in percent."""
    return f"{100 * error:.2f} / {100 * failures:.1f}"


# --- comparisons of starts


@cache
def report(name: str) -> Report:
    """docs/results/NAME/report.json."""
    return Report.read(ROOT / f"docs/results/{name}/report.json")


def command(name: str) -> str:
    """What wrote a report."""
    return f"    {report(name).command}"


def found(name: str) -> str:
    """What a report's figures say, in sentences."""
    return "\n".join(f"- {sentence}" for sentence in finding(report(name)))


def comparison(name: str) -> str:
    """Regressors from the baseline and from TCDCN's points: failures and mean errors, and in worse conditions."""
    document = report(name)
    wanted = [
        (document.noise, 0.2, "box noise 0.2"),
        (document.roll, 45.0, "roll 45°"),
        (document.roll, 180.0, "upside down"),
    ]
    conditions = [(sweep, value, text) for sweep, value, text in wanted if sweep is not None and value in sweep.values]
    rows = []
    for run in document.runs:
        if run.start not in (document.baseline, _SEEDED) and not run.is_bare:
            continue
        names = ["none: the points", "", ""] if run.is_bare else _names(run)
        change = "" if run.against is None else _points(run.against.failure)
        cells = [both(run.error.mean, run.error.failure_10), change]
        rows.append([*names, *cells, *(_at(run, sweep, value) for sweep, value, _ in conditions)])
    head = [
        "regressor",
        "trained",
        "start",
        "failures (mean error), %",
        "change of failures",
        *(text for *_, text in conditions),
    ]
    return table(head, rows)


def readme() -> str:
    """What the front page says: accuracy by AFLW and AFW, and what a face costs."""
    documents = [report(name) for name in ("aflw", "afw")]
    own = [_figures("tcdcn-two-stage").datasets[name] for name in ("aflw", "afw")]

    def overall(regressor: str, training: str, start: str) -> list[str]:
        found = [_run(document.runs, (regressor, training, start)).error for document in documents]
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
        ["RCPR, trained for and started from `tcdcn-robust`'s points", *overall("rcpr-mtfl", "retrained", _SEEDED)],
    ]
    titles = [f"{each.dataset.title}, {each.dataset.faces:,} faces" for each in documents]
    faces = read("benchmarks/initialize.json")["real_faces"]
    cost = (
        f"A face takes {faces['ms']['onnx']:.1f} ms on average on one core with onnxruntime, "
        f"{faces['ratios']['onnx']:.1f} times as long as dlib's 68-point predictor in the same run "
        f"({faces['passes']['mean']:g} passes over each of {faces['faces']} faces of AFLW)."
    )
    return f"{table(['mean error / failures, %', *titles], rows)}\n\n{cost}"


def starts(name: str, regressor: str) -> str:
    """One regressor, as bundled, from each start: upright, in noisy boxes and on turned heads."""
    document = report(name)
    sweeps = ((document.noise, (0.1, 0.2, 0.3), "box noise {:g}"), (document.roll, (45.0, 90.0, 180.0), "roll {:g}°"))
    columns = [
        (sweep, value, unit.format(value))
        for sweep, shown, unit in sweeps
        if sweep is not None
        for value in sweep.values
        if value in shown
    ]
    rows = []
    for run in document.runs:
        if run.regressor == regressor and run.training != "retrained":
            cells = [_at(run, sweep, value, mean=True) for sweep, value, _ in columns]
            rows.append([run.start, both(run.error.mean, run.error.failure_10), *cells])
    return table(["start", "as it is", *(text for *_, text in columns)], rows)


def _run(runs: Sequence[N], key: tuple[str, str, str]) -> N:
    return next(run for run in runs if (run.regressor, run.training, run.start) == key)


def _names(run: RunFigures) -> list[str]:
    return [run.regressor, "for this start" if run.training == "retrained" else "as bundled", run.start]


def _points(interval: Interval) -> str:
    text, low, high = (
        f"{100 * part:+.1f}".replace("-", "−") for part in (interval.estimate, interval.low, interval.high)
    )
    return f"{text} ({low} to {high})"


def _at(run: RunFigures, sweep: Sweep, value: float, *, mean: bool = False) -> str:
    """A run in a condition of a report."""
    column = sweep.values.index(value)
    found = _run(sweep.runs, (run.regressor, run.training, run.start))
    failures = found.failure[column]
    return both(found.mean[column], failures) if mean else f"{100 * failures:.1f}"


def page(name: str) -> str:
    """Every table and plot of a report."""
    folder = ROOT / "docs" / "results" / name
    plots = [f"![{text}]({stem}.png)" for stem, text in _PLOTS.items() if (folder / f"{stem}.png").exists()]
    return "\n\n".join([report_tables(report(name)).rstrip(), *plots]) + "\n"


# --- models by themselves


@cache
def _figures(name: str) -> FiguresReport:
    return FiguresReport.read(ROOT / f"docs/figures/{name}.json")


@cache
def _confidence() -> ConfidenceReport:
    return ConfidenceReport.read(ROOT / "docs/confidence/confidence.json")


def figures_command(name: str) -> str:
    """What wrote a model's figures."""
    return f"    {_figures(name).command}"


def figures(name: str) -> str:
    """A model on held-out MTFL, AFLW and AFW: by point and pose, at any roll, in noisy boxes, under occlusion."""
    return figures_table(_figures(name).datasets)


def passes() -> str:
    """`tcdcn-robust` with one pass, as it is, and over mirror images too."""
    names = {
        "-1-pass": "one pass, `--passes 1`",
        "": "at most three",
        "-mirror": "and over each crop's mirror image too, `--mirror`, at twice the time",
    }
    rows = []
    for name, text in names.items():
        errors = [_run(report(f"{dataset}{name}").runs, POINTS_RUN).error for dataset in ("aflw", "afw")]
        rows.append([text, *(pair(error.mean, error.failure_10) for error in errors)])
    return table(["mean error / failures, %", "AFLW", "AFW"], rows)


def confidence() -> str:
    """The default model's expected against actual errors, and faces against boxes without one."""
    return confidence_tables(_confidence().datasets)


@cache
def _boxes() -> BoxReport:
    return BoxReport.read(ROOT / "docs/boxes/boxes.json")


def boxes() -> str:
    """The default model in boxes of another size."""
    report = _boxes()
    return f"{box_tables(report.datasets)}\n\n{box_sentence(report.datasets)} `{report.command}`"


_THRESHOLDS_ON = ("aflw", "afw")


def _thresholds(name: str) -> list[tuple[float, float | None, float | None, float | None]]:
    """Least confidence, kept faces in their own box, failures among them, kept boxes without a face, of a data set."""
    figures = _confidence().datasets[name]
    if figures.thresholds:
        return [(row.threshold, row.kept, row.failures, row.kept_background) for row in figures.thresholds]
    # A report made before thresholds were measured has one of them, under other names.
    own, empty = LimitsReport.read(ROOT / "docs/limits/limits.json").datasets[name].own_box, figures.views["background"]
    assert own.unsure is not None
    kept = 1 - own.unsure
    return [
        (0.0, 1.0, own.failure_10, 1.0),
        (UNSURE_BELOW, kept, own.unnoticed / (own.count * kept), 1 - empty.unsure),
    ]


def thresholds(form: str = "markdown") -> str:
    """What a least confidence keeps, of faces in their own box and of boxes without a face."""
    found = [_thresholds(name) for name in _THRESHOLDS_ON]
    rows = [
        [f"{each[0][0]:g}", *(_share(number) for _, *numbers in each for number in numbers)]
        for each in zip(*found, strict=True)
    ]
    names = [named.DATASETS[name].title for name in _THRESHOLDS_ON]
    kinds = ("faces kept, %", "failures among them, %", "boxes without a face kept, %")
    if form == "markdown":
        return table(["least confidence", *(f"{name}: {kind}" for name in names for kind in kinds)], rows)
    # Short heads: a simple table of reStructuredText, for docstrings.
    head = ["least", *(f"{name} {kind}" for name in names for kind in ("kept", "failures", "no face"))]
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    rule = "  ".join("=" * width for width in widths)
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _share(number: float | None) -> str:
    return "" if number is None else f"{100 * number:.1f}"


# --- figures that model files hold


def metadata(path: str) -> dict[str, Any]:
    """Figures on held-out faces that a model file was saved with."""
    with safe_open(ROOT / path, framework="np") as file:
        return dict(json.loads(file.metadata()["figures"])["mtfl-val"])


def rcpr_held_out() -> str:
    """rcpr-mtfl from four starts."""
    figures = metadata("tcdcn_init/models/rcpr-mtfl.safetensors")
    names = {
        "random-1": "one training shape in the box",
        "random-5": "five, their median",
        "restarts": "five, with smart restarts",
        "tcdcn": "five nearest to TCDCN's points (`tcdcn-mtfl`)",
    }
    rows = [
        [text, *(f"{figures[name][key]:.{digits}f}" for key, digits in (("mean", 2), ("median", 2), ("failures", 1)))]
        for name, text in names.items()
    ]
    return table(["start", "mean error, %", "median, %", "failures, %"], rows)


def sdm_held_out() -> str:
    """Both SDMs from both starts."""
    names = {"sdm-mtfl": "TCDCN's points", "sdm-mtfl-box": "the mean shape in the box"}
    rows = []
    for name, trained in names.items():
        figures = metadata(f"tcdcn_init/models/{name}.safetensors")
        cells = [f"{figures[start]['failures']:.1f} ({figures[start]['mean']:.2f})" for start in ("box", "tcdcn")]
        rows.append([f"`{name}`", trained, *cells])
    return table(["", "trained for starts from", "started in the box", "started from TCDCN's points"], rows)


def retrained() -> str:
    """Every regressor that was trained again, from its own start, beside the bundled one."""
    order = ("random", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
    rows = []
    for name in ("sdm", "rcpr", "ert"):
        for start in order:
            figures = from_json(BothFigures, metadata(f"eval/retrained/{name}@{start}.safetensors"))
            cells = [f"{found.mean:.2f} ({found.failures:.1f})" for found in (figures.original, figures.retrained)]
            rows.append([name, start, f"{figures.retrained.start:.1f}", *cells])
    return table(["regressor", "start", "error of the start, %", "as bundled", "retrained"], rows)


# --- times


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def machine(name: str) -> str:
    """What a benchmark ran on, and its command."""
    document = read(f"benchmarks/{name}.json")
    hardware = document["hardware"]
    versions = ", ".join(f"{package} {hardware['versions'][package]}" for package in ("torch", "onnxruntime", "numpy"))
    return f"`{document['command']}`: {hardware['processor']}, Python {hardware['python']}, {versions}."


def speed_real() -> str:
    """AFLW's faces, each in its own image."""
    faces = read("benchmarks/initialize.json")["real_faces"]
    shares = faces["passes"]["share"]
    head = [
        "ms a face",
        "mean",
        "x dlib",
        *(f"{n} pass{'es' * (n != '1')}" for n in shares),
        f"{faces['batch']} in a batch",
    ]
    names = {
        "onnx": "`initialize`, onnxruntime",
        "torch": "`initialize`, PyTorch",
        "dlib, 68 points": "dlib's predictor",
    }
    rows = [
        [
            text,
            f"{faces['ms'][name]:.2f}",
            f"{faces['ratios'][name]:.2f}",
            *(f"{faces['ms_by_passes'][n][name]:.2f}" for n in shares),
            f"{faces['ms_in_batches'][name]:.2f}" if name in faces["ms_in_batches"] else "",
        ]
        for name, text in names.items()
    ]
    rows.append(["share of faces, %", "", "", *(f"{100 * share:.0f}" for share in shares.values()), ""])
    passes = f"{faces['faces']} faces of {faces['dataset']} took {faces['passes']['mean']:.2f} passes on average."
    return f"{table(head, rows)}\n\n{passes}"


def speed_loop() -> str:
    """One portrait in a loop."""
    document = read("benchmarks/initialize.json")
    seconds, ratios = document["seconds"], document["ratios"]
    keys = {name.partition(": ")[2]: None for name in seconds}
    groups = list(dict.fromkeys(name.partition(": ")[0] for name in seconds))
    rows = []
    for name in keys:
        cells = [f"{_ms(seconds[f'{g}: {name}']['median'])} ms, {ratios[f'{g}: {name}']:.2f} x" for g in groups]
        rows.append([name, *cells])
    return table(["", *groups], rows)


def speed_cascade() -> str:
    """The cascade of regression trees in numpy."""
    document = read("benchmarks/ert.json")
    rows = [
        [name, _ms(timing["median"]), f"{document['ratios'][name]:.2f}" if name in document["ratios"] else ""]
        for name, timing in document["seconds"].items()
    ]
    return table(["", "ms", "x dlib"], rows)


def speed_video() -> str:
    """A face followed through two clips."""
    document = read("benchmarks/video.json")
    clips = list(dict.fromkeys(name.partition(": ")[0] for name in document["frames_a_second"]))
    kinds = dict.fromkeys(name.partition(": ")[2] for name in document["frames_a_second"])
    rows = []
    for kind in kinds:
        names = [f"{clip}: {kind}" for clip in clips]
        cells = [f"{document['frames_a_second'][name]:.0f}, {document['ratios'][name]:.2f} x" for name in names]
        rows.append([kind, *cells])
    return table(["frames a second on average, x the time of dlib", *clips], rows)


def speed_training() -> str:
    """The training of the paper's network."""
    document = read("benchmarks/training.json")
    return f"{document['title']}, with {document['threads']} threads."


def columns(of: str = "points") -> str:
    """The columns of what `tcdcn-init points` or `video` writes, those of one meaning in one row."""
    rows = []
    every = columns_of(5, list(TASKS)) if of == "points" else COLUMNS
    for (kind, unit, meaning), group in groupby(every, lambda c: (c.kind, c.unit, c.meaning)):
        names = [f"`{column.name}`" for column in group]
        names = names if len(names) <= 5 else [*names[:2], "...", names[-1]]
        rows.append([", ".join(names), {"whole": "whole number"}.get(kind, kind), unit, meaning])
    return table(["column", "type", "unit", "meaning"], rows)


def speed_drawings() -> str:
    """What drawings and the review page add to a run of `points`."""
    document = read("benchmarks/points.json")
    rows = [
        [name, f"{1e3 * timing['median']:.0f}", f"{document['ratios'][name]:.2f}"]
        for name, timing in document["seconds"].items()
    ]
    said = f"Processor time of one thread for an image of {document['size']} pixels (`{document['command']}`)."
    return table(["points of an image", "ms", "x without"], rows) + f"\n\n{said}"


TABLES: dict[str, Callable[..., str]] = {
    "speed-drawings": speed_drawings,
    "columns": columns,
    "command": command,
    "found": found,
    "comparison": comparison,
    "readme": readme,
    "starts": starts,
    "rcpr-held-out": rcpr_held_out,
    "sdm-held-out": sdm_held_out,
    "retrained": retrained,
    "figures-command": figures_command,
    "figures": figures,
    "passes": passes,
    "confidence": confidence,
    "thresholds": thresholds,
    "boxes": boxes,
    "machine": machine,
    "speed-real": speed_real,
    "speed-loop": speed_loop,
    "speed-cascade": speed_cascade,
    "speed-training": speed_training,
    "speed-video": speed_video,
}

WHOLE_PAGES: dict[str, Callable[[], str]] = {
    **{f"docs/results/{name}/report.md": partial(page, name) for name in REPORTS},
    "docs/confidence/confidence.md": lambda: confidence_text(_confidence()),
    "docs/boxes/boxes.md": lambda: box_text(_boxes()),
    "docs/limits/limits.md": lambda: limits_text(LimitsReport.read(ROOT / "docs/limits/limits.json")),
    "docs/detection/detection.md": lambda: detection_text(DetectionReport.read(ROOT / "docs/detection/detection.json")),
    "docs/video/motion.md": lambda: motion_text(MotionReport.read(ROOT / "docs/video/motion.json")),
    "docs/results/lfpw29/occlusion.md": lambda: occlusion_page(
        OcclusionReport.read(ROOT / "docs/results/lfpw29/occlusion.json")
    ),
    "docs/experiments/cascaded-cnn.md": lambda: cascaded_cnn_tables(
        CascadedCNNReport.read(ROOT / "docs/experiments/cascaded-cnn.json")
    ),
}
