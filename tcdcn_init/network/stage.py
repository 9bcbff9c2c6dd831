"""One stage of the two-stage initializer; its configuration is `config.stages.StageConfig`.

A trunk of plain 3x3 convolutions, each followed by nothing but a rectifier and with no sums beside them: what runs
fastest on a processor, above all in whole numbers (the lesson of Ding, Zhang, Ma, Han, Ding, Sun: RepVGG, CVPR 2021).

Before the first of them, squares of pixels are laid side by side as maps: a layer of a single map at full resolution
would take a third of all the time.

On the trunk stand TCDCN's shared feature and heads (Zhang, Luo, Loy, Tang, ECCV 2014), and every place of the maps
votes for every point: where it lies, and how much the vote counts (in the manner of Jin, Liao, Shao: Pixel-in-Pixel
Net, IJCV 2021). A point is the weighted mean of its votes, and what the winning places show says whether it is visible
and how far off it may be.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.network.votes import Votes
from tcdcn_init.tasks import TASKS

__all__ = ["Layer", "Stage", "TwoStage", "fold_layers", "in_squares", "trunk"]


class Layer(nn.Module):
    """A 3x3 convolution normalised over the batch, then a rectifier.

    Parameters
    ----------
    channels, filters : int
        Input and output maps.
    stride : int
    """

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(filters)
        if channels == filters and stride == 1:
            # It begins as the shortcut that a residual block has beside its convolutions, and costs nothing in use.
            with torch.no_grad():
                self.convolution.weight[torch.arange(filters), torch.arange(filters), 1, 1] += 1.0

    def forward(self, maps: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, filters, H / stride, W / stride)."""
        return functional.relu(self.norm(self.convolution(maps)))


def in_squares(crops: Tensor, fold: int) -> Tensor:
    """Pixels of one map laid side by side as maps of a smaller side: ``functional.pixel_unshuffle`` of it.

    Runs of `fold` pixels are moved at once, and onnxruntime, which keeps a place's maps side by side, leaves the last
    step out: a tenth of a network's time.

    Parameters
    ----------
    crops : (N, 1, H, W) Tensor
    fold : int
        Of which H and W are multiples.

    Returns
    -------
    (N, fold ** 2, H / fold, W / fold) Tensor

    Examples
    --------
    >>> in_squares(torch.arange(8).reshape(1, 1, 2, 4), 2).tolist()
    [[[[0, 2]], [[1, 3]], [[4, 6]], [[5, 7]]]]
    """
    height, width = crops.shape[2] // fold, crops.shape[3] // fold
    squares = crops.reshape(-1, height, fold, width, fold).permute(0, 1, 3, 2, 4)
    return squares.reshape(-1, height, width, fold**2).permute(0, 3, 1, 2)


def trunk(fold: int, widths: Sequence[int], layers: Sequence[int]) -> nn.Sequential:
    """The convolutions of a network of several levels, each but the first beginning at half the side before.

    Parameters
    ----------
    fold, widths, layers
        As of `config.stages.StageConfig`.
    """
    made: list[nn.Module] = []
    channels = fold**2
    for level, (filters, count) in enumerate(zip(widths, layers, strict=True)):
        for number in range(count):
            made.append(Layer(channels, filters, 1 if number or not level else 2))
            channels = filters
    return nn.Sequential(*made)


def fold_layers(network: nn.Module) -> None:
    """Fold the normalisation of each `Layer` of a network, in evaluation mode, into its convolution."""
    for layer in network.modules():
        if isinstance(layer, Layer):
            layer.convolution = fuse_conv_bn_eval(layer.convolution, layer.norm)  # type: ignore[arg-type]
            layer.norm = nn.Identity()


class Stage(nn.Module):
    """Trunk, shared feature, heads.

    Parameters
    ----------
    config : StageConfig, optional

    Examples
    --------
    >>> network = Stage(StageConfig()).eval()
    >>> outputs = network(torch.zeros(2, 1, network.config.side, network.config.side))
    >>> [tuple(outputs[name].shape) for name in ("points", "expected_error", "visible", "face")]
    [(2, 5, 2), (2, 5), (2, 5), (2, 2)]
    """

    def __init__(self, config: StageConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StageConfig()
        self.trunk = trunk(config.fold, config.widths, config.layers)
        length = config.widths[-1] * config.sides[-1] ** 2
        self.feature = nn.Sequential(nn.Linear(length, config.rank), nn.Linear(config.rank, config.feature))
        lengths = {"points": 2 * config.points, **{task: len(TASKS[task]) for task in config.tasks}}
        lengths |= {"face": 2, "expected_error": config.points, "visible": config.points}
        self.heads = nn.ModuleDict({name: nn.Linear(config.feature, length) for name, length in lengths.items()})
        self.joined: nn.Linear | None = None  # all heads at once, of a folded network
        self.votes = Votes(config.widths[-2], config.feature, config.points)
        with torch.no_grad():
            # Points begin near the mean shape and errors near a tenth of the inter-ocular distance.
            for name in ("points", "expected_error", "visible"):
                self.heads[name].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("bias").fill_(-2.25)
            self.heads["visible"].get_parameter("bias").fill_(2.0)

    @property
    def points_bias(self) -> Tensor:
        """(2 P,) bias of the points' own head: the shape that a featureless crop gives."""
        return self.heads["points"].get_parameter("bias")

    def maps_and_feature(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """The last but one level's last maps, and the shared feature."""
        maps = in_squares(standardised(crops), self.config.fold)
        last = sum(self.config.layers[:-1]) - 1
        votes = maps
        for number, layer in enumerate(self.trunk):
            maps = layer(maps)
            if number == last:
                votes = maps
        return votes, functional.relu(self.feature(maps.flatten(1)))

    def folded(self) -> Stage:
        """The same function for inference: normalisations folded into convolutions, all heads into one layer.

        Returns
        -------
        Stage
            A copy in evaluation mode.
        """
        copied = copy.deepcopy(self).eval()
        fold_layers(copied)
        del copied.heads["points"]  # a first answer that only training asks for
        weights, biases = (
            torch.cat([head.get_parameter(name) for head in copied.heads.values()]) for name in ("weight", "bias")
        )
        # Without a draw from the caller's random numbers.
        joined: nn.Linear = nn.utils.skip_init(nn.Linear, self.config.feature, len(biases))  # type: ignore[no-untyped-call]
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
            "points" (N, P, 2) in the crop's frame; each task and "face": logarithms of odds; "expected_error" (N, P),
            above 0, in inter-ocular distances; "visible" (N, P), logarithms of odds; and in training "first points",
            the shared feature's own.
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
        voted = self.votes(maps, feature)
        if self.training:
            outputs["first points"] = outputs["points"].reshape(-1, self.config.points, 2)
        outputs["points"] = voted[..., :2]
        outputs["expected_error"] = (outputs["expected_error"] + voted[..., 2]).clamp(-8.0, 4.0).exp()
        outputs["visible"] = outputs["visible"] + voted[..., 3]
        return outputs


class TwoStage(nn.Module):
    """Both stages' networks; the side of the crops says which of them is asked.

    Parameters
    ----------
    config : TwoStageConfig, optional

    Examples
    --------
    >>> network = TwoStage().eval()
    >>> [tuple(network(torch.zeros(2, 1, side, side))["points"].shape) for side in (64, 80)]
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
