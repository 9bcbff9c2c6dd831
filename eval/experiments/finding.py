"""What the trainings say of the paper's claim, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tcdcn_init.eval.experiments.cells import (
    BEST,
    BOTH,
    HARMED,
    LIGHT,
    REGIMES,
    Form,
    lighter,
    training,
    ways_to_stop,
)
from tcdcn_init.eval.experiments.exchange import Exchange, exchange, judged_form, sizes_run
from tcdcn_init.eval.experiments.results import Change, Results, as_error, as_failure

__all__ = ["NOTABLE", "claim", "claim_sentence", "exchange_paragraph", "stopping_sentence", "verdict"]

NOTABLE = 0.3
"""Percentage points of mean error below which a change is of no note."""


def verdict(error: Change, failures: Change) -> str:
    """What design.md calls a change.

    Examples
    --------
    >>> verdict(Change(-0.5, 0.2, 5), Change(-1.0, 2.0, 5)), verdict(Change(0.1, 0.15, 5), Change(0.0, 2.0, 5))
    ('helps', 'no difference of note')
    """
    if error.seeds < 2:
        return "one seed"
    if error.clear and error.estimate < 0 and failures.estimate <= 0:
        return "helps" if error.low < -NOTABLE else "helps, by less than 0.3"
    if error.clear and error.estimate > 0:
        return "harms" if error.high > NOTABLE else "harms, by less than 0.3"
    if error.low > -NOTABLE and error.high < NOTABLE:
        return "no difference of note"
    return "undecided"


def claim(found: Results, regime: str, form: Form | None = None) -> tuple[Change, Change] | None:
    """Change of AFLW's mean error and failures by all tasks, averaged over the numbers of faces that were run, over the
    seeds that all of these have; None if there are none. Parameters as for `exchange.sizes_run`."""
    pairs = [(labelled.name, alone.name) for alone, labelled in sizes_run(found, regime, form)]
    changes = [found.change(pairs, "aflw", statistic) for statistic in (as_error, as_failure)] if pairs else [None]
    return None if changes[0] is None or changes[-1] is None else (changes[0], changes[-1])


def interval(change: Change, digits: int = 2) -> str:
    """An estimate and its interval.

    Examples
    --------
    >>> interval(Change(-0.5, 0.2, 5))
    '-0.50 [-0.70, -0.30]'
    """
    return f"{change.estimate:+.{digits}f} [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"


_SAID = {
    "helps": "they help",
    "helps, by less than 0.3": "they help, by less than 0.3 points",
    "harms": "they harm",
    "harms, by less than 0.3": "they harm, by less than 0.3 points",
    "no difference of note": "no difference of note (less than 0.3 points)",
    "undecided": "undecided",
    "one seed": "one seed decides nothing",
}


def claim_sentence(found: Results) -> str:
    """Whether the tasks help the points, regime by regime."""
    parts, faces = [], set()
    for regime in BOTH:
        changes = claim(found, regime)
        if changes is None:
            continue
        error, failures = changes
        parts.append(
            f"{REGIMES[regime].short} ({training(judged_form(found, regime))}), mean error {interval(error)} and "
            f"failures {interval(failures, 1)} points, "
            f"{error.seeds} seeds: {_SAID[verdict(error, failures)]}"
        )
        faces |= {found.trained_on(alone.name) for alone, _ in sizes_run(found, regime)}
    if not parts:
        return "Not run yet."
    return (
        "Do pose, gender, glasses and smile help the points, as the paper claims (AFLW failures 35.6 to 25.0 %)? "
        f"Change on AFLW by all four, over {min(faces):,} to {max(faces):,} training faces: "
        f"{'; '.join(parts)}.{_light(found)}"
    )


def _light(found: Results) -> str:
    """The same with tasks that hardly speak, where the paper's regime was judged by trainings that have such ones."""
    cells = lighter()
    pairs = [(labelled.name, alone.name) for alone, labelled in cells]
    error, failures = (found.change(pairs, "aflw", statistic) for statistic in (as_error, as_failure))
    if error is None or failures is None:
        return ""
    faces = " and ".join(f"{alone.faces:,}" for alone, _ in cells)
    return (
        f" In the paper's regime at {faces} faces, tasks that weigh {LIGHT:g} instead of {REGIMES['paper'].weight:g}: "
        f"{interval(error)} and {interval(failures, 1)}: {_SAID[verdict(error, failures)]}."
    )


def stopping_sentence(found: Results) -> str:
    """Whether stopping tasks helps, where they change something."""
    sentences = []
    for cell in (BEST, HARMED):
        parts = []
        for title, name in ways_to_stop(cell).items():
            error, failures = (found.change([(name, cell.name)], "aflw", each) for each in (as_error, as_failure))
            if error is not None and failures is not None:
                parts.append(f"{title} {interval(error)} ({verdict(error, failures)})")
        if parts:
            where = f"{REGIMES[cell.regime].short} on {cell.faces:,} faces, {training(cell.form)}"
            sentences.append(f"Against no stopping, {where}, AFLW's mean error changes by: {'; '.join(parts)}.")
    return " ".join(sentences) or "Not run yet."


def exchange_paragraph(found: Results) -> str:
    """What the labels are worth in faces, in a paragraph for a user."""
    parts = []
    for regime in BOTH:
        cells = sizes_run(found, regime)
        if len(cells) > 1:
            (fewest, labelled), (most, _) = cells[0], cells[-1]
            labels = found.change([(labelled.name, fewest.name)], "aflw")
            more = found.change([(most.name, fewest.name)], "aflw")
            if labels is not None and more is not None:
                few, many = found.trained_on(fewest.name), found.trained_on(most.name)
                parts.append(
                    f"{REGIMES[regime].short}, labels of {few:,} faces change AFLW's mean error by {interval(labels)} "
                    f"points, {many - few:,} more faces without labels by {interval(more)}"
                    f"{_rates(exchange(found, regime))}"
                )
    if not parts:
        return "Not run yet."
    text = "; ".join(parts)
    return (
        "With N faces of your own, what are labels of pose, gender, glasses and smile worth, and what are more faces? "
        f"{text[0].upper()}{text[1:]}."
    )


def _rates(rates: Sequence[Exchange]) -> str:
    known = [f"{rate.faces:,} are worth {count(rate)}" for rate in rates if rate.known]
    if not known:
        return " (so the labels' worth in faces cannot be told)"
    return f", so that with labels {', '.join(known)} without"


def count(rate: Exchange) -> str:
    """A number of faces and its interval; nothing beyond what was trained is told apart.

    Examples
    --------
    >>> count(Exchange(1000, 1210.4, 800.0, float("inf")))
    '1,210 [800, more than 100,000]'
    """

    def number(value: float) -> str:
        if value > 100_000:
            return "more than 100,000"
        return f"{float(f'{value:.3g}'):,.0f}"

    return f"{number(rate.worth)} [{number(rate.low)}, {number(rate.high)}]"
