"""Mutations of every file that is read: each is accepted, or refused by one ValueError that names it."""

from __future__ import annotations

import functools
import io
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import Result, mutated, run
from scipy.io import savemat
from skimage.io import imsave

from tcdcn_init._shared.files.journal import Journal
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.ert import ERT
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.datasets import read_afw, read_boxes, read_csv, read_mtfl, read_pts
from tcdcn_init.images import read_image
from tcdcn_init.network.backends import OnnxBackend, TorchBackend
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.model_file import save_network
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.shapes import ShapeBank
from tcdcn_init.training.runs.checkpoint import read_checkpoint, write_checkpoint
from tcdcn_init.weights import bundled_file

FIVE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


def _network(path: Path) -> None:
    torch.manual_seed(0)
    save_network(path, TCDCN(TCDCNConfig(widths=(2, 2, 2, 2), feature=3)), {"licence": "none"})


def _bank(path: Path) -> None:
    ShapeBank(np.random.default_rng(0).normal(size=(3, 5, 2))).save(path)


def _stored_bank(path: Path) -> None:
    np.savez(path, shapes=np.random.default_rng(0).normal(size=(3, 5, 2)))


def _trees(path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = CascadeArrays(
        rng.random((5, 2)), rng.integers(0, 3, (1, 2, 1, 2)), rng.normal(size=(1, 2, 1)),
        rng.normal(size=(1, 2, 2, 10)) / 99, rng.integers(0, 5, (1, 3)), rng.normal(size=(1, 3, 2)),
    )  # fmt: skip
    ERT(arrays).save(path)


def _checkpoint(path: Path) -> None:
    state: dict[str, Any] = {name: {} for name in ("objective", "optimizer", "scheduler")}
    weights = {"weight": torch.ones(3)}
    numbers = {"config": {"epochs": 3}, "epoch": 1, "seconds": 2.5, "history": [{"epoch": 1}], "stopped": {}}
    write_checkpoint(path, {**state, **numbers, "network": weights, "averaged": weights, "best": weights})


def _afw(path: Path) -> None:
    (path.parent / "images").mkdir(exist_ok=True)
    anno = np.empty((2, 4), dtype=object)
    for k in range(2):
        (path.parent / "images" / f"{k}.jpg").touch()
        box = np.array([[10.0, 12.0], [90.0, 98.0]])
        anno[k] = [f"{k}.jpg", box, np.zeros((1, 3)), np.vstack([FIVE[:4], [[50.0, 82.0]], FIVE[4:]])]
    file = io.BytesIO()
    savemat(file, {"anno": anno}, do_compression=bool(path.stat().st_size) if path.exists() else False)
    path.write_bytes(file.getvalue())


def _listing(path: Path) -> None:
    numbers = " ".join(map(str, FIVE.T.ravel()))
    path.write_text("".join(f"{k}.jpg {numbers} 1 2 1 {k + 1}\n" for k in range(3)))
    for k in range(3):
        (path.parent / f"{k}.jpg").touch()


def _table(path: Path) -> None:
    columns = ",".join(f"x{k},y{k}" for k in range(5))
    numbers = ",".join(map(str, FIVE.ravel()))
    path.write_text(f"image,{columns},left,top,right,bottom\n0.jpg,{numbers},1,2,90,99\n0.jpg,{numbers},,,,\n")
    (path.parent / "images").mkdir(exist_ok=True)
    (path.parent / "images" / "0.jpg").touch()


def _box_file(path: Path) -> None:
    path.write_text("\ufeffimage,left,top,right,bottom,score\na.jpg,1,2,30,40.5,1\nb/é.jpg,5,6,70,80,1\nc.jpg,,,,,\n")


def _pts(path: Path) -> None:
    rows = "".join(f"{x} {y}\n" for x, y in FIVE)
    path.write_text(f"version: 1\nn_points: 5\n{{\n{rows}}}\n")


def _image(path: Path) -> None:
    rng = np.random.default_rng(0)
    imsave(path, rng.integers(0, 256, (12, 17, 3), dtype=np.uint8), check_contrast=False)


def _copy(name: str, path: Path) -> None:
    path.write_bytes(bundled_file(name).read_bytes())


# Name of the file, what writes a whole one, what reads it, its share of the inputs.
_READERS: list[tuple[str, Callable[[Path], None], Callable[[Path], Any], float]] = [
    ("bank.npz", _bank, ShapeBank.load, 8),
    ("stored.npz", _stored_bank, ShapeBank.load, 8),
    ("network.safetensors", _network, TorchBackend, 5),
    ("tcdcn-mtfl.onnx", functools.partial(_copy, "tcdcn-mtfl.onnx"), OnnxBackend, 1),
    ("trees.safetensors", _trees, load_regressor, 8),
    ("sdm.safetensors", functools.partial(_copy, "sdm-mtfl.safetensors"), load_regressor, 3),
    ("checkpoint.pt", _checkpoint, read_checkpoint, 8),
    ("anno2.mat", _afw, lambda path: read_afw(path.parent), 12),
    ("testing.txt", _listing, lambda path: read_mtfl(path.parent, "testing"), 8),
    ("points.csv", _table, read_csv, 8),
    ("boxes.csv", _box_file, read_boxes, 8),
    ("face.pts", _pts, read_pts, 8),
    ("image.png", _image, read_image, 5),
    ("image.jpg", _image, read_image, 5),
    ("image.tif", _image, read_image, 5),
    ("image.bmp", _image, read_image, 5),
]


def campaign(count: int, seed: int) -> Result:
    """Mutate a file of each kind, as often as its share says."""
    folder = Path(tempfile.mkdtemp())
    kinds = []
    for name, write, read, share in _READERS:
        path = folder / name.replace(".", "_") / name
        path.parent.mkdir()
        write(path)
        read(path)
        kinds.append((path, path.read_bytes(), read, share))

    def one(rng: random.Random, result: Result) -> str:
        path, whole, read, _ = rng.choices(kinds, [kind[3] for kind in kinds])[0]
        data = mutated(whole, rng)
        path.write_bytes(data)
        try:
            read(path)
        except (ValueError, FileNotFoundError) as error:
            # A row of a data set is named by its own file's name.
            if path.name in str(error) or "is not (wholly) here" in str(error):
                return f"{path.name} refused"
            return result.fault(f"{path.name} refused without its name: {error}", data.hex())
        except BaseException as error:
            return result.fault(f"{path.name} raised {type(error).__name__}: {error}", data.hex())
        return f"{path.name} accepted"

    about = "Each is read, or refused by one `ValueError` that names it; nothing else is raised and nothing is run."
    return run("Files of all kinds", about, count, seed, one)


def journals(count: int, seed: int) -> Result:
    """Mutate journals: what comes back is some of the pieces, in order, and the journal goes on."""
    path = Path(tempfile.mkdtemp()) / "run.journal"
    pieces = [{"image": f"{k}.jpg", "rows": [{"x": k / 3}]} for k in range(6)]
    with Journal(path, "settings") as journal:
        for piece in pieces:
            journal.append(piece)
    whole = path.read_bytes()
    texts = {json.dumps(piece): k for k, piece in enumerate(pieces)}

    def one(rng: random.Random, result: Result) -> str:
        data = mutated(whole, rng, most=2) if rng.random() < 0.5 else whole[: rng.randrange(len(whole) + 1)]
        path.write_bytes(data)
        try:
            with Journal(path, "settings") as journal:
                kept = journal.pieces
                journal.append({"image": "new"})
            with Journal(path, "settings") as journal:
                again = journal.pieces
        except ValueError as error:
            if path.name in str(error) and path.read_bytes() == data:
                return "refused and left as it was"
            return result.fault(f"refused, and changed or not named: {error}", data)
        except BaseException as error:
            return result.fault(f"raised {type(error).__name__}: {error}", data)
        if again != [*kept, {"image": "new"}]:
            return result.fault("a piece was lost when it went on", data)
        if whole.startswith(data):
            # Cut short: exactly the whole lines come back.
            expected = [piece for piece in pieces if json.dumps({"piece": piece}).encode() + b"\n" in data]
            if kept != expected:
                return result.fault("another piece than the whole ones came back", data)
        known = [texts[json.dumps(piece)] for piece in kept if json.dumps(piece) in texts]
        return "went on" if known == sorted(known) else "went on, pieces repeated"

    about = "A journal cut anywhere gives back exactly its whole pieces and goes on; one of other settings is refused."
    return run("Journals cut and spoiled", about, count, seed, one)
