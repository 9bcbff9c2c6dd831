"""Training starts that err as a start of the protocol errs in use.

A start in training and in use must err alike. So they are made by `eval.starts` itself, from what a face is like before
anyone has seen it: its own shape, and the shapes of other copies of its image, are not in the bank; TCDCN's points
are the annotated ones with errors that TCDCN made on faces it was not trained on (on its own training faces it errs too
little); the box is off as a detector's is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tcdcn_init._shared.progress import track
from tcdcn_init.adapters.cascade.training_starts import erring_points
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.starts import make_start
from tcdcn_init.shapes import ShapeBank

__all__ = ["BOX_NOISE", "TRAINED_STARTS", "training_starts"]

TRAINED_STARTS = ("random", "mean", "tcdcn-aligned", "tcdcn-nearest", "oracle")
"""Starts that regressors are retrained for: those of the protocol, whatever their number of shapes."""

BOX_NOISE = 0.05
"""Standard deviations of a training box's centre, in box sides, and of the logarithm of its size."""


def training_starts(
    start: str,
    faces: Sequence[Face],
    count: int = 6,
    *,
    residuals: ArrayLike | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Draw starts to train a regressor with.

    Parameters
    ----------
    start : str
        One of `TRAINED_STARTS`.
    faces : sequence of Face
        Of one layout; the bank is made of them (`shapes.ShapeBank.from_faces`).
    count : int
        Starts K of each face. Where a start takes several shapes, each of the K is one of them, drawn at random.
    residuals : (M, 5, 2) array_like, optional
        TCDCN's errors on faces that it was not trained on (`training_starts.seed_residuals`), for the starts that begin
        with its points.
    seed : int
        A face's starts follow from it and the face's name.

    Returns
    -------
    (N, K, P, 2) ndarray of float64
        In pixels.

    Raises
    ------
    ValueError
        If the start is none of them, residuals are needed and missing, or the bank without a face's own shape is too
        small for the start.
    """
    if start not in TRAINED_STARTS or count < 1:
        raise ValueError(
            f"start is {start!r}, count {count}; expected one of {', '.join(TRAINED_STARTS)}, and at least 1"
        )
    erring = start.startswith("tcdcn")
    if erring and residuals is None:
        raise ValueError(f"start {start!r} needs TCDCN's errors; give residuals, as seed_residuals makes them")
    bank = ShapeBank.from_faces(faces)
    # Faces of one image, under whatever name, are one face.
    digests = [hashlib.sha256(face.image.read_bytes()).digest() for face in faces]
    _, owner = np.unique(np.array([int.from_bytes(digest[:8], "big") for digest in digests]), return_inverse=True)
    of_bank = owner[[face.box_source == "given" for face in faces]]

    starts = np.empty((len(faces), count, *bank.shapes.shape[1:]))
    for row, face in enumerate(track(faces, f"Drawing starts {start}")):
        others = of_bank != owner[row]
        placed = make_start(start, ShapeBank(bank.shapes[others], bank.five[others]))
        rng = face_rng(seed, face.name, "training start")
        seeds = [face.five] * count
        if erring and residuals is not None:
            seeds = list(erring_points([face.five], residuals, count, rng)[0])
        for draw in range(count):
            shapes = placed(noisy_box(face.box, BOX_NOISE, rng), seeds[draw], rng)
            starts[row, draw] = shapes[rng.integers(len(shapes))]
    return starts
