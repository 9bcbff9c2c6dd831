"""Random views of training faces for the two stages: where the crop lies, what hides the face, how bad the picture is.

Beyond `augmentation`, which it shares its patches with: occluders look like the world (flat, noisy, or textures cut
from other faces' pictures; rectangles, ellipses, half planes), points may be missing, and every point is labelled as
visible or not. All random numbers of a batch come from one generator.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from tcdcn_init.tasks import MIRRORED_POSE
from tcdcn_init.training.augmentation import BOX_STYLES, Patches

__all__ = ["ViewConfig", "stage_views"]


@dataclass(frozen=True)
class ViewConfig:
    """Spread of the random views of one stage.

    Attributes
    ----------
    roll, scale, shift : float
        Standard deviations: of the turn in degrees, of the logarithm of the scale, and of the shift along x and y in
        sides of the patch's square (the box's, or the face's).
    wild : float
        Probability that all three are drawn `wild_spread` times as wide.
    wild_spread : float
    circle : float
        Probability that the turn is uniform over the full circle.
    styles : float
        Probability of a box in another style than the training detector's (`augmentation.BOX_STYLES`).
    brightness : float
        Spread of the curves that brighten or darken the middle of the range.
    clip : float
        Probability that the picture is exposed too long or too short.
    blur, coarse, jpeg : float
        Probabilities of a blur, of a lower resolution, of strong compression.
    noise : float
        Largest standard deviation of Gaussian noise, as a share of the full range.
    hidden : float
        Probability of an occluder, and of a second one of those that have one.
    """

    roll: float = 4.0
    scale: float = 0.05
    shift: float = 0.03
    wild: float = 0.15
    wild_spread: float = 3.0
    circle: float = 0.0
    styles: float = 0.0
    brightness: float = 0.5
    clip: float = 0.1
    blur: float = 0.15
    coarse: float = 0.15
    jpeg: float = 0.08
    noise: float = 0.03
    hidden: float = 0.4


def stage_views(
    patches: Patches, index: Tensor, view: float, side: int, config: ViewConfig, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw one random view of each face of a batch.

    Parameters
    ----------
    patches : Patches
        With "visible" (N, P) among the labels: 1, 0, or -1 where nobody knows; NaN for points
        without annotation.
    index : (B,) Tensor of int64
        The batch's faces.
    view : float
        Side of the crop in the units that `config` counts shifts in.
    side : int
        Side of the crop in pixels.
    config : ViewConfig
    generator : torch.Generator

    Returns
    -------
    crops : (B, 1, side, side) Tensor of float32
    targets : dict of str to Tensor
        "points" (B, P, 2), "unit" (B,), "visible" (B, P), and the other labels.
    """
    count = len(index)
    draw = torch.randn(count, 5, generator=generator).clamp(-2.5, 2.5)
    chance = torch.rand(count, 16, generator=generator)
    flip = (chance[:, 0] < 0.5) & bool(patches.mirror)
    spread = torch.where(chance[:, 1] < config.wild, config.wild_spread, 1.0)
    styles = torch.tensor(BOX_STYLES)
    style = styles[torch.where(chance[:, 2] < config.styles, (chance[:, 3] * len(styles)).long(), 0)]
    angle = torch.deg2rad(config.roll * spread * draw[:, 0])
    angle = torch.where(chance[:, 4] < config.circle, 2 * math.pi * chance[:, 5], angle)
    scale = config.scale * spread * draw[:, 1] + style[:, 1]
    shift = config.shift * spread[:, None] * draw[:, 2:4]
    shift[:, 1] += style[:, 0]
    frames = torch.cat([angle[:, None], scale[:, None], shift / view], dim=1)
    mirror = list(patches.mirror or range(patches.points.shape[1]))
    crops, linear, shift = _sample(patches, index, frames, flip, side)
    points = torch.linalg.solve(linear, (patches.points[index] - shift[:, None]).transpose(1, 2)).transpose(1, 2)
    points = torch.where(flip[:, None, None], points[:, mirror], points)
    targets = {task: labels[index] for task, labels in patches.labels.items()}
    visible = targets["visible"]
    visible = torch.where(flip[:, None], visible[:, mirror], visible)
    if "pose" in targets:
        pose = targets["pose"]
        targets["pose"] = torch.where(flip & (pose >= 0), torch.tensor(MIRRORED_POSE)[pose], pose)

    # Brighter or darker in the middle of the range, black and white staying: near to an exponent, and much faster.
    curve = torch.tanh(config.brightness * draw[:, 4])[:, None, None, None]
    crops = crops + curve * crops * (1.0 - crops)
    covered = torch.zeros(count, side, side, dtype=torch.bool)
    occluded = (chance[:, 6] < config.hidden).nonzero()[:, 0]
    occluded = torch.cat([occluded, occluded[chance[occluded, 7] < config.hidden]])
    masks = _occluders(len(occluded), side, 1.0 / view, generator)
    for k, mask in zip(occluded.tolist(), masks, strict=True):
        crops[k, 0] = torch.where(mask, _texture(patches, side, generator), crops[k, 0])
        covered[k] |= mask
    at = ((points.nan_to_num(0.0) + 0.5) * side).long().clamp(0, side - 1)
    under = covered[torch.arange(count)[:, None], at[..., 1], at[..., 0]]
    targets |= {
        "points": points,
        "unit": patches.unit[index] / torch.exp(scale),
        "visible": torch.where(under & (targets["face"] == 1)[:, None], 0, visible),
    }
    return _degraded(crops, chance[:, 8:], config, generator), targets


def _sample(patches: Patches, index: Tensor, frames: Tensor, flip: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """`augmentation.sample_views`, its grid computed in a third of the time."""
    scale, shift = torch.exp(frames[:, 1]), frames[:, 2:]
    sign = 1.0 - 2.0 * flip.float()
    cos, sin = torch.cos(frames[:, 0]) * scale, torch.sin(frames[:, 0]) * scale
    linear = torch.stack([cos * sign, -sin, sin * sign, cos], dim=1).reshape(-1, 2, 2)
    steps = (2.0 * torch.arange(side) + 1.0) / side - 1.0
    unit = linear / patches.span
    grid = (
        unit[:, None, None, :, 0] * steps[None, None, :, None]
        + unit[:, None, None, :, 1] * steps[None, :, None, None]
        + (2.0 * shift / patches.span)[:, None, None]
    )
    values = patches.pixels[index][:, None].float().mul_(1.0 / 255.0)
    crops = functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return crops, linear, shift


def _occluders(count: int, side: int, face: float, generator: torch.Generator) -> Tensor:
    """(count, side, side) masks of occluders of a face whose square has `face` of the crop's side."""
    r = torch.rand(8, count, 1, 1, generator=generator)
    steps = (torch.arange(side) + 0.5) / side - 0.5
    x, y = steps[None, None, :], steps[None, :, None]
    x0, y0 = 0.55 * face * (2 * r[0] - 1), 0.6 * face * (2 * r[1] - 1)
    area, aspect = face**2 * (0.03 + 0.4 * r[3] ** 1.5), torch.exp(1.2 * (2 * r[4] - 1))
    width, height = torch.sqrt(area * aspect) / 2, torch.sqrt(area / aspect) / 2
    angle = torch.where(r[6] < 0.4, math.pi * r[5], 0.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    u, v = ((x - x0) * cos + (y - y0) * sin) / width, ((y - y0) * cos - (x - x0) * sin) / height
    shapes = torch.where(r[7] < 0.35, u.square() + v.square() < 4 / math.pi, torch.maximum(u.abs(), v.abs()) < 1)
    # A half plane: a hand, a mask, the picture's border.
    turn, near = 2 * math.pi * r[3], face * (0.1 + 0.45 * r[4])
    return torch.where(r[2] < 0.2, x * torch.cos(turn) + y * torch.sin(turn) > near, shapes)


def _texture(patches: Patches, side: int, generator: torch.Generator) -> Tensor:
    """(side, side) of what an occluder shows."""
    r = torch.rand(8, generator=generator).tolist()
    if r[0] < 0.25:
        level = 0.5 if r[1] < 0.3 else r[2]
        return torch.full((side, side), level)
    if r[0] < 0.5:
        grain = 1 if r[1] < 0.5 else 2
        small = torch.rand(1, 1, side // grain + 1, side // grain + 1, generator=generator)
        coarse: Tensor = functional.interpolate(small, scale_factor=grain)[0, 0, :side, :side]
        return torch.add(coarse * r[2], (1 - r[2]) * r[3])
    number = int(r[1] * len(patches))
    room = patches.pixels.shape[1] - side
    top, left = int(r[2] * (room + 1)), int(r[3] * (room + 1))
    cut: Tensor = patches.pixels[number, top : top + side, left : left + side].float() / 255.0
    if r[4] < 0.5:
        cut = cut.T
    if r[5] < 0.5:
        cut = cut.flip(0)
    return torch.clamp(cut * (0.6 + 0.8 * r[6]), 0.0, 1.0)


def _degraded(crops: Tensor, chance: Tensor, config: ViewConfig, generator: torch.Generator) -> Tensor:
    """Crops as bad cameras, small pictures and strong compression give them."""
    side = crops.shape[-1]
    for k in (chance[:, 0] < config.clip).nonzero()[:, 0].tolist():
        gain, lift = math.exp(1.2 * float(chance[k, 1]) - 0.5), 0.3 * (float(chance[k, 2]) - 0.5)
        crops[k] = (crops[k] * gain + lift).clamp(0.0, 1.0)
    for k in (chance[:, 3] < config.blur).nonzero()[:, 0].tolist():
        crops[k] = functional.avg_pool2d(functional.pad(crops[k], (1, 1, 1, 1), mode="replicate"), 3, 1)
    for k in (chance[:, 4] < config.coarse).nonzero()[:, 0].tolist():
        small = max(12, int(side * (0.25 + 0.5 * chance[k, 5])))
        low = functional.interpolate(crops[k : k + 1], size=(small, small), mode="area")
        crops[k] = functional.interpolate(low, size=(side, side), mode="bilinear", align_corners=False)[0]
    noisy = (chance[:, 6] < 0.5).nonzero()[:, 0]
    noise = torch.randn(len(noisy), 1, side, side, generator=generator)
    crops[noisy] += config.noise * 2.0 * chance[noisy, 6][:, None, None, None] * noise
    for k in (chance[:, 7] < config.jpeg).nonzero()[:, 0].tolist():
        buffer = io.BytesIO()
        pixels = (crops[k, 0].clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=int(10 + 50 * chance[k, 5]))
        crops[k, 0] = torch.from_numpy(np.array(Image.open(buffer))).float() / 255.0
    return crops
