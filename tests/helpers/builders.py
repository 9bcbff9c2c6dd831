"""What tests build: faces that can be drawn at any roll, cases of faces, and cascades of noise."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.training import ERTConfig
from tcdcn_init.adapters.rcpr.cascade import RCPR
from tcdcn_init.adapters.rcpr.ferns import Ferns, RCPRConfig
from tcdcn_init.adapters.sdm.cascade import SDM
from tcdcn_init.adapters.sdm.features import SDMConfig
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.builtin import PORTRAIT_BOX, PORTRAIT_POINTS
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.motion.clips import Shown, cut_out
from tcdcn_init.eval.motion.scenarios import SCENARIOS, make_clip
from tcdcn_init.geometry import compose, interocular, rotation, transform_points

SMALL_ERT = ERTConfig(
    cascade_depth=4, num_trees_per_cascade_level=30, tree_depth=3, oversampling_amount=5, feature_pool_size=80
)
SMALL_RCPR = RCPRConfig(resolution=14.0, reach=2.5, stages=12, ferns=12, depth=4, places=80)
SMALL_SDM = SDMConfig(spans=(2.0, 1.2, 0.8), patch=16, cell=8, orientations=6, resolution=16.0)
"""Settings of cascades that train in a second or two."""

NOISE = 0.05 * np.random.default_rng(7).standard_normal((300, 5, 2)) + 0.05 * np.random.default_rng(8).standard_normal(
    (300, 1, 2)
)
"""Errors of five points, each of its own and all together, in centroid sizes."""

FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])
"""An upright face."""


def draw(points: np.ndarray, shape: tuple[int, int] = (140, 160), seed: int = 0) -> np.ndarray:
    """A grey image with round marks, so that a turned face is a turned image: dark eyes, light nose, dim mouth."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    size = np.linalg.norm(points[1] - points[0])
    image = np.random.default_rng(seed).normal(120, 3, shape)
    for (x, y), light in zip(points, (-110, -110, 120, -60, -60), strict=True):
        image += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (0.2 * size) ** 2)
    return np.clip(image, 0, 255).astype(np.uint8)


def face(
    rng: np.random.Generator, roll: float = 0.0, scale: float = 1.0, jitter: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """An image of a face near its middle, and its five points."""
    upright = FIVE + rng.normal(0, jitter, FIVE.shape)
    place = compose([[1, 0, 80], [0, 1, 70]], compose(rotation(roll), [[scale, 0, 0], [0, scale, 0]]))
    points = transform_points(place, upright - FIVE.mean(axis=0) + rng.uniform(-6, 6, 2))
    return draw(points, seed=int(rng.integers(1 << 30))), points


def noisy(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Five points that err as `NOISE`."""
    return points + NOISE[rng.integers(len(NOISE))] * np.sqrt(((points - points.mean(axis=0)) ** 2).sum())


def nme(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean errors (...) of shapes (..., P, 2), in inter-ocular distances."""
    return np.linalg.norm(found - truth, axis=-1).mean(axis=-1) / interocular(truth)


def moved(truth: np.ndarray, rng: np.random.Generator, count: int = 5) -> np.ndarray:
    """Starts (N, count, 5, 2) away from shapes (N, 5, 2)."""
    return truth[:, None] + rng.normal(0, 4, (len(truth), count, 1, 2)) + rng.normal(0, 2, (len(truth), count, 5, 2))


def random_arrays(rng: np.random.Generator, **sizes: int) -> CascadeArrays:
    """A cascade of noise."""
    given = {"levels": 2, "trees": 3, "depth": 2, "points": 5, "pixels": 7, **sizes}
    levels, trees, points, pixels = (given[name] for name in ("levels", "trees", "points", "pixels"))
    splits = 2 ** given["depth"] - 1
    return CascadeArrays(
        mean_shape=rng.uniform(0.1, 0.9, (points, 2)),
        split_pixels=rng.integers(0, pixels, (levels, trees, splits, 2)),
        thresholds=rng.normal(0, 40, (levels, trees, splits)),
        leaves=rng.normal(0, 0.02, (levels, trees, splits + 1, 2 * points)),
        anchors=rng.integers(0, points, (levels, pixels)),
        deltas=rng.normal(0, 0.2, (levels, pixels, 2)),
    )


def make_case(
    count: int, points: int = 5, *, poses: Sequence[int] | None = None, name: str = "aflw", note: str = ""
) -> Case:
    """Faces without image files, two to an image; three of their boxes are derived from points."""
    shape = np.zeros((points, 2), dtype=np.float32)
    shape[:5] = FIVE
    faces = [
        Face(
            f"{k // 2}.jpg#{k % 2}",
            Path("images") / f"{k // 2}.jpg",
            shape,
            np.array([20.0, 20.0, 80.0, 90.0]),
            "points" if k < 3 else "given",
            {} if poses is None else {"pose": int(poses[k])},
        )
        for k in range(count)
    ]
    titles = {"aflw": "AFLW", "mtfl-val": "MTFL held out"}
    return Case(name, titles.get(name, name), faces, "given", (), note)


def random_ert(seed: int = 0) -> ERT:
    """Regression trees of noise."""
    return ERT(replace(random_arrays(np.random.default_rng(seed)), mean_shape=FIVE / 120))


def random_sdm(seed: int = 2) -> SDM:
    """Supervised descent of noise."""
    rng, config = np.random.default_rng(seed), SDMConfig(spans=(2.0, 1.0))
    return SDM(FIVE / 120, rng.normal(0, 0.01, (2, 5 * config.length, 10)), np.zeros((2, 10)), config)


def random_rcpr(seed: int = 3) -> RCPR:
    """Random ferns of noise."""
    rng, config = np.random.default_rng(seed), RCPRConfig(stages=10, ferns=3, depth=2)
    ferns = Ferns(
        pairs=rng.integers(0, 5, (10, 9, 2)),
        along=np.full((10, 9), 0.5),
        compared=rng.integers(0, 9, (10, 3, 2, 2)),
        thresholds=rng.integers(-40, 40, (10, 3, 2)),
        leaves=rng.integers(-9, 9, (10, 3, 4, 10)),
        scales=np.full((10, 3), 0.01, dtype=np.float32),
    )
    return RCPR(FIVE / 120, ferns, FIVE / 120 - 0.5 + rng.normal(0, 0.05, (12, 5, 2)), config)


def portrait_clip(name: str, start: int, stop: int) -> list[Shown]:
    """Frames of a synthetic clip in which every face is scikit-image's portrait."""
    from skimage.data import astronaut

    actor = cut_out(astronaut(), PORTRAIT_POINTS, PORTRAIT_BOX)
    clip = make_clip(name, [actor] * SCENARIOS[name].actors, 0, "portrait")
    return [clip[number] for number in range(start, stop)]


def card(rng: np.random.Generator, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A grey image of a light card with a dark mark by its first corner, and its four corners, clockwise."""
    upright = np.array([[-0.9, -0.7], [0.9, -0.7], [0.9, 0.7], [-0.9, 0.7]]) + rng.uniform(-0.12, 0.12, (4, 2))
    turn = rotation(8 * rng.standard_normal())
    corners = transform_points(turn, upright) * 0.3 * side + side / 2 + rng.uniform(-3, 3, 2)
    rows, columns = np.mgrid[:side, :side]
    inside = np.ones((side, side), dtype=bool)
    for (x, y), (u, v) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (u - x) * (rows - y) - (v - y) * (columns - x) >= 0
    image = np.where(inside, 200, np.kron(rng.integers(20, 110, (4, 4)), np.ones((side // 4, side // 4))))
    mark = corners[0] + 0.3 * (corners[2] - corners[0])
    image = np.where(np.hypot(columns - mark[0], rows - mark[1]) < 0.06 * side, 30, image)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8), corners


def write_cards(folder: Path, count: int, seed: int = 0, missing: float = 0.0) -> Path:
    """A CSV file of cards beside their images; some have a box, each has an owner, some points are not annotated."""
    from skimage.io import imsave

    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    lines = ["image,owner,left,top,right,bottom," + ",".join(f"x{k},y{k}" for k in range(4))]
    for number in range(count):
        image, corners = card(rng)
        imsave(folder / "images" / f"{number}.png", image, check_contrast=False)
        box = ["", "", "", ""] if number % 2 else [f"{v:.2f}" for v in (*corners.min(axis=0), *corners.max(axis=0))]
        cells = [f"{value:.2f}" for value in corners.ravel()]
        if rng.random() < missing:
            k = int(rng.integers(4))
            cells[2 * k : 2 * k + 2] = ["", ""]
        lines.append(",".join([f"{number}.png", f"owner {number % 8}", *box, *cells]))
    (folder / "cards.csv").write_text("\n".join(lines) + "\n")
    return folder / "cards.csv"


def lively(network: Any) -> Any:
    """A network with statistics of normalisation and heads as training leaves them, in evaluation mode."""
    import torch
    from torch import nn

    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
    return network.eval()


def install(directory: Path, name: str, group: str, entries: Mapping[str, str]) -> None:
    """What pip leaves of a distribution: its metadata and its entry points."""
    info = directory / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def frames_apart(frames: ArrayLike, others: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """How far frames lie from others.

    Parameters
    ----------
    frames, others : (N, 2, 3) array_like
        Similarities.

    Returns
    -------
    turn : (N,) ndarray
        Angle between them, degrees, 0 to 180.
    scale : (N,) ndarray
        Absolute logarithm of the ratio of their sides.
    shift : (N,) ndarray
        Distance of their middles in sides of the first.
    """
    a, b = np.asarray(frames, dtype=np.float64), np.asarray(others, dtype=np.float64)
    # The first column is the horizontal side; as complex numbers, sides divide into a ratio and an angle.
    first, second = a[:, 0, 0] + 1j * a[:, 1, 0], b[:, 0, 0] + 1j * b[:, 1, 0]
    ratio = second / first
    return (
        np.abs(np.degrees(np.angle(ratio))),
        np.abs(np.log(np.abs(ratio))),
        np.hypot(b[:, 0, 2] - a[:, 0, 2], b[:, 1, 2] - a[:, 1, 2]) / np.abs(first),
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of any output of `points`, as JSON has them."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    rows = []
    for row in csv.DictReader(path.open(newline="")):
        texts = {"image", "status", "error"}
        rows.append({k: (v or None) if k in texts else float(v) if v else None for k, v in row.items()})
    return rows
