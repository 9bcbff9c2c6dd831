"""The comparison of starts, where the right answer of every start is known."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from builders import random_ert
from known_starts import (
    BOX,
    EYES,
    MODEL,
    OFF,
    OFFSETS,
    SHAPE,
    TARGET,
    BoxReader,
    Halfway,
    drawn_offsets,
    in_box,
    make_plan,
)
from tcdcn_init.adapters.ert.cascade import ERT
from tcdcn_init.datasets.base import Face
from tcdcn_init.eval.comparison.data import report_data
from tcdcn_init.eval.comparison.measure import Measured, measure_starts
from tcdcn_init.eval.comparison.plan import POINTS_RUN, Run
from tcdcn_init.eval.measuring.cases import Case
from tcdcn_init.eval.perturbation import face_rng, noisy_box
from tcdcn_init.initializer import Initializer


class Picky(Halfway):
    """Refuses starts that lie right of the middle of the face that it knows."""

    def fit_from_shape(self, image, shape):
        if np.asarray(shape)[:, 0].mean() > TARGET[:, 0].mean() + 1e-3:
            raise ValueError("too far to the right")
        return np.asarray(shape)


class Doubting(BoxReader):
    """Is sure of nothing."""

    def points_and_confidence(self, images, boxes, on_bad):
        points, _ = super().points_and_confidence(images, boxes, on_bad)
        return points, np.zeros(len(points))


def comparable(measured: Measured) -> dict:
    """All but times, NaN being equal to NaN."""
    fields = vars(measured).copy()
    del fields["ms_per_face"], fields["seconds"]
    return {name: repr(np.asarray(value, dtype=object).tolist()) for name, value in fields.items()}


def test_start_and_final_errors_are_the_ones_that_geometry_says(faces) -> None:
    names = ("random-1", "random-5", "mean", "tcdcn-nearest-1", "tcdcn-aligned", "oracle-1")
    measured = measure_starts(faces, make_plan(*names))
    assert measured.runs == [POINTS_RUN, *(Run("halfway", "original", name) for name in names)]
    away = np.stack([face.box[:2] - BOX[:2] for face in faces])  # of each face from the regressor's target

    def expected(off) -> np.ndarray:
        """Final error of starts that lie `off` the face: a half of it stays, and half of the face's way."""
        return np.linalg.norm((np.stack(off) - away) / 2, axis=1) / EYES

    right = np.array([1.0, 0.0])
    found = dict(zip(measured.runs, zip(measured.start_errors, measured.errors, strict=True), strict=True))
    for name, off in {
        "random-1": [drawn_offsets(face, 1)[0] * right for face in faces],
        "random-5": [np.median(drawn_offsets(face, 5)) * right for face in faces],
        "mean": [0 * right] * 40,
        "tcdcn-nearest-1": [OFF] * 40,
        "tcdcn-aligned": [OFF] * 40,
        "oracle-1": [0 * right] * 40,
    }.items():
        start_errors, errors = found[Run("halfway", "original", name)]
        np.testing.assert_allclose(start_errors, np.linalg.norm(off, axis=1) / EYES, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(errors, expected(off), atol=1e-5, err_msg=name)
    np.testing.assert_allclose(found[POINTS_RUN], 0.25, atol=1e-6)
    np.testing.assert_allclose(measured.box_errors, measured.errors * EYES / 60, atol=1e-9)
    assert all(points.shape == (40, 5) for points in measured.point_errors)


def test_answers_that_fail_are_left_out_of_the_median(faces) -> None:
    measured = measure_starts(faces[:1], make_plan("random-5", "tcdcn-nearest", regressors={"picky": Picky}))
    left = [value for value in drawn_offsets(faces[0], 5) if value <= 0]
    assert measured.errors[1, 0] == pytest.approx(abs(np.median(left)) / EYES, abs=1e-6)
    assert np.isnan(measured.errors[2, 0])  # it refuses all of them
    assert measured.start_errors[2, 0] == pytest.approx(0.25, abs=1e-6)


def test_curves_show_copies_of_the_same_faces(faces) -> None:
    plan = make_plan("tcdcn-nearest-1", "mean", noises=(0, 0.2), rolls=(0, 180))
    measured = measure_starts(faces, plan)
    assert measured.curves["noise"].shape == measured.curves["roll"].shape == (3, 2, 40)
    np.testing.assert_array_equal(measured.curves["noise"][:, 0], measured.errors)
    boxes = [noisy_box(face.box, 0.2, face_rng(0, face.name, "box")) for face in faces]
    answers = np.stack([(in_box(box) + TARGET) / 2 for box in boxes])
    truth = np.stack([in_box(face.box) for face in faces])
    off = np.linalg.norm(answers - truth, axis=2).mean(axis=1) / EYES
    np.testing.assert_allclose(measured.curves["noise"][2, 1], off, atol=1e-5)
    # Upside down, the points in the box are as far off as the face is wide.
    chord = (2 * 60 * np.linalg.norm(SHAPE - 0.5, axis=1)).mean() / EYES
    upright, turned = measured.curves["roll"][0]
    np.testing.assert_allclose(upright, 0.25, atol=1e-6)
    assert (np.abs(turned - chord) < 0.25).all()


def test_at_most_500_faces_make_curves(faces, monkeypatch) -> None:
    monkeypatch.setattr("tcdcn_init.eval.comparison.measure.CURVE_FACES", 3)
    measured = measure_starts(faces, make_plan("mean", noises=(0, 0.1)))
    assert measured.curve_faces == [0, 20, 39]
    np.testing.assert_array_equal(measured.curves["noise"][:, 0], measured.errors[:, [0, 20, 39]])


def test_the_order_of_the_faces_does_not_matter(faces) -> None:
    plan = make_plan("random-5", noises=(0.1,), seed=3)
    forth, back = measure_starts(faces, plan), measure_starts(faces[::-1], plan)
    np.testing.assert_allclose(forth.errors, back.errors[:, ::-1], atol=1e-12)
    other = measure_starts(faces, make_plan("random-5", noises=(0.1,), seed=4))
    assert not np.allclose(forth.errors, other.errors)


def test_unreadable_faces_fail_everywhere_and_are_listed(faces, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    bad = [Face(name, broken, faces[0].points, BOX) for name in ("broken#0", "broken#1")]
    plan = make_plan("mean", noises=(0, 0.1), rolls=(0,))
    some = [*faces[:2], *bad]
    measured = measure_starts(some, plan)
    assert list(measured.unreadable) == ["broken#0", "broken#1"]
    report = report_data(Case("x", "X", some, "given", (), ""), plan, measured, model=MODEL)
    for run in report.runs:
        assert (run.error.count, run.error.missing) == (4, 2)
    assert str(tmp_path) not in report.dataset.unreadable["broken#0"]
    curve = report.noise.runs[0]
    assert curve.failure[0] == 1.0  # all are 0.25 off
    assert curve.mean[0] == pytest.approx((0.25 + 1.0) / 2)
    nobody = measure_starts(bad, plan)
    assert np.isnan(nobody.errors).all()
    assert nobody.errors.shape == (2, 2)


def test_a_box_far_outside_of_its_picture_fails(faces) -> None:
    away = Face("away", faces[0].image, faces[0].points, BOX + 5000)
    measured = measure_starts([faces[0], away], make_plan("mean", rolls=(30,)))
    assert np.isnan(measured.curves["roll"][:, 0, 1]).all()


def make_ert() -> ERT:
    return ERT(dataclasses.replace(random_ert().arrays, mean_shape=SHAPE))


def test_processes_change_no_number(faces, small_model, tmp_path) -> None:
    path = tmp_path / "ert.safetensors"
    make_ert().save(path)
    plan = make_plan(
        "random-5",
        "mean",
        "tcdcn-nearest",
        regressors={"ert": functools.partial(ERT.load, path)},
        initializer=functools.partial(Initializer, small_model),
        noises=(0.1,),
        rolls=(20,),
    )
    assert comparable(measure_starts(faces, plan, jobs=1)) == comparable(measure_starts(faces, plan, jobs=2))


def test_trees_have_their_own_mean_start_and_frames_from_the_others(faces, portrait) -> None:
    ert = make_ert()
    measured = measure_starts(faces[:1], make_plan("mean", "oracle-1", regressors={"ert": lambda: ert}))
    from tcdcn_init.images import read_image

    image = read_image(faces[0].image)
    own = ert.fit_from_box(image, BOX)
    seeded = ert.fit_from_shape(image, TARGET)
    for run, shape in ((1, own), (2, seeded)):
        error = np.linalg.norm(shape - TARGET, axis=1).mean() / EYES
        assert measured.errors[run, 0] == pytest.approx(error, abs=1e-4)


def test_restarts_of_rcpr_are_of_its_random_starts_alone(faces) -> None:
    from tcdcn_init.adapters.rcpr.cascade import RCPR

    class Asking(RCPR):
        """Answers with its starts, and asks for others once."""

        def __init__(self):
            super(RCPR, self).__init__(SHAPE)

        def fit_from_shapes(self, images, shapes, *, on_bad="raise", redraw=None):
            again = redraw(np.arange(len(shapes)), 1) if redraw else shapes
            assert again.shape == shapes.shape
            return np.median(again, axis=1)

    measured = measure_starts(faces[:4], make_plan("random-5", "tcdcn-nearest", regressors={"rcpr": Asking}))
    for face, error, start_error in zip(faces, measured.errors[1], measured.start_errors[1], strict=False):
        again = face_rng(0, face.name, "restart 1").choice(7, size=5, replace=False)
        assert error == pytest.approx(abs(np.median(60 * OFFSETS[again])) / EYES, abs=1e-5)
        assert start_error == pytest.approx(abs(np.median(drawn_offsets(face, 5))) / EYES, abs=1e-5)
    np.testing.assert_allclose(measured.errors[2], 0.25, atol=1e-5)


class Stopping(BoxReader):
    """Is interrupted when the second group of faces begins."""

    calls = 0

    def points_and_confidence(self, images, boxes, on_bad):
        Stopping.calls += 1
        if Stopping.calls == 3:  # one call to know it again, one for the first group
            raise KeyboardInterrupt
        return super().points_and_confidence(images, boxes, on_bad)


def test_where_the_initializer_is_unsure_the_start_is_the_mean_in_the_box(faces) -> None:
    def errors(initializer: type) -> dict[str, np.ndarray]:
        measured = measure_starts(faces, make_plan("mean", "tcdcn-nearest", "tcdcn-sure", initializer=initializer))
        return {run.start: row for run, row in zip(measured.runs, measured.start_errors, strict=True)}

    sure, unsure = errors(BoxReader), errors(Doubting)
    np.testing.assert_allclose(sure["tcdcn-sure"], sure["tcdcn-nearest"])
    np.testing.assert_allclose(unsure["tcdcn-sure"], unsure["mean"])
    np.testing.assert_allclose(unsure["tcdcn-nearest"], sure["tcdcn-nearest"])


class Echoing(Halfway):
    """Takes five points for the answer, whatever it would make of a start shape."""

    def fit_from_points(self, image, points):
        return np.asarray(points)


def test_the_regressors_own_start_from_points_is_its_own_affair(faces) -> None:
    measured = measure_starts(faces, make_plan("tcdcn-aligned", "tcdcn-own", regressors={"echoing": Echoing}))
    errors = {run.start: row for run, row in zip(measured.runs, measured.errors, strict=True)}
    np.testing.assert_allclose(errors["tcdcn-own"], errors[POINTS_RUN.start], atol=1e-9)
    assert np.abs(errors["tcdcn-aligned"] - errors["tcdcn-own"]).max() > 0.05


def test_an_interrupted_run_goes_on_to_the_same_result(faces, tmp_path) -> None:
    journal, whole = tmp_path / "run.journal", measure_starts(faces, make_plan("random-5", "mean"))
    Stopping.calls = 0
    with pytest.raises(KeyboardInterrupt):
        measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping), journal=journal)
    assert journal.read_text().count('"piece"') == 1
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping, seed=1), journal=journal)
    Stopping.calls = 10
    resumed = measure_starts(faces, make_plan("random-5", "mean", initializer=Stopping), journal=journal)
    assert Stopping.calls == 12  # the finished group is not fitted again
    assert comparable(resumed) == comparable(whole)


def test_another_regressor_or_box_under_the_same_name_is_noticed(faces, tmp_path) -> None:
    journal = tmp_path / "run.journal"
    measure_starts(faces[:2], make_plan("mean"), journal=journal)
    moved = [faces[0], dataclasses.replace(faces[1], box=faces[1].box + 1)]
    with pytest.raises(ValueError, match="other settings"):
        measure_starts(moved, make_plan("mean"), journal=journal)

    class Other(Halfway):
        def fit_from_box(self, image, box):
            return super().fit_from_box(image, box) + 1

    with pytest.raises(ValueError, match="other settings"):
        measure_starts(faces[:2], make_plan("mean", regressors={"halfway": Other}), journal=journal)


def test_mistakes_are_named_before_anything_is_measured(faces) -> None:
    dense = Face("dense", Path("nowhere.png"), np.zeros((68, 2), dtype=np.float32), BOX)

    class Three(Halfway):
        mean_shape = SHAPE[:3]

    class Dlibs(Halfway):
        mean_shape = np.array([[0.8, 0.3], [0.7, 0.3], [0.2, 0.3], [0.3, 0.3], [0.5, 0.7]])

    for message, some, plan in (
        ("no face", [], make_plan("mean")),
        ("no start is named", faces, make_plan()),
        (r"\[5, 68\] points", [faces[0], dense], make_plan("mean")),
        ("start 'mean' is of 5-point shapes, the faces have 68", [dense], make_plan("mean")),
        ("'three' has 3 points, the faces have 5", faces, make_plan("mean", regressors={"three": Three})),
        ("'d' has dlib's 5 points", faces, make_plan("mean", regressors={"d": Dlibs})),
        ("named 'none'", faces, make_plan("mean", regressors={"none": Halfway})),
        ("noise -0.1 ", faces, make_plan("mean", noises=(-0.1,))),
        ("roll inf ", faces, make_plan("mean", rolls=(np.inf,))),
    ):
        with pytest.raises(ValueError, match=message):
            measure_starts(some, plan)
    with pytest.raises(ValueError, match="jobs is 0"):
        measure_starts(faces, make_plan("mean"), jobs=0)
