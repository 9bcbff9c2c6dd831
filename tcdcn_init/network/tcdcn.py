"""The TCDCN module, whose configuration is `config.TCDCNConfig`, and any network by its configuration.

Zhang, Luo, Loy, Tang: Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014: four convolutions, one
shared feature, and a linear head for the points and for each auxiliary task.
"""

from __future__ import annotations

import copy
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from tcdcn_init.network.config import ModelConfig, NetworkConfig, ResidualConfig, TCDCNConfig, point_count
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.network.dense import Dense
from tcdcn_init.network.residual import ResidualTCDCN
from tcdcn_init.network.stage import TwoStage
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.tasks import TASKS

__all__ = ["TCDCN", "LocallyConnected", "Network", "make_network"]


class LocallyConnected(nn.Module):
    """A convolution whose filters are not shared between places (valid padding, stride 1).

    Parameters
    ----------
    channels, filters : int
        Input and output maps.
    kernel : int
        Side of the filters.
    side : int
        Side of the output.
    """

    def __init__(self, channels: int, filters: int, kernel: int, side: int) -> None:
        super().__init__()
        self.kernel, self.side = kernel, side
        fan_in = channels * kernel * kernel
        self.weight = nn.Parameter(torch.empty(side * side, filters, fan_in))
        self.bias = nn.Parameter(torch.zeros(filters, side, side))
        nn.init.normal_(self.weight, std=fan_in**-0.5)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, channels, H, H) to (N, filters, side, side)."""
        patches = functional.unfold(maps, self.kernel).permute(2, 1, 0)  # place, fan in, sample
        values = (self.weight @ patches).permute(2, 1, 0)  # sample, filter, place
        return values.reshape(len(maps), -1, self.side, self.side) + self.bias


class TCDCN(nn.Module):
    """The paper's network.

    Its activation is the absolute hyperbolic tangent with a learned gain per map (Sun, Wang, Tang, CVPR 2013). The
    maximum over a pooling window of ``gain |tanh v|`` is ``gain tanh max |v|`` for a gain >= 0, so pooling comes
    before the hyperbolic tangent: the same function at a quarter of its cost.

    Parameters
    ----------
    config : TCDCNConfig

    Examples
    --------
    >>> network = TCDCN(TCDCNConfig())
    >>> sum(p.numel() for p in network.parameters())
    79549
    >>> outputs = network(torch.zeros(2, 1, 40, 40))
    >>> {name: tuple(value.shape) for name, value in outputs.items()}
    {'points': (2, 5, 2), 'pose': (2, 5), 'gender': (2, 2), 'glasses': (2, 2), 'smile': (2, 2)}
    """

    def __init__(self, config: TCDCNConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TCDCNConfig()
        sides = config.sides()
        channels = (1, *config.widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, filters, kernel)
            if config.shared_filters
            else LocallyConnected(inputs, filters, kernel, side)
            for inputs, filters, kernel, side in zip(channels, config.widths, config.kernels, sides, strict=True)
        )
        self.gains: nn.ParameterList | None = nn.ParameterList(
            nn.Parameter(torch.ones(filters, 1, 1)) for filters in config.widths
        )
        self.feature = nn.Linear(config.widths[-1] * sides[-1] ** 2, config.feature)
        self.heads = nn.ModuleDict({"points": nn.Linear(config.feature, 2 * point_count(config))})
        for task in config.tasks:
            self.heads[task] = nn.Linear(config.feature, len(TASKS[task]))

    @property
    def points_bias(self) -> Tensor:
        """(2 P,) bias of the points' head: the shape that a featureless crop gives."""
        return self.heads["points"].get_parameter("bias")

    def shared_feature(self, crops: Tensor) -> Tensor:
        """The feature that all tasks share.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor
            Grey, any brightness and contrast: each crop is brought to mean 0 and standard deviation 1 first.

        Returns
        -------
        (N, feature) Tensor
        """
        maps = standardised(crops)
        last = len(self.convolutions) - 1
        for index, convolution in enumerate(self.convolutions):
            maps = convolution(maps).abs()
            if index < last:
                maps = functional.max_pool2d(maps, 2)
            maps = torch.tanh(maps)
            if self.gains is not None:
                maps = maps * self.gains[index].abs()
        return torch.tanh(self.feature(maps.flatten(1))).abs()

    def folded(self) -> TCDCN:
        """The same function for inference, each gain multiplied into the weights of the layer after it.

        Returns
        -------
        TCDCN
            A copy in evaluation mode, without gains of its own.
        """
        copied = copy.deepcopy(self).eval()
        gains, copied.gains = copied.gains, None
        if gains is None:
            return copied
        with torch.no_grad():
            for gain, layer in zip(gains, [*copied.convolutions[1:], copied.feature], strict=True):
                weight = layer.get_parameter("weight")
                # Inputs of a map lie side by side in a flattened layer, and are an axis of a convolution.
                if weight.dim() == 4:
                    weight *= gain.abs().reshape(1, -1, 1, 1)
                else:
                    weight *= gain.abs().flatten().repeat_interleave(weight.shape[-1] // gain.numel())
        return copied

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Points and class scores.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor

        Returns
        -------
        dict of str to Tensor
            "points": (N, P, 2) in the crop's frame, -0.5 to 0.5 from border to border; each task: (N, classes),
            logarithms of odds.
        """
        feature = self.shared_feature(crops)
        outputs = {name: head(feature) for name, head in self.heads.items()}
        outputs["points"] = outputs["points"].reshape(-1, point_count(self.config), 2)
        return outputs


Network: TypeAlias = TCDCN | ResidualTCDCN
"""What the trainer handles: the same calls, other layers."""

Model: TypeAlias = Network | TwoStage | Dense
"""What model files and backends handle."""


def make_network(config: NetworkConfig) -> Network:
    """The untrained network of a configuration.

    Examples
    --------
    >>> type(make_network(TCDCNConfig())).__name__
    'TCDCN'
    """
    return ResidualTCDCN(config) if isinstance(config, ResidualConfig) else TCDCN(config)


def make_model(config: ModelConfig) -> Model:
    """The untrained network, or pair of networks, of a configuration."""
    if isinstance(config, DenseConfig):
        return Dense(config)
    return TwoStage(config) if isinstance(config, TwoStageConfig) else make_network(config)
