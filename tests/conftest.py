"""What tests share: a portrait with points placed by hand, drawn faces, and the data sets where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Before torch is imported: the tests' networks are too small for threads, and one thread gives one result.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where a test asks for more threads, those that wait leave the processor to other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest

from tcdcn_init.geometry import rotation, transform_points

REPOSITORY = Path(__file__).parent.parent

# Centred on their own mean, in units of the inter-ocular distance.
_FACE = np.array([[-0.5, -0.45], [0.5, -0.45], [0.0, 0.05], [-0.38, 0.42], [0.38, 0.42]])


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with mtfl/ and afw/."""
    root = Path(os.environ.get("TCDCN_DATA", REPOSITORY.parent / "shared" / "data"))
    for name in ("mtfl/training.txt", "mtfl/testing.txt", "mtfl/boxes.csv", "afw/anno2.mat", "afw/pts68"):
        if not (root / name).exists():
            pytest.skip(f"{root / name} is not there: set TCDCN_DATA to the folder that holds mtfl/ and afw/")
    return root


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    """``run("points", path, ...)`` -> typer's result, never a traceback; leaves the number of threads."""
    import torch
    from typer.testing import CliRunner

    from tcdcn_init.cli.app import app

    threads = torch.get_num_threads()

    def call(*arguments: Any, **options: Any) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], **options)
        torch.set_num_threads(threads)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """scikit-image's astronaut, (512, 512, 3) uint8, read-only."""
    from skimage.data import astronaut

    image = np.array(astronaut())
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def portrait_points() -> np.ndarray:
    """The five points of the portrait, placed by hand on an eightfold enlargement; to about a pixel."""
    return np.array([[202.7, 100.4], [246.7, 102.8], [224.8, 125.6], [203.5, 140.2], [243.1, 141.6]])


@pytest.fixture(scope="session")
def portrait_box() -> tuple[float, float, float, float]:
    """A face box of the portrait, in the style of the boxes that the network was trained on."""
    return (176.0, 56.0, 272.0, 176.0)


def _draw_face(
    rng: np.random.Generator,
    size: tuple[int, int] = (96, 96),
    centre: tuple[float, float] | None = None,
    eyes: float = 26.0,
    roll: float = 0.0,
    labels: Sequence[int] = (0, 0, 0, 2),
) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    pose = labels[3] - 2
    five = _FACE.copy()
    five[2, 0] += 0.1 * pose  # a head that looks right shows its nose there
    five *= 1.0 + 0.08 * rng.standard_normal((1, 2))
    middle = ((width - 1) / 2, (height - 1) / 2) if centre is None else centre
    turn = rotation(roll)
    points = transform_points(turn, five * eyes) + middle

    # The pixel grid in the face's own upright units.
    rows, columns = np.mgrid[:height, :width]
    offset = np.stack([columns - middle[0], rows - middle[1]], axis=-1)
    x, y = np.moveaxis(offset @ turn[:, :2] / eyes, -1, 0)

    coarse = rng.uniform(0.2, 0.8, size=(4, 4))
    image = np.kron(coarse, np.ones((-(-height // 4), -(-width // 4))))[:height, :width]
    image = np.where((x / 0.95) ** 2 + ((y + 0.1) / 1.2) ** 2 < 1.0, rng.uniform(0.65, 0.85), image)
    ink = rng.uniform(0.05, 0.25)
    for eye in five[:2]:
        distance = np.hypot(x - eye[0], y - eye[1])
        image = np.where(distance < 0.13, ink, image)
        if labels[2]:  # glasses
            image = np.where(np.abs(distance - 0.3) < 0.05, ink, image)
    image = np.where(np.hypot(x - five[2, 0], y - five[2, 1]) < 0.09, 0.4, image)
    left, right = five[3], five[4]
    smile = 0.16 if labels[1] else 0.0
    along = np.clip((x - left[0]) / (right[0] - left[0]), 0.0, 1.0)
    lip = left[1] + (right[1] - left[1]) * along + 4.0 * smile * along * (1.0 - along)
    mouth = (np.abs(y - lip) < 0.06) & (x >= left[0]) & (x <= right[0])
    image = np.where(mouth, ink, image)
    if labels[0]:  # hair
        image = np.where((y < -0.75) & (np.abs(x) < 0.9), ink, image)
    image = np.clip(image + 0.02 * rng.standard_normal((height, width)), 0.0, 1.0)
    return np.rint(image * 255).astype(np.uint8), points


@pytest.fixture(scope="session")
def draw_face() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """``draw_face(rng, size=, centre=, eyes=, roll=, labels=)`` -> grey image and its exact five points.

    `labels` are the class indices of gender, smile, glasses, pose; each shows in the drawing.
    """
    return _draw_face


@pytest.fixture(scope="session")
def make_mtfl(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Callable[..., Path]:
    """``make_mtfl(root, training=, testing=, seed=)`` -> a folder in MTFL's layout with all of its traps.

    Backslashes in training paths, a leading space on all lines but the first, CRLF in testing.txt, a pair of
    identical images, pixels counted from 1, blank and missing rows in boxes.csv.
    """
    from skimage.io import imsave

    def make(root: Path, training: int = 12, testing: int = 4, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        boxes = ["image,left,top,right,bottom,score"]
        for split, count, folders in (
            ("training", training, ("lfw_5590", "net_7876")),
            ("testing", testing, ("AFLW",)),
        ):
            lines: list[str] = []
            points, labels = np.empty((5, 2)), [0, 0, 0, 2]
            for k in range(count):
                folder = folders[k * len(folders) // count]
                name = f"{folder}/face_{k:04d}.png"
                (root / folder).mkdir(parents=True, exist_ok=True)
                if split == "training" and k == 1:  # the same image as the face before, under another name
                    (root / name).write_bytes((root / "lfw_5590/face_0000.png").read_bytes())
                else:
                    labels = [int(rng.integers(n)) for n in (2, 2, 2, 5)]
                    centre, roll = tuple(47.5 + rng.uniform(-4, 4, 2)), 10.0 * rng.standard_normal()
                    image, points = draw_face(rng, centre=centre, roll=roll, labels=labels)
                    imsave(root / name, image, check_contrast=False)
                gender, smile, glasses, pose = labels
                numbers = [f"{value + 1.0:.6f}" for value in points.T.ravel()]
                codes = [gender + 1, 2 - smile, 2 - glasses, pose + 1]
                path = name.replace("/", "\\") if split == "training" else name
                lines.append(" ".join([path, *numbers, *map(str, codes)]))
                if k == 2:
                    boxes.append(f"{name},,,,,")
                elif k != 3:
                    middle, reach = points.mean(axis=0), 26.0 + rng.uniform(-1, 1)
                    box = [middle[0] - reach, middle[1] - 1.4 * reach, middle[0] + reach, middle[1] + 1.1 * reach]
                    boxes.append(",".join([name, *(f"{value:.2f}" for value in box), "0.9"]))
            ending = "\r\n" if split == "testing" else "\n"
            (root / f"{split}.txt").write_bytes((ending + " ").join(lines).encode() + ending.encode())
        (root / "boxes.csv").write_text("\r\n".join(boxes) + "\r\n")
        return root

    return make


@pytest.fixture(scope="session")
def mtfl_root(make_mtfl: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 drawn training faces and 8 test faces in MTFL's layout."""
    return make_mtfl(tmp_path_factory.mktemp("mtfl"), training=200, testing=8)


@pytest.fixture(scope="session")
def make_300w(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Callable[..., Path]:
    """``make_300w(root, {"lfpw/testset": 2, ...})`` -> 300-W as iBUG gives it out; ``shared=True``: with points.csv.

    The same drawn faces in both: the 68 points lie on the drawing's eyes, nose and mouth, the others beside them.
    """
    from skimage.io import imsave

    def make(root: Path, parts: Mapping[str, int], *, shared: bool = False, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        rows: dict[Path, list[str]] = {}
        for part, count in parts.items():
            for k in range(count):
                image, five = draw_face(rng, size=(90, 100), eyes=28.0)
                points = _around(five)
                folder, suffix = root / part, (".jpg", ".png")[k % 2]
                if shared:
                    split = folder.name.removesuffix("set")
                    folder = folder.parent / "images" / split
                    row = [f"{split}/{k}{suffix}", *(f"{value:.3f}" for value in points.ravel())]
                    rows.setdefault(folder.parents[1], []).append(",".join(row))
                folder.mkdir(parents=True, exist_ok=True)
                imsave(folder / f"{k}{suffix}", image, check_contrast=False)
                if not shared:
                    text = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points + 1)
                    (folder / f"{k}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{text}\n}}\n")
        columns = ",".join(["image", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
        for folder, lines in rows.items():
            (folder / "points.csv").write_text("\n".join([columns, *lines]) + "\n")
        return root

    return make


@pytest.fixture(scope="session")
def draw_29(draw_face: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Callable[..., Any]:
    """``draw_29(rng)`` -> a drawn face with a dark bar over some points: image, (29, 2) points, (29,) hidden."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        image, five = draw_face(rng, size=(90, 100), eyes=28.0, roll=8 * rng.standard_normal())
        corners = np.stack([five[1] - five[0], (five[3:].mean(axis=0) - five[:2].mean(axis=0))])
        points = five[2] + _SCHEME_29 @ corners
        points[[16, 17, 20, 22, 23]] = five
        side = rng.integers(3)  # the left half, the right half, or nothing is covered
        image = image.copy()
        edge = int(five[2, 0])
        if side < 2:
            image[:, : edge - 4] = 128 if side == 0 else image[:, : edge - 4]
            image[:, edge + 4 :] = 128 if side == 1 else image[:, edge + 4 :]
        x = points[:, 0]
        hidden = (x < edge - 4) if side == 0 else (x >= edge + 4) if side == 1 else np.zeros(29, dtype=bool)
        return image, points, hidden

    return draw


# COFW's 29 points from the nose tip, in distances of the eyes and of eyes and mouth: means over LFPW, rounded.
_SCHEME_29 = np.array(
    [[-0.9, -0.7], [0.9, -0.7], [-0.22, -0.7], [0.22, -0.7],
     [-0.57, -0.82], [-0.57, -0.73], [0.57, -0.82], [0.57, -0.73],
     [-0.72, -0.5], [0.72, -0.5], [-0.28, -0.5], [0.28, -0.5],
     [-0.5, -0.6], [-0.5, -0.45], [0.5, -0.6], [0.5, -0.45], [-0.5, -0.5], [0.5, -0.5],
     [-0.29, 0.05], [0.29, 0.05], [0, 0], [0, 0.15],
     [-0.44, 0.45], [0.44, 0.45], [0, 0.36], [0, 0.44], [0, 0.52], [0, 0.65], [0, 1.1]]
)  # fmt: skip


def _around(five: np.ndarray) -> np.ndarray:
    """68 points whose five are these: a jaw below, and the rest spread about the five."""
    unit = np.linalg.norm(five[1] - five[0])
    angle = np.linspace(np.pi, 0, 17)
    points = np.repeat(five[2:3], 68, axis=0)
    points[:17] += unit * np.stack([1.1 * np.cos(angle), 0.2 + np.sin(angle)], axis=1)
    for first, eye in ((36, five[0]), (42, five[1])):
        points[first : first + 6] = eye + unit * 0.2 * np.array(
            [[-1, 0], [-0.5, -0.4], [0.5, -0.4], [1, 0], [0.5, 0.4], [-0.5, 0.4]]
        )
        points[17 + 5 * (first > 36) :][:5] = eye + unit * np.array([[x, -0.35] for x in (-0.3, -0.15, 0, 0.15, 0.3)])
    points[27:30] += unit * np.array([[0, -0.3], [0, -0.2], [0, -0.1]])
    points[31:36] += unit * np.array([[x, 0.1] for x in (-0.2, -0.1, 0, 0.1, 0.2)])
    points[48:] = five[3] + np.linspace(0, 1, 20)[:, None] * (five[4] - five[3])
    points[54] = five[4]
    return points


@pytest.fixture(scope="session")
def small_network() -> Any:
    """Architecture of a network that trains on the drawn faces in seconds."""
    from tcdcn_init.network.config import TCDCNConfig

    return TCDCNConfig(widths=(6, 8, 8, 8), feature=24)


@pytest.fixture(scope="session")
def small_model(small_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .safetensors file of an untrained small network."""
    import torch

    from tcdcn_init.network.model_file import save_network
    from tcdcn_init.network.tcdcn import TCDCN

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_network(path, TCDCN(small_network), {"licence": "none", "figures": "{}"})
    return path
