"""Calibration of what a model says of itself, on held-out faces, written into its file."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from tcdcn_init.confidence import Calibration, fit_calibration
from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.datasets.base import Face
from tcdcn_init.datasets.own import OwnData
from tcdcn_init.eval.dense_points import fitted_to_dense, held_out_dense
from tcdcn_init.eval.measuring.answers import ask_initializer
from tcdcn_init.eval.measuring.cases import spread
from tcdcn_init.eval.measuring.settings import Settings
from tcdcn_init.eval.model_report.confidence.figures import ConfidenceAnswers, confidence_answers
from tcdcn_init.eval.model_report.measurement import confidence_views
from tcdcn_init.network.config import ModelConfig
from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.model_file import load_model, save_network
from tcdcn_init.training.stages.data import training_sets

__all__ = ["calibrate", "calibrate_model"]


def calibrate(answers: ConfidenceAnswers) -> Calibration:
    """The calibration that fits what was measured, on faces that are neither trained on nor reported on."""
    return fit_calibration(answers.raw, answers.face, answers.errors)


def calibrate_model(model: Path, data: Path | OwnData, settings: Settings | None = None) -> Calibration:
    """Calibrate what a model says of itself on held-out faces, and write the calibration into its file.

    Parameters
    ----------
    model : pathlib.Path
        A .safetensors file, rewritten; a .onnx file beside it must be exported again.
    data : pathlib.Path or OwnData
        A data set of one's own, split as it was for training; folder of MTFL; or one that holds mtfl/, and any of
        lfpw/, helen/, infants/ and synthetic/, whose held-out faces join MTFL's. Of a model of dense points, a folder
        that holds any of lfpw/, helen/ and infants/.
    settings : Settings, optional
        Its model is not asked, and its backend is PyTorch's: the file has no export yet.

    Returns
    -------
    Calibration

    Raises
    ------
    FileNotFoundError
        If the folder holds none of the sets.
    ValueError
        If the model has no confidence outputs, its answers are all valid, or none is; or if a model of dense points is
        to be calibrated on data of one's own.
    """
    settings = settings or Settings()
    network, metadata = load_model(model)
    dense = isinstance(network.config, DenseConfig)
    if dense:
        if isinstance(data, OwnData):
            raise ValueError(f"{model} is calibrated on a folder with lfpw/, helen/ or infants/; {data.path} is none")
        faces = held_out_dense(data)
    else:
        faces = spread(_held_out(network.config, data), settings.limit)
    calibration = Calibration()  # whatever calibration the model may have, valid or not
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.safetensors"
        # The five points twice: what is looked at again from other sides, and which look counts, is by the calibration
        # of the round before.
        for number in ("first",) if dense else ("first", "second"):
            save_network(copy, network, {**metadata, "calibration": calibration.to_json()})
            if dense:
                calibration = fitted_to_dense(copy, faces, settings.seed)
            else:
                calibration = _fitted(copy, faces, settings, f"Asking the model, {number} time")
    save_network(model, network, {**metadata, "calibration": calibration.to_json()})
    return calibration


def _fitted(model: Path, faces: list[Face], settings: Settings, label: str) -> Calibration:
    asked = dataclasses.replace(settings, model=str(model), backend="torch")
    views = confidence_views(asked.seed)
    answers, _ = ask_initializer(faces, asked.make_initializer, views, seed=asked.seed, jobs=asked.jobs, label=label)
    return calibrate(confidence_answers(answers))


def _held_out(config: ModelConfig, data: Path | OwnData) -> list[Face]:
    """Faces with all five points, or a model's own, that were neither trained on nor are reported on."""
    if isinstance(data, OwnData):
        own = getattr(config, "own", None)
        return data.split(dataclasses.replace(data, points=None if own is None else own.count).read())[1]
    if (data / "training.txt").exists() or not (data / "mtfl").exists():
        return hold_out(read_mtfl(data, "training"))[1]
    # Profiles have no five points that an expected error could be held against.
    return [face for _, held in training_sets(data).values() for face in held if np.isfinite(face.points).all()]
