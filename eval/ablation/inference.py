"""What each pass, the further looks and whole numbers bring: a finished model asked without them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tcdcn_init._shared.files import replacing
from tcdcn_init.confidence import FAILURE, Calibration
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.copies import OWN_BOX, Condition, Copy, make_copy, read_images
from tcdcn_init.eval.model_report.hard_faces import errors_of
from tcdcn_init.initializer import Initializer
from tcdcn_init.network.config import DEFAULT_PASSES, BackendName
from tcdcn_init.training.stages.data import training_sets

__all__ = ["INFERENCES", "Inference", "measure_inferences"]

logger = logging.getLogger("tcdcn_init")


@dataclass(frozen=True)
class Inference:
    """A way to ask a model.

    Attributes
    ----------
    title : str
        As tables call it.
    passes : int
    looks : bool
        Whether faces that it is unsure of are looked at again from other sides.
    backend : {"auto", "onnx", "torch"}
    """

    title: str
    passes: int = DEFAULT_PASSES
    looks: bool = True
    backend: BackendName = "auto"


INFERENCES = {
    "whole": Inference("as it is"),
    "no-looks": Inference("without further looks", looks=False),
    "two-fine": Inference("two fine passes at most", passes=3),
    "one-fine": Inference("one fine pass", passes=2),
    "coarse": Inference("the coarse stage alone", passes=1),
    "float": Inference("in float32 (PyTorch)", backend="torch"),
}

# Sure of every face: it takes no further looks.
_SURE = Calibration(face_intercept=100.0, good_intercept=100.0)

# Of MTFL's held-out faces, beside their own boxes.
_CONDITIONS = {
    "mtfl, turned by 90": Condition("roll", 90.0),
    "mtfl, box noise .15": Condition("noise", 0.15),
    "mtfl, box noise .3": Condition("noise", 0.3),
    "mtfl, a fifth hidden": Condition("occlusion", 0.2),
}


def measure_inferences(
    root: Path, out: Path, model: str, *, limit: int = 300, seed: int = 0, command: str = ""
) -> Path:
    """Ask a model in each of the ways of `INFERENCES` about held-out faces.

    What is measured is not measured again.

    Parameters
    ----------
    root : pathlib.Path
        Folder with mtfl/, and any of lfpw/, helen/, cfp_profile/ and infants/; of their held-out parts.
    out : pathlib.Path
        Folder for inference.json.
    model : str
        Of two stages.
    limit : int
        Faces of each set.
    seed : int
        Of noise and occluders.
    command : str
        What is written down as the way to do it again.

    Returns
    -------
    pathlib.Path
        out/inference.json: mean error and failures in percent, by the names of `INFERENCES` and sets.
    """
    target = out / "inference.json"
    results: dict[str, dict[str, tuple[float, float]]] = {}
    if target.exists():
        results = json.loads(target.read_text(encoding="utf-8"))["results"]
    left = [name for name in INFERENCES if name not in results]
    shown = _shown(root, limit, seed) if left else {}
    out.mkdir(parents=True, exist_ok=True)
    for name in left:
        way = INFERENCES[name]
        logger.info("%s", way.title)
        initializer = Initializer(model, passes=way.passes, backend=way.backend)
        if not way.looks:
            initializer.calibration = _SURE
        results[name] = {key: _figures(initializer, *some) for key, some in shown.items()}
        with replacing(target) as part:
            content = {"command": command, "model": model, "limit": limit, "seed": seed, "results": results}
            part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return target


def _shown(root: Path, limit: int, seed: int) -> dict[str, tuple[list[Face], list[Copy]]]:
    """Held-out faces and how they are shown, by set."""
    held = {name: spread(faces, limit) for name, (_, faces) in training_sets(root).items() if faces}
    wanted = {name: (faces, OWN_BOX) for name, faces in held.items()}
    wanted |= {name: (held["mtfl"], condition) for name, condition in _CONDITIONS.items()}
    shown = {}
    for name, (faces, condition) in wanted.items():
        images = read_images(faces)[0]
        pairs = [(face, make_copy(face, images.get(face.image), condition, seed)) for face in faces]
        there = [(face, copy) for face, copy in pairs if copy is not None]
        shown[name] = ([face for face, _ in there], [copy for _, copy in there])
    return shown


def _figures(initializer: Initializer, faces: list[Face], copies: list[Copy]) -> tuple[float, float]:
    points = initializer.points([copy.image for copy in copies], [copy.box[None] for copy in copies], on_bad="nan")
    annotated = [replace(face, points=copy.points.astype(np.float32)) for face, copy in zip(faces, copies, strict=True)]
    errors = errors_of(points, annotated)
    bad = ~(errors <= FAILURE)  # NaN too
    return 100 * float(np.nanmean(errors)), 100 * float(bad.mean())
