"""The residual relative of TCDCN; its configuration is `config.ResidualConfig`.

TCDCN's idea, five points learned together with pose, gender, glasses and smile on one shared feature, on the trunk of
He, Zhang, Ren, Sun (Deep Residual Learning for Image Recognition, CVPR 2016), and two more heads: how far off each
point is to be expected, and whether the crop shows a face at all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tcdcn_init.network.config import ResidualConfig, point_count
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.tasks import TASKS

__all__ = ["PointRefinement", "ResidualBlock", "ResidualTCDCN"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, each normalised over the batch.

    Parameters
    ----------
    channels, filters : int
        Input and output maps.
    stride : int
        Of the first convolution.
    """

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False)
        self.first_norm: nn.Module = nn.BatchNorm2d(filters)
        self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.second_norm: nn.Module = nn.BatchNorm2d(filters)
        # The last normalisation starts at 0: the block begins as its shortcut (Goyal et al., 2017).
        nn.init.zeros_(self.second_norm.get_parameter("weight"))
        alike = channels == filters and stride == 1
        self.shortcut: nn.Module = nn.Identity() if alike else nn.Conv2d(channels, filters, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, filters, H / stride, W / stride)."""
        inner = self.second_norm(self.second(functional.relu(self.first_norm(self.first(maps)))))
        return functional.relu(inner + self.shortcut(maps))


_WINDOWS = (7, 3)
"""Side of what a point's correction sees of the first and of the second stage's maps."""


class PointRefinement(nn.Module):
    """Moves each point by what the maps show around it, and by the shared feature.

    Sun, Wang, Tang (Deep Convolutional Network Cascade for Facial Point Detection, CVPR 2013) correct points by small
    networks that look at patches around them; here the patches are of maps that the trunk has computed anyway.

    Parameters
    ----------
    channels : sequence of int
        Maps of the first stages, as many as there are windows.
    feature, hidden, points : int
    """

    def __init__(self, channels: Sequence[int], feature: int, hidden: int, points: int = 5) -> None:
        super().__init__()
        length = feature + sum(count * side**2 for count, side in zip(channels, _WINDOWS, strict=True))
        self.first = nn.Parameter(torch.randn(points, length, hidden) * (2.0 / length) ** 0.5)
        self.first_bias = nn.Parameter(torch.zeros(points, 1, hidden))
        # It begins by moving nothing.
        self.last = nn.Parameter(torch.zeros(points, hidden, 2))
        self.last_bias = nn.Parameter(torch.zeros(points, 1, 2))

    def forward(self, points: Tensor, maps: Sequence[Tensor], feature: Tensor) -> Tensor:
        """(N, P, 2) points, maps of the first stages (N, C, H, H) and (N, feature) to (N, P, 2) points."""
        seen = [feature[:, None].expand(-1, points.shape[1], -1)]
        for stage, side in zip(maps, _WINDOWS, strict=True):
            steps = (torch.arange(side, device=stage.device) - (side - 1) / 2) * (2.0 / stage.shape[-1])
            offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=2).reshape(-1, 2)
            windows = functional.grid_sample(stage, 2.0 * points[:, :, None] + offsets, align_corners=False)
            seen.append(windows.permute(0, 2, 1, 3).flatten(2))
        values = torch.cat(seen, dim=2).transpose(0, 1)
        hidden = functional.relu(values @ self.first + self.first_bias)
        return points + (hidden @ self.last + self.last_bias).transpose(0, 1)


class ResidualTCDCN(nn.Module):
    """Residual trunk, shared feature, a linear head for each answer.

    Parameters
    ----------
    config : ResidualConfig, optional

    Examples
    --------
    >>> network = ResidualTCDCN(ResidualConfig()).eval()
    >>> sum(p.numel() for p in network.parameters()) < 1_500_000
    True
    >>> outputs = network(torch.zeros(2, 1, 64, 64))
    >>> [tuple(outputs[name].shape) for name in ("points", "expected_error", "face")]
    [(2, 5, 2), (2, 5), (2, 2)]
    """

    def __init__(self, config: ResidualConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResidualConfig()
        self.stem = nn.Conv2d(1, config.widths[0], 5, 2, padding=2, bias=False)
        self.stem_norm: nn.Module = nn.BatchNorm2d(config.widths[0])
        blocks: list[nn.Module] = []
        channels = config.widths[0]
        for stage, (filters, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
            for number in range(count):
                blocks.append(ResidualBlock(channels, filters, 2 if stage and not number else 1))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        count = point_count(config)
        self.feature = nn.Linear(channels * config.last_side**2, config.feature)
        self.heads = nn.ModuleDict({"points": nn.Linear(config.feature, 2 * count)})
        for task in config.tasks:
            self.heads[task] = nn.Linear(config.feature, len(TASKS[task]))
        self.heads["expected_error"] = nn.Linear(config.feature, count)
        self.heads["face"] = nn.Linear(config.feature, 2)
        if config.refinement:
            self.refinement = PointRefinement(config.widths[: len(_WINDOWS)], config.feature, config.refinement, count)
        with torch.no_grad():
            # Points begin near the mean shape and errors near a tenth of the inter-ocular distance.
            self.heads["points"].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("bias").fill_(-2.25)

    @property
    def points_bias(self) -> Tensor:
        """(2 P,) bias of the points' head: the shape that a featureless crop gives."""
        return self.heads["points"].get_parameter("bias")

    def shared_feature(self, crops: Tensor) -> Tensor:
        """The feature that all heads share.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor
            Grey, any brightness and contrast: each crop is brought to mean 0 and standard deviation 1 first.

        Returns
        -------
        (N, feature) Tensor
        """
        return self.first_maps_and_feature(crops)[1]

    def first_maps_and_feature(self, crops: Tensor) -> tuple[list[Tensor], Tensor]:
        """The shared feature, and the maps that `PointRefinement` sees: each first stage's last ones."""
        maps = functional.relu(self.stem_norm(self.stem(standardised(crops))))
        ends = [sum(self.config.blocks[: stage + 1]) - 1 for stage in range(len(_WINDOWS))]
        first = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in ends:
                first.append(maps)
        return first, functional.relu(self.feature(maps.flatten(1)))

    def folded(self) -> ResidualTCDCN:
        """The same function for inference, each normalisation folded into its convolution.

        Returns
        -------
        ResidualTCDCN
            A copy in evaluation mode.
        """
        copied = copy.deepcopy(self).eval()
        places: list[tuple[nn.Module, str]] = [(copied, "stem")]
        places += [(block, name) for block in copied.blocks for name in ("first", "second")]
        for owner, name in places:
            norm = f"{name}_norm"
            setattr(owner, name, fuse_conv_bn_eval(getattr(owner, name), getattr(owner, norm)))
            setattr(owner, norm, nn.Identity())
        return copied

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Points, class scores, expected errors.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor

        Returns
        -------
        dict of str to Tensor
            "points" and each task as of `tcdcn.TCDCN`; "expected_error": (N, P), above 0, in inter-ocular distances;
            "face": (N, 2), logarithms of odds of no and yes.
        """
        maps, feature = self.first_maps_and_feature(crops)
        if self.training:  # a trunk in half precision hands over to heads in full precision
            with torch.autocast("cpu", enabled=False):
                return self._answers(maps, feature.float())
        return self._answers(maps, feature)

    def _answers(self, maps: list[Tensor], feature: Tensor) -> dict[str, Tensor]:
        outputs = {name: head(feature) for name, head in self.heads.items()}
        outputs["points"] = outputs["points"].reshape(-1, point_count(self.config), 2)
        if self.config.refinement:
            outputs["points"] = self.refinement(outputs["points"], [each.float() for each in maps], feature)
        outputs["expected_error"] = functional.softplus(outputs["expected_error"]) + 1e-3
        return outputs
