"""The residual relative of TCDCN; its configuration is `architecture.ResidualConfig`.

TCDCN's idea, five points learned together with pose, gender, glasses and smile on one shared feature, on the trunk of
He, Zhang, Ren, Sun (Deep Residual Learning for Image Recognition, CVPR 2016), and two more heads: how far off each
point is to be expected, and whether the crop shows a face at all.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tcdcn_init.architecture import ResidualConfig
from tcdcn_init.standardisation import standardised
from tcdcn_init.tasks import TASKS


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
        self.feature = nn.Linear(channels * config.last_side**2, config.feature)
        self.heads = nn.ModuleDict({"points": nn.Linear(config.feature, 10)})
        for task in config.tasks:
            self.heads[task] = nn.Linear(config.feature, len(TASKS[task]))
        self.heads["expected_error"] = nn.Linear(config.feature, 5)
        self.heads["face"] = nn.Linear(config.feature, 2)
        with torch.no_grad():
            # Points begin near the mean shape and errors near a tenth of the inter-ocular distance.
            self.heads["points"].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("weight").mul_(0.1)
            self.heads["expected_error"].get_parameter("bias").fill_(-2.25)

    @property
    def points_bias(self) -> Tensor:
        """(10,) bias of the points' head: the shape that a featureless crop gives."""
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
        maps = standardised(crops)
        maps = self.blocks(functional.relu(self.stem_norm(self.stem(maps))))
        return functional.relu(self.feature(maps.flatten(1)))

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
            "points" and each task as of `network.TCDCN`; "expected_error": (N, 5), above 0, in inter-ocular distances;
            "face": (N, 2), logarithms of odds of no and yes.
        """
        feature = self.shared_feature(crops)
        if self.training:  # a trunk in half precision hands over to heads in full precision
            with torch.autocast("cpu", enabled=False):
                return self._answers(feature.float())
        return self._answers(feature)

    def _answers(self, feature: Tensor) -> dict[str, Tensor]:
        outputs = {name: head(feature) for name, head in self.heads.items()}
        outputs["points"] = outputs["points"].reshape(-1, 5, 2)
        outputs["expected_error"] = functional.softplus(outputs["expected_error"]) + 1e-3
        return outputs
