"""Training starts: like the starts in use, but never made of the face itself."""

from __future__ import annotations

import numpy as np
import pytest

from tcdcn_init.adapters.cascade.training_starts import seed_residuals
from tcdcn_init.datasets import hold_out, read_mtfl
from tcdcn_init.eval.metrics import nme
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.eval.retraining.starts import BOX_NOISE, TRAINED_STARTS, training_starts
from tcdcn_init.eval.starts import make_start
from tcdcn_init.geometry import similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, to_box_units


@pytest.fixture(scope="module")
def faces(mtfl_root):
    return read_mtfl(mtfl_root, "training")


@pytest.fixture(scope="module")
def residuals(faces):
    rng = np.random.default_rng(5)
    truth = np.stack([face.points for face in faces])
    return seed_residuals(
        truth + 1.5 * rng.standard_normal(truth.shape) + rng.standard_normal((len(truth), 1, 2)), truth
    )


@pytest.fixture(scope="module")
def drawn(faces, residuals):
    return {start: training_starts(start, faces, 4, residuals=residuals) for start in TRAINED_STARTS}


def form(shape: np.ndarray) -> np.ndarray:
    """A shape free of place, size and turn, as complex numbers."""
    flat = shape @ [1, 1j]
    flat = flat - flat.mean()
    return flat / np.linalg.norm(flat)


@pytest.mark.parametrize("start", TRAINED_STARTS)
def test_shapes_and_seeds(start, faces, residuals, drawn):
    assert drawn[start].shape == (len(faces), 4, 5, 2)
    assert np.isfinite(drawn[start]).all()
    np.testing.assert_array_equal(training_starts(start, faces, 4, residuals=residuals), drawn[start])
    assert not np.array_equal(training_starts(start, faces, 4, residuals=residuals, seed=1), drawn[start])


@pytest.mark.parametrize("start", ["random", "tcdcn-nearest", "oracle"])
def test_a_start_is_another_pictures_shape(start, faces, drawn):
    forms = np.stack([form(face.points) for face in faces])
    given = np.array([face.box_source == "given" for face in faces])
    # Faces 0 and 1 are one image under two names, faces 2 and 3 have no box and are not in the bank.
    owner = np.arange(len(faces))
    owner[1] = 0
    assert not given[2:4].any()
    for number, starts in enumerate(drawn[start]):
        likeness = np.abs(np.stack([form(shape) for shape in starts]) @ forms[given].conj().T)
        assert (likeness.max(axis=1) > 1 - 1e-9).all()
        assert (owner[given][likeness.argmax(axis=1)] != owner[number]).all()


def test_nearest_shapes_are_among_the_five_nearest_of_the_others(faces, drawn):
    others = [face for face in faces[4:] if face is not faces[20]] + [faces[0], faces[1]]
    bank = ShapeBank.from_faces(others)
    best = bank.nearest(faces[20].points, 5)
    placed = transform_points(similarity_between(bank.five[best], faces[20].points), bank.shapes[best])
    for shape in drawn["oracle"][20]:
        assert np.abs(placed - shape).max(axis=(1, 2)).min() < 1e-4


def test_boxes_are_off_as_told(faces, drawn):
    boxes = np.stack([face.box for face in faces])
    mean = ShapeBank.from_faces(faces).mean
    units = to_box_units(drawn["mean"], np.repeat(boxes[:, None], 4, axis=1))
    scale = np.linalg.norm(units - units.mean(axis=2, keepdims=True), axis=(2, 3)) / np.linalg.norm(
        mean - mean.mean(axis=0)
    )
    assert np.log(scale).std() == pytest.approx(BOX_NOISE, rel=0.15)
    shift = (units / scale[..., None, None] - mean).mean(axis=2)
    assert shift.std() == pytest.approx(BOX_NOISE, rel=0.15)


@pytest.mark.parametrize("start", TRAINED_STARTS)
def test_errors_are_those_of_the_start_in_use(start, faces, residuals):
    kept, unseen = hold_out(faces, 0.4)
    truth = np.stack([face.points for face in unseen])
    made = make_start(start, ShapeBank.from_faces(kept))
    in_training = training_starts(start, kept, 5, residuals=residuals)
    # The points that a network would find: the same errors, on faces that it has not seen.
    rng = np.random.default_rng(9)
    found = truth + 1.5 * rng.standard_normal(truth.shape) + rng.standard_normal((len(truth), 1, 2))
    points = {"none": [None] * len(truth), "tcdcn": found, "annotated": truth}[made.points]
    in_use = np.stack(
        [
            # In boxes as noisy as those of training.
            made(noisy_box(f.box, BOX_NOISE, rng), five, face_rng(0, f.name, "start"))
            for f, five in zip(unseen, points, strict=True)
        ]
    )
    seen = np.stack([face.points for face in kept])

    def spread(starts: np.ndarray, true: np.ndarray) -> np.ndarray:
        repeated = np.repeat(true, starts.shape[1], axis=0)
        errors = nme(starts.reshape(repeated.shape), repeated)
        return np.array([errors.mean(), np.percentile(errors, 90)])

    np.testing.assert_allclose(spread(in_training, seen), spread(in_use, truth), rtol=0.25)


def test_what_is_refused(faces, residuals):
    for start in ("random-5", "tcdcn", ""):
        with pytest.raises(ValueError, match="expected one of random, mean"):
            training_starts(start, faces)
    with pytest.raises(ValueError, match="at least 1"):
        training_starts("mean", faces, 0)
    with pytest.raises(ValueError, match="seed_residuals"):
        training_starts("tcdcn-aligned", faces)
    with pytest.raises(ValueError, match="seed_residuals"):
        training_starts("tcdcn-aligned", faces, residuals=residuals[:, :4])
    with pytest.raises(ValueError, match="5 shapes are wanted of a bank of 3"):
        training_starts("random", faces[4:8])
