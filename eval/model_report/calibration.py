"""Calibration of a model's confidence on held-out faces, written into its file."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from tcdcn_init.confidence import Calibration, fit_calibration
from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.model_report.confidence import Trust, measure_trust
from tcdcn_init.initializer import Initializer
from tcdcn_init.weights import load_network, save_network


def calibrate(trust: Trust) -> Calibration:
    """The calibration that fits what was measured, on faces that are neither trained on nor reported on."""
    return fit_calibration(trust.raw, trust.face, trust.errors)


def calibrate_model(model: Path, mtfl: Path, *, limit: int | None = None, seed: int = 0, jobs: int = 1) -> Calibration:
    """Calibrate a model on MTFL's held-out tenth, and write the calibration into its file.

    Parameters
    ----------
    model : pathlib.Path
        A .safetensors file, rewritten; a .onnx file beside it must be exported anew.
    mtfl : pathlib.Path
        Folder of MTFL.
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
    held_out = spread(hold_out(read_mtfl(mtfl, "training"))[1], limit)
    network, metadata = load_network(model)
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
