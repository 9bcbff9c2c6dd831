"""The loss, against sums done by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from tcdcn_init.training.objective import DEFAULT_LAMBDA, MultiTaskObjective, ObjectiveConfig

TASKS = ("pose", "smile")


def batch() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    outputs = {"points": torch.randn(4, 5, 2), "pose": torch.randn(4, 5), "smile": torch.randn(4, 2)}
    targets = {
        "points": torch.randn(4, 5, 2),
        "unit": torch.tensor([1.0, 2.0, 0.5, 1.0]),
        "pose": torch.tensor([0, 4, 2, 1]),
        "smile": torch.tensor([1, 0, 1, 1]),
    }
    return outputs, targets


def test_least_squares_is_half_the_sum_of_squares_in_units_of_each_face():
    outputs, targets = batch()
    expected = 0.0
    for k in range(4):
        residual = (outputs["points"][k] - targets["points"][k]) / targets["unit"][k]
        expected += 0.5 * float((residual**2).sum()) / 4
    parts = MultiTaskObjective(ObjectiveConfig(points="least-squares"), TASKS)(outputs, targets)
    assert parts["points"].item() == pytest.approx(expected, rel=1e-5)


def test_euclidean_is_the_mean_distance():
    outputs, targets = batch()
    distance = (outputs["points"] - targets["points"]).norm(dim=2) / targets["unit"][:, None]
    parts = MultiTaskObjective(ObjectiveConfig(points="euclidean"), TASKS)(outputs, targets)
    assert parts["points"].item() == pytest.approx(distance.mean().item(), rel=1e-3)


def test_euclidean_does_not_let_one_wrong_face_rule():
    def pull(loss: str) -> float:
        outputs = {"points": torch.zeros(2, 5, 2, requires_grad=True)}
        targets = {"points": torch.zeros(2, 5, 2), "unit": torch.ones(2)}
        targets["points"][0], targets["points"][1] = 0.1, 10.0
        MultiTaskObjective(ObjectiveConfig(points=loss), ())(outputs, targets)["points"].backward()
        gradient = outputs["points"].grad
        return float(gradient[1].norm() / gradient[0].norm())

    assert pull("least-squares") == pytest.approx(100.0, rel=1e-3)
    assert pull("euclidean") == pytest.approx(1.0, abs=0.01)


def test_euclidean_has_a_gradient_where_the_error_is_zero():
    points = torch.zeros(1, 5, 2, requires_grad=True)
    targets = {"points": torch.zeros(1, 5, 2), "unit": torch.ones(1)}
    MultiTaskObjective(ObjectiveConfig(points="euclidean"), ())({"points": points}, targets)["points"].backward()
    assert torch.isfinite(points.grad).all()


def test_tasks_are_cross_entropies():
    outputs, targets = batch()
    parts = MultiTaskObjective(ObjectiveConfig(), TASKS)(outputs, targets)
    assert list(parts) == ["points", *TASKS]
    for task in TASKS:
        expected = -sum(
            outputs[task][k].log_softmax(0)[targets[task][k]].item() for k in range(4)
        ) / 4  # fmt: skip
        assert parts[task].item() == pytest.approx(expected, rel=1e-5)


def test_faces_without_a_label_do_not_count():
    outputs, targets = batch()
    targets["smile"] = torch.tensor([1, -1, -1, 0])
    parts = MultiTaskObjective(ObjectiveConfig(), TASKS)(outputs, targets)
    known = functional.cross_entropy(outputs["smile"][[0, 3]], torch.tensor([1, 0]))
    assert parts["smile"].item() == pytest.approx(known.item(), rel=1e-6)
    targets["smile"] = torch.full((4,), -1)
    parts = MultiTaskObjective(ObjectiveConfig(), TASKS)(outputs, targets)
    assert parts["smile"].item() == 0.0


def test_fixed_coefficients_weigh_the_tasks():
    outputs, targets = batch()
    objective = MultiTaskObjective(ObjectiveConfig(lambdas={"pose": 0.5}), TASKS)
    assert objective.lambdas() == pytest.approx({"pose": 0.5, "smile": DEFAULT_LAMBDA})
    assert list(objective.parameters()) == []
    parts = {name: value.item() for name, value in objective(outputs, targets).items()}
    expected = parts["points"] + 0.5 * parts["pose"] + DEFAULT_LAMBDA * parts["smile"]
    total = objective.total(objective(outputs, targets), active=TASKS)
    assert total.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_tasks_of_no_strength_add_nothing(learned):
    objective = MultiTaskObjective(ObjectiveConfig(learned=learned), TASKS)
    parts = objective(*batch())
    assert objective.total(parts, TASKS, 0.0).item() == pytest.approx(parts["points"].item())
    whole, none = (objective.total(parts, TASKS, strength).item() for strength in (1.0, 0.0))
    assert objective.total(parts, TASKS, 0.5).item() == pytest.approx((whole + none) / 2)


@pytest.mark.parametrize("learned", [False, True])
def test_a_stopped_task_adds_nothing_and_teaches_nothing(learned):
    outputs, targets = batch()
    for value in outputs.values():
        value.requires_grad_()
    objective = MultiTaskObjective(ObjectiveConfig(lambdas={"pose": 0.5}, learned=learned), TASKS)
    parts = objective(outputs, targets)
    only_points = objective.total(parts, active=())
    assert only_points.item() == pytest.approx(parts["points"].item())
    only_points.backward()
    for task in TASKS:
        # Zero, not None: every process must have every gradient to share.
        assert outputs[task].grad is not None
        assert outputs[task].grad.abs().max() == 0.0
    assert outputs["points"].grad.abs().max() > 0.0


@pytest.mark.parametrize("error", [0.05, 0.5, 2.0])
def test_a_learned_coefficient_settles_where_its_task_says_and_not_at_zero(error):
    objective = MultiTaskObjective(ObjectiveConfig(lambdas={"smile": 0.3}, learned=True), ["smile"])
    parts = {"points": torch.tensor(0.1), "smile": torch.tensor(error)}
    optimizer = torch.optim.SGD(objective.parameters(), lr=5.0)
    for _ in range(600):
        optimizer.zero_grad()
        objective.total(parts, active=["smile"]).backward()
        optimizer.step()
    # The minimum of  lambda E - c/2 log lambda.
    assert objective.lambdas()["smile"] == pytest.approx(DEFAULT_LAMBDA / 2 / error, rel=0.01)


def test_learned_coefficients_start_where_they_are_told():
    objective = MultiTaskObjective(ObjectiveConfig(lambdas={"smile": 0.3}, learned=True), TASKS)
    assert objective.lambdas() == pytest.approx({"pose": DEFAULT_LAMBDA, "smile": 0.3})
    assert sum(p.numel() for p in objective.parameters()) == 2


def test_points_alone_need_no_task():
    outputs, targets = batch()
    objective = MultiTaskObjective(ObjectiveConfig(learned=True), ())
    parts = objective(outputs, targets)
    assert list(parts) == ["points"]
    assert objective.total(parts, active=()).item() == parts["points"].item()
    assert list(objective.parameters()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"points": "l1"}, "'l1'.*'least-squares' or 'euclidean'"),
        ({"lambdas": {"smile": -0.1}}, "lambda of smile is -0.1.*non-negative"),
        ({"lambdas": {"smile": math.nan}}, "lambda of smile is nan"),
        ({"lambdas": {"smile": 0.0}, "learned": True}, "lambda of smile is 0.0.*positive"),
    ],
)
def test_bad_settings_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ObjectiveConfig(**fields)
    assert ObjectiveConfig(lambdas={"smile": 0.0}).lambdas == {"smile": 0.0}
