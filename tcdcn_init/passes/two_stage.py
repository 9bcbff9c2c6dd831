"""Boxes to points with a model of two stages: a coarse pass over the box, fine ones over that, further looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.network.config import output_shapes
from tcdcn_init.network.config.own_points import point_set
from tcdcn_init.network.config.stages import TwoStageConfig
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.looks import surest
from tcdcn_init.passes.regions import Cutter, HostCrops
from tcdcn_init.passes.repeated import Ask, mirror_averaged, not_finite
from tcdcn_init.passes.stages import Answers, ask_stages

__all__ = ["run_stages"]


def run_stages(
    ask: Ask,
    config: TwoStageConfig,
    images: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[np.float64]],
    *,
    passes: int,
    enough: float = 0.0,
    on_bad: str,
    sureness: Callable[[Answers], NDArray[np.float64]] | None = None,
    ask_both: Ask | None = None,
    cutter: Callable[[Sequence[NDArray[Any]]], Cutter] = HostCrops,
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Points and further outputs of all boxes of all images.

    Parameters
    ----------
    ask : callable
        Crops (N, side, side) to the answers of the stage that takes that side.
    config : TwoStageConfig
    images : sequence of ndarray
        As `images.as_image` returns them.
    boxes : sequence of (N, 4) ndarray
        The boxes of each image; NaN for a box without an answer.
    passes, enough
        As for `ask_stages`.
    on_bad : {"raise", "nan"}
        What pixels that are not finite under a face do.
    sureness : callable, optional
        Answers to a probability for each face that its points are good: below `looks.DOUBTFUL`, other looks are taken,
        unless the coarse stage was sure `enough`. Without it, none is.
    ask_both : callable, optional
        As `ask`, about mirror images too (`repeated.mirror_averaged`), for those looks; default: made of `ask`.
    cutter : callable
        Each face's image to what cuts its crops, such as `on_device.DeviceCrops`; `ask` is asked about what that cuts.

    Returns
    -------
    points : (N, P, 2) ndarray of float32
        In pixels, of all boxes in order; NaN where there is no answer.
    answers : dict of str to (N, K) ndarray of float32
        By the names of ``config.outputs`` beyond "points"; "expected_error" and "face" are by both stages (`agreed`).

    Raises
    ------
    ValueError
        If pixels under a face are not finite (``on_bad="raise"``), or the network answers what is not.
    """
    all_boxes = np.concatenate([*boxes, np.empty((0, 4))]) if len(boxes) != 1 else boxes[0]
    rows = np.flatnonzero(np.isfinite(all_boxes).all(axis=1))
    if not len(rows):
        return _nothing(len(all_boxes), config)
    owner = np.repeat(np.arange(len(images)), [len(entry) for entry in boxes])
    cut = cutter([images[k] for k in owner[rows]])
    frames = [_box_frame(box, config.coarse.view) for box in all_boxes[rows].tolist()]
    found = ask_stages(ask, config, cut, frames, passes, enough)
    if sureness is not None and passes > 1:  # the coarse stage alone is unsure of every face
        partners = point_set(config).mirror
        both = ask_both or (mirror_averaged(ask, partners) if partners else ask)
        found = surest(ask, both, config, cut, frames, passes, found, sureness)
    if not found.finite.all():
        if on_bad == "raise":
            raise not_finite(all_boxes[rows[np.flatnonzero(~found.finite)[0]]])
        rows = rows[found.finite]
    elif len(rows) == len(all_boxes):  # as a rule
        return found.points.astype(np.float32), {name: found.answers[name] for name in config.outputs[1:]}
    points, answers = _nothing(len(all_boxes), config)
    points[rows] = found.points[found.finite]
    for name, values in answers.items():
        values[rows] = found.answers[name][found.finite]
    return points, answers


def _nothing(count: int, config: TwoStageConfig) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """What `run_stages` returns of boxes without an answer."""
    answers = {name: np.full((count, *shape), np.nan, np.float32) for name, shape in output_shapes(config).items()}
    return answers.pop("points"), answers


def _box_frame(box: list[float], view: float) -> Frame:
    """`crops.frames_from_boxes` of one box."""
    left, top, right, bottom = box
    side = math.sqrt((right - left) * (bottom - top)) * view
    return Frame(side, 0.0, (left + right) / 2, (top + bottom) / 2)
