"""Cut, ask, cut again: passes of the network over faces until their crops fit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tcdcn_init.crops import cut, frames_from_boxes, snapped
from tcdcn_init.geometry import MIRROR, compose, transform_points
from tcdcn_init.network.config import NetworkConfig, output_shapes
from tcdcn_init.network.config.own_points import point_set
from tcdcn_init.passes.frames import Frame
from tcdcn_init.passes.repeat_limits import beyond, repeat_limits
from tcdcn_init.tasks import MIRRORED_POSE

__all__ = ["mirror_averaged", "not_finite", "run_passes"]

Ask: TypeAlias = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]


def run_passes(
    ask: Ask,
    config: NetworkConfig,
    images: Sequence[NDArray[Any]],
    boxes: Sequence[NDArray[np.float64]],
    *,
    passes: int,
    on_bad: str,
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Points and further outputs of all boxes of all images.

    The first pass crops around the box. Where the points ask for a crop that lies beyond `repeat_limits` of the one
    that they were found in, the next pass crops upright and centred by them; other faces keep their answer.

    Parameters
    ----------
    ask : callable
        The network: crops to outputs, as `backends.Backend` describes them.
    config : NetworkConfig
    images : sequence of ndarray
        As `images.as_image` returns them.
    boxes : sequence of (N, 4) ndarray
        The boxes of each image; NaN for a box without an answer.
    passes : int
        At most.
    on_bad : {"raise", "nan"}
        What pixels that are not finite under a face do.

    Returns
    -------
    points : (N, P, 2) ndarray of float32
        In pixels, of all boxes in order; NaN where there is no answer.
    outputs : dict of str to (N, K) ndarray of float32
        By the names of ``config.outputs`` beyond "points".

    Raises
    ------
    ValueError
        If pixels under a face are not finite (``on_bad="raise"``), or the network answers what is not.
    """
    all_boxes = np.concatenate([*boxes, np.empty((0, 4))])
    outputs = {
        name: np.full((len(all_boxes), *shape), np.nan, np.float32) for name, shape in output_shapes(config).items()
    }
    points = outputs.pop("points")
    place = point_set(config)
    owner = np.repeat(np.arange(len(images)), [len(entry) for entry in boxes])
    rows = np.flatnonzero(np.isfinite(all_boxes).all(axis=1))
    is_far = beyond(repeat_limits(config))
    # Later frames are laid out in the first one's own coordinates: where in the image a face is, and which way round,
    # changes nothing.
    first = frames_from_boxes(all_boxes[rows], config.view)
    local = np.broadcast_to([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], first.shape)
    for number in range(passes):
        if not len(rows):
            break
        frames = compose(first, local) if number else first
        crops = np.empty((len(rows), config.side, config.side), dtype=np.float32)
        for k in np.unique(owner[rows]).tolist():
            of_image = owner[rows] == k
            crops[of_image] = cut(images[k], frames[of_image], config.side)
        valid = np.isfinite(crops).all(axis=(1, 2))
        if not valid.all():
            bad = rows[~valid]
            if on_bad == "raise":
                raise not_finite(all_boxes[bad[0]])
            for values in (points, *outputs.values()):
                values[bad] = np.nan
            rows, first, local, crops = rows[valid], first[valid], local[valid], crops[valid]
            if not len(rows):
                break
        answers = ask(crops)
        if not np.isfinite(answers["points"]).all():
            raise ValueError("the model's answer is not finite; its weights are damaged: get or train it anew")
        found = transform_points(local, answers["points"])
        points[rows] = transform_points(first, found)
        for name, values in outputs.items():
            # Whether the box holds a face is decided by the first pass: a later crop may have moved to another face.
            if name != "face" or not number:
                values[rows] = answers[name]
        if number + 1 < passes:
            wanted = place.frames(found, config.view)
            far = [is_far(*both) for both in zip(_as_frames(local), _as_frames(wanted), strict=True)]
            rows, first, local = rows[far], first[far], snapped(wanted[far])
    return points, outputs


def not_finite(box: NDArray[np.float64]) -> ValueError:
    """What is raised where pixels under a face are not finite; takes its box."""
    return ValueError(
        f"the image holds NaN or infinity under box {tuple(box.tolist())}; replace such pixels, e.g. with "
        "numpy.nan_to_num, or pass on_bad='nan'"
    )


def mirror_averaged(ask: Ask, partners: Sequence[int] = MIRROR) -> Ask:
    """A network that is asked about every crop's mirror image too: the mean of both answers, left and right exchanged.

    Parameters
    ----------
    ask : callable
        As in `run_passes`.
    partners : sequence of int
        Each point's partner in the mirror image.

    Returns
    -------
    callable
    """

    def ask_both(crops: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        # Lists of places, since a tensor, which crops cut on a device are, takes no step of -1.
        pairs = crops[2 * list(range(len(crops)))]
        pairs[len(crops) :] = crops[:, :, list(range(crops.shape[2]))[::-1]]
        both = ask(pairs)
        joined: dict[str, NDArray[np.float32]] = {}
        for name, values in both.items():
            plain, mirrored = values[: len(crops)], values[len(crops) :]
            if name == "points":
                mirrored = mirrored[:, list(partners)] * np.array([-1, 1], dtype=np.float32)
            elif name in ("expected_error", "visible"):
                mirrored = mirrored[:, list(partners)]
            elif name == "pose":
                mirrored = mirrored[:, list(MIRRORED_POSE)]
            joined[name] = np.float32(0.5) * (plain + mirrored)
        return joined

    return ask_both


def _as_frames(matrices: NDArray[np.float64]) -> list[Frame]:
    """(N, 2, 3) similarities one by one."""
    return [Frame(a, b, x, y) for (a, _, x), (b, _, y) in matrices.tolist()]
