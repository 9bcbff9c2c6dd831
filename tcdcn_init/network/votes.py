"""Points as weighted means of what every place of the maps says, in the manner of pixel-in-pixel networks.

Jin, Liao, Shao: Pixel-in-Pixel Net, IJCV 2021.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Votes", "as_places", "voted"]


def as_places(maps: Tensor) -> Tensor:
    """(N, C, S, S) maps to (N, S * S, C): what each place shows, row by row."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def voted(places: Tensor, last: nn.Conv2d, points: int) -> tuple[Tensor, Tensor]:
    """What every place says of each point, averaged by how likely it says that the point lies there.

    The places' answers are a 1x1 convolution, hence linear: the mean of them is the answer to a mean of the places, and
    most of the convolution need not be done.

    Parameters
    ----------
    places : (N, S * S, C) Tensor
    last : Conv2d
        From C to 5 `points` maps. Of each point: how much the vote counts, of which its own constant is no part; then x
        and y from this place, and two more numbers.
    points : int

    Returns
    -------
    scores : (N, P, S * S) Tensor
        The softmax over the places, row by row, is the likelihood that the point lies there.
    means : (N, P, 4) Tensor
        x and y in the frame of the maps, and the two.
    """
    side = math.isqrt(places.shape[1])
    weight = last.weight.flatten(1)
    scores = weight[:points] @ places.transpose(1, 2)
    weights = torch.softmax(scores, dim=2)
    seen = (weights @ places)[:, :, None]  # (N, P, 1, C)
    constant = last.get_parameter("bias").view(5, points)[1:].T
    means = (seen * weight[points:].view(4, points, -1).transpose(0, 1)).sum(dim=3) + constant
    at = (torch.arange(side, device=places.device) + 0.5) / side - 0.5
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=2).reshape(-1, 2)
    return scores, means + weights @ functional.pad(grid, (0, 2))


class Votes(nn.Module):
    """Points as weighted means of what every place of the maps says.

    Parameters
    ----------
    channels : int
        Of the maps.
    feature : int
        Length of the shared feature, which tells every place of the whole.
    points : int
    """

    def __init__(self, channels: int, feature: int, points: int) -> None:
        super().__init__()
        self.points = points
        self.inner = nn.Conv2d(channels, channels, 1)
        self.whole = nn.Linear(feature, channels, bias=False)
        # Of each point: how much the vote counts; then x and y from this place, evidence on its error and visibility.
        self.last = nn.Conv2d(channels, 5 * points, 1)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, maps: Tensor, feature: Tensor) -> Tensor:
        """(N, C, S, S) and (N, feature) to (N, P, 4): points, and local evidence on their errors and visibility."""
        # As a product over places rather than a convolution, between which onnxruntime would lay the maps anew.
        seen = as_places(maps) @ self.inner.weight.flatten(1).T
        whole = functional.linear(feature, self.whole.weight, self.inner.bias)
        hidden = functional.relu(seen + whole[:, None])
        return voted(hidden, self.last, self.points)[1]
