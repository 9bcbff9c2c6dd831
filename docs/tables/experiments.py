"""What the paper's experiments found, in sentences, from the results that `tcdcn-init paper run` left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tables.cells import ROOT
from tcdcn_init.eval.experiments.finding import claim_sentence, exchange_paragraph, stopping_sentence
from tcdcn_init.eval.experiments.results import Results


@cache
def _results() -> Results:
    return Results(ROOT / "docs/experiments/results")


def claim() -> str:
    """Whether the tasks help the points."""
    return claim_sentence(_results())


TABLES: dict[str, Callable[..., str]] = {
    "paper-claim": claim,
    "paper-stopping": lambda: stopping_sentence(_results()),
    "paper-exchange": lambda: exchange_paragraph(_results()),
}
