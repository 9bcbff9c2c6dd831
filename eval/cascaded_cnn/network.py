"""The TCDCN paper's baseline: the cascade of 23 convolutional networks.

Sun, Wang, Tang: Deep Convolutional Network Cascade for Facial Point Detection, CVPR 2013. Level 1 finds the points in
the face: F1 sees the whole of it, EN1 its upper part with eyes and nose, NM1 its lower part with nose and mouth; a
point is the mean of what the networks say that know it. Levels 2 and 3 move each point by what two small networks see
in two patches around it, of which again the mean counts.

All coordinates here are those of the *view*: -0.5 to 0.5 across the square of `VIEW` box sides around the box's middle
(`crops.frames_from_boxes`). Everything is sampled from one *chip* per face, a grey square around the view at twice the
resolution that F1 sees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tcdcn_init._shared.files import replacing
from tcdcn_init.crops import GRID_REACH, cut, frames_from_boxes
from tcdcn_init.geometry import FIVE_POINTS, transform_points
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.standardisation import standardised
from tcdcn_init.training.augmentation import AugmentationConfig

__all__ = [
    "AUGMENTATION",
    "CHIP",
    "CROP",
    "HALVES",
    "LEVEL1",
    "PATCH",
    "SHIFTS",
    "SIDE",
    "SPAN",
    "VIEW",
    "CascadedCNN",
    "PointNet",
    "cut_chips",
    "make_net",
    "net_names",
    "refinement_names",
    "sample",
    "to_image",
]

SIDE, VIEW = 39, 1.1
"""Of F1's crop: pixels, and box sides, 0.05 more than the box on every side."""

LEVEL1: dict[str, tuple[slice, tuple[int, ...]]] = {
    "F1": (slice(0, 39), (0, 1, 2, 3, 4)),
    "EN1": (slice(0, 31), (0, 1, 2)),
    "NM1": (slice(8, 39), (2, 3, 4)),
}
"""Rows of F1's crop that a network sees, and the points that it gives.

In box sides from the box's middle, EN1 reaches down to 0.32 and NM1 up to -0.32: of MTFL's 8,985 training faces, the
nose lies above the first and below the second in all but a few profiles (its 0.5th and 99.5th percentiles are -0.07
and 0.23), and so do the eyes (at most 0.04) and the mouth (at least 0.10).
"""

HALVES = ((0.16, 0.18), (0.11, 0.12))
"""Half sides of the two patches of level 2 and of level 3, in box sides."""

SHIFTS = (0.05, 0.02)
"""Largest shift of the training patches of level 2 and of level 3, along x and y, in box sides."""

PATCH = 15
"""Side of a patch in pixels."""

AUGMENTATION = AugmentationConfig()
"""Views that level 1 is trained on: those of the recipe tcdcn-mtfl."""

CROP = TCDCNConfig(side=SIDE, view=VIEW, tasks=())
"""F1's crop as `data.load_patches` takes it."""

CHIP = round(2 * SIDE * AUGMENTATION.margin())
"""Side of a chip in pixels."""

SPAN = CHIP / (2 * SIDE)
"""Side of a chip in views."""


class PointNet(nn.Module):
    """One network of the cascade: convolutions, one hidden layer, points.

    As in `network.TCDCN`, the activation is the absolute hyperbolic tangent with a learned gain per map, and pooling
    comes before the tangent. Sun et al. share the filters of the deeper convolutions only within parts of a map; here
    they are ordinary.

    Parameters
    ----------
    height, width : int
        Of the input in pixels.
    widths, kernels : sequence of int
        Filters of each convolution, and the side of its filters.
    pooled : int
        The first so many convolutions are followed by 2x2 max pooling.
    feature : int
        Length of the hidden layer.
    points : int

    Examples
    --------
    >>> network = PointNet(39, 39, (20, 40, 60, 80), (4, 3, 3, 2), pooled=3, feature=120, points=5)
    >>> tuple(network(torch.zeros(2, 1, 39, 39)).shape)
    (2, 5, 2)
    """

    def __init__(
        self,
        height: int,
        width: int,
        widths: Sequence[int],
        kernels: Sequence[int],
        *,
        pooled: int,
        feature: int,
        points: int,
    ) -> None:
        super().__init__()
        self.pooled, self.points = pooled, points
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, filters, kernel)
            for inputs, filters, kernel in zip((1, *widths[:-1]), widths, kernels, strict=True)
        )
        for number, kernel in enumerate(kernels):
            height, width = height - kernel + 1, width - kernel + 1
            if number < pooled:
                height, width = height // 2, width // 2
        self.gains = nn.ParameterList(nn.Parameter(torch.ones(filters, 1, 1)) for filters in widths)
        self.feature = nn.Linear(widths[-1] * height * width, feature)
        self.head = nn.Linear(feature, 2 * points)

    def forward(self, crops: Tensor) -> Tensor:
        """Points.

        Parameters
        ----------
        crops : (N, 1, height, width) Tensor
            Grey, any brightness and contrast: each crop is brought to mean 0 and standard deviation 1 first.

        Returns
        -------
        (N, points, 2) Tensor
        """
        maps = standardised(crops)
        for number, (convolution, gain) in enumerate(zip(self.convolutions, self.gains, strict=True)):
            maps = convolution(maps).abs()
            if number < self.pooled:
                maps = functional.max_pool2d(maps, 2)
            maps = torch.tanh(maps) * gain.abs()
        hidden = torch.tanh(self.feature(maps.flatten(1))).abs()
        answer: Tensor = self.head(hidden)
        return answer.reshape(-1, self.points, 2)


def make_net(name: str) -> PointNet:
    """An untrained network by its name: F1, EN1, NM1, or level, point and patch, such as "2 nose a".

    Examples
    --------
    >>> sum(p.numel() for p in make_net("EN1").parameters()), sum(p.numel() for p in make_net("3 nose b").parameters())
    (65426, 17422)
    """
    if name in LEVEL1:
        rows, points = LEVEL1[name]
        return PointNet(
            rows.stop - rows.start,
            SIDE,
            (20, 40, 60, 80),
            (4, 3, 3, 2),
            pooled=3,
            feature=120 if name == "F1" else 100,
            points=len(points),
        )
    return PointNet(PATCH, PATCH, (20, 40), (4, 3), pooled=2, feature=60, points=1)


def refinement_names(level: int, point: int) -> tuple[str, str]:
    """Names of the two networks of a point at level 2 or 3, in the order of `HALVES`.

    Examples
    --------
    >>> refinement_names(2, 0)
    ('2 left eye a', '2 left eye b')
    """
    return f"{level} {FIVE_POINTS[point]} a", f"{level} {FIVE_POINTS[point]} b"


def net_names() -> list[str]:
    """Names of all networks in the order of the cascade.

    Examples
    --------
    >>> len(net_names())
    23
    """
    return [*LEVEL1, *(name for level in (2, 3) for point in range(5) for name in refinement_names(level, point))]


def sample(chips: Tensor, span: float, centres: Tensor, side: float, pixels: int) -> Tensor:
    """Patches around points.

    Parameters
    ----------
    chips : (N, S, S) Tensor of float
    span : float
        Side of a chip in views; its middle is the origin.
    centres : (N, K, 2) Tensor
        Middles of K patches of each chip, in views.
    side : float
        Side of a patch in views.
    pixels : int
        Side of a patch in pixels.

    Returns
    -------
    (N, K, pixels, pixels) Tensor
        Interpolated linearly; beyond a chip's border its outermost pixels go on.
    """
    steps = (torch.arange(pixels) + 0.5) / pixels - 0.5
    offsets = side * torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    grid = (centres[:, :, None, None] + offsets) * (2.0 / span)
    count, points = centres.shape[:2]
    found = functional.grid_sample(
        chips[:, None],
        grid.reshape(count, points * pixels, pixels, 2),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found.reshape(count, points, pixels, pixels)


def cut_chips(image: NDArray[Any], boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """The chips of the faces of an image.

    Parameters
    ----------
    image : ndarray
        As `images.as_image` returns it.
    boxes : (N, 4) ndarray

    Returns
    -------
    (N, CHIP, CHIP) ndarray of float32
    """
    return cut(image, frames_from_boxes(boxes, VIEW * SPAN), CHIP, reach=GRID_REACH)


def to_image(points: Tensor, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in views of boxes, in the pixels of the image.

    Parameters
    ----------
    points : (N, P, 2) Tensor
    boxes : (N, 4) ndarray

    Returns
    -------
    (N, P, 2) ndarray of float64
    """
    return transform_points(frames_from_boxes(boxes, VIEW), points.numpy())


class CascadedCNN:
    """The trained cascade.

    Parameters
    ----------
    nets : mapping of str to PointNet
        Level 1, and as many whole levels after it as there are, by the names of `net_names`.

    Raises
    ------
    ValueError
        If a network of a level is missing.

    Examples
    --------
    >>> cascade = CascadedCNN({name: make_net(name) for name in net_names()})
    >>> cascade.points(np.zeros((120, 100)), np.array([[20, 20, 80, 90.0]])).shape
    (1, 5, 2)
    """

    def __init__(self, nets: Mapping[str, PointNet]) -> None:
        self.nets = {name: net.eval().to(memory_format=torch.channels_last) for name, net in nets.items()}  # type: ignore[call-overload]
        names = set(self.nets)
        self.levels = 1 + sum(f"{level} {FIVE_POINTS[0]} a" in names for level in (2, 3))
        needed = net_names()[: len(LEVEL1) + 10 * (self.levels - 1)]
        missing = [name for name in needed if name not in names]
        if missing:
            raise ValueError(
                f"networks are missing: {', '.join(missing)}; train them first: tcdcn-init paper cascaded-cnn"
            )

    def each_level(self, chips: Tensor) -> list[Tensor]:
        """Points after each level.

        Parameters
        ----------
        chips : (N, CHIP, CHIP) Tensor of float32
            As `cut_chips` makes them.

        Returns
        -------
        list of (N, 5, 2) Tensor
            In views.
        """
        with torch.inference_mode():
            found = [self._first(chips)]
            for level in range(2, self.levels + 1):
                found.append(found[-1] + self._moves(chips, found[-1], level))
        return found

    def _first(self, chips: Tensor) -> Tensor:
        crops = sample(chips, SPAN, torch.zeros(len(chips), 1, 2), 1.0, SIDE)
        total, votes = torch.zeros(len(chips), 5, 2), torch.zeros(5, 1)
        for name, (rows, points) in LEVEL1.items():
            total[:, points] += self.nets[name](crops[:, :, rows])
            votes[list(points)] += 1
        return total / votes

    def _moves(self, chips: Tensor, points: Tensor, level: int) -> Tensor:
        """(N, 5, 2) by how much the points move, each network's answer kept within its patch."""
        moves = torch.zeros_like(points)
        for number, half in enumerate(HALVES[level - 2]):
            side = 2.0 * half / VIEW
            patches = sample(chips, SPAN, points, side, PATCH)
            for point in range(5):
                answer = self.nets[refinement_names(level, point)[number]](patches[:, point : point + 1])
                moves[:, point] += 0.5 * side * answer[:, 0].clamp(-0.5, 0.5)
        return moves

    def points(self, image: NDArray[Any], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the faces of one image.

        Parameters
        ----------
        image : ndarray
            As `images.as_image` returns it.
        boxes : (N, 4) ndarray

        Returns
        -------
        (N, 5, 2) ndarray
            In the image's pixels.
        """
        return to_image(self.each_level(torch.from_numpy(cut_chips(image, boxes)))[-1], boxes)

    def save(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Write all networks as one .safetensors file.

        Parameters
        ----------
        path : pathlib.Path
        settings : mapping
            Of the training; goes into the metadata.
        """
        from safetensors.torch import save_file

        tensors = {
            f"{name}.{key}": value.contiguous()
            for name, net in self.nets.items()
            for key, value in net.state_dict().items()
        }
        licence = "weights trained on research data (MTFL): research use"
        with replacing(path) as part:
            save_file(tensors, part, {"settings": json.dumps(dict(settings)), "licence": licence})
