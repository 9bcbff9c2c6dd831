"""Run by test_without_optional.py in a process of its own: what a plain `pip install .` brings must do, offline.

python without_optional.py FOLDER    # an empty one; prints JSON, by the names of tests
"""

from __future__ import annotations

import importlib.abc
import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

BLOCKED = ("torch", "onnx", "onnxscript", "dlib", "matplotlib", "pyarrow", "av")


class Blocked(importlib.abc.MetaPathFinder):
    """Finds nothing under the blocked names, nor lets anybody else find it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def refuse(*arguments: Any, **options: Any) -> None:
    raise AssertionError("the network was asked for")


sys.meta_path.insert(0, Blocked())
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse  # type: ignore[method-assign, assignment]

# After that, so that nothing is loaded before.
# ruff: noqa: E402
import numpy as np
from skimage.data import astronaut
from skimage.io import imsave
from typer.testing import CliRunner

from tcdcn_init.cli.app import app
from tcdcn_init.weights import bundled_file


def command(*words: str | Path) -> dict[str, Any]:
    """The exit code of a command, and what it said."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    return {"code": result.exit_code, "said": result.output, "raised": repr(result.exception)}


def initialize_portrait() -> list[int]:
    from tcdcn_init import initialize

    [face] = initialize(astronaut())
    return list(face.points.shape)


def align_portrait() -> list[int]:
    from tcdcn_init import initialize
    from tcdcn_init.adapters.skimage import align_face

    [face] = initialize(astronaut())
    return list(align_face(astronaut(), face.points).shape)


def fit_bundled() -> dict[str, bool]:
    from tcdcn_init import initialize
    from tcdcn_init.adapters.base import available_regressors, load_regressor

    [face] = initialize(astronaut())
    found = {}
    for name in available_regressors():
        shape = load_regressor(name).fit_from_points(astronaut(), face.points)
        found[name] = bool(np.isfinite(shape).all())
    return found


def raised(call: Callable[[], object]) -> str:
    try:
        call()
    except ImportError as error:
        return str(error)
    return "nothing was raised"


def import_training() -> None:
    import tcdcn_init.training.trainer  # noqa: F401


def import_everything_else() -> None:
    import tcdcn_init.datasets.named
    import tcdcn_init.eval.comparison.run
    import tcdcn_init.eval.model_report.run
    import tcdcn_init.eval.retraining.run
    import tcdcn_init.shapes  # noqa: F401


def main(folder: Path) -> dict[str, Any]:
    """Walk, and tell how far each step came."""
    imsave(folder / "portrait.png", astronaut(), check_contrast=False)
    mine = folder / "mine.safetensors"
    shutil.copy(bundled_file("tcdcn-mtfl.safetensors"), mine)
    import_everything_else()
    image, csv = folder / "portrait.png", folder / "points.csv"
    return {
        "initialize": initialize_portrait(),
        "align": align_portrait(),
        "regressors": fit_bundled(),
        "points": command("points", image, "--out", csv, "--dense", "--draw", folder / "drawn"),
        "rows": csv.read_text().splitlines(),
        "demo": command("demo", "--out", folder / "demo.png"),
        "eval": command(
            "eval", "--regressor", "sdm-mtfl", "--starts", "mean,tcdcn-aligned", "--noise", "none", "--roll", "none",
            "--out", folder / "eval",
        ),
        "written": sorted(path.name for path in (folder / "eval").iterdir()),
        "torch backend": command("points", image, "--out", folder / "a.csv", "--backend", "torch"),
        "own model": command("points", image, "--out", folder / "b.csv", "--model", mine),
        "train": command("train", "--data", folder, "--out", folder / "run"),
        "export": command("export", mine),
        "calibrate": command("calibrate", mine, "--data", folder),
        "paper run": command("paper", "run", "tasks", "--data", folder, "--out", folder / "paper"),
        "paper cascaded-cnn": command("paper", "cascaded-cnn", "--data", folder, "--out", folder / "paper"),
        "import of training": raised(import_training),
        "loaded": [name for name in BLOCKED if name in sys.modules],
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
