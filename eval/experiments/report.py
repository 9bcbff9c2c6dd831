"""The report of the paper's experiments, from kept results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from tcdcn_init.eval.experiments.cells import BEST, pair
from tcdcn_init.eval.experiments.finding import claim_sentence, interval
from tcdcn_init.eval.experiments.measures import HARD
from tcdcn_init.eval.experiments.plots import (
    plot_correlation,
    plot_exchange,
    plot_gains,
    plot_stopping,
    plot_weights,
    plot_where,
)
from tcdcn_init.eval.experiments.results import Results, Statistic, as_error, as_failure
from tcdcn_init.eval.experiments.sections import SECTIONS, over
from tcdcn_init.eval.experiments.variants import ABLATION_LABELS, EXPERIMENTS, plan
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.markdown import table

__all__ = ["ablation", "write_experiments"]

_DATASETS = {
    **TITLES,
    "own box": "held out, up to 3 passes",
    "rotated": "rotated",
    "noisy box": "noisy box",
    "occluded": "a quarter occluded",
}

_PLOTS: dict[str, tuple[Callable[[Results, Path], Path | None], ...]] = {
    "sizes": (plot_gains,),
    "exchange": (plot_exchange,),
    "weights": (plot_weights,),
    "where": (plot_where, plot_correlation),
    "stopping": (plot_stopping,),
}

_NOT_RUN = "Not run yet: `tcdcn-init paper run {} --data MTFL --afw AFW --out DIR`."


def write_experiments(results: str | Path, out: str | Path) -> Path:
    """Write experiments.md and its plots.

    Parameters
    ----------
    results : path
        Folder of kept results, `results.Results`.
    out : path
        Folder for experiments.md, and for gains, exchange, weights, where, correlation and stopping as .svg and .png.

    Returns
    -------
    pathlib.Path
        out/experiments.md

    Raises
    ------
    FileNotFoundError
        If there are no results.
    ImportError
        If matplotlib is not installed.
    """
    found, folder = Results(results), Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["# The paper's experiments, repeated", _introduction(found), claim_sentence(found)]
    for name, (heading, make) in SECTIONS.items():
        parts.append(f"## {heading}")
        part, variants = _needed(name)
        if sum(variant in found for variant in variants) < min(3, len(variants)):  # two may be another part's
            parts.append(_NOT_RUN.format(part))
            continue
        parts += make(found)
        for draw in _PLOTS.get(name, ()):
            plot = draw(found, folder)
            if plot is not None:
                parts.append(f"![{plot.stem}]({plot.name})")
    parts += ["## What `tcdcn-robust` owes to each of its parts", *ablation(found)]
    path = folder / "experiments.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _needed(section: str) -> tuple[str, Collection[str]]:
    """What is to be run for a section, and its variants."""
    if section == "where":
        return "sizes", [cell.name for cell in pair(BEST.regime, BEST.faces)]
    part = "sizes" if section == "exchange" else section
    return part, plan(part)


def _introduction(found: Results) -> str:
    runs = [run for run in found.every() if run["variant"] not in ABLATION_LABELS]
    costs = [run["processor_seconds"] for run in runs if run["processor_seconds"]]
    cost = f", {sum(costs) / len(costs):.0f} seconds of one core each" if costs else ""
    faces = ", ".join(
        f"{_DATASETS[name]} {len(entry['images']):,} ({entry['boxes_derived']})"
        for name, entry in found.faces.items()
        if name not in HARD
    )
    return f"""Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014, section 4: when
do pose, gender, glasses and smile help the points, and does stopping them help? [design.md](design.md), written
before the trainings, says what was trained, how it is judged, and what "helps" means.

    tcdcn-init paper run NAMES --data MTFL --afw AFW --out DIR --seeds N --jobs 2
    tcdcn-init paper report DIR/results --out DIR   # this page again, training nothing

trains {", ".join(f"`{name}`" for name in EXPERIMENTS)}. Here: {len(runs)} trainings of the paper's network{cost}.
Figures are percentages, "without" and "with" mean error / failures on AFLW; changes are percentage points, negative is
better, with 95 % intervals over seeds and faces at once. Faces (boxes derived from points): {faces}."""


def ablation(found: Results) -> Iterator[str]:
    """The tables of the residual recipe's parts."""
    variants = list(plan("ablation"))
    if sum(variant in found for variant in variants) < 2 or variants[0] not in found:
        yield _NOT_RUN.format("ablation")
        return
    yield (
        "Trainings of 10 epochs, with one thing changed at a time; also measured on copies of every other held-out "
        "face with up to three passes: in its own box, rotated by any angle, in a box with noise of 0.3, with a "
        "quarter of the box occluded. Intervals as above; of a single seed they are over faces alone, and what leaves "
        "out 0 over several is bold."
    )
    yield _figures(found, variants)
    for title, statistic in (("mean error", as_error), ("failures", as_failure)):
        yield f"Change of {title} against *{ABLATION_LABELS[variants[0]]}*, percentage points (negative is better):"
        yield _changes(found, variants[1:], variants[0], statistic)


def _figures(found: Results, variants: Sequence[str]) -> str:
    names = found.datasets(variants)
    rows = []
    for variant in variants:
        row = [ABLATION_LABELS[variant], str(len(found.runs(variant)) or "not run")]
        row += [
            " / ".join(
                over(found.over_seeds(variant, name, statistic), digits)
                for statistic, digits in ((as_error, 2), (as_failure, 1))
            )
            for name in names
        ]
        rows.append(row)
    return table(["mean error / failures, %", "seeds", *(_DATASETS[name] for name in names)], rows)


def _changes(found: Results, variants: Sequence[str], baseline: str, statistic: Statistic) -> str:
    names = found.datasets(variants)
    rows = []
    for variant in variants:
        changes = [found.change([(variant, baseline)], name, statistic) for name in names]
        cells = [
            "not run" if each is None else f"**{interval(each)}**" if each.clear else interval(each) for each in changes
        ]
        rows.append([ABLATION_LABELS[variant], *cells])
    return table(["", *(_DATASETS[name] for name in names)], rows)
