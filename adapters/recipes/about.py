"""What a file made by a recipe says about itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tcdcn_init.weights import LICENCE


def training_data(root: str | Path, kept: int, held_out: int) -> str:
    """What a regressor trained on MTFL's training.txt says of its data."""
    digest = hashlib.sha256((Path(root) / "training.txt").read_bytes()).hexdigest()
    return f"MTFL training.txt (sha256 {digest[:16]}), {kept} faces, {held_out} held out"


def recipe_metadata(
    trainer: str, data: str, starts: str, seed: int, model: str | Path, figures: dict[str, dict[str, float]]
) -> dict[str, str]:
    """What the file of a recipe's cascade says about itself, for its `save`."""
    return {
        "data": data,
        "recipe": f"{trainer}, starts {starts}, seed {seed}" + (f", TCDCN {model}" if starts == "tcdcn" else ""),
        "licence": LICENCE,
        "figures": json.dumps({"mtfl-val": figures}),
    }
