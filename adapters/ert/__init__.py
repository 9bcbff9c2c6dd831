"""Ensembles of regression trees, dlib's ``shape_predictor``, under one name: the cascade, its files, its training.

Examples
--------
>>> from tcdcn_init.adapters.ert import ERT
>>> regressor = ERT.from_dat("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
>>> shape = regressor.fit_from_points(image, five_points)  # doctest: +SKIP
"""

from __future__ import annotations

from tcdcn_init.adapters.cascade.frames import frames_from_boxes
from tcdcn_init.adapters.ert.arrays import CascadeArrays
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.adapters.ert.dat import DatError, read_dat, write_dat
from tcdcn_init.adapters.ert.training import ERTConfig, StartNoise, start_errors, train_ert

__all__ = [
    "ERT",
    "CascadeArrays",
    "DatError",
    "ERTConfig",
    "StartNoise",
    "frames_from_boxes",
    "read_dat",
    "start_errors",
    "train_ert",
    "write_dat",
]
