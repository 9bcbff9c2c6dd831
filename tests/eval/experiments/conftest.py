"""Tiny trainings of the design's cells on drawn faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tcdcn_init.eval.experiments.data import ExperimentData, Variant
from tcdcn_init.eval.experiments.runs import run_variants
from tcdcn_init.eval.experiments.variants import plan


@pytest.fixture(scope="session")
def data(mtfl_root: Path) -> ExperimentData:
    return ExperimentData(mtfl_root)


@pytest.fixture(scope="session")
def shrunk(small_network: Any) -> Callable[..., dict[str, Variant]]:
    """``shrunk("sizes", "stopping", epochs=)`` -> plans as they are, on networks, batches and faces that suit drawn
    ones."""

    def make(*experiments: str, epochs: int = 2) -> dict[str, Variant]:
        small: dict[str, Any] = {"batch": 32, "epoch_views": 64, "learning_rate": 1e-2, "average": 0.9}
        return {
            name: Variant(
                replace(
                    variant.config,
                    network=replace(small_network, tasks=variant.config.network.tasks),
                    epochs=epochs,
                    **small,
                ),
                variant.faces and 40 + variant.faces // 50,
            )
            for experiment in experiments
            for name, variant in plan(experiment).items()
        }

    return make


@pytest.fixture(scope="session")
def finished(shrunk: Callable[..., dict[str, Variant]], data: ExperimentData, tmp_path_factory: Any) -> Path:
    """A folder of runs: all that "tasks" trains, two seeds each."""
    out: Path = tmp_path_factory.mktemp("experiments")
    run_variants(shrunk("tasks"), data, out, range(2))
    return out
