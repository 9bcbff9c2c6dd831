"""The multi-task loss: five points, and a cross-entropy for each auxiliary task.

Zhang et al., ECCV 2014:  1/2 sum ||y_r - f(x; W_r)||^2 - sum_a lambda_a sum y_a log p(y_a | x; W_a) + sum ||W||^2.
The last term, weight decay, is the optimiser's (`trainer.TrainingConfig.weight_decay`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DEFAULT_LAMBDA", "MultiTaskObjective", "ObjectiveConfig"]

DEFAULT_LAMBDA = 0.02

_ERROR_WEIGHT = 0.005
"""Of the expected error's likelihood: its logarithms are two orders above the points' loss that it must not disturb."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """How points and tasks are weighed.

    Attributes
    ----------
    points : {"least-squares", "euclidean"}
        "least-squares" is the paper's. "euclidean" is the robust alternative: the distance itself, whose gradient
        does not grow with the error, so that a few wrong annotations and hopeless profiles do not rule; it is also
        what the mean error measures.
    lambdas : mapping of str to float
        Importance coefficient per task, >= 0; tasks left out have `DEFAULT_LAMBDA`.
    learned : bool
        Learn the coefficients, starting from `lambdas`. Minimised as it stands, the loss would drive every lambda
        to 0; the remedy is the homoscedastic uncertainty of Kendall, Gal, Cipolla (CVPR 2018): a term
        -c/2 log(lambda) per task, whose pull upwards balances the task's error; c = `DEFAULT_LAMBDA` scales the
        tasks' side of the objective to the size of the points' side.
    """

    points: Literal["least-squares", "euclidean"] = "euclidean"
    lambdas: Mapping[str, float] = field(default_factory=dict)
    learned: bool = False

    def __post_init__(self) -> None:
        if self.points not in ("least-squares", "euclidean"):
            raise ValueError(f"points loss {self.points!r} is unknown; expected 'least-squares' or 'euclidean'")
        for task, value in self.lambdas.items():
            if not (value > 0.0 if self.learned else value >= 0.0):
                raise ValueError(
                    f"lambda of {task} is {value}; expected a {'positive' if self.learned else 'non-negative'} number"
                )


class MultiTaskObjective(nn.Module):
    """Loss of a batch, its parts apart.

    Parameters
    ----------
    config : ObjectiveConfig
    tasks : collection of str
        Auxiliary tasks of the network.

    Examples
    --------
    >>> objective = MultiTaskObjective(ObjectiveConfig(points="least-squares"), ["smile"])
    >>> outputs = {"points": torch.zeros(1, 5, 2), "smile": torch.zeros(1, 2)}
    >>> targets = {"points": torch.full((1, 5, 2), 0.1), "unit": torch.ones(1), "smile": torch.tensor([1])}
    >>> parts = objective(outputs, targets)
    >>> round(parts["points"].item(), 4), round(parts["smile"].item(), 4)  # 1/2 * 10 * 0.01 and log 2
    (0.05, 0.6931)
    >>> round(objective.total(parts, active=["smile"]).item(), 4)  # 0.05 + 0.02 * log 2
    0.0639
    """

    def __init__(self, config: ObjectiveConfig, tasks: Collection[str]) -> None:
        super().__init__()
        self.config = config
        self.tasks = tuple(tasks)
        start = torch.tensor([config.lambdas.get(task, DEFAULT_LAMBDA) for task in self.tasks], dtype=torch.float32)
        self.log_lambdas: nn.Parameter | None = nn.Parameter(start.log()) if config.learned and self.tasks else None
        self.register_buffer("fixed", start, persistent=False)
        self.fixed: Tensor

    def lambdas(self) -> dict[str, float]:
        """Importance coefficients as they stand."""
        values = self.fixed if self.log_lambdas is None else self.log_lambdas.detach().exp()
        return dict(zip(self.tasks, values.tolist(), strict=True))

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unweighted mean loss of the points and of every task.

        Parameters
        ----------
        outputs : mapping of str to Tensor
            As `tcdcn.TCDCN` returns them.
        targets : mapping of str to Tensor
            "points" (N, P, 2) in the crop's frame, NaN where not annotated, "unit" (N,) the length there that counts
            as 1 (the inter-ocular distance), and the class index (N,) per task; -1 where a face is not annotated.

        Returns
        -------
        dict of str to Tensor
            One number each: "points" and the tasks; of a network that answers them also "expected_error" and "face".
        """
        known = torch.isfinite(targets["points"]).all(dim=2)
        residual = (outputs["points"] - targets["points"].nan_to_num(0.0)) / targets["unit"][:, None, None]
        if "face" in targets:
            faces = targets["face"] == 1  # background has no points
            residual, known = residual[faces], known[faces]
        # What nobody annotated is left out of the means; where all is there, a mean of all is faster.
        squares = residual.square().sum(dim=2)
        whole = bool(known.all())
        if self.config.points == "least-squares":
            count = squares.shape[1]
            parts = {"points": 0.5 * count * (squares if whole else squares[known]).mean()}
        else:
            # The offset keeps the gradient finite at 0; a hundredth of the inter-ocular distance is below
            # what annotators agree on.
            parts = {"points": ((squares if whole else squares[known]) + 1e-4).sqrt().mean()}
        if "face" in outputs:
            # The likelihood of an exponential distribution, whose best mean is the expectation of the distance. The
            # distance is taken as given: points are learned by their own loss alone.
            expected = outputs["expected_error"][faces][known]
            parts["expected_error"] = (expected.log() + squares[known].detach().sqrt() / expected).mean()
            parts["face"] = functional.cross_entropy(outputs["face"], targets["face"])
        for task in self.tasks:
            labelled = (targets[task] >= 0).sum().clamp(min=1)
            parts[task] = (
                functional.cross_entropy(outputs[task], targets[task], ignore_index=-1, reduction="sum") / labelled
            )
        return parts

    def total(self, parts: Mapping[str, Tensor], active: Collection[str]) -> Tensor:
        """The weighted sum that training minimises.

        Parameters
        ----------
        parts : mapping of str to Tensor
            From `forward`.
        active : collection of str
            Tasks that still learn; a stopped task contributes nothing.

        Returns
        -------
        Tensor
            One number.
        """
        loss = parts["points"]
        if "face" in parts:
            loss = loss + _ERROR_WEIGHT * parts["expected_error"] + DEFAULT_LAMBDA * parts["face"]
        for index, task in enumerate(self.tasks):
            if task not in active:
                # Nothing to learn, but still part of the graph: distributed training expects every gradient.
                loss = loss + 0.0 * parts[task]
            elif self.log_lambdas is None:
                loss = loss + self.fixed[index] * parts[task]
            else:
                loss = (
                    loss + self.log_lambdas[index].exp() * parts[task] - 0.5 * self.log_lambdas[index] * DEFAULT_LAMBDA
                )
        return loss
