"""The figures of a card, on drawn faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.measuring.copies import NOISES, OCCLUSIONS, ROLLS
from tcdcn_init.eval.model_report.figures import figures_table, model_figures
from tcdcn_init.initializer import Initializer


@pytest.fixture(scope="module")
def figures(mtfl_root: Path) -> dict[str, Any]:
    """Of the default model on eight faces, robustness included."""
    return model_figures(Initializer(), read_mtfl(mtfl_root, "testing"), robustness=True)


def test_robustness_is_of_turned_noisy_and_hidden_copies(figures):
    for kind, values in (("roll", ROLLS), ("noise", NOISES), ("occlusion", OCCLUSIONS)):
        assert list(figures[kind]) == [f"{value:g}" for value in values]
        assert all(summary["count"] == 8 for summary in figures[kind].values())


def test_copies_of_strength_zero_are_the_faces_as_they_are(figures):
    assert figures["occlusion"]["0"] == figures["overall"]
    assert figures["noise"]["0"] == figures["overall"]


def test_hiding_half_of_the_face_costs(figures):
    assert figures["occlusion"]["0.5"]["mean"] > 1.5 * figures["overall"]["mean"]


def test_the_table_has_a_row_for_every_condition(figures, mtfl_root):
    plain = model_figures(Initializer(), read_mtfl(mtfl_root, "testing")[:2])
    assert "occlusion" not in plain
    table = figures_table({"aflw": figures, "few": plain})
    half = figures["occlusion"]["0.5"]
    assert f"| 0.5 of the box hidden | {100 * half['mean']:.2f} / {100 * half['failure_10']:.1f} |  |" in table
    assert table.count(" of the box hidden |") == len(OCCLUSIONS)
    assert table.count("° roll |") == len(ROLLS)


def test_figures_without_a_data_set_say_what_to_name(run):
    result = run("figures")
    assert result.exit_code == 2
    assert "--mtfl" in result.output
