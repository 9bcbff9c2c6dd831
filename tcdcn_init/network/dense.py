"""Many points from a crop that five have centred; its configuration is `config.dense.DenseConfig`.

The trunk is that of the two-stage initializer (`stage.trunk`). Nothing behind it sees the whole crop at once: the last
level's maps are laid over those of the level before, twice as fine (Lin, Dollar, Girshick, He, Hariharan, Belongie:
Feature Pyramid Networks, CVPR 2017), and each place of them says for each point how likely it lies there and how far
off the place's middle (Jin, Liao, Shao: Pixel-in-Pixel Net, IJCV 2021). A layer that sees all places together learns
the training faces by heart, where there are few.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.stage import Layer, fold_layers, in_squares, trunk
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.network.votes import as_places, voted

__all__ = ["Dense"]


class Dense(nn.Module):
    """Trunk, joined maps, and what their places say of each point.

    Parameters
    ----------
    config : DenseConfig, optional

    Examples
    --------
    >>> network = Dense(DenseConfig()).eval()
    >>> outputs = network(torch.zeros(2, 1, network.config.side, network.config.side))
    >>> [tuple(outputs[name].shape) for name in network.config.outputs]
    [(2, 68, 2), (2, 68), (2, 68)]
    """

    def __init__(self, config: DenseConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DenseConfig()
        self.trunk = trunk(config.fold, config.widths, config.layers)
        self.finer = nn.Conv2d(config.widths[-2], config.maps, 1)
        self.coarser = nn.Conv2d(config.widths[-1], config.maps, 1)
        self.mixing = nn.Sequential(*(Layer(config.maps, config.maps, 1) for _ in range(config.mixing)))
        # Of each point: how likely it lies here; x and y from this place; evidence on its error and visibility.
        self.last = nn.Conv2d(config.maps, 5 * config.points, 1)
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            bias = self.last.get_parameter("bias").view(5, config.points)
            bias.zero_()
            bias[3].fill_(-2.25)  # errors begin near a tenth of the inter-ocular distance
            bias[4].fill_(2.0)

    def folded(self) -> Dense:
        """The same function for inference, normalisations folded into convolutions: a copy in evaluation mode."""
        copied = copy.deepcopy(self).eval()
        fold_layers(copied)
        return copied

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Points, expected errors, visibility.

        Parameters
        ----------
        crops : (N, 1, side, side) Tensor
            Grey, any brightness and contrast: each crop is brought to mean 0 and standard deviation 1 first.

        Returns
        -------
        dict of str to Tensor
            "points" (N, P, 2) in the crop's frame; "expected_error" (N, P), above 0, in inter-ocular distances;
            "visible" (N, P), logarithms of odds; and in training "scores" (N, P, S * S), of which the softmax over the
            places of the maps, row by row, is the likelihood that the point lies there.
        """
        maps = in_squares(standardised(crops), self.config.fold)
        before = sum(self.config.layers[:-1])
        finer = self.trunk[:before](maps)
        coarser = self.coarser(self.trunk[before:](finer))
        joined = functional.relu(self.finer(finer) + functional.interpolate(coarser, scale_factor=2.0, mode="nearest"))
        maps = self.mixing(joined)
        # A trunk in half precision hands over to sums in full precision.
        with torch.autocast("cpu", enabled=False):
            scores, means = voted(as_places(maps.float()), self.last, self.config.points)
        points, error, visible = means[..., :2], means[..., 2], means[..., 3]
        outputs = {"points": points, "expected_error": error.clamp(-8.0, 4.0).exp(), "visible": visible}
        return {**outputs, "scores": scores} if self.training else outputs
