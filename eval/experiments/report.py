"""The report of the paper's experiments: tables from kept results, and the text that says what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tcdcn_init.eval.experiments.plots import plot_correlation, plot_stopping, plot_tasks, plot_where
from tcdcn_init.eval.experiments.results import (
    Difference,
    OverSeeds,
    Results,
    Statistic,
    as_error,
    as_failure,
)
from tcdcn_init.eval.experiments.runs import HARD
from tcdcn_init.eval.experiments.variants import BASELINES, EXPERIMENTS, LABELS, PUBLISHED_FAILURES, plan
from tcdcn_init.eval.measuring.cases import TITLES
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.geometry import FIVE_POINTS
from tcdcn_init.tasks import TASKS

__all__ = ["DATASETS", "section", "write_experiments"]

DATASETS = {
    **TITLES,
    "own box": "held out, up to 3 passes",
    "rotated": "rotated",
    "noisy box": "noisy box",
    "occluded": "a quarter occluded",
}

_NOT_RUN = "not run"

_QUESTIONS = {
    "tasks": "Does learning a task beside the points help the points?",
    "where": "Where do the tasks help?",
    "stopping": "Task-wise early stopping, against none and against stopping all together",
    "sharing": "Filters shared over the image, against filters of each place",
    "precision": "May the comparisons be made in bfloat16?",
    "ablation": "What the residual model owes to each of its parts",
}

_PLOTS: dict[str, tuple[Callable[[Results, Path], Path | None], ...]] = {
    "tasks": (plot_tasks,),
    "where": (plot_where, plot_correlation),
    "stopping": (plot_stopping,),
}


def write_experiments(results: str | Path, out: str | Path) -> Path:
    """Write experiments.md and its plots.

    Parameters
    ----------
    results : path
        Folder of kept results, `results.Results`.
    out : path
        Folder for experiments.md, and tasks, where, correlation and stopping as .svg and .png.

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
    parts = ["# The paper's experiments, repeated", _introduction(found)]
    for name in EXPERIMENTS:
        parts.append(f"## `{name}`: {_QUESTIONS[name]}")
        if BASELINES[name] not in found or sum(variant in found for variant in plan(name)) < 2:
            parts.append(f"Not run yet: `tcdcn-init paper run {name} --data MTFL --afw AFW --out DIR`.")
            continue
        parts += section(found, name)
        for draw in _PLOTS.get(name, ()):
            plot = draw(found, folder)
            if plot is not None:
                parts.append(f"![{plot.stem}]({plot.name})")
    path = folder / "experiments.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def section(found: Results, name: str) -> list[str]:
    """The tables of an experiment, and what they show.

    Parameters
    ----------
    found : results.Results
    name : str
        Of `variants.EXPERIMENTS`.
    """
    if name == "where":
        return list(_where(found))
    baseline, variants = BASELINES[name], list(plan(name))
    variants.sort(key=lambda variant: variant != baseline)
    parts = [_figures(found, variants, published=name == "tasks")]
    for title, statistic in (("mean error", as_error), ("failures", as_failure)):
        parts.append(f"Change of {title} against *{LABELS[baseline]}*, percentage points (negative is better):")
        parts.append(_changes(found, variants[1:], baseline, statistic))
    if name == "tasks":
        parts += ["Mean error of each point on AFLW, %:", _points(found, variants)]
    if name == "stopping":
        parts += ["Epoch after which a task stopped learning:", _stops(found, variants)]
    if name == "sharing":
        counts = {variant: found.runs(variant)[0]["parameters"] for variant in variants if variant in found}
        parts.append("Parameters: " + ", ".join(f"{LABELS[v]} {count:,}" for v, count in counts.items()) + ".")
    return parts


def _introduction(found: Results) -> str:
    runs = found.every()
    epochs = sorted({run["config"]["epochs"] for run in runs})
    seeds = sorted({len(found.runs(run["variant"])) for run in runs})
    minutes = sum(run["seconds"] for run in runs) / 60
    faces = ", ".join(
        f"{DATASETS[name]} {len(entry['images']):,} ({entry['boxes_derived']})"
        for name, entry in found.faces.items()
        if name not in HARD
    )
    return f"""Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014, section 4.
`tcdcn-init paper run NAME --data MTFL --afw AFW --out DIR` trains, measures and writes this page;
`tcdcn-init paper report DIR/results --out DIR` writes it again from the kept results, training nothing.

- **Short trainings.** {_span(epochs)} epochs each, {_span(seeds)} seeds a variant ({len(runs)} runs, {minutes:.0f}
  minutes of training): enough to compare variants that are trained alike, not to compare with the bundled models. One
  cycle of the learning rate spans these epochs.
- **Alike.** Variants of one seed see the same faces in the same order, and the same random views of them. Networks
  with other heads begin at other random weights. Nothing stops early unless the variant says so.
- **Measured** in one pass over each face in its given box; errors are means over five points divided by the
  inter-ocular distance, failures are errors above 10 %. Faces (boxes derived from points): {faces}.
  `ablation` also on copies of every other held-out face with up to three passes: in its own box, rotated by any angle,
  in a box with noise of 0.3, with a quarter of the box occluded.
- **Intervals.** ± is the 95 % interval of the mean over seeds (Student's t). Brackets are the 95 % BCa bootstrap
  interval over faces, drawn by image, of each face's change averaged over the same seeds of both: it takes these
  trainings as given. A change counts where both leave out 0.
- Variants marked *{_NOT_RUN}* have no finished run."""


def _figures(found: Results, variants: Sequence[str], *, published: bool) -> str:
    names = found.datasets(variants)
    head = ["mean error / failures, %", "seeds", *(DATASETS[name] for name in names)]
    if published:
        head.append("AFLW failures, published")
    rows = []
    for variant in variants:
        row = [LABELS[variant], str(len(found.runs(variant)) or _NOT_RUN)]
        row += [
            " / ".join(
                _over(found.over_seeds(variant, name, statistic), digits)
                for statistic, digits in ((as_error, 2), (as_failure, 1))
            )
            for name in names
        ]
        if published:
            row.append(f"*{PUBLISHED_FAILURES[variant]:.2f}*")
        rows.append(row)
    return table(head, rows)


def _changes(found: Results, variants: Sequence[str], baseline: str, statistic: Statistic) -> str:
    names = found.datasets(variants)
    rows = [
        [LABELS[variant], *(_change(found.difference(variant, baseline, name, statistic)) for name in names)]
        for variant in variants
    ]
    return table(["", *(DATASETS[name] for name in names)], rows)


def _points(found: Results, variants: Sequence[str]) -> str:
    rows = []
    for variant in variants:
        errors = found.points(variant, "aflw")
        cells = [_NOT_RUN] * len(FIVE_POINTS) if errors is None else [f"{error:.2f}" for error in errors]
        rows.append([LABELS[variant], *cells])
    return table(["", *FIVE_POINTS], rows)


def _stops(found: Results, variants: Sequence[str]) -> str:
    rows = []
    for variant in variants:
        for run in found.runs(variant):
            stopped = run["stopped"]
            rows.append([LABELS[variant], str(run["seed"]), *(str(stopped.get(task, "never")) for task in TASKS)])
    return table(["", "seed", *TASKS], rows)


def _where(found: Results) -> Iterator[str]:
    yield (
        "Change of the mean error on AFLW against the points alone, % of it (negative is better), by pose class and "
        "point, averaged over the seeds that both have:"
    )
    for variant in ("smile", "pose", "all"):
        changes = found.change_by_pose(variant, "points", "aflw")
        if not changes:
            yield f"*{LABELS[variant]}*: {_NOT_RUN}."
            continue
        poses = found.runs(variant)[0]["datasets"]["aflw"]["poses"]
        rows = [
            [f"{pose} ({poses[pose]['count']})", *(f"{value:+.1f}" for value in values)]
            for pose, values in changes.items()
        ]
        yield table([f"{LABELS[variant]} (faces)", *FIVE_POINTS], rows)
    correlation = found.correlation("all")
    if not correlation:
        return
    length = found.runs("all")[0]["config"]["network"]["feature"]
    yield (
        "Pearson's |r| between the last layer's weights of a task and of the points' coordinates, in the network that "
        "learns all tasks, averaged over seeds; of pose, the mean over its five classes. Weights that have nothing to "
        f"do with each other give {np.sqrt(2 / np.pi / (length - 1)):.2f} on average ({length} weights each):"
    )
    rows = [
        [task, *(f"{value:.2f}" for value in values.mean(axis=0)), f"{values.mean():.2f}"]
        for task, values in correlation.items()
    ]
    yield table(["", *(f"{point} {axis}" for point in FIVE_POINTS for axis in "xy"), "mean"], rows)


def _over(value: OverSeeds | None, digits: int) -> str:
    if value is None:
        return "–"
    spread = "" if value.half is None else f" ± {value.half:.{digits}f}"
    return f"{value.mean:.{digits}f}{spread}"


def _change(difference: Difference | None) -> str:
    if difference is None:
        return _NOT_RUN
    faces, seeds = difference.faces, difference.seeds
    text = f"{faces.estimate:+.2f} [{faces.low:+.2f}, {faces.high:+.2f}]"
    clear = faces.low * faces.high > 0
    if seeds.half is not None:
        text += f" ± {seeds.half:.2f}"
        clear = clear and abs(seeds.mean) > seeds.half
    else:
        clear = False  # one training is no evidence about others
    return f"**{text}**" if clear else text


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
