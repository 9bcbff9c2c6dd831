"""What the paper's experiments found, in sentences, from the results that `tcdcn-init paper run` left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from tcdcn_init.eval.experiments.finding import claim_sentence, exchange_paragraph, stopping_sentence
from tcdcn_init.eval.experiments.results import Results

__all__ = ["TABLES"]

ROOT = Path(__file__).resolve().parent.parent


@cache
def _results() -> Results:
    return Results(ROOT / "docs/experiments/results")


TABLES: dict[str, Callable[..., str]] = {
    "paper-claim": lambda: claim_sentence(_results()),
    "paper-stopping": lambda: stopping_sentence(_results()),
    "paper-exchange": lambda: exchange_paragraph(_results()),
}
