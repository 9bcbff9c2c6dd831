"""Calibration of a model's confidence on held-out faces, written into its file."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from tcdcn_init._shared.files import replacing
from tcdcn_init.confidence import Calibration, fit_calibration
from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.eval.measuring.answers import ask_initializer
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.confidence.figures import ConfidenceAnswers, confidence_answers
from tcdcn_init.eval.model_report.measurement import confidence_views
from tcdcn_init.network.model_file import load_model, save_network
from tcdcn_init.training.stages.data import training_sets

__all__ = ["calibrate", "calibrate_model"]


def calibrate(answers: ConfidenceAnswers) -> Calibration:
    """The calibration that fits what was measured, on faces that are neither trained on nor reported on."""
    return fit_calibration(answers.raw, answers.face, answers.errors)


def calibrate_model(model: Path, data: Path | OwnData, settings: Settings | None = None) -> Calibration:
    """Calibrate a model on the held-out tenth of MTFL, and of other sets, and write the calibration into its file.

    Parameters
    ----------
    model : pathlib.Path
        A .safetensors file, rewritten; a .onnx file beside it must be exported again.
    data : pathlib.Path or OwnData
        A data set of one's own, split as it was for training; folder of MTFL; or one that holds mtfl/, and any of
        lfpw/, helen/, infants/ and synthetic/, whose held-out faces join MTFL's.
    settings : Settings, optional
        Its model is not asked, and its backend is PyTorch's: the file has no export yet.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If the model has no confidence outputs, or its answers are all valid, or none is.
    """
    settings = settings or Settings()
    network, metadata = load_model(model)
    if isinstance(data, OwnData):
        own = getattr(network.config, "own", None)
        faces = dataclasses.replace(data, points=None if own is None else own.count).read()
        held_out = data.split(faces)[1]
    elif (data / "training.txt").exists() or not (data / "mtfl").exists():
        held_out = hold_out(read_mtfl(data, "training"))[1]
    else:
        # Profiles have no five points that an expected error could be held against.
        held_out = [face for _, held in training_sets(data).values() for face in held if np.isfinite(face.points).all()]
    held_out = spread(held_out, settings.limit)
    extra = {key: value for key, value in metadata.items() if key != "calibration"}
    calibration = Calibration()
    # Twice: what is looked at again from other sides, and which look counts, is by the calibration of the round before.
    for number in ("first", "second"):
        with tempfile.TemporaryDirectory() as folder:
            calibrated = Path(folder) / "model.safetensors"  # whatever calibration the model may have, valid or not
            save_network(calibrated, network, {**extra, "calibration": calibration.to_json()})
            asked = dataclasses.replace(settings, model=str(calibrated), backend="torch")
            answers, _ = ask_initializer(
                held_out,
                asked.make_initializer,
                confidence_views(asked.seed),
                seed=asked.seed,
                jobs=asked.jobs,
                label=f"Asking the model, {number} time",
            )
        calibration = calibrate(confidence_answers(answers))
    with replacing(model) as part:
        save_network(part, network, {**extra, "calibration": calibration.to_json()})
    return calibration
