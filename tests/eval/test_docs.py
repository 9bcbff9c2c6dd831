"""What is committed of reports: their texts are what their JSON says, and no text is of an older form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcdcn_init.eval.cascaded_cnn.report import CascadedCNNReport, cascaded_cnn_tables
from tcdcn_init.eval.comparison.report import Report
from tcdcn_init.eval.comparison.tables import report_tables
from tcdcn_init.eval.experiments.report import section
from tcdcn_init.eval.experiments.results import Results
from tcdcn_init.eval.model_report.confidence import ConfidenceReport
from tcdcn_init.eval.model_report.confidence_report import confidence_text
from tcdcn_init.eval.model_report.limits import LimitsReport
from tcdcn_init.eval.model_report.limits_text import limits_text

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("results/*/report.json")), ids=lambda path: path.parent.name)
def test_a_comparison_is_its_json(path):
    assert path.with_suffix(".md").read_text() == report_tables(Report.read(path))


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("confidence/confidence.json", ConfidenceReport, confidence_text),
        ("limits/limits.json", LimitsReport, limits_text),
        ("experiments/cascaded-cnn.json", CascadedCNNReport, cascaded_cnn_tables),
    ],
)
def test_a_report_is_its_json(path, kind, text):
    file = DOCS / path
    assert file.with_suffix(".md").read_text() == text(kind.read(file))


@pytest.mark.parametrize("name", ["where", "precision"])  # the others take a minute of bootstrap
def test_the_experiments_are_their_results(name):
    text = (DOCS / "experiments/experiments.md").read_text()
    for part in section(Results(DOCS / "experiments/results"), name):
        assert part in text
