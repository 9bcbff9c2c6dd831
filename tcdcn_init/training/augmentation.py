"""Random views of training faces, a whole batch at a time.

Every face is decoded once, into a square grey patch at twice the crop's resolution; an epoch's crops are sampled
from the patches by the same arithmetic as `crops.cut` uses for turned faces. All random numbers of a batch come
from one generator, before any of them is used, so that processes that share a batch agree on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tcdcn_init.geometry import MIRROR
from tcdcn_init.tasks import MIRRORED_POSE

__all__ = ["BOX_STYLES", "AugmentationConfig", "Patches", "random_views", "sample_views"]

BOX_STYLES = ((0.0, 0.0), (0.15, -0.09), (0.05, -0.03), (-0.01, 0.05))
"""How other face boxes differ from the training detector's: (shift down in box sides, logarithm of the scale).

In this order: the detector itself; a tight box around 68 landmarks, as annotators draw it (medians over ytf68);
dlib's frontal detector and scikit-image's LBP cascade (medians over held-out MTFL training faces).
"""


@dataclass(frozen=True)
class AugmentationConfig:
    """Spread of the random views.

    Attributes
    ----------
    roll : float
        Standard deviation of the in-plane turn, degrees.
    scale : float
        Standard deviation of the logarithm of the scale.
    shift : float
        Standard deviation of the shift, in box sides, along x and along y.
    wide_probability : float
        Probability that the turn, scale and shift of a view are drawn `wide_factor` times as wide: bad boxes, tilted
        heads.
    wide_factor : float
    any_roll_probability : float
        Probability that the turn of a view is uniform over the full circle.
    later_pass_probability : float
        Probability that a view is framed as a later pass crops (`crops.frames_from_points` of the annotated points),
        with half of the usual spread around it.
    mirror : bool
        Mirror half of the views, points and pose class included.
    styles : float
        Probability that the box is drawn in another style than the training detector's (`BOX_STYLES`).
    gamma : float
        Standard deviation of the logarithm of the exponent that brightens or darkens. (Brightness and contrast
        proper are taken out by the network's standardisation; they act here through clipping.)
    blur : float
        Probability of a blur with the 3x3 binomial filter.
    noise : float
        Largest standard deviation of Gaussian noise, as a share of the full range.
    occlusion : float
        Probability that a rectangle of flat grey or of displaced pixels hides a part of the view.
    """

    roll: float = 12.0
    scale: float = 0.08
    shift: float = 0.05
    wide_probability: float = 0.1
    wide_factor: float = 3.0
    any_roll_probability: float = 0.0
    later_pass_probability: float = 0.0
    mirror: bool = True
    styles: float = 0.3
    gamma: float = 0.25
    blur: float = 0.1
    noise: float = 0.02
    occlusion: float = 0.1

    def margin(self) -> float:
        """How many times the view a patch must span to hold nearly every turned, shifted, scaled view."""
        turn = math.radians(45.0 if self.any_roll_probability else min(2.0 * self.roll, 45.0))
        return (math.cos(turn) + math.sin(turn)) * math.exp(2.0 * self.scale) + 2.0 * self.shift


@dataclass(frozen=True)
class Patches:
    """Decoded training faces.

    Attributes
    ----------
    pixels : (N, S, S) Tensor of uint8
        Grey patches around the box, at twice the crop's resolution.
    points : (N, P, 2) Tensor of float32
        NaN where not annotated. In patch coordinates: -0.5 to 0.5 across one *view*, origin in the box's middle.
    unit : (N,) Tensor of float32
        Length that counts as 1 in the loss, in the same units.
    labels : dict of str to (N,) Tensor of int64
        Class index per task; -1 where not annotated. "face", where there are patches of background among them: 1 for
        faces, 0 for background, whose points are 0.
    span : float
        Side of a patch in views.
    later : (N, 4) Tensor of float32
        Frame of a later pass in the frame of the box's: turn in radians, logarithm of the scale, shift along x and y.
    mirror : tuple of int
        Each point's partner in the mirror image; empty where views must not be mirrored.
    """

    pixels: Tensor
    points: Tensor
    unit: Tensor
    labels: dict[str, Tensor]
    span: float
    later: Tensor
    mirror: tuple[int, ...] = MIRROR

    @property
    def faces(self) -> Tensor:
        """Numbers of the patches that show a face."""
        return torch.arange(len(self)) if "face" not in self.labels else self.labels["face"].nonzero()[:, 0]

    @property
    def background(self) -> Tensor:
        """Numbers of the patches that show none."""
        return torch.arange(0) if "face" not in self.labels else (self.labels["face"] == 0).nonzero()[:, 0]

    def __len__(self) -> int:
        return len(self.pixels)


def random_views(
    patches: Patches,
    index: Tensor,
    view: float,
    side: int,
    config: AugmentationConfig,
    generator: torch.Generator,
    part: slice = slice(None),
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw one random view of each face of a batch.

    Parameters
    ----------
    patches : Patches
    index : (B,) Tensor of int64
        The batch's faces.
    view : float
        Side of the crop in box sides (`config.TCDCNConfig.view`).
    side : int
        Side of the crop in pixels.
    config : AugmentationConfig
    generator : torch.Generator
        Source of all randomness; advanced by the whole batch whatever `part` is.
    part : slice
        The rows of the batch to make: one process's share.

    Returns
    -------
    crops : (b, 1, side, side) Tensor of float32
    targets : dict of str to Tensor
        "points", "unit" and the labels, as `objective.MultiTaskObjective` takes them.
    """
    count = len(index)
    draw = torch.randn(count, 5, generator=generator)
    chance = torch.rand(count, 14, generator=generator)
    noise = torch.randn(count, 1, side, side, generator=generator)[part]
    # Drawn last, and only where asked for: recipes without them keep their random numbers.
    rarely = config.any_roll_probability or config.later_pass_probability
    rare = torch.rand(count, 3, generator=generator) if rarely else torch.ones(count, 3)
    draw, chance, index, rare = draw[part], chance[part], index[part], rare[part]

    flip = (chance[:, 0] < 0.5) & (config.mirror and bool(patches.mirror))
    style = torch.tensor(BOX_STYLES)[
        torch.where(chance[:, 1] < config.styles, 1 + (chance[:, 2] * (len(BOX_STYLES) - 1)).long(), 0)
    ]
    spread = torch.where(chance[:, 3] < config.wide_probability, config.wide_factor, 1.0)
    # Framed around a box in some style, or as a later pass does.
    later = rare[:, 0] < config.later_pass_probability
    spread = torch.where(later, 0.5, spread)
    styled = torch.stack([torch.zeros(len(style)), style[:, 1], torch.zeros(len(style)), style[:, 0] / view], dim=1)
    middle = torch.where(later[:, None], patches.later[index], styled)
    angle = torch.deg2rad(config.roll * spread * draw[:, 0]) + middle[:, 0]
    angle = torch.where((rare[:, 1] < config.any_roll_probability) & ~later, 2 * math.pi * rare[:, 2], angle)
    scale = config.scale * spread * draw[:, 1] + middle[:, 1]
    shift = config.shift * spread[:, None] * draw[:, 2:4] / view + middle[:, 2:]
    frames = torch.cat([angle[:, None], scale[:, None], shift], dim=1)
    crops, linear, shift = sample_views(patches, index, frames, flip, side)
    points = torch.linalg.solve(linear, (patches.points[index] - shift[:, None]).transpose(1, 2)).transpose(1, 2)
    if patches.mirror:
        points = torch.where(flip[:, None, None], points[:, list(patches.mirror)], points)

    targets = {"points": points, "unit": patches.unit[index] / torch.exp(scale)}
    for task, labels in patches.labels.items():
        targets[task] = labels[index]
    if "pose" in targets:
        pose = targets["pose"]
        targets["pose"] = torch.where(flip & (pose >= 0), torch.tensor(MIRRORED_POSE)[pose], pose)
    return _disturb(crops, draw[:, 4], chance[:, 4:], noise, config), targets


def sample_views(
    patches: Patches, index: Tensor, frames: Tensor, flip: Tensor, side: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of faces over given frames.

    Parameters
    ----------
    patches : Patches
    index : (B,) Tensor of int64
        Their numbers.
    frames : (B, 4) Tensor of float32
        As `Patches.later`.
    flip : (B,) Tensor of bool
        Mirrored about the frame's own middle.
    side : int
        Side of a crop in pixels.

    Returns
    -------
    crops : (B, 1, side, side) Tensor of float32
    linear, shift : (B, 2, 2) and (B, 2) Tensor
        A point p of a crop is ``linear @ p + shift`` in patch coordinates; of a mirrored crop the left eye is the right
        one still (`geometry.MIRROR`).
    """
    angle, scale, shift = frames[:, 0], torch.exp(frames[:, 1]), frames[:, 2:]
    sign = 1.0 - 2.0 * flip.float()
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    linear = torch.stack([cos * sign, -sin, sin * sign, cos], dim=1).reshape(-1, 2, 2)
    theta = torch.cat([linear, 2.0 * shift[:, :, None]], dim=2) / patches.span
    return _sample(patches.pixels[index], theta, side), linear, shift


def _sample(pixels: Tensor, theta: Tensor, side: int) -> Tensor:
    grid = functional.affine_grid(theta, [len(pixels), 1, side, side], align_corners=False)
    values = pixels[:, None].float() / 255.0
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _disturb(crops: Tensor, gamma: Tensor, chance: Tensor, noise: Tensor, config: AugmentationConfig) -> Tensor:
    """Photometric changes and occluders."""
    side = crops.shape[-1]
    crops = crops.clamp(0.0, 1.0) ** torch.exp(config.gamma * gamma)[:, None, None, None]

    blurred = chance[:, 0] < config.blur
    if blurred.any():
        kernel = torch.tensor([1.0, 2.0, 1.0]) / 4.0
        padded = functional.pad(crops[blurred], (1, 1, 1, 1), mode="replicate")
        crops[blurred] = functional.conv2d(padded, (kernel[:, None] * kernel)[None, None])

    for k in (chance[:, 1] < config.occlusion).nonzero()[:, 0].tolist():
        # A rectangle of flat grey, or of the same view's pixels from elsewhere: no other row of the batch is
        # needed, so that a view does not depend on how processes share the batch.
        height, width = (int(side * (0.1 + 0.35 * chance[k, c])) for c in (2, 3))
        top, left = int((side - height) * chance[k, 4]), int((side - width) * chance[k, 5])
        from_top, from_left = int((side - height) * chance[k, 6]), int((side - width) * chance[k, 7])
        patch = crops[k, :, from_top : from_top + height, from_left : from_left + width].clone()
        hidden = crops[k, :, top : top + height, left : left + width]
        hidden[...] = patch if chance[k, 8] < 0.5 else patch.mean()

    return crops + config.noise * chance[:, 9, None, None, None] * noise
