"""Calibration of a model's confidence on held-out faces, written into its file."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np

from tcdcn_init.confidence import Calibration, fit_calibration
from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.model_report.confidence import Trust, measure_trust
from tcdcn_init.initializer import Initializer
from tcdcn_init.training.stage_data import training_sets
from tcdcn_init.weights import load_model, save_network


def calibrate(trust: Trust) -> Calibration:
    """The calibration that fits what was measured, on faces that are neither trained on nor reported on."""
    return fit_calibration(trust.raw, trust.face, trust.errors)


def calibrate_model(model: Path, data: Path, *, limit: int | None = None, seed: int = 0, jobs: int = 1) -> Calibration:
    """Calibrate a model on the held-out tenth of MTFL, and of other sets, and write the calibration into its file.

    Parameters
    ----------
    model : pathlib.Path
        A .safetensors file, rewritten; a .onnx file beside it must be exported anew.
    data : pathlib.Path
        Folder of MTFL; or one that holds mtfl/, and any of lfpw/, helen/, infants/ and synthetic/, whose held-out faces
        join MTFL's.
    limit : int, optional
        Only this many faces.
    seed : int
        Of the perturbed copies.
    jobs : int
        Processes.

    Returns
    -------
    Calibration
    """
    if (data / "training.txt").exists() or not (data / "mtfl").exists():
        held_out = hold_out(read_mtfl(data, "training"))[1]
    else:
        # Profiles have no five points that an expected error could be held against.
        held_out = [face for _, held in training_sets(data).values() for face in held if np.isfinite(face.points).all()]
    held_out = spread(held_out, limit)
    network, metadata = load_model(model)
    extra = {key: value for key, value in metadata.items() if key != "calibration"}
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "model.safetensors"  # without the calibration that it may have, good or malformed
        save_network(bare, network, extra)
        trust = measure_trust(functools.partial(Initializer, bare), held_out, seed=seed, jobs=jobs)
    calibration = calibrate(trust)
    temporary = model.with_suffix(".part")
    save_network(temporary, network, {**extra, "calibration": calibration.to_json()})
    temporary.replace(model)
    return calibration
