"""The two RCPRs of the experiment: one trained for random starts, as published, and one for TCDCN's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.cascade_file import cascade_metadata
from tcdcn_init.adapters.cascade.training_starts import erring_points, seed_residuals
from tcdcn_init.adapters.rcpr import RCPRConfig, train_rcpr
from tcdcn_init.datasets import Face, hold_out
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy, make_copy, occluded_part
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.retraining.starts import BOX_NOISE
from tcdcn_init.eval.starts import nearest_shapes
from tcdcn_init.geometry import MIRROR_29
from tcdcn_init.shapes import ShapeBank, from_box_units, to_box_units
from tcdcn_init.weights import LICENCE

__all__ = ["CONFIG", "VARIANTS", "hidden_in", "train_variants", "training_bank"]

CONFIG = RCPRConfig(resolution=24.0, reach=2.6, stages=40, ferns=45, places=270, zones=3)
"""RCPR's with fewer stages and ferns than published (100 of 150), so that a training is a minute's work."""

COUNT = 20
"""Starts of a training face, RCPR's number: half of them in a copy under a rectangle."""

_SHARES = (0.1, 0.4)  # of the box that a training copy's rectangle takes


VARIANTS = {"rcpr": "random", "rcpr-retrained": "tcdcn-nearest"}
"""What each is trained from."""


def training_bank(faces: Sequence[Face]) -> ShapeBank:
    """The shapes of training faces in their boxes, whether a detector's or derived."""
    return ShapeBank(to_box_units(np.stack([face.points for face in faces]), np.stack([face.box for face in faces])))


def hidden_in(face: Face, condition: Condition, seed: int) -> NDArray[np.bool_]:
    """Which points of a copy of a face are hidden: as annotated, and what lies under a rectangle that was drawn.

    Parameters
    ----------
    face : Face
    condition : copies.Condition
    seed : int
        As for `copies.make_copy`.

    Returns
    -------
    (P,) ndarray of bool
    """
    hidden = np.zeros(len(face.points), dtype=np.bool_) if face.hidden is None else face.hidden
    if condition.kind != "occlusion":
        return hidden
    left, top, right, bottom = occluded_part(face, condition.value, seed)
    x, y = face.points.T
    return np.asarray(hidden | ((x >= left) & (x <= right) & (y >= top) & (y <= bottom)))


def train_variants(
    faces: Sequence[Face], folder: Path, settings: Settings, config: RCPRConfig = CONFIG
) -> dict[str, Path]:
    """Train all variants on all but the held-out tenth of training faces; finished ones are kept.

    Parameters
    ----------
    faces : sequence of Face
        With 29 points and `Face.hidden`.
    folder : pathlib.Path
        For NAME.safetensors.
    settings : Settings
        The initializer, whose errors are measured on the held-out tenth, and the seed.
    config : RCPRConfig
        With zones.

    Returns
    -------
    dict of str to pathlib.Path
        File of each of `VARIANTS`.
    """
    kept, held_out = hold_out(list(faces))
    about = f"paper occlusion, {config}, {len(kept)} faces, {settings.stated}"
    files = {name: folder / f"{name}.safetensors" for name in VARIANTS}
    missing = [name for name, file in files.items() if not (file.is_file() and _recipe(file) == f"{name}: {about}")]
    if not missing:
        return files
    folder.mkdir(parents=True, exist_ok=True)
    copies, hidden = _copies(kept, settings.seed)
    for name in missing:
        starts = _starts(VARIANTS[name], kept, held_out, settings)
        trained = train_rcpr(
            [(copy.image, copy.points, copy.box) for copy in copies],
            starts,
            config=config,
            mirror=MIRROR_29,
            hidden=hidden,
            seed=settings.seed,
        )
        trained.save(files[name], {"recipe": f"{name}: {about}", "licence": LICENCE.replace("MTFL", "LFPW or COFW")})
    return files


def _recipe(file: Path) -> str:
    return cascade_metadata(file).get("recipe", "")


def _copies(faces: Sequence[Face], seed: int) -> tuple[list[Copy], NDArray[np.bool_]]:
    """Each face as it is and under a rectangle, in turn, and which points of them are hidden."""
    copies, hidden = [], []
    for face in track(faces, "Drawing training copies"):
        image = read_face_image(face)
        share = float(face_rng(seed, face.name, "share").uniform(*_SHARES))
        for condition in (OWN_BOX, Condition("occlusion", share)):
            copy = make_copy(face, image, condition, seed)
            assert copy is not None
            copies.append(copy)
            hidden.append(hidden_in(face, condition, seed))
    return copies, np.stack(hidden)


def _starts(start: str, faces: Sequence[Face], held_out: Sequence[Face], settings: Settings) -> NDArray[Any]:
    """Starts (2 N, COUNT / 2, P, 2) of the copies; none is made of a face's own shape."""
    bank = training_bank(faces)
    residuals = None if start == "random" else _residuals(held_out, settings)
    starts = np.empty((len(faces), COUNT, *bank.shapes.shape[1:]))
    for row, face in enumerate(track(faces, f"Drawing starts {start}")):
        others = np.delete(np.arange(len(faces)), row)
        rng = face_rng(settings.seed, face.name, "training start")
        for k in range(COUNT):
            if residuals is None:
                box = noisy_box(face.box, BOX_NOISE, rng)
                starts[row, k] = from_box_units(bank.shapes[rng.choice(others)], box)
            else:
                five = erring_points([face.five], residuals, 1, rng)[0, 0]
                rest = ShapeBank(bank.shapes[others], bank.five[others])
                starts[row, k] = rng.choice(nearest_shapes(rest, 5, face.box, five, rng))
    return starts.reshape(2 * len(faces), COUNT // 2, *starts.shape[2:])


def _residuals(held_out: Sequence[Face], settings: Settings) -> NDArray[np.float64]:
    """How the initializer errs on held-out faces, as they are and under rectangles."""
    initializer = settings.make_initializer()
    copies, _ = _copies(held_out, settings.seed)
    found = initializer.points([copy.image for copy in copies], [[copy.box] for copy in copies])
    return seed_residuals(found, np.stack([copy.target(5) for copy in copies]))
