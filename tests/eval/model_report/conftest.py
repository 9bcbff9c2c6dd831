"""One measurement of the default model on drawn faces, for all parts of its report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcdcn_init.datasets import read_mtfl
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.measurement import ModelAnswers, measure_model


@pytest.fixture(scope="package")
def answers(mtfl_root: Path) -> ModelAnswers:
    """Of the default model to eight faces."""
    return measure_model(read_mtfl(mtfl_root, "testing"), Settings())
