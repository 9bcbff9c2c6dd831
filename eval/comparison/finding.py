"""What a report says in words: one sentence on the foremost regressor, then what qualifies it.

Losses are stated in the same words as wins, and a difference counts as one only where its interval excludes zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from tcdcn_init.eval.bootstrap import Interval
from tcdcn_init.eval.comparison.report import Report, RunFigures, bare_points, grouped

__all__ = ["counted", "finding", "heading", "signed", "tone_of"]

Tone: TypeAlias = Literal["", "better", "worse"]
"""What an interval of a difference says, where it is beyond chance."""


def heading(report: Report) -> str:
    """What was measured on, in a few words.

    Parameters
    ----------
    report : Report
    """
    data = report.dataset
    if data.name == "portrait":
        return f"{data.title} in {data.faces} boxes, {data.points} points"
    of_images = "" if data.images == data.faces else f" of {counted(data.images, 'image')}"
    return f"{data.title}: {counted(data.faces, 'face')}{of_images}, {data.points} points"


def finding(report: Report) -> list[str]:
    """What the numbers say about the start.

    Parameters
    ----------
    report : Report

    Returns
    -------
    list of str
        Computed from the figures and their intervals; a loss is called one.
    """
    ours, baseline = report.seeded_start, report.baseline
    compared = {key: runs for key, runs in grouped(report.runs).items() if ours in runs and baseline in runs}
    said: list[str] = []
    if ours is not None and compared:
        said += _foremost(report, compared, ours)
    bare = bare_points(report.runs)
    if bare is not None:
        alone = "" if report.dataset.points == 5 else " and scored on those five alone"
        said.append(
            f"TCDCN's five points as they are, with no regressor after them{alone}, fail on "
            f"{_percent(bare.error.failure_10)} % (mean error {_percent(bare.error.mean)} %)."
        )
    return said + list(_others(report))


def _others(report: Report) -> Iterator[str]:
    """How others' points fare beside TCDCN's, on the faces that all have points of."""
    for alone in report.points_alone[1:]:
        tcdcn = report.points_alone[0].shared
        if alone.shared is None or tcdcn is None:
            yield f"The points of {alone.start} cannot be compared: there is no face that all have points of."
            continue
        text = (
            f"Of the {counted(alone.shared.count, 'face')} that all have points of, those of {alone.start} fail on "
            f"{_percent(alone.shared.failure_10)} % (mean error {_percent(alone.shared.mean)} %), TCDCN's on "
            f"{_percent(tcdcn.failure_10)} % ({_percent(tcdcn.mean)} %)"
        )
        yield f"{text}." if alone.against is None else f"{text}: {_verdict(alone.against.failure)}."


def _foremost(report: Report, compared: Mapping[tuple[str, str], Mapping[str, RunFigures]], ours: str) -> Iterator[str]:
    data, baseline = report.dataset, report.baseline
    key = min(compared, key=lambda key: list(compared).index(key) if key[1] == "original" else len(compared))
    regressor, training = key
    new, old = compared[key][ours], compared[key][baseline]
    who = regressor if training == "original" else f"{regressor}, {training}"
    if new.against is None:
        yield (
            f"{heading(report)}: {who} ends with a mean error of {_percent(new.error.mean)} % from {ours} and of "
            f"{_percent(old.error.mean)} % from {baseline}; too few images to say more."
        )
        if data.note:
            yield data.note
        return
    yield (
        f"On {data.title}, with nothing changed but the start, {who} fails on {_percent(new.error.failure_10)} % of "
        f"{data.faces:,} faces from {ours} and on {_percent(old.error.failure_10)} % from {baseline}: "
        f"{_verdict(new.against.failure)}."
    )
    retrained = compared.get((regressor, "retrained"))
    if training == "original" and retrained is not None:
        differences = retrained[ours].against
        first, second = (_percent(retrained[start].error.failure_10) for start in (ours, baseline))
        if differences is not None:
            yield (
                f"Retrained for each of the two starts, it fails on {first} % and on {second} %: "
                f"{_verdict(differences.failure)}."
            )
    yield from _tally(compared, ours, baseline)


def _tally(compared: Mapping[tuple[str, str], Mapping[str, RunFigures]], ours: str, baseline: str) -> Iterator[str]:
    """How the start fares over all regressors and trainings, when there are several."""
    differences = [runs[ours].against for runs in compared.values()]
    tones = [tone_of(each.failure) for each in differences if each is not None]
    if len(tones) < 2:
        return
    words: dict[Tone, str] = {
        "better": "fewer failures",
        "worse": "more failures",
        "": "no difference beyond chance",
    }
    parts = [f"{text} in {tones.count(tone)}" for tone, text in words.items() if tone in tones]
    which = f"all {len(tones)}" if len(parts) == 1 else f"the {len(tones)}"
    text = parts[0].rpartition(" in ")[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    yield f"Over {which} combinations of regressor and training, {ours} against {baseline}: {text}."


def tone_of(interval: Interval) -> Tone:
    """What an interval of a difference says; smaller is better.

    Parameters
    ----------
    interval : bootstrap.Interval
    """
    return "better" if interval.high < 0 else "worse" if interval.low > 0 else ""


def signed(value: float, digits: int) -> str:
    """A number with its sign, none for zero.

    Examples
    --------
    >>> signed(-1.25, 1), signed(0.04, 1), signed(2, 1)
    ('−1.2', '0.0', '+2.0')
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def counted(number: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "face"), counted(2995, "face")
    ('1 face', '2,995 faces')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _verdict(interval: Interval) -> str:
    low, middle, high = 100 * interval.low, 100 * interval.estimate, 100 * interval.high
    level = f"{100 * interval.level:g} % interval"
    tone = tone_of(interval)
    if tone == "better":
        return f"{-middle:.1f} percentage points fewer ({level} {-high:.1f} to {-low:.1f})"
    if tone == "worse":
        return f"{middle:.1f} percentage points more ({level} {low:.1f} to {high:.1f})"
    ends = f"{signed(low, 1)} to {signed(high, 1)}"
    return f"no difference beyond chance ({level} of the difference {ends} percentage points)"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
