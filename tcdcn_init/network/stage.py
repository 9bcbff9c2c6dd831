"""One stage of the two-stage initializer; its configuration is `stage_config.StageConfig`.

A trunk of plain 3x3 convolutions, each followed by nothing but a rectifier and with no sums beside them: what runs
fastest on a processor, above all in whole numbers (the lesson of Ding, Zhang, Ma, Han, Ding, Sun: RepVGG, CVPR 2021).

On it stand TCDCN's shared feature and heads (Zhang, Luo, Loy, Tang, ECCV 2014). In the fine stage every place of the
maps votes for every point too: where it lies, and how much the vote counts (in the manner of Jin, Liao, Shao:
Pixel-in-Pixel Net, IJCV 2021). A point is the weighted mean of its votes, and what the winning places show says whether
it is visible and how far off it may be.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tcdcn_init.network.stage_config import StageConfig, TwoStageConfig
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.tasks import TASKS

__all__ = ["Layer", "Stage", "TwoStage", "Votes"]


class Layer(nn.Module):
    """A convolution normalised over the batch, then a rectifier.

    Parameters
    ----------
    channels, filters : int
        Input and output maps.
    stride : int
    side : int
        Of the filters; odd.
    """

    def __init__(self, channels: int, filters: int, stride: int, side: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, filters, side, stride, padding=side // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(filters)
        if channels == filters and stride == 1:
            # It begins as the shortcut that a residual block has beside its convolutions, and costs nothing in use.
            with torch.no_grad():
                self.convolution.weight[torch.arange(filters), torch.arange(filters), side // 2, side // 2] += 1.0

    def forward(self, maps: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, filters, H / stride, W / stride)."""
        return functional.relu(self.norm(self.convolution(maps)))


class Votes(nn.Module):
    """Points as weighted means of what every place of the maps says.

    Parameters
    ----------
    channels, feature : int
        Maps, and length of the shared feature, which tells every place of the whole.
    """

    def __init__(self, channels: int, feature: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 1)
        self.whole = nn.Linear(feature, channels, bias=False)
        self.last = nn.Conv2d(channels, 15, 1)
        self.local = nn.Parameter(torch.randn(5, channels, 2) * 0.01)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, maps: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, S, S) and (N, feature) to points (N, 5, 2) and local evidence (N, 5, 2)."""
        side = maps.shape[-1]
        at = (torch.arange(side) + 0.5) / side - 0.5
        places = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=2).reshape(1, 1, -1, 2)
        hidden = functional.relu(self.inner(maps) + self.whole(feature)[:, :, None, None])
        answers = self.last(hidden).flatten(2)
        weights = torch.softmax(answers[:, :5], dim=2)
        offsets = answers[:, 5:].unflatten(1, (5, 2)).transpose(2, 3)
        points = (weights[:, :, None] @ (places + offsets))[:, :, 0]
        seen = weights @ hidden.flatten(2).transpose(1, 2)  # (N, 5, C): what the places that count show
        return points, (seen[:, :, None] @ self.local)[:, :, 0]


class Stage(nn.Module):
    """Trunk, shared feature, heads.

    Parameters
    ----------
    config : StageConfig, optional

    Examples
    --------
    >>> network = Stage(StageConfig(votes=True)).eval()
    >>> outputs = network(torch.zeros(2, 1, 72, 72))
    >>> [tuple(outputs[name].shape) for name in ("points", "expected_error", "visible", "face")]
    [(2, 5, 2), (2, 5), (2, 5), (2, 2)]
    """

    def __init__(self, config: StageConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StageConfig()
        layers: list[nn.Module] = [Layer(1, config.widths[0], 2, 5)]
        channels = config.widths[0]
        for stage, (filters, count) in enumerate(zip(config.widths, config.layers, strict=True)):
            for number in range(1 if not stage else 0, count):
                layers.append(Layer(channels, filters, 1 if number else 2))
                channels = filters
        self.trunk = nn.Sequential(*layers)
        self.feature = nn.Linear(channels * config.last_side**2, config.feature)
        self.heads = nn.ModuleDict({"points": nn.Linear(config.feature, 10)})
        for task in config.tasks:
            self.heads[task] = nn.Linear(config.feature, len(TASKS[task]))
        self.heads["face"] = nn.Linear(config.feature, 2)
        self.heads["expected_error"] = nn.Linear(config.feature, 5)
        self.heads["visible"] = nn.Linear(config.feature, 5)
        self.joined: nn.Linear | None = None  # all heads at once, of a folded network
        if config.votes:
            self.votes = Votes(config.widths[-2], config.feature)
        with torch.no_grad():
            # Points begin near the mean shape and errors near a tenth of the inter-ocular distance.
            for name in ("points", "expected_error", "visible"):
                self.heads[name].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("bias").fill_(-2.25)
            self.heads["visible"].get_parameter("bias").fill_(2.0)

    @property
    def points_bias(self) -> Tensor:
        """(10,) bias of the points' head: the shape that a featureless crop gives."""
        return self.heads["points"].get_parameter("bias")

    def maps_and_feature(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """The last but one width's last maps, and the shared feature."""
        maps = standardised(crops)
        last = sum(self.config.layers[:-1]) - 1
        votes = maps
        for number, layer in enumerate(self.trunk):
            maps = layer(maps)
            if number == last:
                votes = maps
        return votes, functional.relu(self.feature(maps.flatten(1)))

    def shared_feature(self, crops: Tensor) -> Tensor:
        """(N, 1, side, side) crops to the (N, feature) that all heads share."""
        return self.maps_and_feature(crops)[1]

    def folded(self) -> Stage:
        """The same function for inference: normalisations folded into convolutions, all heads into one layer.

        Returns
        -------
        Stage
            A copy in evaluation mode.
        """
        copied = copy.deepcopy(self).eval()
        for layer in copied.trunk:
            assert isinstance(layer, Layer)
            layer.convolution = fuse_conv_bn_eval(layer.convolution, layer.norm)  # type: ignore[arg-type]
            layer.norm = nn.Identity()
        weights, biases = (
            torch.cat([head.get_parameter(name) for head in copied.heads.values()]) for name in ("weight", "bias")
        )
        joined = nn.Linear(self.config.feature, len(biases))
        with torch.no_grad():
            joined.weight.copy_(weights)
            joined.bias.copy_(biases)
        copied.joined = joined
        return copied

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Points, class scores, visibility, expected errors.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor
            Grey, any brightness and contrast: each crop is brought to mean 0 and standard deviation 1 first.

        Returns
        -------
        dict of str to Tensor
            "points" (N, 5, 2) in the crop's frame; each task and "face": logarithms of odds; "expected_error" (N, 5),
            above 0, in inter-ocular distances; "visible" (N, 5), logarithms of odds; and of a voting network in
            training "first points", the shared feature's own.
        """
        maps, feature = self.maps_and_feature(crops)
        if self.training:  # a trunk in half precision hands over to heads in full precision
            with torch.autocast("cpu", enabled=False):
                return self._answers(maps.float(), feature.float())
        return self._answers(maps, feature)

    def _answers(self, maps: Tensor, feature: Tensor) -> dict[str, Tensor]:
        if self.joined is None:
            outputs = {name: head(feature) for name, head in self.heads.items()}
        else:
            lengths = [len(head.get_parameter("bias")) for head in self.heads.values()]
            outputs = dict(zip(self.heads, torch.split(self.joined(feature), lengths, dim=1), strict=True))
        if self.config.votes:
            points, local = self.votes(maps, feature)
            if self.training:
                outputs["first points"] = outputs["points"].reshape(-1, 5, 2)
            outputs["points"] = points
            outputs["expected_error"] = outputs["expected_error"] + local[..., 0]
            outputs["visible"] = outputs["visible"] + local[..., 1]
        else:
            outputs["points"] = outputs["points"].reshape(-1, 5, 2)
        outputs["expected_error"] = outputs["expected_error"].clamp(-8.0, 4.0).exp()
        return outputs


class TwoStage(nn.Module):
    """Both stages' networks; the side of the crops says which of them is asked.

    Parameters
    ----------
    config : TwoStageConfig, optional

    Examples
    --------
    >>> network = TwoStage().eval()
    >>> [tuple(network(torch.zeros(2, 1, side, side))["points"].shape) for side in (40, 72)]
    [(2, 5, 2), (2, 5, 2)]
    """

    def __init__(self, config: TwoStageConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TwoStageConfig()
        self.coarse, self.fine = Stage(config.coarse), Stage(config.fine)

    def folded(self) -> TwoStage:
        """The same function for inference (`Stage.folded`)."""
        copied = copy.deepcopy(self).eval()
        copied.coarse, copied.fine = self.coarse.folded(), self.fine.folded()
        return copied

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """The answers of the stage whose crops these are, as `Stage.forward` gives them."""
        stage: Stage = self.coarse if crops.shape[-1] == self.config.coarse.side else self.fine
        return stage(crops)  # type: ignore[no-any-return]
