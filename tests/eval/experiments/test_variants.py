"""The paper's experiments: what is trained, that runs are kept and gone on from, and what is said of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tcdcn_init.cli import app
from tcdcn_init.eval.experiments.plots import plot_stopping
from tcdcn_init.eval.experiments.report import section, write_experiments
from tcdcn_init.eval.experiments.results import Results, as_failure
from tcdcn_init.eval.experiments.runs import HARD, UNIT, ExperimentData, head_correlation, run_variants
from tcdcn_init.eval.experiments.variants import EXPERIMENTS, LABELS, plan
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.recipes import with_options
from tcdcn_init.training.sampling import epoch_order
from tcdcn_init.training.trainer import Trainer, TrainingConfig


@pytest.fixture(scope="module")
def data(mtfl_root: Path) -> ExperimentData:
    return ExperimentData(mtfl_root)


@pytest.fixture(scope="module")
def variants(small_network: Any) -> dict[str, TrainingConfig]:
    """Plans as they are, on a network and batch that suit drawn faces."""
    small: dict[str, Any] = {"batch": 32, "learning_rate": 1e-2, "average": 0.9}
    every = {**plan("tasks", 2), **plan("stopping", 7)}
    kept = {name: every[name] for name in ("all", "points", "smile", "taskwise", "together")}
    return {
        name: replace(config, network=replace(small_network, tasks=config.network.tasks), **small)
        for name, config in kept.items()
    }


@pytest.fixture(scope="module")
def finished(variants: dict[str, TrainingConfig], data: ExperimentData, tmp_path_factory: Any) -> Path:
    """A folder of runs: points alone, with smile, and all tasks, two seeds each."""
    out = tmp_path_factory.mktemp("experiments")
    run_variants({name: variants[name] for name in ("all", "points", "smile")}, data, out, range(2))
    return out


def result(out: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results" / f"{name}.json").read_text())
    return found


# --- plans


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_name_means_one_recipe_everywhere_and_has_a_label(name):
    for variant, config in plan(name, 3).items():
        assert variant in LABELS
        assert config.epochs == (1 if name == "ablation" else 3)
        for other in EXPERIMENTS:
            assert plan(other, 3).get(variant, config) == config


def test_variants_differ_by_what_they_say():
    tasks = plan("tasks")
    assert tasks["points"].network.tasks == ()
    for task in TASKS:
        assert tasks[task] == with_options(tasks["all"], tasks=(task,))
    ablation = plan("ablation")
    whole = ablation.pop("robust")
    assert whole.stop_window < whole.epochs
    assert all(config != whole for config in ablation.values())
    assert "smile" not in ablation["robust-no-smile"].network.tasks


def test_an_unknown_experiment_is_named_with_what_there_is():
    with pytest.raises(ValueError, match=r"'tusks'; did you mean tasks"):
        plan("tusks")


# --- runs


def test_a_run_leaves_errors_histories_and_correlations(finished, data):
    found = result(finished, "all-seed0")
    for name, faces in data.faces.items():
        measured = found["datasets"][name]
        assert len(measured["errors"]) == len(faces)
        assert sum(pose["count"] for pose in measured["poses"].values()) == len(faces)
        assert np.mean(measured["errors"]) * UNIT == pytest.approx(np.mean(measured["points"]), abs=UNIT)
    # What early stopping looked at and what is measured are the same crops and network.
    assert found["history"]["validation"]["nme"][-1] == pytest.approx(
        100 * np.mean(found["datasets"]["mtfl-val"]["points"]), abs=1e-3
    )
    assert list(found["correlation"]) == list(TASKS)
    assert result(finished, "points-seed0")["correlation"] == {}
    assert "smile" in result(finished, "smile-seed0")["history"]["validation"]


def test_what_is_finished_is_not_trained_again(finished, variants, data, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    run_variants({"all": variants["all"]}, data, tmp_path, [0])
    assert not (tmp_path / "runs").exists()
    assert result(tmp_path, "all-seed0") == result(finished, "all-seed0")


def test_an_interrupted_run_goes_on_to_the_same_result(finished, variants, data, tmp_path, monkeypatch):
    judge, epochs = Trainer._judge, []

    def interrupted(self, *args):
        epochs.append(self.epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        judge(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_variants({"all": variants["all"]}, data, tmp_path, [0])
    assert not (tmp_path / "results" / "all-seed0.json").exists()
    run_variants({"all": variants["all"]}, data, tmp_path, [0])
    again, whole = result(tmp_path, "all-seed0"), result(finished, "all-seed0")
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_results_of_other_settings_are_not_taken_for_these(finished, variants, data):
    with pytest.raises(ValueError, match=r"all-seed0.json is of other settings"):
        run_variants({"all": replace(variants["all"], epochs=3)}, data, finished, [0])


def test_results_of_other_faces_are_not_taken_for_these(finished, variants, make_mtfl, tmp_path):
    other = ExperimentData(make_mtfl(tmp_path / "other", training=60, testing=5, seed=3))
    with pytest.raises(ValueError, match=r"faces.json is of other faces of"):
        run_variants({"all": variants["all"]}, other, finished, [0])


def test_hard_copies_are_measured_where_asked(variants, data, tmp_path):
    every = {"points": replace(variants["points"], epochs=1), "robust": replace(variants["all"], epochs=1)}
    run_variants({"points": every["points"]}, data, tmp_path, [0])
    run_variants({"robust": every["robust"]}, data, tmp_path, [0], hard=True)
    found = result(tmp_path, "robust-seed0")["datasets"]
    assert {len(found[kind]["errors"]) for kind in HARD} == {len(data.hard)}
    # Another copy of the same faces is another image or box.
    assert len({tuple(found[kind]["errors"]) for kind in HARD}) == len(HARD)
    results = Results(tmp_path / "results")
    assert not set(HARD) & set(results.datasets(["points"]))
    assert set(HARD) < set(results.datasets(["robust", "points"]))
    # Asked for later, they are measured without a second training.
    run_variants({"points": every["points"]}, data, tmp_path, [0], hard=True)
    assert set(HARD) < set(result(tmp_path, "points-seed0")["datasets"])


def test_tasks_do_not_change_which_faces_are_shown(variants, data, tmp_path):
    orders = []
    for name in ("points", "all"):
        config = variants[name]
        crops = data.crops("probe", config.network), data.crops("mtfl-val", config.network)
        trainer = Trainer(config, data.patches(config), *crops, tmp_path / name)
        orders.append(epoch_order(trainer.patches, config.pose_balance, 0, torch.Generator().manual_seed(1)))
    assert torch.equal(*orders)


def test_the_first_task_that_stops_takes_the_others_along_only_where_asked(variants, data, tmp_path):
    # So low a threshold that whatever is worse on held-out faces stops when the window is full.
    chosen = {name: replace(variants[name], stop_epsilon=1e-9) for name in ("taskwise", "together")}
    run_variants(chosen, data, tmp_path, [0])
    alone, together = (result(tmp_path, f"{name}-seed0")["stopped"] for name in chosen)
    assert alone
    assert together == dict.fromkeys(together, min(alone.values()))
    assert set(together) == set(TASKS)
    assert plot_stopping(Results(tmp_path / "results"), tmp_path) == tmp_path / "stopping.svg"


def test_heads_that_are_the_same_correlate_fully():
    network = TCDCN()
    with torch.no_grad():
        points = network.heads["points"].get_parameter("weight")
        smile = network.heads["smile"].get_parameter("weight")
        smile[0], smile[1] = points[3] + 1.0, -points[3] + 1.0
    found = head_correlation(network)["smile"][0]
    assert found[3] == pytest.approx(1.0)
    assert max(value for k, value in enumerate(found) if k != 3) < 0.5


# --- results


def test_figures_are_those_of_the_faces(finished):
    found = Results(finished / "results")
    errors = np.array([result(finished, f"smile-seed{seed}")["datasets"]["aflw"]["errors"] for seed in (0, 1)]) * UNIT
    over = found.over_seeds("smile", "aflw")
    assert over is not None
    assert over.values == pytest.approx(100 * errors.mean(axis=1))
    # Of two values, half the interval is 12.706 times half their distance.
    assert over.half == pytest.approx(12.706 * abs(np.diff(over.values)[0]) / 2, rel=1e-3)
    failures = found.over_seeds("smile", "aflw", as_failure)
    assert failures is not None
    assert failures.mean == pytest.approx(100 * (errors > 0.1).mean())
    assert np.mean(found.points("smile", "aflw")) == pytest.approx(over.mean, abs=0.01)


def test_differences_are_paired_by_seed_and_face(finished):
    found = Results(finished / "results")
    difference = found.difference("smile", "points", "mtfl-val")
    means = {name: found.over_seeds(name, "mtfl-val") for name in ("smile", "points")}
    assert difference is not None
    assert difference.seeds.mean == pytest.approx(means["smile"].mean - means["points"].mean)
    assert difference.faces.estimate == pytest.approx(difference.seeds.mean)
    assert difference.faces.low < difference.faces.estimate < difference.faces.high
    same = found.difference("points", "points", "aflw")
    assert same is not None
    assert (same.faces.low, same.faces.high, same.seeds.half) == (0, 0, 0)
    for change in found.change_by_pose("points", "points", "aflw").values():
        assert change == pytest.approx(np.zeros(5))


@pytest.fixture(scope="module")
def report(finished: Path, tmp_path_factory: Any) -> Path:
    return write_experiments(finished / "results", tmp_path_factory.mktemp("report"))


def test_the_report_says_what_was_run_and_guesses_nothing(report):
    text, folder = report.read_text(), report.parent
    tasks = text.split("## `tasks`")[1].split("## `where`")[0]
    rows = {line.split(" | ")[0]: line for line in tasks.splitlines() if line.startswith("| points + ")}
    assert "not run" in rows["| points + pose"]
    assert "not run" in tasks.split("Change of mean error")[1].split("| points + pose |")[1].splitlines()[0]
    assert "*28.76*" in next(line for line in tasks.splitlines() if line.startswith("| points + pose"))
    assert "| points + smile | 2 |" in tasks
    for name in ("stopping", "sharing", "ablation"):
        assert f"Not run yet: `tcdcn-init paper run {name}" in text
    for plot in ("tasks", "where", "correlation"):
        assert f"]({plot}.svg)" in text
        assert (folder / f"{plot}.svg").stat().st_size > 1000
        assert (folder / f"{plot}.png").stat().st_size > 1000
    assert not (folder / "stopping.svg").exists()


def test_no_results_say_how_to_make_some(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no results; make some with `tcdcn-init paper run tasks"):
        Results(tmp_path)


@pytest.mark.parametrize("name", ["where", "precision"])  # the others take a minute of bootstrap
def test_the_committed_page_is_that_of_the_committed_results(name):
    docs = Path(__file__).parents[3] / "docs" / "experiments"
    text = (docs / "experiments.md").read_text(encoding="utf-8")
    for part in section(Results(docs / "results"), name):
        assert part in text


# --- the command


def test_the_command_writes_the_same_report_from_kept_results(finished, report, tmp_path):
    done = CliRunner().invoke(app, ["paper", "report", str(finished / "results"), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for name in ("experiments.md", "where.svg", "tasks.png"):
        assert (tmp_path / name).read_bytes() == (report.parent / name).read_bytes()


def test_the_command_trains_and_reports(variants, mtfl_root, tmp_path, monkeypatch):
    few = {name: replace(variants[name], epochs=1) for name in ("points", "all")}
    monkeypatch.setattr("tcdcn_init.eval.experiments.variants.plan", lambda name, epochs: few)
    threads = torch.get_num_threads()
    try:
        done = CliRunner().invoke(
            app, ["paper", "run", "tasks", "--data", str(mtfl_root), "--out", str(tmp_path), "--seeds", "1"]
        )
    finally:
        torch.set_num_threads(threads)
    assert done.exit_code == 0, done.output
    assert "| points alone | 1 |" in (tmp_path / "experiments.md").read_text()


def test_the_command_refuses_unknown_names_before_reading_data(tmp_path):
    done = CliRunner().invoke(app, ["paper", "run", "task", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "'task' is not one of" in done.output
    assert "'tasks'" in done.output
    assert not (tmp_path / "out").exists()
