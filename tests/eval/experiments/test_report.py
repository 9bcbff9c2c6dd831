"""The report of the paper's experiments, and the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.eval.experiments.cells import ALL, BEST, MIDDLE, STOPPINGS, Cell
from tcdcn_init.eval.experiments.finding import claim_sentence
from tcdcn_init.eval.experiments.plots import plot_stopping, plot_weights
from tcdcn_init.eval.experiments.report import ablation, write_experiments
from tcdcn_init.eval.experiments.results import Results
from tcdcn_init.eval.experiments.runs import run_variants
from tcdcn_init.eval.experiments.sections import SECTIONS

COMMITTED = Path(__file__).parents[3] / "docs" / "experiments"


@pytest.fixture(scope="module")
def report(finished: Path, tmp_path_factory: Any) -> Path:
    return write_experiments(finished / "results", tmp_path_factory.mktemp("report"))


def test_the_report_says_what_was_run_and_guesses_nothing(report):
    text, folder = report.read_text(), report.parent
    tasks = text.split(f"## {SECTIONS['tasks'][0]}")[1].split("## ")[0]
    rows = {line.split(" | ")[0]: line for line in tasks.splitlines()}
    assert "| 2 |" in rows["| pose"]
    assert "| 2 |" in rows["| all tasks"]
    assert "pose -6.9" in tasks  # published
    for name in ("stopping", "sharing", "ablation"):
        assert f"Not run yet: `tcdcn-init paper run {name}" in text
    for plot in ("where", "correlation"):
        assert f"]({plot}.svg)" in text
        assert (folder / f"{plot}.svg").stat().st_size > 1000
        assert (folder / f"{plot}.png").stat().st_size > 1000
    assert not (folder / "exchange.svg").exists()


def test_stops_and_weights_are_drawn(shrunk, data, tmp_path):
    variants = shrunk("stopping", "weights", epochs=4)
    names = [BEST.name, *(f"{BEST.name}-{stopping.name}" for stopping in STOPPINGS)]
    names += [Cell(BEST.regime, MIDDLE, ALL, weight).name for weight in (0.02, None)]
    run_variants({name: replace(variants[name], faces=40) for name in names}, data, tmp_path, [0])
    found = Results(tmp_path / "results")
    assert plot_stopping(found, tmp_path) == tmp_path / "stopping.svg"
    assert plot_weights(found, tmp_path) == tmp_path / "weights.svg"
    assert "Learned weights end at: pose 0." in "\n".join(SECTIONS["weights"][1](found))


def test_the_committed_page_is_that_of_the_committed_results():
    text, found = (COMMITTED / "experiments.md").read_text(encoding="utf-8"), Results(COMMITTED / "results")
    for part in (
        claim_sentence(found),
        *(part for name in ("sizes", "where", "stopping", "rate") for part in SECTIONS[name][1](found)),
        *ablation(found),
    ):
        assert part in text


def test_the_command_writes_the_same_report_from_kept_results(finished, report, tmp_path):
    done = CliRunner().invoke(app, ["paper", "report", str(finished / "results"), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for name in ("experiments.md", "where.svg", "where.png"):
        assert (tmp_path / name).read_bytes() == (report.parent / name).read_bytes()


def test_the_command_trains_and_reports(shrunk, mtfl_root, tmp_path, monkeypatch):
    monkeypatch.setattr("tcdcn_init.eval.experiments.variants.plan", lambda name: shrunk(name, epochs=1))
    threads = torch.get_num_threads()
    try:
        command = [
            "paper",
            "run",
            "tasks",
            "--data",
            str(mtfl_root),
            "--out",
            str(tmp_path),
            "--runs",
            "3",
            "--seeds",
            "1",
        ]
        done = CliRunner().invoke(app, command)
    finally:
        torch.set_num_threads(threads)
    assert done.exit_code == 0, done.output
    assert "| all tasks | 1 |" in (tmp_path / "experiments.md").read_text()


def test_the_command_refuses_unknown_names_before_reading_data(tmp_path):
    done = CliRunner().invoke(app, ["paper", "run", "task", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "'task' is not one of" in done.output
    assert "'tasks'" in done.output
    assert not (tmp_path / "out").exists()
