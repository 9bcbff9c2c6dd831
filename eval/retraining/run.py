"""Regressors retrained for every start: the same method, faces and settings, trained on starts that err as in use.

What is compared is a start, not a training: a regressor as it was trained has learned the errors of one start and meets
others, a retrained one meets those that it has learned. A retrained regressor is FAMILY@START.safetensors (`files`) and
says in its metadata what it was made of and how well it does from that start on the held-out tenth of MTFL's
training.txt, beside the original.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.files.exclusive import alone_in
from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.base import load_regressor
from tcdcn_init.adapters.cascade.training_starts import seed_residuals
from tcdcn_init.datasets import Face, hold_out, read_mtfl
from tcdcn_init.datasets.base import read_face_image
from tcdcn_init.eval.measuring.documents import from_json, to_json
from tcdcn_init.eval.measuring.markdown import table
from tcdcn_init.eval.retraining.figures import BothFigures, start_figures
from tcdcn_init.eval.retraining.files import retrained_file
from tcdcn_init.eval.retraining.methods import Method, methods
from tcdcn_init.eval.retraining.starts import TRAINED_STARTS, training_starts
from tcdcn_init.initializer import Initializer
from tcdcn_init.shapes import ShapeBank
from tcdcn_init.weights import LICENCE, PAPER_MODEL, find_model

__all__ = ["Finished", "retrain", "retrained_table"]

logger = logging.getLogger("tcdcn_init")


class Finished(NamedTuple):
    """A retrained regressor.

    Attributes
    ----------
    path : pathlib.Path
    figures : BothFigures
    """

    path: Path
    figures: BothFigures


def retrain(
    root: str | Path,
    out: str | Path,
    *,
    starts: Sequence[str] = TRAINED_STARTS,
    families: Mapping[str, Method] | None = None,
    model: str | Path = PAPER_MODEL,
    seed: int = 0,
) -> Iterator[Finished]:
    """Retrain regressors for starts, on MTFL's training.txt but its held-out tenth, and measure them there.

    Parameters
    ----------
    root : path
        Folder of MTFL.
    out : path
        Folder for FAMILY@START.safetensors. One that is there and was made with the same settings is kept.
    starts : sequence of str
        Of `TRAINED_STARTS`.
    families : mapping of str to Method, optional
        By name; default: all of `methods`.
    model : str or path
        The TCDCN model, whose errors on the held-out faces its starts have in training.
    seed : int

    Yields
    ------
    Finished

    Raises
    ------
    FileNotFoundError, BadRows
        If the folder is not MTFL, or rows of its list are broken.
    ValueError
        If a start is unknown, or a file is there that was made with other settings.
    BlockingIOError
        If another process is at work in `out`.
    """
    unknown = [start for start in starts if start not in TRAINED_STARTS]
    if unknown:
        raise ValueError(f"starts {unknown} are unknown; expected some of {', '.join(TRAINED_STARTS)}")
    folder = Path(out)
    faces = _Faces(Path(root), model, seed)
    with alone_in(folder):
        for start in starts:
            for name, method in (methods() if families is None else families).items():
                path = retrained_file(name, start, folder)
                metadata = faces.metadata(name, method, start)
                if path.exists():
                    yield Finished(path, _finished(path, metadata))
                    continue
                logger.info("Training %s for the start %s", name, start)
                yield Finished(path, _retrained(method, faces, start, path, metadata))


def _retrained(method: Method, faces: _Faces, start: str, path: Path, metadata: Mapping[str, str]) -> BothFigures:
    """Train, measure and write one regressor."""
    trained = method.train(faces.kept, faces.starts(start, method.count), start, faces.seed)
    with tempfile.TemporaryDirectory() as temporary:  # measured as it is stored, its numbers rounded
        stored = Path(temporary) / path.name
        method.save(trained, stored, dict(metadata))
        original, retrained = (
            start_figures(regressor, start, faces.bank, faces.held_out, faces.found_for(start), seed=faces.seed)
            for regressor in (load_regressor(method.original), load_regressor(stored))
        )
    figures = BothFigures(original, retrained)
    with replacing(path) as part:
        method.save(trained, part, {**metadata, "figures": json.dumps({"mtfl-val": to_json(figures)})})
    return figures


class _Faces:
    """MTFL's training faces and what is made of them: read, found and drawn once for all regressors."""

    def __init__(self, root: Path, model: str | Path, seed: int) -> None:
        self.kept, self.held_out = hold_out(read_mtfl(root, "training"))
        self.model, self.seed = model, seed
        self.bank = ShapeBank.from_faces(self.kept)
        digest = hashlib.sha256((root / "training.txt").read_bytes()).hexdigest()[:16]
        self._data = f"MTFL training.txt (sha256 {digest}), {len(self.kept)} faces, {len(self.held_out)} held out"
        self._network = hashlib.sha256(find_model(model, ".safetensors").read_bytes()).hexdigest()[:16]
        self._found: NDArray[np.float32] | None = None
        self._drawn: tuple[tuple[str, int], NDArray[np.float64]] | None = None

    def metadata(self, name: str, method: Method, start: str) -> dict[str, str]:
        """What decides a file, as it states it."""
        recipe = f"retrain {name} for {start}, {method.count} starts a face, seed {self.seed}"
        recipe += f", TCDCN sha256 {self._network}" if start.startswith("tcdcn") else ""
        return {"data": self._data, "recipe": recipe, "settings": method.settings, "licence": LICENCE}

    def found_for(self, start: str) -> NDArray[np.float32] | None:
        """TCDCN's points on the held-out faces, for the starts that begin with them."""
        if not start.startswith("tcdcn"):
            return None
        if self._found is None:
            self._found = _find_points(self.held_out, Initializer(self.model, backend="torch"))
        return self._found

    def starts(self, start: str, count: int) -> NDArray[np.float64]:
        """Training starts; those of the last call are kept, since regressors come one after the other."""
        if self._drawn is None or self._drawn[0] != (start, count):
            found = self.found_for(start)
            errors = None if found is None else seed_residuals(found, [face.points for face in self.held_out])
            self._drawn = (start, count), training_starts(start, self.kept, count, residuals=errors, seed=self.seed)
        return self._drawn[1]


def retrained_table(finished: Iterable[Finished]) -> str:
    """Figures of `retrain` as a table in Markdown: mean errors, failures in brackets.

    Parameters
    ----------
    finished : iterable of Finished

    Examples
    --------
    >>> from tcdcn_init.eval.retraining.figures import StartFigures
    >>> figures = StartFigures(start=24.85, mean=3.5, median=3.0, failures=2.0)
    >>> print(retrained_table([Finished(Path("sdm@mean.safetensors"), BothFigures(figures, figures))]))
    | regressor | start | error of the start, % | original | retrained |
    | --- | --- | --- | --- | --- |
    | sdm | mean | 24.9 | 3.50 (2.0) | 3.50 (2.0) |
    """
    rows = []
    for path, figures in finished:
        cells = [f"{found.mean:.2f} ({found.failures:.1f})" for found in (figures.original, figures.retrained)]
        rows.append([*path.stem.split("@"), f"{figures.retrained.start:.1f}", *cells])
    return table(["regressor", "start", "error of the start, %", "original", "retrained"], rows)


def _find_points(faces: Sequence[Face], initializer: Initializer) -> NDArray[np.float32]:
    return np.stack(
        [
            initializer.points(read_face_image(face), [face.box])[0]
            for face in track(faces, "Finding TCDCN's points on held-out faces")
        ]
    )


def _finished(path: Path, wanted: Mapping[str, str]) -> BothFigures:
    """Figures of a file that is there already, made with the same settings."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
        figures = from_json(BothFigures, json.loads(metadata["figures"])["mtfl-val"], "figures")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a file of `tcdcn-init paper retrain` ({error}); delete it, or name another folder"
        ) from error
    for key, value in wanted.items():
        if metadata.get(key) != value:
            raise ValueError(
                f"{path} was made with {key} {metadata.get(key)!r}, now {value!r}; "
                "repeat that run's options, delete the file, or name another folder"
            )
    logger.info("%s is there already", path)
    return figures
