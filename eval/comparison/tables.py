"""What a report says in words and tables, as data that both Markdown and HTML are made from.

Errors are shown in percent of the inter-ocular distance and differences in percentage points. Losses are stated in the
same words as wins, and a difference counts as one only where its interval excludes zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tcdcn_init.eval.comparison.plan import NO_REGRESSOR
from tcdcn_init.eval.comparison.plots import bare_points, groups, seeded_start

_NOTHING = "–"
_DENSE = 12  # more points than this are listed downwards


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
    detail : str
        Said smaller, below.
    best : bool
        Best of its row.
    tone : {"", "better", "worse"}
        What the detail says, where it is beyond chance.
    """

    text: str
    detail: str = ""
    best: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table, its title and what must be said under it.

    Attributes
    ----------
    title : str
    head : tuple of str
    rows : tuple of tuple of Cell
    note : str
    labels : int
        Columns on the left that name the row.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    labels: int = 1


def report_tables(report: Mapping[str, Any]) -> str:
    """The finding and every table of a report as Markdown.

    Parameters
    ----------
    report : mapping
        What report.json holds.

    Returns
    -------
    str
        Ends in a newline.
    """
    published = published_table(report)
    tables = [*([] if published is None else [published]), *detail_tables(report)]
    return "\n\n".join([report_headline(report), *map(_markdown, tables)]) + "\n"


def report_headline(report: Mapping[str, Any]) -> str:
    """The finding and the headline tables of a report as Markdown.

    Parameters
    ----------
    report : mapping
        What report.json holds.
    """
    return "\n\n".join(
        [f"## {heading(report)}", *map(_plain, finding(report)), *map(_markdown, headline_tables(report))]
    )


def heading(report: Mapping[str, Any]) -> str:
    """What was measured, in a few words.

    Examples
    --------
    >>> heading({"dataset": {"name": "aflw", "title": "AFLW", "faces": 2995, "images": 2930, "points": 5}})
    'AFLW: 2,995 faces of 2,930 images, 5 points'
    """
    data = report["dataset"]
    if data["name"] == "portrait":
        return f"{data['title']} in {data['faces']} boxes, {data['points']} points"
    of_images = "" if data["images"] == data["faces"] else f" of {_count(data['images'], 'image')}"
    return f"{data['title']}: {_count(data['faces'], 'face')}{of_images}, {data['points']} points"


def finding(report: Mapping[str, Any]) -> list[str]:
    """What the numbers say about the start: one sentence on the foremost regressor, then what qualifies it.

    Parameters
    ----------
    report : mapping
        What report.json holds.

    Returns
    -------
    list of str
        Computed from the figures and their intervals; a loss is called one.
    """
    ours, baseline, data = seeded_start(report), report["baseline"], report["dataset"]
    pairs = {key: runs for key, runs in groups(report).items() if ours in runs and baseline in runs}
    said = []
    if ours is not None and pairs:
        key = min(pairs, key=lambda key: list(pairs).index(key) if key[1] == "untouched" else len(pairs))
        new, old = pairs[key][ours], pairs[key][baseline]
        who = key[0] if key[1] == "untouched" else f"{key[0]}, {key[1]}"
        if new["against"] is None:
            said.append(
                f"{heading(report)}: {who} ends with a mean error of "
                f"{_percent(new['error']['mean'])} % from {ours} and of {_percent(old['error']['mean'])} % from "
                f"{baseline}; too few images to say more."
            )
            said += [data["note"]] * bool(data["note"])
        else:
            said.append(
                f"On {data['title']}, with nothing changed but the start, {who} fails on "
                f"{_percent(new['error']['failure_10'])} % of {data['faces']:,} faces from {ours} and on "
                f"{_percent(old['error']['failure_10'])} % from {baseline}: {_verdict(new['against']['failure'])}."
            )
            anew = pairs.get((key[0], "retrained"))
            if key[1] == "untouched" and anew is not None and anew[ours]["against"] is not None:
                first, second = (_percent(anew[start]["error"]["failure_10"]) for start in (ours, baseline))
                said.append(
                    f"Trained anew for each of the two starts, it fails on {first} % and on {second} %: "
                    f"{_verdict(anew[ours]['against']['failure'])}."
                )
            said += _tally(pairs, ours, baseline)
    bare = bare_points(report["runs"])
    if bare is not None:
        alone = "" if data["points"] == 5 else " and scored on those five alone"
        said.append(
            f"TCDCN's five points as they are, with no regressor after them{alone}, fail on "
            f"{_percent(bare['error']['failure_10'])} % (mean error {_percent(bare['error']['mean'])} %)."
        )
    return said


def headline_tables(report: Mapping[str, Any]) -> list[Table]:
    """Failures and mean errors: a row for each regressor and training, a column for each start.

    Each cell holds its paired difference against the baseline. The best of a row is marked; the oracle, which knows
    the annotation, does not compete.
    """
    return [
        _headline(report, "failure_10", "failure", "Failures: faces with an error above 10 %, in %"),
        _headline(report, "mean", "nme", "Mean error, % of the inter-ocular distance"),
    ]


def detail_tables(report: Mapping[str, Any]) -> list[Table]:
    """Every figure of every run, then by point, by pose, by noise and by roll where they were measured."""
    tables = [_figures(report), _points(report), _poses(report)]
    heads = {"noise": "box noise (sd in box sides)", "roll": "roll (degrees)"}
    tables += [_sweep(report[kind], text) for kind, text in heads.items() if report.get(kind)]
    return [table for table in tables if table.rows]


def published_figures(report: Mapping[str, Any]) -> list[tuple[str, float, bool]]:
    """Name, mean error as a fraction, and whether it was measured here; least error first. Empty: nothing published.

    Of our runs: the bare points, and each regressor and training from the baseline and from TCDCN's start.
    """
    figures = (report.get("published") or {}).get(report["dataset"]["name"])
    if not figures:
        return []
    rows = [(name, value / 100, False) for name, value in figures.items()]
    bare = bare_points(report["runs"])
    if bare is not None:
        rows.append(("TCDCN's points, no regressor", bare["error"]["mean"], True))
    for (regressor, training), runs in groups(report).items():
        note = "" if training == "untouched" else f", {training}"
        compared = [start for start in (report["baseline"], seeded_start(report)) if start in runs]
        rows += [(f"{regressor}{note}, from {start}", runs[start]["error"]["mean"], True) for start in compared]
    return sorted(rows, key=lambda row: row[1])


def published_table(report: Mapping[str, Any]) -> Table | None:
    """Published mean errors beside ours; None where nothing is published for the data set."""
    rows = [
        (
            Cell(name),
            Cell("measured here" if ours else "published"),
            Cell(f"{100 * value:.2f}" if ours else f"{100 * value:.1f}"),
        )
        for name, value, ours in published_figures(report)
    ]
    if not rows:
        return None
    head = ("method", "", "mean error, %")
    return Table("Published figures beside ours", head, tuple(rows), published_note(report), labels=2)


def published_note(report: Mapping[str, Any]) -> str:
    """Where published figures are from, and that they are no fair race."""
    source = report["published"]["source"].rstrip(".")
    return (
        f"Published, not measured here: {source}. Their training data differ from ours too: for orientation only. "
        f"Measured here: on {_count(report['dataset']['faces'], 'face')}."
    )


def names_of(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """Regressor, training and start of a run as a table names them.

    Examples
    --------
    >>> names_of({"regressor": "none", "training": "untouched", "start": "tcdcn"})
    ('no regressor', '–', "TCDCN's points")
    """
    if run["regressor"] == NO_REGRESSOR:
        return "no regressor", _NOTHING, "TCDCN's points"
    return run["regressor"], run["training"], run["start"]


def _headline(report: Mapping[str, Any], figure: str, difference: str, title: str) -> Table:
    baseline, digits = report["baseline"], 1 if figure == "failure_10" else 2
    rows = []
    for (regressor, training), runs in groups(report).items():
        shown = {start: f"{100 * run['error'][figure]:.{digits}f}" for start, run in runs.items()}
        fair = [run["error"][figure] for start, run in runs.items() if not start.startswith("oracle")]
        cells = [Cell(regressor), Cell(training)]
        for start in report["starts"]:
            if start not in runs:
                cells.append(Cell(_NOTHING))
                continue
            run = runs[start]
            best = len(fair) > 1 and not start.startswith("oracle") and run["error"][figure] == min(fair)
            detail, tone = ("baseline", "") if start == baseline else _difference(run["against"], difference, digits)
            cells.append(Cell(shown[start], detail if run["against"] or len(fair) > 1 else "", best, tone))
        rows.append(tuple(cells))
    note = ""
    if any(run["against"] for run in report["runs"]):
        note = (
            f"Below each figure: paired difference against {baseline} of the same regressor and training, in "
            "percentage points, with its 95 % bootstrap interval; negative is better. "
        )
    note += "Bold: best of the row; the oracle starts from the annotated points and does not compete."
    return Table(title, ("regressor", "training", *report["starts"]), tuple(rows), note, labels=2)


def _difference(against: Mapping[str, Any] | None, name: str, digits: int) -> tuple[str, str]:
    if against is None or against.get(name) is None:
        return "", ""
    interval = against[name]
    text, low, high = (_signed(100 * interval[part], digits) for part in ("estimate", "low", "high"))
    return f"{text} ({low} to {high})", _tone(interval)


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def _tone(interval: Mapping[str, Any]) -> str:
    return "better" if interval["high"] < 0 else "worse" if interval["low"] > 0 else ""


def _verdict(interval: Mapping[str, Any]) -> str:
    low, middle, high = (100 * interval[name] for name in ("low", "estimate", "high"))
    level = f"{100 * interval['level']:g} % interval"
    tone = _tone(interval)
    if tone == "better":
        return f"{-middle:.1f} percentage points fewer ({level} {-high:.1f} to {-low:.1f})"
    if tone == "worse":
        return f"{middle:.1f} percentage points more ({level} {low:.1f} to {high:.1f})"
    ends = f"{_signed(low, 1)} to {_signed(high, 1)}"
    return f"no difference beyond chance ({level} of the difference {ends} percentage points)"


def _tally(pairs: Mapping[tuple[str, str], Mapping[str, Any]], ours: str, baseline: str) -> list[str]:
    """How the start fares over all regressors and trainings, when there are several."""
    tones = [_tone(runs[ours]["against"]["failure"]) for runs in pairs.values() if runs[ours]["against"]]
    if len(tones) < 2:
        return []
    words = {"better": "fewer failures", "worse": "more failures", "": "no difference beyond chance"}
    parts = [f"{text} in {tones.count(tone)}" for tone, text in words.items() if tone in tones]
    which = f"all {len(tones)}" if len(parts) == 1 else f"the {len(tones)}"
    text = parts[0].rpartition(" in ")[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return [f"Over {which} pairs of regressor and training, {ours} against {baseline}: {text}."]


def _figures(report: Mapping[str, Any]) -> Table:
    times = report["timings"]["ms_per_face"]
    rows = []
    for run in _ordered(report["runs"]):
        error, time = run["error"], times.get("|".join((run["regressor"], run["training"], run["start"])))
        start_error = run.get("start_error")
        figures = [
            _NOTHING if start_error is None else f"{100 * start_error['mean']:.2f}",
            *(f"{100 * error[name]:.2f}" for name in ("mean", "median", "p90")),
            *(f"{100 * error[name]:.1f}" for name in ("failure_10", "failure_8")),
            f"{error['auc_10']:.3f}",
            f"{100 * run['error_box']['mean']:.2f}",
            str(error["missing"]),
            _NOTHING if time is None else f"{time:.1f}",
        ]
        rows.append(tuple(map(Cell, (*names_of(run), *figures))))
    head = (
        "regressor", "training", "start", "error of the start", "mean error", "median", "90th percentile",
        "above 10 %", "above 8 %", "AUC to 10 %", "mean by box side", "no result", "ms per face",
    )  # fmt: skip
    note = "Errors in % of the inter-ocular distance, by box side in % of that; shares in % of faces; AUC from 0 to 1."
    return Table("Every figure", head, tuple(rows), note, labels=3)


def _points(report: Mapping[str, Any]) -> Table:
    names = report["point_names"]
    runs = [run for run in _ordered(report["runs"]) if len(run["points"]) == len(names)]
    title = "Mean error of each point, % of the inter-ocular distance"
    if len(names) > _DENSE:
        head = ("point", *(", ".join(part for part in names_of(run) if part != _NOTHING) for run in runs))
        rows = [
            (Cell(name), *(Cell(f"{100 * run['points'][k]['mean']:.1f}") for run in runs))
            for k, name in enumerate(names)
        ]
        return Table(title, head, tuple(rows) if runs else ())
    compared = False
    rows = []
    for run in runs:
        changes = (run["against"] or {}).get("points") or [None] * len(names)
        compared |= any(changes)
        cells = [
            Cell(f"{100 * point['mean']:.2f}", *_change(change))
            for point, change in zip(run["points"], changes, strict=True)
        ]
        rows.append((*map(Cell, names_of(run)), *cells))
    note = (
        f"Below: change of the mean error against {report['baseline']}, in %, with its 95 % interval."
        if compared
        else ""
    )
    return Table(title, ("regressor", "training", "start", *names), tuple(rows), note, labels=3)


def _change(interval: Mapping[str, Any] | None) -> tuple[str, bool, str]:
    if interval is None:
        return "", False, ""
    text, low, high = (_signed(100 * interval[part], 0) for part in ("estimate", "low", "high"))
    return f"{text} ({low} to {high})", False, _tone(interval)


def _poses(report: Mapping[str, Any]) -> Table:
    runs = _ordered(report["runs"])
    counts = {name: group["count"] for run in runs for name, group in run["poses"].items()}
    rows = []
    for run in runs:
        cells = [
            Cell(_NOTHING)
            if name not in run["poses"]
            else Cell(f"{100 * run['poses'][name]['mean']:.2f}", f"{100 * run['poses'][name]['failure_10']:.1f} % fail")
            for name in counts
        ]
        rows.append((*map(Cell, names_of(run)), *cells))
    head = ("regressor", "training", "start", *(f"{name} ({_count(count, 'face')})" for name, count in counts.items()))
    title = "Mean error by pose of the head, % of the inter-ocular distance"
    return Table(title, head, tuple(rows) if len(counts) > 1 else (), labels=3)


def _sweep(sweep: Mapping[str, Any], text: str) -> Table:
    rows = [
        (
            *map(Cell, names_of(run)),
            *(
                Cell(f"{100 * failure:.1f}", f"mean {100 * mean:.1f}")
                for failure, mean in zip(run["failure"], run["mean"], strict=True)
            ),
        )
        for run in _ordered(sweep["runs"])
    ]
    head = ("regressor", "training", "start", *(f"{value:g}" for value in sweep["values"]))
    return Table(f"Failures in % by {text}, {_count(sweep['faces'], 'face')}", head, tuple(rows), labels=3)


def _ordered(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The bare points first, then as `groups` orders them."""
    bare = bare_points(runs)
    rest = [run for part in groups({"runs": runs}).values() for run in part.values()]
    return ([] if bare is None else [bare]) + rest


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _markdown(table: Table) -> str:
    rows: list[Iterable[str]] = [map(_plain, table.head), ["---"] * len(table.head)]
    for row in table.rows:
        texts = [f"**{_plain(cell.text)}**" if cell.best else _plain(cell.text) for cell in row]
        rows.append(
            text + (f"<br>{_plain(cell.detail)}" if cell.detail else "") for text, cell in zip(texts, row, strict=True)
        )
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join(part for part in (f"### {_plain(table.title)}", lines, _plain(table.note)) if part)


def _plain(text: str) -> str:
    """Text that Markdown and a table leave as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("*", "\\*").replace("\n", " ")
