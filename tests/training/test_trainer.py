"""The loop: it learns, repeats itself, survives interruption, and stops tasks."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.training import trainer as training
from tcdcn_init.training.augmentation import Patches
from tcdcn_init.training.data import Crops, load_crops, load_patches
from tcdcn_init.training.measuring import measure
from tcdcn_init.training.objective import MultiTaskObjective, ObjectiveConfig
from tcdcn_init.training.runs.workers import Workers
from tcdcn_init.training.sampling import epoch_order
from tcdcn_init.training.trainer import Trainer, TrainingConfig

Data = tuple[Patches, Crops, Crops]


@pytest.fixture(scope="module")
def recipe(small_network: Any) -> TrainingConfig:
    return TrainingConfig(network=small_network, epochs=3, batch=32, learning_rate=1e-2, average=0.9, seed=5)


@pytest.fixture(scope="module")
def data(mtfl_root: Path, recipe: TrainingConfig) -> Data:
    faces, held = hold_out(read_mtfl(mtfl_root, "training"))
    return (
        load_patches(faces, recipe.network, recipe.augmentation),
        load_crops(faces[::9], recipe.network),
        load_crops(held, recipe.network),
    )


def same_weights(a: TCDCN, b: TCDCN) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def without_times(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


@pytest.fixture(scope="module")
def uninterrupted(
    recipe: TrainingConfig, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trainer, TCDCN]:
    trainer = Trainer(recipe, *data, tmp_path_factory.mktemp("whole"))
    return trainer, trainer.run()


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``interrupt(n)``: Ctrl-C comes while batch n is made, once."""

    def arrange(batches: int) -> None:
        made = 0
        make = training.random_views

        def random_views(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            if made == batches:
                raise KeyboardInterrupt
            return make(*args, **kwargs)

        monkeypatch.setattr(training, "random_views", random_views)

    return arrange


# --- learning


def test_a_few_epochs_halve_the_error_and_teach_a_task(recipe, data, tmp_path):
    # Glasses are drawn large, and weigh enough to be learned in so few steps.
    config = replace(recipe, epochs=24, objective=ObjectiveConfig(lambdas={"glasses": 2.0}))
    trainer = Trainer(config, *data, tmp_path)
    before = measure(trainer.averaged_network(), data[2], trainer.objective)
    network = trainer.run()
    after = measure(network.eval(), data[2], trainer.objective)
    assert after["nme"] < 0.5 * before["nme"]
    assert trainer.history[-1]["augmented"]["points"] < 0.8 * trainer.history[0]["augmented"]["points"]
    assert after["nme"] == pytest.approx(trainer.history[-1]["validation"]["nme"], rel=1e-5)
    assert trainer.history[-1]["train"]["accuracy glasses"] > 80.0
    assert trainer.history[-1]["augmented"]["glasses"] < 0.5


def test_the_points_start_at_the_mean_shape(recipe, data, tmp_path):
    trainer = Trainer(recipe, *data, tmp_path)
    torch.testing.assert_close(trainer.network.points_bias.reshape(5, 2), data[0].points.mean(dim=0))


def test_points_can_be_learned_alone(recipe, data, tmp_path):
    network = replace(recipe.network, tasks=())
    patches, probe, validation = data
    alone = tuple(
        replace(crops, targets={name: crops.targets[name] for name in ("points", "unit")})
        for crops in (probe, validation)
    )
    trainer = Trainer(replace(recipe, network=network, epochs=1), replace(patches, labels={}), *alone, tmp_path)
    trained = trainer.run()
    assert list(trained.heads) == ["points"]
    assert set(trainer.history[0]["validation"]) == {"points", "nme", "failure"}


@pytest.mark.parametrize("loss", ["least-squares", "euclidean"])
def test_coefficients_can_be_learned(recipe, data, tmp_path, loss):
    objective = ObjectiveConfig(loss, {"smile": 0.3}, learned=True)
    trainer = Trainer(replace(recipe, objective=objective), *data, tmp_path)
    trainer.run()
    lambdas = [row["lambdas"]["smile"] for row in trainer.history]
    assert 0.0 < lambdas[2] < lambdas[1] < lambdas[0] < 0.3


def test_a_loss_that_is_not_finite_ends_the_run(recipe, data, tmp_path):
    with pytest.raises(ValueError, match=r"epoch [12]: the loss is (nan|inf).*lower the learning rate"):
        Trainer(replace(recipe, learning_rate=1e30), *data, tmp_path).run()


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_the_networks_mode_as_it_is(recipe, data, training):
    network = TCDCN(recipe.network).train(training)
    measure(network, data[2], MultiTaskObjective(ObjectiveConfig(), recipe.network.tasks))
    assert network.training == training


def test_measuring_counts_failures_and_right_answers(recipe, data):
    class Fixed(TCDCN):
        """Answers what it is told."""

        def __init__(self, outputs: dict[str, torch.Tensor]) -> None:
            super().__init__(recipe.network)
            self.outputs = outputs

        def forward(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
            return self.outputs

    validation = data[2]
    count = len(validation.pixels)
    points = validation.targets["points"].clone()
    # Every third face is wrong by a fifth of its inter-ocular distance, at every point.
    points[::3, :, 0] += 0.2 * validation.interocular[::3, None]
    right = {task: torch.nn.functional.one_hot(validation.targets[task]).float() for task in recipe.network.tasks}
    wrong = {**right, "smile": right["smile"].flip(1)}
    figures = measure(
        Fixed({"points": points, **wrong}), validation, MultiTaskObjective(ObjectiveConfig(), recipe.network.tasks)
    )
    share = -(-count // 3) / count
    assert figures["failure"] == pytest.approx(100.0 * share, rel=1e-4)
    assert figures["nme"] == pytest.approx(20.0 * share, rel=1e-3)
    assert (figures["accuracy smile"], figures["accuracy pose"]) == (0.0, 100.0)


# --- the same result again


def test_the_same_seed_gives_the_same_weights_and_another_does_not(recipe, data, uninterrupted, tmp_path):
    trainer, network = uninterrupted
    again = Trainer(recipe, *data, tmp_path / "again")
    assert same_weights(again.run(), network)
    assert without_times(again.history) == without_times(trainer.history)
    other = Trainer(replace(recipe, seed=6, epochs=1), *data, tmp_path / "other")
    assert not same_weights(other.network, Trainer(recipe, *data, tmp_path / "start").network)
    first = other.run()
    assert not same_weights(first, network)


@pytest.mark.parametrize("batches", [7, 13])  # within the second and the third of three epochs
def test_an_interrupted_run_goes_on_to_the_same_weights(
    recipe, data, uninterrupted, interrupt, tmp_path, monkeypatch, batches
):
    trainer, network = uninterrupted
    assert trainer.steps == 5
    interrupt(batches)
    broken = Trainer(recipe, *data, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    monkeypatch.undo()
    torch.manual_seed(99)  # what the process has done in between does not matter
    resumed = Trainer(recipe, *data, tmp_path, resume=True)
    assert resumed.epoch == (batches - 1) // trainer.steps
    assert same_weights(resumed.run(), network)
    assert without_times(resumed.history) == without_times(trainer.history)
    log, whole = (json.loads((folder / "log.json").read_text()) for folder in (tmp_path, trainer.out))
    assert without_times(log["history"]) == without_times(whole["history"])


def test_an_interrupted_run_goes_on_with_its_stopped_tasks_and_learned_coefficients(recipe, data, interrupt, tmp_path):
    config = replace(recipe, objective=ObjectiveConfig(learned=True), stop_window=1, stop_epsilon=1e-9, average=0.0)
    whole = Trainer(config, *data, tmp_path / "whole")
    network = whole.run()
    assert whole.stopped
    interrupt(13)
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, *data, tmp_path / "broken").run()
    resumed = Trainer(config, *data, tmp_path / "broken", resume=True)
    assert same_weights(resumed.run(), network)
    assert resumed.stopped == whole.stopped
    assert resumed.objective.lambdas() == whole.objective.lambdas()


def test_an_interruption_before_the_first_checkpoint_leaves_nothing_to_resume(recipe, data, interrupt, tmp_path):
    interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        Trainer(recipe, *data, tmp_path).run()
    with pytest.raises(FileNotFoundError, match=r"nothing to resume.*without --resume"):
        Trainer(recipe, *data, tmp_path, resume=True)
    assert Trainer(recipe, *data, tmp_path).epoch == 0


def test_a_finished_run_can_be_resumed_to_itself(recipe, data, uninterrupted):
    trainer, network = uninterrupted
    again = Trainer(recipe, *data, trainer.out, resume=True)
    assert same_weights(again.run(), network)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seed": 6}, "seed"),
        ({"epochs": 4}, "epochs"),
        ({"batch": 16}, "batch"),
        ({"objective": ObjectiveConfig("least-squares")}, "objective"),
    ],
)
def test_resuming_with_other_settings_names_the_setting(recipe, data, uninterrupted, change, name):
    trainer, _ = uninterrupted
    with pytest.raises(ValueError, match=f"was trained with {name} = .*same settings"):
        Trainer(replace(recipe, **change), *data, trainer.out, resume=True)


def test_training_begins_at_given_weights(recipe, data, uninterrupted, tmp_path):
    _, network = uninterrupted
    trainer = Trainer(replace(recipe, seed=6, learning_rate=1e-9), *data, tmp_path, begin_at=network)
    assert same_weights(trainer.network, network)
    # A rate of next to nothing leaves it as good as it was.
    objective = MultiTaskObjective(recipe.objective, recipe.network.tasks)
    before, after = (measure(each, data[2], objective)["nme"] for each in (network, trainer.run()))
    assert after == pytest.approx(before, rel=1e-3)


def test_weights_of_another_network_are_refused(recipe, data, uninterrupted, tmp_path):
    _, network = uninterrupted
    other = replace(recipe, network=replace(recipe.network, feature=7))
    with pytest.raises(ValueError, match=r"cannot begin at weights of a network with feature = .*recipe's has 7"):
        Trainer(other, *data, tmp_path, begin_at=network)


def test_a_run_is_not_overwritten(recipe, data, uninterrupted):
    trainer, _ = uninterrupted
    with pytest.raises(FileExistsError, match=r"holds a run already.*--resume"):
        Trainer(recipe, *data, trainer.out)


def test_a_checkpoint_holds_no_pickled_code(uninterrupted):
    trainer, _ = uninterrupted
    state = torch.load(trainer.out / "checkpoint.pt", weights_only=True)
    assert state["epoch"] == 3
    assert not list(trainer.out.glob("*.part"))


@pytest.mark.parametrize("name", ["network", "averaged", "objective", "optimizer", "scheduler"])
def test_a_checkpoint_of_other_weights_is_refused_by_name(recipe, data, uninterrupted, tmp_path, name):
    trainer, _ = uninterrupted
    state = torch.load(trainer.out / "checkpoint.pt", weights_only=True)
    state[name] = {"other": torch.ones(2)}
    torch.save(state, tmp_path / "checkpoint.pt")
    if name == "scheduler":
        state[name] = 5
        torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
        Trainer(recipe, *data, tmp_path, resume=True)


# --- task-wise early stopping


def test_a_stopped_task_leaves_the_loss_and_the_log_says_when_and_why(recipe, data, tmp_path, caplog):
    config = replace(recipe, epochs=5, stop_window=2, stop_epsilon=1e-9)
    trainer = Trainer(config, *data, tmp_path)
    with caplog.at_level(logging.INFO, logger="tcdcn_init"):
        trainer.run()
    assert trainer.stopped
    log = json.loads((tmp_path / "log.json").read_text())
    assert log["stopped"] == trainer.stopped
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    for task, epoch in trainer.stopped.items():
        assert 3 <= epoch <= 5
        entry = log["history"][epoch - 1]["stopped"][task]
        assert entry["trend"] * entry["generalisation"] > 1e-9
        assert task in rows[epoch - 1]["stopped"].split()
        said = [record.getMessage() for record in caplog.records if f"task {task} stops" in record.getMessage()]
        assert len(said) == 1
        assert said[0].startswith(f"epoch {epoch}: ")
        assert "trend" in said[0]
        assert "generalisation" in said[0]
        assert task not in trainer.active_tasks()
    # The logged loss is the points' and the active tasks', no more.
    for number, row in enumerate(log["history"]):
        active = [t for t in recipe.network.tasks if trainer.stopped.get(t, 99) > number]
        parts = row["augmented"]
        expected = parts["points"] + sum(row["lambdas"][task] * parts[task] for task in active)
        assert parts["loss"] == pytest.approx(expected, rel=1e-4)


def test_a_stopped_tasks_head_learns_no_more(recipe, data, tmp_path):
    config = replace(recipe, weight_decay=0.0, average=0.0)
    trainer = Trainer(config, *data, tmp_path)
    trainer.stopped = {"pose": 0}
    before = {name: value.clone() for name, value in trainer.network.heads.state_dict().items()}
    trainer.run()
    after = trainer.network.heads.state_dict()
    assert torch.equal(after["pose.weight"], before["pose.weight"])
    assert not torch.equal(after["smile.weight"], before["smile.weight"])
    assert not torch.equal(after["points.weight"], before["points.weight"])


def test_early_stopping_can_be_turned_off(recipe, data, tmp_path):
    trainer = Trainer(replace(recipe, stop_window=0, stop_epsilon=1e-9), *data, tmp_path)
    trainer.run()
    assert trainer.stopped == {}


# --- settings


@pytest.mark.parametrize(
    ("change", "message"),
    [({"epochs": 0}, "epochs is 0"), ({"batch": 0}, "batch is 0"), ({"average": 1.0}, "average is 1.0")],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**change)


def test_an_epoch_may_show_more_or_fewer_faces_than_there_are(recipe, data, tmp_path):
    few = replace(recipe, epochs=1, epoch_views=64, pose_balance=0.0)
    assert Trainer(few, *data, tmp_path / "few").steps == 2
    shown = []
    patches = data[0]
    many = replace(few, epoch_views=3 * 32 * (len(patches) // 32 + 1))
    trainer = Trainer(many, *data, tmp_path / "many")
    with pytest.MonkeyPatch.context() as patched:
        make = training.random_views
        patched.setattr(
            training, "random_views", lambda all, index, *rest: [shown.append(index), make(all, index, *rest)][1]
        )
        trainer.run()
    times = torch.bincount(torch.cat(shown), minlength=len(patches))
    assert times.sum() == many.epoch_views
    assert times.min() == 3
    assert times.max() == 4


def test_the_best_epoch_is_kept_where_asked_also_over_an_interruption(recipe, data, interrupt, tmp_path, monkeypatch):
    config, second = replace(recipe, epochs=4, keep_best=True), {}

    def judged(network: TCDCN, crops: Crops, objective: MultiTaskObjective) -> dict[str, float]:
        # So few epochs only get better: the second counts as the best.
        found = measure(network, crops, objective)
        if crops is data[2]:
            if len(trainer.history) == 1:
                second.update(network.state_dict())
            found["nme"] += 100.0 * abs(len(trainer.history) - 1)
        return found

    monkeypatch.setattr(training, "measure", judged)
    trainer = Trainer(config, *data, tmp_path / "whole")
    best = trainer.run()
    assert trainer.best_epoch == 2
    assert all(torch.equal(value, second[name]) for name, value in best.state_dict().items())
    assert not same_weights(best, trainer.averaged_network())
    interrupt(2 * trainer.steps + 1)
    trainer = Trainer(config, *data, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    trainer = Trainer(config, *data, tmp_path / "cut", resume=True)
    assert same_weights(trainer.run(), best)


def test_tasks_fade_out_along_a_line(recipe, data, tmp_path):
    strengths = []
    trainer = Trainer(replace(recipe, epochs=4, fade_tasks=True), *data, tmp_path)
    total = trainer.objective.total
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trainer.objective, "total", lambda *given: [strengths.append(given[2]), total(*given)][1])
        trainer.run()
    assert strengths == [strength for strength in (1.0, 0.75, 0.5, 0.25) for _ in range(trainer.steps)]


def test_a_batch_larger_than_the_data_is_refused(recipe, data, tmp_path):
    with pytest.raises(ValueError, match="training faces for a batch of 1000; choose a smaller batch"):
        Trainer(replace(recipe, batch=1000), *data, tmp_path)


def test_rare_poses_are_shown_more_often_when_asked(data):
    patches = data[0]
    poses = torch.tensor([2] * 160 + [0] * 10 + [4] * (len(patches) - 170))
    skewed = replace(patches, labels={**patches.labels, "pose": poses})

    def shown(balance: float) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        order = torch.cat([epoch_order(skewed, balance, 0, generator) for _ in range(20)])
        assert len(order) == 20 * len(patches)
        if not balance:
            assert torch.equal(order.bincount(), torch.full((len(patches),), 20))
        return poses[order].bincount(minlength=5) / len(order)

    assert shown(0.0)[0].item() == pytest.approx(10 / len(patches))
    assert 10 / len(patches) < shown(0.5)[0] < shown(1.0)[0]
    torch.testing.assert_close(shown(1.0)[[0, 2, 4]], torch.full((3,), 1 / 3), atol=0.05, rtol=0.0)


def test_every_number_of_steps_has_a_schedule(recipe, data, tmp_path):
    for epochs in range(1, 5):
        rates = []
        trainer = Trainer(replace(recipe, epochs=epochs), *data, tmp_path)
        for _ in range(epochs * trainer.steps):
            rates.append(trainer.optimizer.param_groups[0]["lr"])
            trainer.optimizer.step()
            trainer.scheduler.step()
        assert max(rates) <= recipe.learning_rate
        assert max(rates) > 0.9 * recipe.learning_rate
        assert rates[-1] < 0.2 * recipe.learning_rate


def test_processes_share_a_batch_evenly():
    shares = [Workers(rank, 4).share(12) for rank in range(4)]
    assert [k for share in shares for k in range(12)[share]] == list(range(12))
    with pytest.raises(ValueError, match=r"batch 12 cannot be shared by 5 processes.*multiple of 5"):
        Workers(0, 5).share(12)
    assert Workers.join() == Workers(0, 1)
