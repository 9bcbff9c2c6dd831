"""Runs of the experiments: what they are of, what they leave, that they are kept and gone on from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tcdcn_init.eval.experiments.cells import ALL, BEST, CELLS, REGIMES, SIZES, Cell, Stopping, pair
from tcdcn_init.eval.experiments.data import ExperimentData, Variant
from tcdcn_init.eval.experiments.measures import HARD, UNIT, head_correlation
from tcdcn_init.eval.experiments.results import Results
from tcdcn_init.eval.experiments.runs import run_variants
from tcdcn_init.eval.experiments.variants import ABLATION_LABELS, EXPERIMENTS, plan
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.trainer import Trainer


def result(out: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results" / f"{name}.json").read_text())
    return found


ALONE = pair(BEST.regime, BEST.faces)[0].name

# --- plans


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_name_means_one_recipe_everywhere(name):
    for variant, what in plan(name).items():
        for other in EXPERIMENTS:
            assert plan(other).get(variant, what) == what


def test_cells_of_other_settings_have_other_names():
    cells = {cell for make in CELLS.values() for cell in make()}
    assert len({cell.name for cell in cells}) == len(cells)
    configs = [(str(cell.config), cell.faces) for cell in cells]
    assert len(set(configs)) == len(configs)


def test_a_cell_is_what_it_says():
    fading, long, learned = (
        Cell("paper", 250, ALL, 0.2, stopping=Stopping("fading")).config,
        Cell("project", None, (), form="long").config,
        Cell("project", 250, ("pose",), None).config,
    )
    assert fading.objective.points == "least-squares"
    assert fading.objective.lambdas == dict.fromkeys(TASKS, 0.2)
    assert (fading.fade_tasks, fading.stop_window) == (True, 0)
    assert long.epochs == 3 * fading.epochs
    assert long.network.tasks == ()
    assert learned.objective.learned
    together = Cell("paper", 250, ALL, 0.2, stopping=Stopping("together", 2, 5.0)).config
    assert (together.stop_window, together.stop_epsilon, together.stop_together) == (2, 5.0, True)


def test_every_part_of_the_ablation_changes_something_and_has_a_label():
    ablation = plan("ablation")
    assert set(ablation) == set(ABLATION_LABELS)
    whole = ablation.pop("robust")
    assert all(variant != whole for variant in ablation.values())


def test_an_unknown_experiment_is_named_with_what_there_is():
    with pytest.raises(ValueError, match=r"'tusks'; did you mean tasks"):
        plan("tusks")


# --- faces


def test_faces_are_drawn_by_the_seed_fewer_among_more(data, shrunk):
    variant = shrunk("tasks")[BEST.name]

    def pixels(faces: int, seed: int) -> set[bytes]:
        return {patch.numpy().tobytes() for patch in data.patches(replace(variant, faces=faces), seed).pixels}

    assert len(pixels(40, 0)) in (39, 40)  # two of the drawn images are alike
    assert pixels(40, 0) < pixels(80, 0)
    assert pixels(40, 1) != pixels(40, 0)
    probe = data.probe(replace(variant, faces=40), 0)
    patches = data.patches(replace(variant, faces=40), 0)
    assert torch.equal(probe.targets["points"], patches.points)
    with pytest.raises(ValueError, match=r"1000 training faces are asked for; there are \d+"):
        data.patches(replace(variant, faces=1000), 0)


def test_tasks_change_neither_the_first_weights_nor_what_is_shown(shrunk, data, tmp_path):
    trainers = []
    for name in (ALONE, BEST.name):
        variant = shrunk("tasks")[name]
        crops = data.crops("mtfl-val", variant.config.network)
        trainers.append(
            Trainer(variant.config, data.patches(variant, 3), data.probe(variant, 3), crops, tmp_path / name)
        )
    alone, every = (trainer.network.state_dict() for trainer in trainers)
    assert set(alone) < set(every)
    assert all(torch.equal(alone[key], every[key]) for key in alone)
    # Without weight, tasks leave no trace in the points.
    trainers[1].objective.fixed.zero_()
    points = [trainer.run().shared_feature(crops.pixels) for trainer in trainers]
    assert torch.equal(*points)


# --- runs


def test_a_run_leaves_errors_histories_costs_and_correlations(finished, data):
    found = result(finished, f"{BEST.name}-seed0")
    for name, faces in data.faces.items():
        measured = found["datasets"][name]
        assert len(measured["errors"]) == len(faces)
        assert sum(pose["count"] for pose in measured["poses"].values()) == len(faces)
        assert np.mean(measured["errors"]) * UNIT == pytest.approx(np.mean(measured["points"]), abs=UNIT)
    # The epoch that is kept is the best on held-out faces, and what is measured is its network.
    errors = found["history"]["validation"]["nme"]
    assert found["best_epoch"] == 1 + int(np.argmin(errors))
    assert min(errors) == pytest.approx(100 * np.mean(found["datasets"]["mtfl-val"]["points"]), abs=1e-3)
    assert list(found["correlation"]) == list(TASKS)
    assert result(finished, f"{ALONE}-seed0")["correlation"] == {}
    assert (found["trained_on"], found["seed"], found["lambdas"]["pose"]) == (45, 0, BEST.weight)
    assert 0 < found["processor_seconds"] < 60


def test_what_is_finished_is_not_trained_again(finished, shrunk, data, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    run_variants(shrunk("tasks"), data, tmp_path, range(2))
    assert not (tmp_path / "runs").exists()


def test_an_interrupted_run_goes_on_to_the_same_result(finished, shrunk, data, tmp_path, monkeypatch):
    judge, epochs = Trainer._judge, []

    def interrupted(self, *args):
        epochs.append(self.epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        judge(self, *args)

    variants = {BEST.name: shrunk("tasks")[BEST.name]}
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_variants(variants, data, tmp_path, [0])
    assert not (tmp_path / "results" / f"{BEST.name}-seed0.json").exists()
    run_variants(variants, data, tmp_path, [0])
    again, whole = result(tmp_path, f"{BEST.name}-seed0"), result(finished, f"{BEST.name}-seed0")
    timeless = {"seconds": 0, "processor_seconds": None}
    assert {**again, **timeless} == {**whole, **timeless}


def test_a_sitting_may_have_a_length(shrunk, data, tmp_path):
    run_variants(shrunk("tasks", epochs=1), data, tmp_path, range(2), most=1)
    assert len(list((tmp_path / "results").glob("*-seed*.json"))) == 1


def test_results_of_other_settings_are_not_taken_for_these(finished, shrunk, data):
    for changed in (
        shrunk("tasks", epochs=3)[BEST.name],
        replace(shrunk("tasks")[BEST.name], faces=50),
    ):
        with pytest.raises(ValueError, match=rf"{BEST.name}-seed0.json is of other settings"):
            run_variants({BEST.name: changed}, data, finished, [0])


def test_results_from_before_a_setting_existed_have_it_at_its_default(finished, shrunk, data, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    path = tmp_path / "results" / f"{BEST.name}-seed0.json"
    kept = json.loads(path.read_text())
    del kept["config"]["fade_tasks"]
    del kept["config"]["network"]["shared_filters"]
    path.write_text(json.dumps(kept))
    run_variants({BEST.name: shrunk("tasks")[BEST.name]}, data, tmp_path, [0])
    assert not (tmp_path / "runs").exists()


def test_results_of_other_faces_are_not_taken_for_these(finished, shrunk, make_mtfl, tmp_path):
    other = ExperimentData(make_mtfl(tmp_path / "other", training=60, testing=5, seed=3))
    with pytest.raises(ValueError, match=r"faces.json is of other faces of"):
        run_variants(shrunk("tasks"), other, finished, [0])


def test_hard_copies_are_measured_where_asked(shrunk, data, tmp_path):
    variants = {"robust": shrunk("tasks", epochs=1)[BEST.name], "points": shrunk("tasks", epochs=1)[ALONE]}
    run_variants(variants, data, tmp_path, [0], hard={"robust"})
    found = result(tmp_path, "robust-seed0")["datasets"]
    assert {len(found[kind]["errors"]) for kind in HARD} == {len(data.hard)}
    # Another copy of the same faces is another image or box.
    assert len({tuple(found[kind]["errors"]) for kind in HARD}) == len(HARD)
    results = Results(tmp_path / "results")
    assert not set(HARD) & set(results.datasets(["points"]))
    assert set(HARD) < set(results.datasets(["robust", "points"]))
    # Asked for later, they are measured without a second training.
    run_variants(variants, data, tmp_path, [0], hard=set(variants))
    assert set(HARD) < set(result(tmp_path, "points-seed0")["datasets"])


def test_the_first_task_that_stops_takes_the_others_along_only_where_asked(shrunk, data, tmp_path):
    base = shrunk("tasks", epochs=5)[BEST.name]
    # So low a threshold that whatever is worse on held-out faces stops when the window is full.
    alone = replace(base.config, stop_window=2, stop_epsilon=1e-9)
    chosen = {"alone": Variant(alone, 50), "together": Variant(replace(alone, stop_together=True), 50)}
    run_variants(chosen, data, tmp_path, [0])
    stops = {name: result(tmp_path, f"{name}-seed0")["stopped"] for name in chosen}
    assert stops["alone"]
    assert stops["together"] == dict.fromkeys(TASKS, min(stops["alone"].values()))


def test_heads_that_are_the_same_correlate_fully():
    network = TCDCN()
    with torch.no_grad():
        points = network.heads["points"].get_parameter("weight")
        smile = network.heads["smile"].get_parameter("weight")
        smile[0], smile[1] = points[3] + 1.0, -points[3] + 1.0
    found = head_correlation(network)["smile"][0]
    assert found[3] == pytest.approx(1.0)
    assert max(value for k, value in enumerate(found) if k != 3) < 0.5


def test_sizes_and_regimes_are_all_trained():
    sizes = {(cell.regime, cell.faces, bool(cell.tasks)) for cell in CELLS["sizes"]()}
    assert sizes == {
        (regime, faces, tasks) for regime in ("paper", "project") for faces in SIZES for tasks in (True, False)
    }
    assert {cell.regime for cell in CELLS["regimes"]()} == set(REGIMES)
